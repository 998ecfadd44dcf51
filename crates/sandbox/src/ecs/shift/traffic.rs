//! Weights of a deployment become weights of rules.

use shipit_scheduler::{DeploymentId, Share, Weights};

use super::super::service::Service;
use super::wiring::{groups, wires};
use crate::state::State;

/// Gives a deployment these shares on its production and test rules, and the target group beside its own the rest. A
/// deployment that shares with nobody is given no part of the traffic, only all of it.
pub(super) fn route(state: &mut State, service: &Service, candidate: DeploymentId, weights: Weights) {
    // One that has gone back in the same step is not listed any more.
    let Some(revision) = service.deployments.get(&candidate).and_then(|one| service.revisions.get(one.revision)) else {
        return;
    };
    let alone = service.plan.shifting.as_ref().is_some_and(|shifting| shifting.source.is_none() && shifting.remains.is_none());
    for (wire, own) in wires(&revision.members).iter().zip(groups(revision)) {
        let rules = [(Some(&wire.production), weights.production), (wire.test.as_ref(), weights.test)];
        for (rule, share) in rules {
            let Some(rule) = rule.filter(|_| !alone || share == Share::ALL) else {
                continue;
            };
            let (own_weight, rest) = parts(share);
            // A rule that is gone, or does not forward any more, has no traffic to move.
            let _ = state.set_weights(rule, &[(&own, own_weight), (wire.other(&own), rest)]);
        }
    }
}

/// A share and what is left, as weights of at most 999: whole percents where they will do.
fn parts(share: Share) -> (u32, u32) {
    let tenths = share.0.min(Share::ALL.0);
    if tenths.is_multiple_of(10) { (tenths / 10, 100 - tenths / 10) } else { (tenths, Share::ALL.0 - tenths) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights_that_the_api_takes() {
        for tenths in 0..=1000 {
            let (own, rest) = parts(Share(tenths));
            assert!(own <= 999 && rest <= 999);
            assert_eq!(u64::from(own) * 1000, u64::from(tenths) * u64::from(own + rest), "{tenths}");
        }
        assert_eq!((parts(Share::ALL), parts(Share(50)), parts(Share(1))), ((100, 0), (5, 95), (1, 999)));
    }
}
