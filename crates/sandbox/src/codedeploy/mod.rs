//! The sandbox's CodeDeploy, for ECS only: applications, deployment groups and configurations; deployments that make a
//! second task set, move the listeners' traffic to it and remove the first; and the new deployments that take them back.
//!
//! Reading order: [`CodeDeploy`] (what is known), `application`, `group`, `config`, `appspec` (what a deployment is made of),
//! `machine` (what it does when, pure), `deployment` with `create`, `read`, `target` and `speak` (its operations), `run` (one
//! look at every deployment), `act` (its acts on task sets and listeners), `hook` (functions), `keeper` (the loop that looks).
//! The statuses Queued and Baking are never answered: nothing published says when a deployment to ECS has them.

mod act;
mod application;
mod appspec;
mod config;
mod create;
mod deployment;
mod group;
mod hook;
mod keeper;
mod machine;
mod read;
mod request;
mod run;
mod settings;
mod speak;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::dispatch::Table;

pub use keeper::start;

/// What CodeDeploy knows.
#[derive(Debug, Default)]
pub struct CodeDeploy {
    /// Applications by name.
    applications: BTreeMap<String, application::Application>,
    /// Custom deployment configurations by name.
    configs: BTreeMap<String, config::Config>,
    /// Deployments, oldest first.
    deployments: Vec<deployment::Deployment>,
    /// Functions of hooks that are to be invoked.
    calls: Vec<hook::Call>,
}

/// Its operations, a table a family.
pub const TABLES: &[Table] =
    &[application::TABLE, group::TABLE, config::TABLE, create::TABLE, read::TABLE, target::TABLE, speak::TABLE];
