//! Where a task runs: on Fargate, or on the container instance that placement finds; and what ECS says when there is none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::instance::room;
use super::placement::rules::Rules;
use super::placement::shares::{self, Share};
use super::placement::{self, Lack, Needs, Site};
use super::request::{invalid, list, text};
use super::{Definition, providers};
use crate::error::AwsError;
use crate::state::State;

/// A place for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// On Fargate.
    Fargate {
        /// The capacity provider; none for the launch type.
        provider: Option<String>,
    },
    /// On a container instance.
    Instance {
        /// The capacity provider; none for the launch type.
        provider: Option<String>,
        /// Which instance, and what the task takes of it.
        place: Place,
    },
}

/// A task's place on a container instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The container instance's id.
    pub instance: String,
    /// `containerInstanceArn`.
    pub arn: String,
    /// `ec2InstanceId`.
    pub ec2: String,
    /// Its Availability Zone.
    pub zone: String,
    /// What the task takes of it.
    pub needs: Needs,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// The cluster has no ACTIVE container instance.
    EmptyCluster,
    /// The capacity provider has none.
    EmptyProvider,
    /// None of them does.
    Misfit {
        /// The id of the one that comes closest.
        closest: String,
        /// What it lacks.
        lack: Lack,
        /// Every instance's ARN with what it lacks.
        all: Vec<(String, Lack)>,
    },
}

/// How a request or service asks for capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `launchType` FARGATE.
    Fargate,
    /// `launchType` EC2, or nothing at all.
    Ec2,
    /// `capacityProviderStrategy`, its own or the cluster's.
    Providers(Vec<Share>),
}

/// What is to be placed.
pub(super) struct Asked<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// `group`.
    pub group: &'a str,
    /// What it runs.
    pub definition: &'a Definition,
    /// `overrides`.
    pub overrides: &'a Value,
    /// Where it may go.
    pub rules: &'a Rules,
    /// How it asks for capacity.
    pub way: &'a Way,
    /// Tasks that the capacity providers have already.
    pub running: &'a BTreeMap<String, u64>,
}

/// Reads `launchType` and `capacityProviderStrategy`.
///
/// # Errors
/// `InvalidParameterException`.
pub(super) fn way(state: &State, cluster: &str, members: &Value) -> Result<Way, AwsError> {
    let strategy = list(members, "capacityProviderStrategy");
    match text(members, "launchType") {
        Some(_) if !strategy.is_empty() => Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        )),
        Some("FARGATE") => Ok(Way::Fargate),
        Some("EC2") => Ok(Way::Ec2),
        Some(other) => Err(invalid(format!("The sandbox does not have the launch type {other}: only EC2 and FARGATE."))),
        None => {
            let strategy = if strategy.is_empty() { providers::default_strategy(state, cluster) } else { strategy };
            if strategy.is_empty() {
                return Ok(Way::Ec2);
            }
            let shares = shares::read(strategy)?;
            providers::usable(state, cluster, &shares)?;
            Ok(Way::Providers(shares))
        }
    }
}

impl Way {
    /// It leads to Fargate.
    pub(super) fn is_fargate(&self) -> bool {
        match self {
            Way::Fargate => true,
            Way::Ec2 => false,
            Way::Providers(shares) => shares.iter().any(|share| providers::is_fargate(&share.provider)),
        }
    }
}

/// Finds a seat.
///
/// # Errors
/// Why there is none now.
pub(super) fn find(state: &State, asked: &Asked) -> Result<Seat, NoSeat> {
    let provider = match asked.way {
        Way::Fargate => return Ok(Seat::Fargate { provider: None }),
        Way::Ec2 => None,
        Way::Providers(shares) => shares::next(shares, asked.running).map(|share| share.provider.clone()),
    };
    if provider.as_deref().is_some_and(providers::is_fargate) {
        return Ok(Seat::Fargate { provider });
    }
    let needs = room::needs(asked.definition, asked.overrides);
    let sites = room::sites(state, asked.cluster, provider.as_deref(), asked.group);
    // Multiplied by an odd number of 64 random bits, the counter's low bits reach the high ones.
    let draw = state.counter.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let arn = |site: &Site| state.ecs.instances.get(&site.id).map(|instance| instance.arn.clone()).unwrap_or_default();
    match placement::place(&sites, &needs, asked.rules, draw) {
        Ok(chosen) => {
            let site = &sites[chosen];
            let zone = site.attributes.get("ecs.availability-zone").cloned().unwrap_or_default();
            let place = Place { instance: site.id.clone(), arn: arn(site), ec2: site.ec2.clone(), zone, needs };
            Ok(Seat::Instance { provider, place })
        }
        Err(None) if provider.is_some() => Err(NoSeat::EmptyProvider),
        Err(None) => Err(NoSeat::EmptyCluster),
        Err(Some(misfit)) => {
            let lacks = |site: &Site| Some((arn(site), placement::lack(site, &needs, asked.rules)?));
            let all = sites.iter().filter_map(lacks).collect();
            Err(NoSeat::Misfit { closest: sites[misfit.closest].id.clone(), lack: misfit.lack, all })
        }
    }
}

impl Lack {
    /// `failures[].reason`.
    fn reason(self) -> &'static str {
        match self {
            Lack::Agent => "AGENT",
            Lack::Attribute => "ATTRIBUTE",
            Lack::MemberOf => "MemberOf placement constraint unsatisfied.",
            Lack::Distinct => "DistinctInstance placement constraint unsatisfied.",
            Lack::Cpu => "RESOURCE:CPU",
            Lack::Memory => "RESOURCE:MEMORY",
            Lack::Ports => "RESOURCE:PORTS",
            Lack::Interfaces => "RESOURCE:ENI",
        }
    }

    /// How a service event says it of the closest instance.
    fn said(self) -> String {
        match self {
            Lack::Agent => "doesn't have the agent connected".to_owned(),
            Lack::Attribute => "is missing an attribute required by your task".to_owned(),
            Lack::MemberOf | Lack::Distinct | Lack::Interfaces => format!("encountered error \"{}\"", self.reason()),
            Lack::Cpu => "has insufficient CPU units available".to_owned(),
            Lack::Memory => "has insufficient memory available".to_owned(),
            Lack::Ports => "is already using a port required by your task".to_owned(),
        }
    }
}

impl NoSeat {
    /// The service's event.
    pub(super) fn event(&self, service: &str) -> String {
        let why = match self {
            NoSeat::EmptyCluster => "Reason: No Container Instances were found in your cluster".to_owned(),
            NoSeat::EmptyProvider => "Reason: No Container Instances were found in your capacity provider".to_owned(),
            NoSeat::Misfit { closest, lack, .. } => {
                format!("The closest matching (container-instance {closest}) {}", lack.said())
            }
        };
        format!(
            "(service {service}) was unable to place a task because no container instance met all of its requirements. {why}. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        )
    }

    /// RunTask's `failures[]`, one an instance.
    ///
    /// # Errors
    /// `InvalidParameterException` for a cluster without instances.
    pub(super) fn failures(&self) -> Result<Vec<Value>, AwsError> {
        match self {
            NoSeat::EmptyCluster => Err(invalid("No Container Instances were found in your cluster.")),
            NoSeat::EmptyProvider => Ok(vec![json!({ "reason": "EMPTY CAPACITY PROVIDER" })]),
            NoSeat::Misfit { all, .. } => {
                Ok(all.iter().map(|(arn, lack)| json!({ "arn": arn, "reason": lack.reason() })).collect())
            }
        }
    }
}
