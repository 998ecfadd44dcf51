//! The sandbox's load balancer: ELBv2's operations, and a real HTTP data plane behind them.
//!
//! Reading order: the operations, a family a file ([`balancers`], [`listeners`], [`rules`], [`groups`], [`registration`],
//! [`attributes`], [`tags`]); the pure parts ([`forward`], [`condition`], [`health`], [`matcher`]); [`targets`] and
//! [`traffic`], the seams to those who deploy; [`plane`], which serves.

pub mod action;
pub mod attributes;
pub mod balancers;
pub mod check;
pub mod condition;
pub mod forward;
pub mod groups;
pub mod health;
pub mod listeners;
pub mod matcher;
pub mod metrics;
pub mod params;
pub mod plane;
pub mod redirect;
pub mod registration;
pub mod rules;
pub mod tags;
pub mod targets;
#[cfg(test)]
mod tests;
pub mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::dispatch::Table;
use crate::state::State;
use targets::Reach;

pub use plane::start;

/// The one VPC that everything is in.
const VPC: &str = "vpc-00000000000000001";

/// Load balancers, listeners, rules, target groups and their targets; each by its ARN.
#[derive(Debug, Default)]
pub struct Elb {
    /// Load balancers.
    pub balancers: BTreeMap<String, balancers::Balancer>,
    /// Listeners with their rules.
    pub listeners: BTreeMap<String, listeners::Listener>,
    /// Target groups with their targets.
    pub groups: BTreeMap<String, groups::Group>,
    /// Tags of all of them, and of rules.
    pub tags: BTreeMap<String, tags::Tags>,
}

/// Its operations, a table a family.
pub const TABLES: &[Table] =
    &[balancers::TABLE, listeners::TABLE, rules::TABLE, groups::TABLE, registration::TABLE, attributes::TABLE, tags::TABLE];

impl Elb {
    /// Where listeners really listen: load balancer name -> listener port -> address on the loopback.
    pub fn addresses(&self) -> BTreeMap<String, BTreeMap<u16, SocketAddr>> {
        let mut addresses: BTreeMap<String, BTreeMap<u16, SocketAddr>> = BTreeMap::new();
        for listener in self.listeners.values() {
            if let (Some(bound), Some(balancer)) = (listener.bound, self.balancers.get(&listener.balancer)) {
                let of_balancer = addresses.entry(balancer.nature.name.clone()).or_default();
                of_balancer.insert(listener.port, bound);
            }
        }
        addresses
    }

    /// Some rule forwards to the target group.
    pub fn reach(&self, group: &str) -> Reach {
        let mut actions = self.listeners.values().flat_map(|it| it.all_rules()).map(|rule| &rule.action);
        if actions.any(|action| action.groups().any(|it| it == group)) { Reach::Used } else { Reach::Unused }
    }

    /// All target groups that some rule forwards to, with the load balancer of the rule.
    fn reached(&self) -> BTreeMap<String, String> {
        let groups = |it: &listeners::Listener| {
            let groups: Vec<&str> = it.all_rules().flat_map(|rule| rule.action.groups()).collect();
            groups.into_iter().map(|group| (group.to_owned(), it.balancer.clone())).collect::<Vec<_>>()
        };
        self.listeners.values().flat_map(groups).collect()
    }

    /// The load balancer that forwards to the target group, or was the last to do so.
    pub fn balancer_of(&self, group: &groups::Group) -> Option<String> {
        let now = self.balancers_of(&group.arn).into_iter().next().map(str::to_owned);
        now.or_else(|| group.metrics.balancer.clone())
    }

    /// The target groups that rules of this load balancer forward to.
    fn reached_from(&self, balancer: &str) -> BTreeSet<&str> {
        let listeners = self.listeners.values().filter(|it| it.balancer == balancer);
        let rules = listeners.flat_map(|it| it.all_rules());
        rules.flat_map(|rule| rule.action.groups()).collect()
    }

    /// The load balancers that forward to the target group; on AWS at most one.
    fn balancers_of(&self, group: &str) -> BTreeSet<&str> {
        let reaches = |it: &&listeners::Listener| it.all_rules().any(|rule| rule.action.groups().any(|it| it == group));
        self.listeners.values().filter(reaches).map(|it| it.balancer.as_str()).collect()
    }

    fn remove_listener(&mut self, arn: &str) {
        if let Some(listener) = self.listeners.remove(arn) {
            self.tags.remove(arn);
            for rule in listener.all_rules() {
                self.tags.remove(&rule.arn);
            }
        }
    }
}

impl State {
    /// Where a listener really listens; none until it does, or when there is no such listener.
    pub fn listener_address(&self, listener: &str) -> Option<SocketAddr> {
        self.elb.listeners.get(listener)?.bound
    }

    /// See [`Elb::addresses`].
    pub fn load_balancer_addresses(&self) -> BTreeMap<String, BTreeMap<u16, SocketAddr>> {
        self.elb.addresses()
    }
}

/// Sixteen hexadecimal digits, the last part of an ARN: never the same twice, and not in a row.
fn id(state: &mut State) -> String {
    // The finalizer of splitmix64, a bijection.
    let mut bits = state.next().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", bits ^ (bits >> 31))
}
