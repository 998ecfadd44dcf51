//! How traffic reaches a service, as it was seen: what a strategy that shifts traffic has to find in place.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::AlarmState;
use crate::plan::Wired;

/// What was seen of a service that is to be shifted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    /// One for each target group that the service declares, in its order.
    pub balancers: Vec<BalancerSeen>,
    /// Whether tasks reach it through Service Connect, which ECS can shift without a load balancer.
    pub mesh: Mesh,
    /// Alarms that would guard the deployment, by name; none where there is no such alarm.
    pub alarms: BTreeMap<String, Option<AlarmState>>,
    /// The services that each role trusts, by the role's ARN, where that may be read; none where there is no such role.
    pub roles: BTreeMap<String, Option<BTreeSet<String>>>,
}

impl Routing {
    /// Roles that ECS would take, by ARN.
    pub fn asked_roles(&self) -> BTreeSet<String> {
        let known = self.balancers.iter().filter_map(|seen| match &seen.wiring {
            WiringSeen::Known(known) => known.role.clone(),
            WiringSeen::Unwired { .. } => None,
        });
        known.collect()
    }
}

/// Service Connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mesh {
    /// It is not used.
    #[default]
    Absent,
    /// It is.
    ServiceConnect,
}

/// One load balancer of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct BalancerSeen {
    /// The target group that the service declares.
    pub declared: GroupSeen,
    /// How traffic would move.
    pub wiring: WiringSeen,
}

/// How traffic would move between two groups.
#[derive(Clone, Debug, PartialEq)]
pub enum WiringSeen {
    /// Neither the service nor the pipeline file says.
    Unwired {
        /// ARNs of the rules that forward to the declared group now.
        rules: Vec<String>,
    },
    /// One of them does.
    Known(Box<Known>),
}

/// The wiring that is wanted, and what was found of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Who says so.
    pub wired: Wired,
    /// What was asked for as the second target group: name or ARN.
    pub alternate_named: String,
    /// It, if it exists.
    pub alternate: Option<GroupSeen>,
    /// ARN of the rule or listener of production traffic.
    pub production_rule: String,
    /// What it does.
    pub production: RouteSeen,
    /// The same for test traffic.
    pub test: Option<(String, RouteSeen)>,
    /// ARN of the role that ECS takes.
    pub role: Option<String>,
    /// The target group in which the running service revision serves production traffic (`resolvedConfiguration`).
    pub resolved: Option<String>,
}

/// A target group, as far as two of them must be alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSeen {
    /// Its ARN.
    pub arn: String,
    /// `ip`, `instance`.
    pub target_type: String,
    /// `HTTP`, `TCP`.
    pub protocol: String,
    /// The VPC.
    pub vpc: Option<String>,
    /// How it asks for health: protocol, port, path.
    pub health: String,
    /// ARN of the load balancer that it is used by.
    pub load_balancer: Option<String>,
}

/// What a rule or a listener does with what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteSeen {
    /// There is no such rule or listener.
    Missing,
    /// It forwards by these weights.
    Forwards {
        /// Target groups by ARN.
        weights: Vec<(String, u32)>,
    },
    /// It does something else, e.g. `redirect`.
    Other {
        /// In ELB's word.
        action: String,
    },
}

impl RouteSeen {
    /// The weight of a group; none where it is not on the rule.
    pub fn weight(&self, group: &str) -> Option<u32> {
        match self {
            RouteSeen::Forwards { weights } => weights.iter().find(|(arn, _)| arn == group).map(|(_, weight)| *weight),
            RouteSeen::Missing | RouteSeen::Other { .. } => None,
        }
    }
}
