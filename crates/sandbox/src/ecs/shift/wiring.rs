//! Which target group a service revision has, and what AWS wants of the rules before a deployment starts.
//!
//! The two target groups of a load balancer change roles with every deployment that succeeds: the candidate always gets the
//! one that its source does not have.

use serde_json::{Value, json};
use shipit_scheduler::DeploymentId;

use super::super::request::{list, object, text};
use super::super::service::{Revision, Service, revision_of};
use crate::state::State;

/// One load balancer of a service, wired for shifting traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) struct Wire {
    /// `targetGroupArn` and `alternateTargetGroupArn`.
    pub groups: [String; 2],
    /// `productionListenerRule`: a rule, or a network load balancer's listener.
    pub production: String,
    /// `testListenerRule`.
    pub test: Option<String>,
}

impl Wire {
    /// The target group beside this one.
    pub(in crate::ecs) fn other(&self, group: &str) -> &str {
        if self.groups[0] == group { &self.groups[1] } else { &self.groups[0] }
    }
}

/// The wiring of a revision's load balancers, in their order; empty for those without `advancedConfiguration`.
pub(in crate::ecs) fn wires(members: &Value) -> Vec<Wire> {
    let wire = |balancer: &Value| {
        let advanced = balancer.get("advancedConfiguration")?;
        Some(Wire {
            groups: [text(balancer, "targetGroupArn")?.to_owned(), text(advanced, "alternateTargetGroupArn")?.to_owned()],
            production: text(advanced, "productionListenerRule")?.to_owned(),
            test: text(advanced, "testListenerRule").map(str::to_owned),
        })
    };
    list(members, "loadBalancers").iter().filter_map(wire).collect()
}

/// The target groups that a revision has: those it was resolved to, or those it names.
pub(in crate::ecs) fn groups(revision: &Revision) -> Vec<String> {
    if revision.groups.is_empty() {
        let balancers = list(&revision.members, "loadBalancers").iter();
        return balancers.filter_map(|balancer| text(balancer, "targetGroupArn").map(str::to_owned)).collect();
    }
    revision.groups.clone()
}

/// The target groups of a ROLLING revision of these members: where the one before it is, if it may stay there.
pub(in crate::ecs) fn kept(before: Option<&Revision>, members: &Value) -> Vec<String> {
    let before = before.map(groups).unwrap_or_default();
    let stays = |wire: Wire| before.iter().find(|group| wire.groups.contains(group)).unwrap_or(&wire.groups[0]).clone();
    wires(members).into_iter().map(stays).collect()
}

/// The target groups of a candidate. `source` is the deployment that has the traffic; with `split` traffic, which a
/// superseded deployment has left, the source gets it back first.
///
/// # Errors
/// What follows `because of invalid networking configuration` in AWS's text.
pub(super) fn resolve(
    state: &State,
    service: &Service,
    candidate: &Revision,
    source: Option<DeploymentId>,
    traffic: Traffic,
) -> Result<Vec<String>, String> {
    let source = source.and_then(|source| service.plan.deployment(source));
    let held = source.and_then(|source| service.revisions.get(revision_of(source))).map(groups).unwrap_or_default();
    let one = |wire: &Wire| {
        let serving = serving(state, wire, traffic)?;
        match (held.iter().find(|group| wire.groups.contains(group)), serving) {
            (None, Some(serving)) => Ok(serving),
            (None, None) => Ok(wire.groups[0].clone()),
            (Some(held), Some(serving)) if *held != serving => Err(unexpected(wire, &serving)),
            (Some(held), _) => Ok(wire.other(held).to_owned()),
        }
    };
    wires(&candidate.members).iter().map(one).collect()
}

/// How traffic is to be when a deployment starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    /// One side has all of it.
    Whole,
    /// A superseded deployment has left it divided.
    Split,
}

/// The target group that has the production traffic; none while it is divided.
fn serving(state: &State, wire: &Wire, traffic: Traffic) -> Result<Option<String>, String> {
    let missing = || {
        let what = if wire.production.contains(":listener-rule/") { "rules" } else { "listeners" };
        format!(". \nOne or more {what} not found")
    };
    let production = state.forwards(&wire.production).ok_or_else(missing)?;
    let test = match &wire.test {
        Some(test) => Some(state.forwards(test).ok_or_else(missing)?),
        None => None,
    };
    for group in &wire.groups {
        if state.target_type(group).is_none() {
            return Err(format!(". \nThe target group {group} does not exist."));
        }
        let on = |forwards: &crate::elb::traffic::Forwards| forwards.weight(group).is_some();
        if !on(&production) && !test.as_ref().is_some_and(on) {
            return Err(format!(
                ": Target group {group} is not associated with either productionListenerRule or testListenerRule."
            ));
        }
    }
    let serving = production.serving();
    if let Some(other) = serving.iter().find(|group| !wire.groups.iter().any(|own| own == *group)) {
        return Err(unexpected(wire, other));
    }
    match (&serving[..], traffic) {
        ([only], _) => Ok(Some((*only).to_owned())),
        (_, Traffic::Split) => Ok(None),
        (several, Traffic::Whole) => Err(format!(
            ". productionListenerRule {} should have exactly one target group serving traffic but found {} target groups which are serving traffic",
            wire.production,
            several.len()
        )),
    }
}

fn unexpected(wire: &Wire, group: &str) -> String {
    let [own, alternate] = &wire.groups;
    format!(
        ". Production listener rule is forwarding traffic to unexpected target group {group}. Expected traffic to be forwarded to either targetGroupArn: {own} or alternateTargetGroupArn: {alternate}"
    )
}

/// `resolvedConfiguration` of a revision that is wired for shifting; none before it is resolved.
pub(in crate::ecs) fn resolved(revision: &Revision) -> Option<Value> {
    let wires = wires(&revision.members);
    if wires.is_empty() || revision.groups.is_empty() {
        return None;
    }
    let one = |(wire, group): (&Wire, &String)| json!({"targetGroupArn": group, "productionListenerRule": wire.production});
    let mut value = json!({});
    object(&mut value).insert("loadBalancers".into(), wires.iter().zip(&revision.groups).map(one).collect());
    Some(value)
}
