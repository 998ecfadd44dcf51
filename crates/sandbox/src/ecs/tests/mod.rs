//! ECS through its own operations, as a client sees it; the world is told by hand, so a rollout takes microseconds.

mod containers;
mod instances;
mod requests;
mod rollouts;
mod shifts;
mod updates;

use serde_json::{Value, json};

use super::task::StopCode;
use super::{facts, schedule};
use crate::clock::Clock;
use crate::dispatch::{Service as Aws, call as dispatch};
use crate::error::AwsError;
use crate::state::State;

/// An account with a cluster `prod`.
pub(super) fn state() -> State {
    let mut state = State::new("123456789012".into(), "us-east-1".into(), Clock::start(1.0), "/nowhere".into());
    state.address = "127.0.0.1:4566".into();
    call(&mut state, "CreateCluster", json!({"clusterName": "prod"}));
    state
}

/// The reply of an operation that must succeed.
pub(super) fn call(state: &mut State, operation: &str, body: Value) -> Value {
    match dispatch(state, Aws::Ecs, operation, body.clone()) {
        Ok(reply) => reply,
        Err(error) => panic!("{operation} {body}: {error:?}"),
    }
}

/// The error of an operation that must not.
pub(super) fn refused(state: &mut State, operation: &str, body: Value) -> AwsError {
    match dispatch(state, Aws::Ecs, operation, body.clone()) {
        Ok(reply) => panic!("{operation} {body} was not refused: {reply}"),
        Err(error) => error,
    }
}

/// Registers a revision of `web`; a task with the image `crash` ends before it runs.
fn register(state: &mut State, image: &str) -> String {
    let body = json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "web", "image": image, "portMappings": [{"containerPort": 80}]}],
    });
    let reply = call(state, "RegisterTaskDefinition", body);
    reply["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
}

/// A CreateService of `web` with the breaker on, with these members over it.
fn service(over: Value) -> Value {
    let mut body = json!({
        "cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
    });
    super::service::configuration::overlay(&mut body, &over);
    body
}

/// The service `web` as it stands.
fn web(state: &mut State) -> Value {
    call(state, "DescribeServices", json!({"cluster": "prod", "services": ["web"]}))["services"][0].clone()
}

fn update(state: &mut State, over: Value) -> Value {
    let mut body = json!({"cluster": "prod", "service": "web"});
    super::service::configuration::overlay(&mut body, &over);
    call(state, "UpdateService", body)["service"].clone()
}

/// `[(status, rolloutState, revision)]` of `deployments[]`.
fn deployments(service: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |deployment: &Value| {
        let definition = text(&deployment["taskDefinition"]);
        let revision = definition.rsplit(':').next().unwrap_or_default().to_owned();
        (text(&deployment["status"]), text(&deployment["rolloutState"]), revision)
    };
    service["deployments"].as_array().unwrap().iter().map(one).collect()
}

/// `status` of the service deployments of `web`, newest first.
fn rollouts(state: &mut State) -> Vec<String> {
    let reply = call(state, "ListServiceDeployments", json!({"cluster": "prod", "service": "web"}));
    let all = reply["serviceDeployments"].as_array().unwrap();
    all.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
}

/// Event messages, oldest first, with ids replaced by letters in order of appearance.
fn events(state: &mut State) -> Vec<String> {
    let service = web(state);
    let mut messages: Vec<String> =
        service["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect();
    messages.reverse();
    messages
}

fn pass(state: &mut State, seconds: u64) {
    state.clock.virtual0 += seconds * 1000;
}

/// The world turns once: what was asked for happens, and 41 seconds pass. Answers whether anything happened.
fn turn(state: &mut State) -> bool {
    let happened = happens(state);
    pass(state, 41);
    happened
}

/// What was asked for happens: tasks run, crash or are gone. Answers whether anything happened.
pub(crate) fn happens(state: &mut State) -> bool {
    let acted = schedule::look(state).acted;
    let now = state.now_seconds();
    let open: Vec<(String, bool)> = (state.ecs.tasks.values().filter(|task| !task.is_stopped()))
        .map(|task| (task.id.clone(), task.containers.iter().any(|container| container.image == "crash")))
        .collect();
    let mut happened = acted;
    for (id, crashes) in open {
        let task = state.ecs.tasks.get_mut(&id).unwrap();
        if crashes {
            task.ask_to_stop(StopCode::EssentialContainerExited, "Essential container in task exited", now);
        }
        if task.stop.is_some() {
            facts::stopped(state, &id);
            happened = true;
        } else if !task.is_running() {
            facts::running(state, &id);
            happened = true;
        }
    }
    happened
}

/// The world turns until nothing has happened for longer than any alarm is watched.
fn settle(state: &mut State) {
    let mut quiet = 0;
    for _ in 0..60 {
        quiet = if turn(state) { 0 } else { quiet + 1 };
        if quiet == 4 {
            return;
        }
    }
    panic!("never settles: {:#}", web(state));
}
