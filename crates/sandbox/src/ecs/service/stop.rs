//! StopServiceDeployment: an UpdateService is taken back, at any time before it has ended.
//!
//! `stopType` ABORT is in the API's enum, and its documentation says that only ROLLBACK is valid. The sandbox reads it as: a
//! deployment that shifts traffic stops where it stands, both revisions stay and traffic stays on them as it is. A ROLLING
//! one it refuses.

use serde_json::{Value, json};
use shipit_scheduler::{Reason, Rollout as RolloutState};

use super::super::request::{invalid, required, text};
use super::rollback::{self, Taken};
use super::rollout::{Because, Fact, Status, Stop};
use super::{Service, rollouts};
use crate::error::AwsError;
use crate::state::State;

/// StopServiceDeployment.
pub(super) fn stop(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = required(&body, "serviceDeploymentArn")?;
    let missing = || AwsError::new("ServiceDeploymentNotFoundException", "Service deployment not found.");
    let (service, rollout) = rollouts::find(state, arn).ok_or_else(missing)?;
    let stop = match (text(&body, "stopType").unwrap_or("ROLLBACK"), &rollout.shift) {
        ("ROLLBACK", _) => Stop::RollBack,
        ("ABORT", Some(_)) => Stop::Abort,
        _ => return Err(invalid("Invalid stopType. The valid value is ROLLBACK.")),
    };
    match rollout.status {
        Status::StopRequested | Status::RollbackRequested | Status::RollbackInProgress => {}
        status if status.is_final() => {
            let text = "Stopping a service deployment is not allowed for service deployment in terminal states.";
            return Err(AwsError::new("ConflictException", text));
        }
        _ => {
            let key = service.key();
            let mut service = service.clone();
            match service.plan.shifting.is_some() {
                true => stop_shift(state, &mut service, stop)?,
                false => roll_back(state, &mut service)?,
            }
            state.ecs.services.insert(key, service);
        }
    }
    Ok(json!({ "serviceDeploymentArn": arn }))
}

/// A shift gives the traffic back to its source, or is left as it stands.
fn stop_shift(state: &State, service: &mut Service, stop: Stop) -> Result<(), AwsError> {
    let source = service.plan.shifting.as_ref().and_then(|shifting| shifting.source);
    let (now, seconds) = (state.clock.now(), state.now_seconds());
    match stop {
        Stop::RollBack if source.is_none() => return Err(nothing_before()),
        Stop::RollBack => service.plan.turn_back(Reason::Asked, now),
        Stop::Abort => service.plan.halt(Reason::Asked),
    }
    if let Some(open) = service.open_rollout() {
        open.take(Fact::Asked(stop), seconds);
    }
    Ok(())
}

fn nothing_before() -> AwsError {
    let text = "Service deployment cannot be rolled back: there is no earlier service revision.";
    AwsError::new("ConflictException", text)
}

/// The newest COMPLETED deployment's revision takes over, as when the breaker trips.
fn roll_back(state: &mut State, service: &mut Service) -> Result<(), AwsError> {
    let completed = |deployment: &&shipit_scheduler::Deployment| deployment.rollout == RolloutState::Completed;
    let found = service.plan.deployments.iter().find(completed).map(|deployment| (deployment.id, deployment.revision));
    let Some((to, revision)) = found else {
        return Err(nothing_before());
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
