//! What is said to a deployment in progress: StopDeployment, ContinueDeployment, PutLifecycleEventHookExecutionStatus.

use serde_json::{Value, json};

use super::deployment::Deployment;
use super::machine::{Answer, Stage};
use super::{read, request};
use crate::dispatch::Table;
use crate::ecs::request::text;
use crate::error::AwsError;
use crate::state::State;

/// What is said to deployments.
pub(super) const TABLE: Table =
    &[("StopDeployment", stop), ("ContinueDeployment", go_on), ("PutLifecycleEventHookExecutionStatus", put_hook_status)];

fn find<'a>(state: &'a mut State, body: &Value) -> Result<&'a mut Deployment, AwsError> {
    let place = read::place(state, request::deployment_id(body)?)?;
    Ok(&mut state.codedeploy.deployments[place])
}

fn completed(deployment: &Deployment) -> AwsError {
    let text = format!("The deployment {} is already completed.", deployment.id);
    AwsError::new("DeploymentAlreadyCompletedException", text)
}

/// StopDeployment; not once the original task set is going.
fn stop(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let deployment = find(state, &body)?;
    if !deployment.machine.stop() {
        return Err(completed(deployment));
    }
    deployment.rollback_asked = body.get("autoRollbackEnabled").and_then(Value::as_bool);
    let text = "The deployment is being stopped: no more of its lifecycle events will begin.";
    Ok(json!({ "status": "Pending", "statusMessage": text }))
}

/// ContinueDeployment, out of the wait that it names; out of whichever there is without a name.
fn go_on(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let wait = text(&body, "deploymentWaitType");
    if wait.is_some_and(|wait| !["READY_WAIT", "TERMINATION_WAIT"].contains(&wait)) {
        return Err(AwsError::new("InvalidDeploymentWaitTypeException", "The wait type is invalid."));
    }
    let deployment = find(state, &body)?;
    let waits = match deployment.machine.stage {
        Stage::Over(_) => return Err(completed(deployment)),
        Stage::Ready => wait != Some("TERMINATION_WAIT"),
        Stage::TerminationWait => wait != Some("READY_WAIT"),
        _ => false,
    };
    if !waits {
        let text = format!("The deployment {} is not in a state that can be continued.", deployment.id);
        return Err(AwsError::new("DeploymentIsNotInReadyStateException", text));
    }
    deployment.machine.go_on();
    Ok(Value::Null)
}

/// PutLifecycleEventHookExecutionStatus: what a hook's function has found.
fn put_hook_status(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let deployment = find(state, &body)?;
    let execution = text(&body, "lifecycleEventHookExecutionId").unwrap_or_default();
    let Some(event) = deployment.executions.get(execution).copied() else {
        let text = "The lifecycle event hook execution ID is invalid.";
        return Err(AwsError::new("InvalidLifecycleEventHookExecutionIdException", text));
    };
    let answer = match text(&body, "status") {
        Some("Succeeded") => Answer::Passed,
        Some("Failed") => Answer::Failed,
        _ => {
            let text = "The status of a lifecycle event hook must be Succeeded or Failed.";
            return Err(AwsError::new("InvalidLifecycleEventHookExecutionStatusException", text));
        }
    };
    if !deployment.machine.answer(event, answer) {
        let text = "The lifecycle event has already been completed.";
        return Err(AwsError::new("LifecycleEventAlreadyCompletedException", text));
    }
    Ok(json!({ "lifecycleEventHookExecutionId": execution }))
}
