//! StopServiceDeployment: an UpdateService is taken back, at any time before it has ended.

use serde_json::{Value, json};
use shipit_scheduler::Rollout as RolloutState;

use super::super::request::{invalid, required, text};
use super::rollback::{self, Taken};
use super::rollout::{Because, Status};
use super::{Service, rollouts};
use crate::error::AwsError;
use crate::state::State;

/// StopServiceDeployment with `stopType` ROLLBACK.
pub(super) fn stop(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = required(&body, "serviceDeploymentArn")?;
    if text(&body, "stopType").unwrap_or("ROLLBACK") != "ROLLBACK" {
        return Err(invalid("Invalid stopType. The valid value is ROLLBACK."));
    }
    let missing = || AwsError::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
    let (service, rollout) = rollouts::find(state, arn).ok_or_else(missing)?;
    match rollout.status {
        Status::RollbackRequested | Status::RollbackInProgress => {}
        status if status.is_final() => {
            let text = "Stopping a service deployment is not allowed for service deployment in terminal states.";
            return Err(AwsError::new("ConflictException", text));
        }
        _ => {
            let key = service.key();
            let mut service = service.clone();
            roll_back(state, &mut service)?;
            state.ecs.services.insert(key, service);
        }
    }
    Ok(json!({ "serviceDeploymentArn": arn }))
}

/// The newest COMPLETED deployment's revision takes over, as when the breaker trips.
fn roll_back(state: &mut State, service: &mut Service) -> Result<(), AwsError> {
    let completed = |deployment: &&shipit_scheduler::Deployment| deployment.rollout == RolloutState::Completed;
    let found = service.plan.deployments.iter().find(completed).map(|deployment| (deployment.id, deployment.revision));
    let Some((to, revision)) = found else {
        let text = "Service deployment cannot be rolled back: there is no earlier service revision.";
        return Err(AwsError::new("ConflictException", text));
    };
    let failed = service.plan.primary().id;
    if let Some(deployment) = service.plan.deployments.iter_mut().find(|deployment| deployment.id == failed) {
        deployment.rollout = RolloutState::Failed;
    }
    let primary = service.plan.update(revision, state.clock.now());
    if let Some(deployment) = service.plan.deployments.iter_mut().find(|deployment| deployment.id == primary) {
        deployment.rolls_back = Some(failed);
    }
    let taken = Taken { failed, to, primary, because: Because::Asked };
    rollback::take_back(state, service, taken);
    Ok(())
}
