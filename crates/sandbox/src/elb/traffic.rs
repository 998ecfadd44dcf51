//! The seam for who shifts traffic: what a rule forwards to, and other weights for it. The data plane reads the rules, so
//! the next request goes by the new weights.

use crate::elb::Elb;
use crate::elb::action::{Action, Does};
use crate::elb::balancers::Kind;
use crate::elb::forward::Share;
use crate::elb::listeners::Listener;
use crate::state::State;

/// What a rule does with traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forwards {
    /// It sends it to target groups, by these weights.
    To(Vec<(String, u32)>),
    /// It redirects, or answers itself.
    Otherwise,
}

impl Forwards {
    /// The weight of a target group; none when it is not forwarded to at all.
    pub fn weight(&self, group: &str) -> Option<u32> {
        self.shares().iter().find(|(other, _)| other == group).map(|(_, weight)| *weight)
    }

    /// The target groups that get requests.
    pub fn serving(&self) -> Vec<&str> {
        self.shares().iter().filter(|(_, weight)| *weight > 0).map(|(group, _)| group.as_str()).collect()
    }

    fn shares(&self) -> &[(String, u32)] {
        match self {
            Forwards::To(shares) => shares,
            Forwards::Otherwise => &[],
        }
    }
}

/// A rule by its ARN, or a listener's default rule by the listener's ARN, as network load balancers are named.
fn action<'a>(elb: &'a Elb, arn: &str) -> Option<&'a Action> {
    if let Some(listener) = elb.listeners.get(arn) {
        return Some(&listener.default.action);
    }
    let mut rules = elb.listeners.values().flat_map(Listener::all_rules);
    rules.find(|rule| rule.arn == arn).map(|rule| &rule.action)
}

fn action_mut<'a>(elb: &'a mut Elb, arn: &str) -> Option<&'a mut Action> {
    let named = elb.listeners.values_mut().flat_map(|listener| {
        let default = (listener.arn == arn || listener.default.arn == arn).then_some(&mut listener.default);
        let numbered = listener.rules.iter_mut().filter(|rule| rule.arn == arn);
        default.into_iter().chain(numbered)
    });
    named.map(|rule| &mut rule.action).next()
}

impl State {
    /// What a rule, or a listener's default rule by the listener's ARN, forwards to; none when there is no such rule.
    pub fn forwards(&self, rule: &str) -> Option<Forwards> {
        Some(match &action(&self.elb, rule)?.does {
            Does::Forward(forward) => {
                Forwards::To(forward.shares.iter().map(|share| (share.group.clone(), share.weight)).collect())
            }
            Does::Redirect(_) | Does::Respond(_) => Forwards::Otherwise,
        })
    }

    /// Sets these weights (0 to 999) of a rule that forwards, as ModifyRule and ModifyListener do; a target group that it
    /// did not forward to is added, others stay as they are. Weights that are set already stay within their round. Answers
    /// whether there is such a rule and it forwards.
    pub fn set_weights(&mut self, rule: &str, weights: &[(&str, u32)]) -> bool {
        let Some(Action { does: Does::Forward(forward), .. }) = action_mut(&mut self.elb, rule) else {
            return false;
        };
        let mut shares: Vec<Share> = forward.shares.iter().map(|share| Share::new(share.group.clone(), share.weight)).collect();
        for (group, weight) in weights {
            match shares.iter_mut().find(|share| share.group == *group) {
                Some(share) => share.weight = *weight,
                None => shares.push(Share::new(*group, *weight)),
            }
        }
        let same = |(new, old): (&Share, &Share)| new.group == old.group && new.weight == old.weight;
        if shares.len() != forward.shares.len() || !shares.iter().zip(&forward.shares).all(same) {
            forward.shares = shares;
        }
        true
    }

