//! What changes in a service when a deployment of an earlier revision takes the place of a failed one.

use shipit_scheduler::{DeploymentId, Failure};

use super::super::definition;
use super::rollout::{Because, Fact};
use super::{Service, create, revision_of};
use crate::state::State;

/// A rollback as the scheduler has made it.
pub(in crate::ecs) struct Taken {
    /// The deployment that was given up.
    pub failed: DeploymentId,
    /// The COMPLETED deployment whose revision is taken.
    pub to: DeploymentId,
    /// The new PRIMARY.
    pub primary: DeploymentId,
    /// Why.
    pub because: Because,
}

/// Names the new PRIMARY and takes the rollback into the service deployment.
pub(in crate::ecs) fn take_back(state: &mut State, service: &mut Service, taken: Taken) {
    let Some(revision) = service.plan.deployment(taken.primary).map(revision_of) else {
        return;
    };
    let now = state.now_seconds();
    create::record(state, service, taken.primary, revision);
    let to = service.deployment_name(taken.to).to_owned();
    let reason = match taken.because {
        Because::Of(Failure::TasksFailedToStart) => {
            format!("ECS deployment circuit breaker: rolling back to deploymentId {to}.")
        }
        Because::Of(Failure::Alarm) | Because::Asked => format!("ECS deployment rolling back to deploymentId {to}."),
    };
    explain(service, taken.primary, reason, now);
    if taken.because == Because::Asked {
        explain(service, taken.failed, "ECS deployment stopped: rollback requested.".to_owned(), now);
    }
    judged_by(state, service, revision);
    if let Some(open) = service.open_rollout() {
        open.take(Fact::RollingBack { because: taken.because, revision }, now);
    }
}

/// From now on the checks of this revision say whether a task is healthy.
pub(in crate::ecs) fn judged_by(state: &State, service: &mut Service, revision: usize) {
    let one = &service.revisions[revision];
    if let Some(definition) = definition::find(state, &one.definition) {
        service.plan.health = create::checks(definition, &one.members);
    }
}

/// Sets a deployment's `rolloutStateReason`.
pub(in crate::ecs) fn explain(service: &mut Service, deployment: DeploymentId, reason: String, now: f64) {
    if let Some(record) = service.deployments.get_mut(&deployment) {
        record.reason = reason;
        record.updated_at = now;
    }
}
