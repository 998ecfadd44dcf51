//! The sandbox's ECS: clusters, task definitions, services that roll, tasks that are real containers.
//!
//! Reading order: [`Ecs`] (what is known), `definition`, `service`, `task` and `instance` (the things with their operations),
//! `placement` (where a task fits, pure), `seat` (where it goes: Fargate, an instance, a capacity provider),
//! `schedule` (one look at a service: the scheduler's decision becomes tasks, events and statuses), `shift` (deployments that
//! shift traffic: wiring, weights, hooks), `keeper` (the loop that looks), `launch` (one task's life), `container` (all that is said to Docker).

mod account;
mod alarms;
mod cluster;
mod container;
mod definition;
mod facts;
pub(crate) mod ids;
mod instance;
mod keeper;
mod launch;
pub(crate) mod pause;
mod placement;
mod providers;
pub(crate) mod request;
mod schedule;
mod seat;
mod service;
mod shift;
mod tags;
mod task;

use std::collections::BTreeMap;

use crate::dispatch::Table;

pub use cluster::Cluster;
pub use definition::Definition;
pub use instance::Instance;
pub use keeper::start;
pub use service::Service;
pub(crate) use service::{controller, task_sets};
pub use task::Task;

/// What ECS knows.
#[derive(Debug, Default)]
pub struct Ecs {
    /// Clusters by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// Task definitions by family, oldest revision first.
    pub families: BTreeMap<String, Vec<Definition>>,
    /// Services by cluster and name.
    pub services: BTreeMap<Key, Service>,
    /// Tasks by id; stopped ones for an hour.
    pub tasks: BTreeMap<String, Task>,
    /// Container instances by id.
    pub instances: BTreeMap<String, Instance>,
    /// Capacity providers of Auto Scaling groups by name.
    providers: BTreeMap<String, providers::Provider>,
    /// Account settings that were put.
    settings: BTreeMap<String, String>,
    /// Private addresses given out so far.
    addresses: u64,
}

/// Which service: a name means something only within its cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The cluster's name.
    pub cluster: String,
    /// `serviceName`.
    pub service: String,
}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[
    cluster::TABLE,
    instance::TABLE,
    providers::TABLE,
    definition::TABLE,
    service::TABLE,
    service::DEPLOYMENTS,
    task::TABLE,
    tags::TABLE,
    account::TABLE,
];

#[cfg(test)]
pub(crate) mod tests;
