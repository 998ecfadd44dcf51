//! Task definitions: families of numbered revisions, kept as the JSON that was sent plus what AWS adds.

mod check;
mod defaults;
mod read;
mod register;

use serde_json::Value;

use super::request::{client, list, text};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The task definition operations.
pub(super) const TABLE: Table = &[
    ("RegisterTaskDefinition", register::register),
    ("DescribeTaskDefinition", read::describe),
    ("DeregisterTaskDefinition", read::deregister),
    ("ListTaskDefinitions", read::list_definitions),
    ("ListTaskDefinitionFamilies", read::list_families),
];

/// One revision.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `family`.
    pub family: String,
    /// `revision`, from 1.
    pub revision: u64,
    /// `taskDefinitionArn`.
    pub arn: String,
    /// ACTIVE; INACTIVE after DeregisterTaskDefinition.
    pub active: bool,
    /// The whole `taskDefinition` as it is answered; `status` and `deregisteredAt` follow `active`.
    pub value: Value,
    /// Its tags, which are answered beside it.
    pub tags: Vec<Value>,
}

impl Definition {
    /// `containerDefinitions`.
    pub fn containers(&self) -> &[Value] {
        list(&self.value, "containerDefinitions")
    }

    /// The container of that name.
    pub fn container(&self, name: &str) -> Option<&Value> {
        self.containers().iter().find(|container| text(container, "name") == Some(name))
    }

    /// An essential container has a health check, so tasks have a health status.
    pub fn has_health_check(&self) -> bool {
        self.containers().iter().any(|container| is_essential(container) && container.get("healthCheck").is_some())
    }

    /// `compatibilities` has FARGATE.
    pub fn runs_on_fargate(&self) -> bool {
        list(&self.value, "compatibilities").iter().any(|name| name == "FARGATE")
    }

    /// `family:revision`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.family, self.revision)
    }
}

/// The container stops its task when it ends.
pub(super) fn is_essential(container: &Value) -> bool {
    container.get("essential").and_then(Value::as_bool).unwrap_or(true)
}

/// What `family`, `family:revision` or an ARN stands for; a family is its newest ACTIVE revision.
pub(super) fn find<'a>(state: &'a State, reference: &str) -> Option<&'a Definition> {
    let name = reference.rsplit_once(":task-definition/").map_or(reference, |(_, name)| name);
    match name.split_once(':') {
        None => state.ecs.families.get(name)?.iter().rev().find(|definition| definition.active),
        Some((family, revision)) => {
            let revision: u64 = revision.parse().ok()?;
            state.ecs.families.get(family)?.iter().find(|definition| definition.revision == revision)
        }
    }
}

/// The revision that a new task or deployment shall run.
///
/// # Errors
/// `ClientException` when there is none, or it is INACTIVE.
pub(super) fn runnable<'a>(state: &'a State, reference: &str) -> Result<&'a Definition, AwsError> {
    match find(state, reference) {
        None => Err(client("TaskDefinition not found.")),
        Some(definition) if !definition.active => Err(client("TaskDefinition is inactive")),
        Some(definition) => Ok(definition),
    }
}
