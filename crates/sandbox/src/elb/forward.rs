//! A forward action: target groups with weights, picked by smooth weighted round-robin.

use serde_json::{Value, json};

/// One target group's share. The weight is relative, 0 to 999; 0 gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The target group's ARN.
    pub group: String,
    /// `Weight`.
    pub weight: u32,
    current: i64,
}

impl Share {
    /// A share that has not been picked yet.
    pub fn new(group: impl Into<String>, weight: u32) -> Self {
        Self { group: group.into(), weight, current: 0 }
    }
}

/// `TargetGroupStickinessConfig`: kept and shown; the data plane does not pin clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stickiness {
    /// `Enabled`.
    pub enabled: bool,
    /// `DurationSeconds`, 1 to 604800.
    pub seconds: Option<u32>,
}

/// Where requests go. Other weights are another `Forward`, which starts its round anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// At least one, each group once.
    pub shares: Vec<Share>,
    /// As asked for.
    pub stickiness: Stickiness,
}

impl Forward {
    /// The next group: over any `sum(weights)` picks in a row each group is picked as often as its weight says, spread
    /// as evenly as can be (the algorithm of nginx). None when all weights are 0.
    pub fn pick(&mut self) -> Option<&str> {
        let total: i64 = self.shares.iter().map(|share| i64::from(share.weight)).sum();
        for share in &mut self.shares {
            share.current += i64::from(share.weight);
        }
        let mut best: Option<&mut Share> = None;
        for share in self.shares.iter_mut().filter(|share| share.weight > 0) {
            if best.as_ref().is_none_or(|best| share.current > best.current) {
                best = Some(share);
            }
        }
        best.map(|share| {
            share.current -= total;
            share.group.as_str()
        })
    }

    /// The action as replies show it: with one group both `TargetGroupArn` and `ForwardConfig`.
    pub fn show(&self) -> Value {
        let mut action = json!({"Type": "forward"});
        if let [only] = &self.shares[..] {
            action["TargetGroupArn"] = json!(only.group);
        }
        let groups: Vec<Value> =
            self.shares.iter().map(|share| json!({"TargetGroupArn": share.group, "Weight": share.weight})).collect();
        let mut stickiness = json!({"Enabled": self.stickiness.enabled});
        if let Some(seconds) = self.stickiness.seconds {
            stickiness["DurationSeconds"] = json!(seconds);
        }
        action["ForwardConfig"] = json!({"TargetGroups": groups, "TargetGroupStickinessConfig": stickiness});
        action
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn forward(weights: &[u32]) -> Forward {
        let shares = weights.iter().enumerate().map(|(index, weight)| Share::new(index.to_string(), *weight));
        Forward { shares: shares.collect(), stickiness: Stickiness::default() }
    }

    fn picks(forward: &mut Forward, count: usize) -> Vec<usize> {
        let pick = |_| forward.pick().unwrap().parse().unwrap();
        (0..count).map(pick).collect()
    }

    #[test]
    fn picks_are_spread_and_known() {
        assert_eq!(picks(&mut forward(&[5, 1, 1]), 7), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(picks(&mut forward(&[1, 1]), 4), [0, 1, 0, 1]);
        let ninety_ten = picks(&mut forward(&[90, 10]), 20);
        assert_eq!(ninety_ten[..10].iter().filter(|it| **it == 1).count(), 1);
        assert_eq!(ninety_ten[10..].iter().filter(|it| **it == 1).count(), 1);
    }

    #[test]
    fn weight_zero_gets_nothing_and_only_zeros_pick_none() {
        assert!(picks(&mut forward(&[100, 0]), 1000).iter().all(|it| *it == 0));
        assert!(picks(&mut forward(&[0, 1]), 1000).iter().all(|it| *it == 1));
        assert_eq!(forward(&[0, 0]).pick(), None);
        assert_eq!(forward(&[0]).pick(), None);
    }

    #[test]
    fn one_group_is_shown_twice_two_groups_once() {
        let one = forward(&[1]).show();
        assert_eq!(one["TargetGroupArn"], "0");
        assert_eq!(one["ForwardConfig"]["TargetGroups"][0]["Weight"], 1);
        let two = forward(&[90, 10]).show();
        assert_eq!(two.get("TargetGroupArn"), None);
        assert_eq!(two["ForwardConfig"]["TargetGroups"][1]["Weight"], 10);
        assert_eq!(two["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"], false);
    }

    proptest! {
        #[test]
        fn any_window_has_each_group_as_often_as_its_weight(
            weights in proptest::collection::vec(0u32..=120, 1..=5)
                .prop_filter("some weight", |weights| weights.iter().any(|it| *it > 0)),
            skip in 0usize..700,
        ) {
            let window = weights.iter().sum::<u32>() as usize;
            let picked = picks(&mut forward(&weights), skip + window);
            for (group, weight) in weights.iter().enumerate() {
                let count = picked[skip..].iter().filter(|it| **it == group).count();
                prop_assert_eq!(count, *weight as usize);
            }
            prop_assert_eq!(&picked, &picks(&mut forward(&weights), skip + window));
        }
    }
}
