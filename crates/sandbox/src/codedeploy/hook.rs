//! The functions of hooks: each is invoked once with what Lambda would give it, and says how it went by
//! PutLifecycleEventHookExecutionStatus, as on AWS; what it returns counts for nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::deployment::Deployment;
use super::machine::lifecycle::Event;
use super::machine::over::Cause;
use crate::functions::{Endpoint, NoReply, invoke};
use crate::state::{Shared, State};

/// How long a function may take to return, on the wall; its word may come later.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function that is to be invoked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    deployment: String,
    event: Event,
    endpoint: Endpoint,
    payload: Value,
}

/// The call of the function that the AppSpec has for an event.
///
/// # Errors
/// There is no such function.
pub(super) fn call_of(state: &State, deployment: &Deployment, event: Event, execution: &str) -> Result<Call, Cause> {
    let function = deployment.appspec.hooks.get(&event).map_or("", String::as_str);
    let arn = match function.starts_with("arn:") {
        true => function.to_owned(),
        false => state.arn("lambda", &format!("function:{function}")),
    };
    let endpoint = state.functions.endpoint(&arn);
    let missing = || Cause::HookUnreachable(event, format!("there is no function {arn}"));
    Ok(Call {
        deployment: deployment.id.clone(),
        event,
        endpoint: endpoint.ok_or_else(missing)?,
        payload: json!({ "DeploymentId": deployment.id, "LifecycleEventHookExecutionId": execution }),
    })
}

/// Invokes a function. One that throws is waited for all the same, as CodeDeploy does; one that nobody answers for is not.
pub(super) async fn call(shared: &Shared, call: Call) {
    let Err(NoReply::Unreachable(why)) = invoke(&call.endpoint, &call.payload, PATIENCE).await else {
        return;
    };
    let mut state = shared.lock();
    let now = state.clock.now();
    let mut deployments = state.codedeploy.deployments.iter_mut();
    if let Some(deployment) = deployments.find(|deployment| deployment.id == call.deployment) {
        deployment.machine.break_off(Cause::HookUnreachable(call.event, why), now);
    }
    drop(state);
    shared.ring();
}