    /// Whether a listener or rule belongs to a network load balancer; none when there is no such listener or rule.
    pub fn is_of_network_balancer(&self, rule: &str) -> Option<bool> {
        let mut listeners = self.elb.listeners.values();
        let of = |listener: &&Listener| listener.arn == rule || listener.all_rules().any(|it| it.arn == rule);
        let balancer = self.elb.balancers.get(&listeners.find(of)?.balancer)?;
        Some(balancer.nature.kind == Kind::Network)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Clock;
    use crate::dispatch::{self, Service};
    use crate::wire::query::strings;

    fn call(state: &mut State, operation: &str, body: Value) -> Value {
        dispatch::call(state, Service::Elb, operation, strings(body)).unwrap()
    }

    fn text(value: &Value) -> String {
        value.as_str().unwrap().to_owned()
    }

    /// A listener that forwards to the first of two groups only.
    fn world() -> (State, String, [String; 2]) {
        let mut state = State::new("123456789012".into(), "r".into(), Clock::start(1.0), "x".into());
        let group = |state: &mut State, name: &str| {
            let body = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip"});
            text(&call(state, "CreateTargetGroup", body)["TargetGroups"][0]["TargetGroupArn"])
        };
        let groups = [group(&mut state, "blue"), group(&mut state, "green")];
        let balancer =
            text(&call(&mut state, "CreateLoadBalancer", json!({"Name": "lb"}))["LoadBalancers"][0]["LoadBalancerArn"]);
        let actions = json!([{"Type": "forward", "TargetGroupArn": groups[0]}]);
        let body = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": actions});
        let listener = text(&call(&mut state, "CreateListener", body)["Listeners"][0]["ListenerArn"]);
        (state, listener, groups)
    }

    #[test]
    fn weights_are_set_by_the_rule_and_by_the_listener() {
        let (mut state, listener, [blue, green]) = world();
        let rules = call(&mut state, "DescribeRules", json!({"ListenerArn": listener}));
        let rule = text(&rules["Rules"][0]["RuleArn"]);
        assert_eq!(state.forwards(&rule), Some(Forwards::To(vec![(blue.clone(), 1)])));
        assert!(state.set_weights(&rule, &[(&green, 5), (&blue, 95)]));
        let forwards = state.forwards(&listener).unwrap();
        assert_eq!(forwards, Forwards::To(vec![(blue.clone(), 95), (green.clone(), 5)]));
        assert!(state.set_weights(&listener, &[(&green, 100), (&blue, 0)]));
        let forwards = state.forwards(&rule).unwrap();
        assert_eq!((forwards.weight(&blue), forwards.serving()), (Some(0), vec![green.as_str()]));
        assert_eq!(state.is_of_network_balancer(&rule), Some(false));
    }

    #[test]
    fn the_same_weights_again_do_not_begin_the_round_anew() {
        let (mut state, listener, [blue, green]) = world();
        let picks = |state: &mut State, count: usize| -> Vec<String> {
            let action = action_mut(&mut state.elb, &listener).unwrap();
            let Does::Forward(forward) = &mut action.does else { panic!("it forwards") };
            (0..count).map(|_| forward.pick().unwrap().to_owned()).collect()
        };
        assert!(state.set_weights(&listener, &[(&blue, 9), (&green, 1)]));
        let mut seen = picks(&mut state, 7);
        assert!(state.set_weights(&listener, &[(&blue, 9), (&green, 1)]));
        seen.extend(picks(&mut state, 3));
        assert_eq!(seen.iter().filter(|group| **group == green).count(), 1);
    }

    #[test]
    fn what_does_not_forward_takes_no_weights() {
        let (mut state, listener, [blue, _]) = world();
        assert_eq!(state.forwards("arn:none"), None);
        assert!(!state.set_weights("arn:none", &[(&blue, 1)]));
        let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
        call(&mut state, "ModifyListener", json!({"ListenerArn": listener, "DefaultActions": fixed}));
        assert_eq!(state.forwards(&listener), Some(Forwards::Otherwise));
        assert!(!state.set_weights(&listener, &[(&blue, 1)]));
    }
}
