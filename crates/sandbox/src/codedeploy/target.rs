//! A deployment's one target: the service with its two task sets, and how its lifecycle events went.

use serde_json::{Map, Value, json};

use super::deployment::{Deployment, Half};
use super::machine::lifecycle::{Event, Progress};
use super::machine::over::End;
use super::machine::{Side, Stage};
use super::{group, read, request};
use crate::clock::Clock;
use crate::dispatch::Table;
use crate::ecs::request::{object, text, texts};
use crate::ecs::task_sets;
use crate::error::AwsError;
use crate::state::State;

/// Reading targets.
pub(super) const TABLE: Table =
    &[("ListDeploymentTargets", list_targets), ("GetDeploymentTarget", get), ("BatchGetDeploymentTargets", batch_get)];

/// The deployment, once it has started.
fn started<'a>(state: &'a State, body: &Value) -> Result<&'a Deployment, AwsError> {
    let place = read::place(state, request::deployment_id(body)?)?;
    let deployment = &state.codedeploy.deployments[place];
    match deployment.machine.stage {
        Stage::Created => {
            let text = format!("The deployment {} has not started.", deployment.id);
            Err(AwsError::new("DeploymentNotStartedException", text))
        }
        _ => Ok(deployment),
    }
}

fn required(given: Option<&str>, deployment: &Deployment) -> Result<(), AwsError> {
    let Some(id) = given else {
        return Err(AwsError::new("DeploymentTargetIdRequiredException", "The deployment target ID was not specified."));
    };
    // A service's ARN is taken for its target as well.
    let known = id == deployment.target_id() || id.ends_with(&format!(":service/{}", deployment.target_id().replace(':', "/")));
    match known {
        true => Ok(()),
        false => {
            let text = format!("The deployment {} has no target {id}.", deployment.id);
            Err(AwsError::new("DeploymentTargetDoesNotExistException", text))
        }
    }
}

fn list_targets(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let deployment = started(state, &body)?;
    request::whole(&body, "targetIds", vec![deployment.target_id()])
}

fn get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let deployment = started(state, &body)?;
    required(text(&body, "targetId"), deployment)?;
    Ok(json!({ "deploymentTarget": view(state, deployment) }))
}

fn batch_get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let deployment = started(state, &body)?;
    let ids = texts(&body, "targetIds");
    let [id] = &ids[..] else {
        return Err(match ids.len() {
            0 => AwsError::new("DeploymentTargetIdRequiredException", "The deployment target ID was not specified."),
            _ => {
                let text = "The maximum number of targets that can be associated with an Amazon ECS deployment is 1.";
                AwsError::new("DeploymentTargetListSizeExceededException", text)
            }
        });
    };
    required(Some(id), deployment)?;
    Ok(json!({ "deploymentTargets": [view(state, deployment)] }))
}

fn view(state: &State, deployment: &Deployment) -> Value {
    let sides = [(Side::Original, "Blue"), (Side::Replacement, "Green")];
    let sets = sides.into_iter().filter_map(|(side, label)| Some(task_set(state, deployment, deployment.half(side)?, label)));
    json!({
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": {
            "deploymentId": deployment.id,
            "targetId": deployment.target_id(),
            "targetArn": state.arn("ecs", &format!("service/{}/{}", deployment.service.cluster, deployment.service.service)),
            "lastUpdatedAt": deployment.updated_at,
            "lifecycleEvents": Event::ALL.into_iter().map(|event| lifecycle(deployment, event)).collect::<Vec<_>>(),
            "status": status(deployment),
            "taskSetsInfo": sets.collect::<Vec<_>>(),
        },
    })
}

fn status(deployment: &Deployment) -> &'static str {
    match &deployment.machine.stage {
        Stage::Created => "Pending",
        Stage::In(_) | Stage::TerminationWait | Stage::Terminating => "InProgress",
        Stage::Ready => "Ready",
        Stage::Over(End::Succeeded) => "Succeeded",
        Stage::Over(End::Failed(_) | End::Stopped(_)) => "Failed",
    }
}

/// `identifer` is spelled so on the wire.
fn task_set(state: &State, deployment: &Deployment, half: &Half, label: &str) -> Value {
    let seen = task_sets::seen(state, &deployment.service, half.id);
    let traffic = state.forwards(&deployment.pair.production);
    let weight = |group: &str| traffic.as_ref().and_then(|traffic| traffic.weight(group)).unwrap_or(0);
    let [one, other] = &deployment.pair.groups;
    let all = weight(one) + weight(other);
    // What is gone has no traffic, though its target group may serve another by now.
    let share = match seen.status {
        Some(_) if all > 0 => f64::from(weight(&half.group)) * 100.0 / f64::from(all),
        _ => 0.0,
    };
    json!({
        "identifer": half.name,
        "desiredCount": seen.desired,
        "pendingCount": seen.pending,
        "runningCount": seen.running,
        "status": seen.status.unwrap_or("DRAINING"),
        "trafficWeight": share,
        "targetGroup": { "name": group::name_of(state, &half.group) },
        "taskSetLabel": label,
    })
}

fn lifecycle(deployment: &Deployment, event: Event) -> Value {
    let mut value = json!({ "lifecycleEventName": event.word() });
    let members: &mut Map<String, Value> = object(&mut value);
    let (status, since, until) = match deployment.machine.lifecycle.of(event) {
        Progress::Pending => ("Pending", None, None),
        Progress::UnderWay(since) => ("InProgress", Some(since), None),
        Progress::Succeeded(since, until) => ("Succeeded", Some(since), Some(until)),
        Progress::Failed(since, until) => ("Failed", Some(since), Some(until)),
        Progress::Skipped => ("Skipped", None, None),
    };
    for (name, time) in [("startTime", since), ("endTime", until)] {
        if let Some(time) = time {
            members.insert(name.into(), Clock::seconds(time).into());
        }
    }
    if let (Some(cause), "Failed") = (deployment.machine.end().and_then(End::cause), status) {
        let function = deployment.appspec.hooks.get(&event).map_or("", String::as_str);
        let code = if event.takes_hook() { "ScriptFailed" } else { "UnknownError" };
        let diagnostics = json!({ "errorCode": code, "scriptName": function, "message": cause.message(), "logTail": "" });
        members.insert("diagnostics".into(), diagnostics);
    }
    members.insert("status".into(), status.into());
    value
}
