//! GetDeployment, BatchGetDeployments, ListDeployments.

use serde_json::{Value, json};

use super::deployment::{Creator, Deployment};
use super::machine::Stage;
use super::{application, group, request};
use crate::dispatch::Table;
use crate::ecs::request::{object, text, texts};
use crate::error::AwsError;
use crate::state::State;

/// Reading deployments.
pub(super) const TABLE: Table =
    &[("GetDeployment", get), ("BatchGetDeployments", batch_get), ("ListDeployments", list_deployments)];

/// A deployment's place in the list.
///
/// # Errors
/// `DeploymentDoesNotExistException`.
pub(super) fn place(state: &State, id: &str) -> Result<usize, AwsError> {
    let found = state.codedeploy.deployments.iter().position(|deployment| deployment.id == id);
    found.ok_or_else(|| AwsError::new("DeploymentDoesNotExistException", format!("The deployment {id} could not be found")))
}

fn get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let place = place(state, request::deployment_id(&body)?)?;
    Ok(json!({ "deploymentInfo": view(&state.codedeploy.deployments[place]) }))
}

/// Those that there are.
fn batch_get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let ids = request::batch(&body, "deploymentIds")?;
    if ids.is_empty() {
        return Err(AwsError::new("DeploymentIdRequiredException", "The deployment ID was not specified."));
    }
    let mut found = Vec::new();
    for id in ids {
        if let Ok(place) = place(state, request::checked_id(id)?) {
            found.push(view(&state.codedeploy.deployments[place]));
        }
    }
    Ok(json!({ "deploymentsInfo": found }))
}

/// Ids, newest first, by application and group, statuses and times of creation.
fn list_deployments(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let wanted = match (text(&body, "applicationName"), text(&body, "deploymentGroupName")) {
        (None, None) => None,
        (None, Some(_)) => {
            request::application(&body)?;
            None
        }
        (Some(_), None) => {
            request::group(&body, "deploymentGroupName")?;
            None
        }
        (Some(application), Some(name)) => {
            application::find(state, application)?;
            group::find(state, application, name)?;
            Some((application, name))
        }
    };
    let statuses = texts(&body, "includeOnlyStatuses");
    const STATUSES: [&str; 8] = ["Created", "Queued", "InProgress", "Baking", "Succeeded", "Failed", "Stopped", "Ready"];
    if let Some(other) = statuses.iter().find(|status| !STATUSES.contains(&status.as_str())) {
        return Err(AwsError::new("InvalidDeploymentStatusException", format!("Invalid deployment status: {other}")));
    }
    let bound = |member: &str| body.pointer(&format!("/createTimeRange/{member}")).and_then(Value::as_f64);
    let (start, end) = (bound("start"), bound("end"));
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return Err(AwsError::new("InvalidTimeRangeException", "The start of the time range is after its end."));
    }
    let asked = |one: &&Deployment| {
        wanted.is_none_or(|(application, group)| one.is_of(application, group))
            && (statuses.is_empty() || statuses.iter().any(|status| status == one.status()))
            && start.is_none_or(|start| one.created_at >= start)
            && end.is_none_or(|end| one.created_at <= end)
    };
    let ids = state.codedeploy.deployments.iter().rev().filter(asked).map(|one| one.id.clone()).collect();
    request::whole(&body, "deployments", ids)
}

/// `deploymentInfo`; the AppSpec's content is never in it.
fn view(deployment: &Deployment) -> Value {
    let mut value = json!({
        "applicationName": deployment.application,
        "deploymentGroupName": deployment.group,
        "deploymentConfigName": deployment.config,
        "deploymentId": deployment.id,
        "revision": application::location(&deployment.sha256),
        "status": deployment.status(),
        "createTime": deployment.created_at,
        "deploymentOverview": overview(deployment),
        "creator": match deployment.creator {
            Creator::User => "user",
            Creator::Rollback(_) => "codeDeployRollback",
        },
        "ignoreApplicationStopFailures": false,
        "updateOutdatedInstancesOnly": false,
        "rollbackInfo": rollback(deployment),
        "instanceTerminationWaitTimeStarted": matches!(deployment.machine.stage, Stage::TerminationWait | Stage::Terminating),
        "fileExistsBehavior": "DISALLOW",
        "deploymentStatusMessages": [],
        "computePlatform": "ECS",
    });
    let members = object(&mut value);
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            members.insert(name.to_owned(), value);
        }
    };
    put("previousRevision", deployment.previous.as_deref().map(application::location));
    put("description", deployment.description.clone().map(Value::from));
    put("startTime", deployment.started_at().map(Value::from));
    put("completeTime", deployment.ended_at().map(Value::from));
    let cause = deployment.machine.end().and_then(|end| end.cause());
    put("errorInformation", cause.map(|cause| json!({ "code": cause.code(), "message": cause.message() })));
    for member in [
        "autoRollbackConfiguration",
        "deploymentStyle",
        "blueGreenDeploymentConfiguration",
        "loadBalancerInfo",
        "overrideAlarmConfiguration",
    ] {
        put(member, deployment.settings.shown.get(member).cloned());
    }
    value
}

/// One target, counted where it stands.
fn overview(deployment: &Deployment) -> Value {
    let mut counts = json!({ "Pending": 0, "InProgress": 0, "Succeeded": 0, "Failed": 0, "Skipped": 0, "Ready": 0 });
    let counted = match deployment.status() {
        "Created" => "Pending",
        "Stopped" => "Failed",
        status => status,
    };
    counts[counted] = 1.into();
    counts
}

/// In CodeDeploy's words, on either end.
fn rollback(deployment: &Deployment) -> Value {
    let id = &deployment.id;
    match (&deployment.creator, &deployment.taken_back_by) {
        (Creator::Rollback(failed), _) => json!({
            "rollbackTriggeringDeploymentId": failed,
            "rollbackMessage": format!("Deployment {id} is triggered to roll back deployment {failed}."),
        }),
        (Creator::User, Some(other)) => {
            let why = match deployment.status() {
                "Failed" => "failed",
                _ => "terminated",
            };
            json!({
                "rollbackDeploymentId": other,
                "rollbackMessage":
                    format!("Deployment {id} {why}. Automatic rollback is triggered with a DeploymentId {other}."),
            })
        }
        (Creator::User, None) => json!({}),
    }
}
