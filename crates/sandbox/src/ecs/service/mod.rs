//! Services: what was asked for, what the scheduler makes of it, and the history of their deployments.

mod change;
mod check;
pub(super) mod configuration;
pub(crate) mod controller;
pub(super) mod create;
pub(super) mod events;
mod read;
pub(super) mod rollback;
pub(super) mod rollout;
pub(super) mod rollouts;
mod stop;
pub(crate) mod task_sets;
pub(super) mod view;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use shipit_scheduler::{Deployment, DeploymentId, TaskId, Time};

use self::events::Event;
use self::rollout::Rollout;
use super::placement::{Constraint, Rules};
use super::request::{list, text};
use super::seat::{self, Way};
use super::shift::proceed::proceed;
use super::task::TargetOf;
use super::{Definition, Key, cluster};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The service operations.
pub(super) const TABLE: Table = &[
    ("CreateService", create::create),
    ("UpdateService", change::update),
    ("DescribeServices", read::describe),
    ("ListServices", read::list_services),
    ("DeleteService", change::delete),
];

/// The operations on service deployments and service revisions.
pub(super) const DEPLOYMENTS: Table = &[
    ("ListServiceDeployments", rollouts::list_rollouts),
    ("DescribeServiceDeployments", rollouts::describe),
    ("DescribeServiceRevisions", rollouts::describe_revisions),
    ("StopServiceDeployment", stop::stop),
    ("ContinueServiceDeployment", proceed),
];

/// One service.
#[derive(Clone, Debug)]
pub struct Service {
    /// The cluster's name.
    pub cluster: String,
    /// `serviceName`.
    pub name: String,
    /// `serviceArn`.
    pub arn: String,
    /// `status`.
    pub status: Status,
    /// The members that make no deployment, as they were sent last; unknown ones too.
    pub sent: Value,
    /// Its tags.
    pub tags: Vec<Value>,
    /// `createdAt`, virtual epoch seconds.
    pub created_at: f64,
    /// `createdBy`.
    pub created_by: String,
    /// The scheduler's view: it decides on this.
    pub plan: shipit_scheduler::Service,
    /// Service revisions, oldest first. The scheduler's revision is the place in this list.
    pub revisions: Vec<Revision>,
    /// What is known of each deployment beyond the scheduler's view; of past ones too.
    pub deployments: BTreeMap<DeploymentId, Record>,
    /// Its task sets, oldest first; only with the controller CODE_DEPLOY.
    pub task_sets: Vec<task_sets::TaskSet>,
    /// Service deployments, oldest first.
    pub rollouts: Vec<Rollout>,
    /// Events, newest first.
    pub events: VecDeque<Event>,
    /// The scheduler's tasks that have been made, by its number.
    pub tasks: BTreeMap<TaskId, String>,
    /// Tasks that could not be placed.
    pub unplaced: BTreeMap<TaskId, Unplaced>,
    /// When a task was placed last, virtual epoch seconds: what was in the way before is resolved.
    pub placed_at: f64,
    /// Tasks that ended by themselves since one was healthy; new ones start later and later.
    pub failures_in_a_row: u32,
}

/// A task that could not be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// Until then it counts as pending, then as failed.
    pub until: Time,
    /// Whether it is tried again meanwhile.
    pub retry: Retry,
}

/// When a task that could not be placed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Whenever something has changed.
    EachLook,
    /// Not at all: it was refused on request, or its definition is gone.
    Never,
}

/// `status` of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In use.
    Active,
    /// Deleted, its tasks are stopping.
    Draining,
    /// Deleted.
    Inactive,
}

/// A service revision: all that a deployment runs with.
#[derive(Clone, Debug)]
pub struct Revision {
    /// `serviceRevisionArn`.
    pub arn: String,
    /// `taskDefinition`, as an ARN.
    pub definition: String,
    /// The other members that make a deployment ([`check::RELEVANT`]), as they were sent.
    pub members: Value,
    /// `createdAt`, virtual epoch seconds.
    pub created_at: f64,
    /// The target groups that it was resolved to, in the order of its load balancers; empty where they are those it names.
    pub groups: Vec<String>,
    /// The digest that a container's tag stood for when its first task started.
    pub digests: BTreeMap<String, String>,
}

