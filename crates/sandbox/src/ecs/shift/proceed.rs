//! ContinueServiceDeployment: a pause is answered.

use serde_json::{Value, json};

use super::super::request::{invalid, required, text};
use super::super::service::{Service, rollouts};
use super::configuration::Then;
use crate::error::AwsError;
use crate::state::State;

/// Goes on from a pause, or back from it; the next look at the service carries it out.
pub(in crate::ecs) fn proceed(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = required(&body, "serviceDeploymentArn")?;
    let hook = required(&body, "hookId")?;
    let then = match text(&body, "action").unwrap_or("CONTINUE") {
        "CONTINUE" => Then::Continue,
        "ROLLBACK" => Then::RollBack,
        _ => return Err(invalid("Invalid action. Valid values are: CONTINUE, ROLLBACK")),
    };
    let mut parts = hook.splitn(3, '-');
    let whole = parts.next() == Some("ecs") && parts.all(|part| !part.is_empty()) && hook.matches('-').count() >= 2;
    if !whole {
        return Err(invalid("Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}"));
    }
    let missing = || AwsError::new("ServiceDeploymentNotFoundException", "The service deployment does not exist.");
    let (service, rollout) = rollouts::find(state, arn).ok_or_else(missing)?;
    if rollout.status.is_final() {
        let text = "Continuing a service deployment is not allowed for service deployment in terminal states.";
        return Err(invalid(text));
    }
    let key = service.key();
    let answered = state.ecs.services.get_mut(&key).is_some_and(|service| answer(service, arn, hook, then));
    if !answered {
        return Err(invalid("Provided hookId is either completed, unavailable, or not associated with the given Resource ARN"));
    }
    Ok(json!({ "serviceDeploymentArn": arn }))
}

/// Answers whether there was such a pause to answer.
fn answer(service: &mut Service, arn: &str, hook: &str, then: Then) -> bool {
    let open = service.open_rollout().filter(|open| open.arn == arn);
    let Some(round) = open.and_then(|open| open.shift.as_mut()?.round.as_mut()) else {
        return false;
    };
    let stage = round.stage;
    let Some(asked) = round.asked.iter_mut().find(|asked| asked.id == hook && asked.awaits()) else {
        return false;
    };
    asked.answer(stage, then);
    true
}
