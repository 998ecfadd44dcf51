//! Task definition revisions after they were deployed: what they are, what ran when, what uses them.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::Value;
use shipit_core::prune::Use;
use shipit_core::release::Revision;
use shipit_core::settled::ServiceDeployment;

use super::PortResult;

/// Whether tasks can be started of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// ACTIVE: they can.
    Active,
    /// It was deregistered: they cannot.
    Inactive,
}

/// A revision as DescribeTaskDefinition answers it.
#[derive(Clone, Debug)]
pub struct RevisionSeen {
    /// It.
    pub revision: Revision,
    /// Whether tasks can be started of it.
    pub standing: Standing,
    /// `taskDefinition`, untouched.
    pub definition: Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Revisions of task definitions.
#[async_trait]
pub trait Revisions: Send + Sync {
    /// The revision, of a family alone its newest that is ACTIVE; none where there is no such.
    async fn read(&self, revision: &Revision) -> PortResult<Option<RevisionSeen>>;
    /// The ACTIVE revisions of a family, newest first.
    async fn active(&self, family: &str) -> PortResult<Vec<Revision>>;
    /// All service deployments that ECS still lists of a service, newest first; none where the platform has no such thing.
    async fn history(&self, service: &str) -> PortResult<Vec<ServiceDeployment>>;
    /// What uses which revisions of these families, in all clusters of the account and region. Schedules are seen only by
    /// the tasks that they have started.
    async fn uses(&self, families: &BTreeSet<String>) -> PortResult<BTreeMap<Revision, Vec<Use>>>;
    /// Makes a revision INACTIVE: what runs goes on, nothing new starts of it.
    async fn deregister(&self, revision: &Revision) -> PortResult<()>;
}