/// A deployment beyond the scheduler's view.
#[derive(Clone, Debug)]
pub struct Record {
    /// `ecs-svc/<19 digits>`.
    pub name: String,
    /// Its place in [`Service::revisions`].
    pub revision: usize,
    /// `rolloutStateReason`.
    pub reason: String,
    /// `updatedAt`, virtual epoch seconds.
    pub updated_at: f64,
}

impl Service {
    /// `status` is ACTIVE.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Its key.
    pub fn key(&self) -> Key {
        Key { cluster: self.cluster.clone(), service: self.name.clone() }
    }

    /// `schedulingStrategy` is DAEMON.
    pub fn is_daemon(&self) -> bool {
        text(&self.sent, "schedulingStrategy") == Some("DAEMON")
    }

    /// `ecs-svc/<digits>` of a deployment.
    pub fn deployment_name(&self, id: DeploymentId) -> &str {
        self.deployments.get(&id).map_or("ecs-svc/0", |record| record.name.as_str())
    }

    /// The revision that the PRIMARY runs.
    pub fn current(&self) -> &Revision {
        let last = self.revisions.len() - 1;
        &self.revisions[revision_of(self.plan.primary()).min(last)]
    }

    /// The service deployment that has not ended.
    pub fn open_rollout(&mut self) -> Option<&mut Rollout> {
        self.rollouts.last_mut().filter(|rollout| !rollout.status.is_final())
    }
}

impl Revision {
    /// The target groups that its tasks serve.
    pub fn targets(&self) -> Vec<TargetOf> {
        let balancers = list(&self.members, "loadBalancers").iter().enumerate();
        balancers
            .filter_map(|(place, balancer)| {
                let port = balancer.get("containerPort")?.as_u64()?;
                let named = text(balancer, "targetGroupArn")?;
                Some(TargetOf {
                    group: self.groups.get(place).map_or(named, String::as_str).to_owned(),
                    container: text(balancer, "containerName")?.to_owned(),
                    port: u16::try_from(port).ok()?,
                })
            })
            .collect()
    }
}

/// A deployment's place in [`Service::revisions`].
pub(super) fn revision_of(deployment: &Deployment) -> usize {
    usize::try_from(deployment.revision).unwrap_or(usize::MAX)
}

/// How the service's tasks ask for capacity, and where they may go; `members` are those of the revision over its own.
///
/// # Errors
/// `InvalidParameterException`.
pub(super) fn placing(
    state: &State,
    service: &Service,
    members: &Value,
    definition: &Definition,
) -> Result<(Way, Rules), AwsError> {
    let way = seat::way(state, &service.cluster, members)?;
    let mut rules = Rules::read(members, &definition.value)?;
    if service.is_daemon() {
        rules.constraints.push(Constraint::DistinctInstance);
    }
    Ok((way, rules))
}

/// The key that a service's ARN stands for; none for the old form without a cluster.
pub(super) fn key_of_arn(arn: &str) -> Option<Key> {
    let (_, rest) = arn.split_once(":service/")?;
    let (cluster, service) = rest.split_once('/')?;
    Some(Key { cluster: cluster.to_owned(), service: service.to_owned() })
}

/// The key that `cluster` and a service's name or ARN stand for.
///
/// # Errors
/// `ClusterNotFoundException`.
pub(super) fn key_of(state: &State, body: &Value, reference: &str) -> Result<Key, AwsError> {
    let cluster = cluster::named(state, body)?;
    let service = reference.rsplit('/').next().unwrap_or(reference).to_owned();
    Ok(Key { cluster, service })
}

/// `ServiceNotFoundException`.
pub(super) fn not_found() -> AwsError {
    AwsError::new("ServiceNotFoundException", "Service not found.")
}
