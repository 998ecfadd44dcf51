//! What becomes of a deployment: reached, turned back, stuck, superseded, stopped.

use serde_json::json;

use super::*;
use crate::faults::{Fault, Kind, Match, Often};

fn created(image: &str) -> State {
    let mut state = state();
    register(&mut state, image);
    call(&mut state, "CreateService", service(json!({})));
    state
}

fn settled() -> State {
    let mut state = created("one");
    settle(&mut state);
    state
}

fn stable(state: &mut State, revision: &str) {
    let service = web(state);
    assert_eq!(deployments(&service), [("PRIMARY".to_owned(), "COMPLETED".to_owned(), revision.to_owned())]);
    assert_eq!((&service["runningCount"], &service["pendingCount"]), (&json!(2), &json!(0)));
    assert!(service["taskDefinition"].as_str().unwrap().ends_with(&format!("web:{revision}")));
    assert!(service.get("currentServiceDeployment").is_none());
}

#[test]
fn a_good_update_ends_in_one_completed_deployment() {
    let mut state = settled();
    register(&mut state, "two");
    update(&mut state, json!({"taskDefinition": "web:2"}));
    assert_eq!(rollouts(&mut state), ["PENDING", "SUCCESSFUL"]);
    turn(&mut state);
    assert_eq!(rollouts(&mut state), ["IN_PROGRESS", "SUCCESSFUL"]);
    assert!(web(&mut state)["currentServiceDeployment"].is_string());
    settle(&mut state);
    stable(&mut state, "2");
    assert_eq!(rollouts(&mut state), ["SUCCESSFUL", "SUCCESSFUL"]);

    let texts = events(&mut state);
    let last = texts.iter().rev().take(2).map(String::as_str).collect::<Vec<_>>();
    let id = web(&mut state)["deployments"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(last[0], "(service web) has reached a steady state.");
    assert_eq!(last[1], format!("(service web) (deployment {id}) deployment completed."));
    assert!(texts.iter().any(|text| text.starts_with("(service web) has started 2 tasks: (task ")), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("(service web) has stopped 2 running tasks: (task ")), "{texts:?}");
}

#[test]
fn a_crashing_update_is_turned_back_inside_its_service_deployment() {
    let mut state = settled();
    register(&mut state, "crash");
    let ours = update(&mut state, json!({"taskDefinition": "web:2"}))["deployments"][0]["id"].clone();
    let before = web(&mut state)["deployments"][1]["id"].clone();
    settle(&mut state);
    stable(&mut state, "1");
    assert_ne!(web(&mut state)["deployments"][0]["id"], ours);
    assert_eq!(rollouts(&mut state), ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);

    let list = call(&mut state, "ListServiceDeployments", json!({"cluster": "prod", "service": "web"}));
    let arn = list["serviceDeployments"][0]["serviceDeploymentArn"].clone();
    let reply = call(&mut state, "DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]}));
    let one = &reply["serviceDeployments"][0];
    let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    assert_eq!(one["statusReason"], reason);
    assert_eq!(one["rollback"]["serviceRevisionArn"], one["sourceServiceRevisions"][0]["arn"]);
    let breaker = &one["deploymentCircuitBreaker"];
    assert_eq!((&breaker["status"], &breaker["threshold"]), (&json!("TRIGGERED"), &json!(3)));
    // Two tasks end in the same moment, so the third and the fourth failure come together.
    assert_eq!(breaker["failureCount"], 4);

    let texts = events(&mut state);
    let failed = format!("(service web) (deployment {}) deployment failed: tasks failed to start.", ours.as_str().unwrap());
    let back = format!("(service web) rolling back to deployment {}.", before.as_str().unwrap());
    let place = |text: &str| texts.iter().position(|event| event == text).unwrap_or_else(|| panic!("{text}: {texts:?}"));
    assert!(place(&failed) < place(&back));

    let stopped = call(&mut state, "ListTasks", json!({"cluster": "prod", "startedBy": ours, "desiredStatus": "STOPPED"}));
    assert!(stopped["taskArns"].as_array().unwrap().len() >= 3);
    let reply = call(&mut state, "DescribeTasks", json!({"cluster": "prod", "tasks": stopped["taskArns"]}));
    let codes: Vec<&str> = reply["tasks"].as_array().unwrap().iter().map(|task| task["stopCode"].as_str().unwrap()).collect();
    assert!(codes.contains(&"EssentialContainerExited"), "{codes:?}");
}

#[test]
fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
    let mut state = created("crash");
    settle(&mut state);
    let service = web(&mut state);
    assert_eq!(deployments(&service), [("PRIMARY".to_owned(), "FAILED".to_owned(), "1".to_owned())]);
    assert_eq!(service["deployments"][0]["rolloutStateReason"], "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(rollouts(&mut state), ["ROLLBACK_FAILED"]);
}

#[test]
fn without_rollback_a_failed_deployment_stays_and_the_old_tasks_too() {
    let mut state = settled();
    register(&mut state, "crash");
    let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": false}});
    update(&mut state, json!({"taskDefinition": "web:2", "deploymentConfiguration": breaker}));
    settle(&mut state);
    let service = web(&mut state);
    let states: Vec<_> = deployments(&service).into_iter().map(|(status, rollout, _)| (status, rollout)).collect();
    assert_eq!(states, [("PRIMARY".into(), "FAILED".into()), ("ACTIVE".to_owned(), "COMPLETED".to_owned())]);
    assert_eq!(service["runningCount"], 2);
    assert_eq!(rollouts(&mut state), ["STOPPED", "SUCCESSFUL"]);
}

#[test]
fn a_second_update_supersedes_the_first() {
    let mut state = settled();
    register(&mut state, "two");
    register(&mut state, "three");
    update(&mut state, json!({"taskDefinition": "web:2"}));
    turn(&mut state);
    update(&mut state, json!({"taskDefinition": "web:3"}));
    assert_eq!(rollouts(&mut state), ["PENDING", "STOPPED", "SUCCESSFUL"]);
    settle(&mut state);
    stable(&mut state, "3");
    assert_eq!(rollouts(&mut state), ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
}

#[test]
fn a_stopped_service_deployment_goes_back() {
    let mut state = settled();
    register(&mut state, "two");
    update(&mut state, json!({"taskDefinition": "web:2"}));
    turn(&mut state);
    let arn = web(&mut state)["currentServiceDeployment"].clone();
    call(&mut state, "StopServiceDeployment", json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"}));
    assert_eq!(rollouts(&mut state), ["ROLLBACK_IN_PROGRESS", "SUCCESSFUL"]);
    call(&mut state, "StopServiceDeployment", json!({"serviceDeploymentArn": arn}));
    settle(&mut state);
    stable(&mut state, "1");
    assert_eq!(rollouts(&mut state), ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);
    let error = refused(&mut state, "StopServiceDeployment", json!({"serviceDeploymentArn": arn}));
    assert_eq!(error.code, "ConflictException");
    let error = refused(&mut state, "StopServiceDeployment", json!({"serviceDeploymentArn": "arn:none"}));
    assert_eq!(error.code, "ServiceDeploymentNotFoundException");
}

#[test]
fn a_stuck_pair_says_so_once_and_stays() {
    let mut state = state();
    register(&mut state, "one");
    let pair = json!({"minimumHealthyPercent": 50, "maximumPercent": 100});
    call(&mut state, "CreateService", service(json!({"desiredCount": 1, "deploymentConfiguration": pair})));
    settle(&mut state);
    register(&mut state, "two");
    update(&mut state, json!({"taskDefinition": "web:2"}));
    settle(&mut state);
    turn(&mut state);
    let states: Vec<_> = deployments(&web(&mut state)).into_iter().map(|(_, rollout, _)| rollout).collect();
    assert_eq!(states, ["IN_PROGRESS", "COMPLETED"]);
    let stuck = "(service web) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
    assert_eq!(events(&mut state).iter().filter(|text| *text == stuck).count(), 1);
}

#[test]
fn tasks_without_capacity_are_not_made_and_it_is_said() {
    let mut state = settled();
    register(&mut state, "two");
    let matches = Match { resource: Some("web".to_owned()), ..Match::default() };
    let kind = Kind::NoCapacity { reason: "RESOURCE:MEMORY".to_owned() };
    state.faults.add(Fault { matches, kind, often: Often::Times(4.try_into().unwrap()) });
    update(&mut state, json!({"taskDefinition": "web:2"}));
    let before = state.ecs.tasks.len();
    turn(&mut state);
    assert_eq!(state.ecs.tasks.len(), before);
    assert!(
        events(&mut state).iter().any(|text| text.contains("was unable to place a task") && text.contains("insufficient memory"))
    );
    settle(&mut state);
    stable(&mut state, "1");
    assert_eq!(rollouts(&mut state), ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);
}

fn alarm(state: &mut State, to: &str) {
    let body = json!({"AlarmName": "errors", "StateValue": to, "StateReason": "test"});
    dispatch(state, Aws::CloudWatch, "SetAlarmState", body).unwrap();
}

fn watched() -> State {
    let mut state = settled();
    let body = json!({
        "AlarmName": "errors", "MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 2, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum",
    });
    dispatch(&mut state, Aws::CloudWatch, "PutMetricAlarm", body).unwrap();
    let alarms = json!({"alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}});
    update(&mut state, json!({"deploymentConfiguration": alarms}));
    register(&mut state, "two");
    state
}

#[test]
fn an_alarm_turns_back_and_a_quiet_one_is_waited_for() {
    let mut state = watched();
    alarm(&mut state, "OK");
    update(&mut state, json!({"taskDefinition": "web:2"}));
    turn(&mut state);
    turn(&mut state);
    assert_eq!(rollouts(&mut state)[0], "IN_PROGRESS", "it is steady, and watched for two minutes");
    alarm(&mut state, "ALARM");
    settle(&mut state);
    stable(&mut state, "1");
    assert_eq!(rollouts(&mut state)[0], "ROLLBACK_SUCCESSFUL");
    let list = call(&mut state, "ListServiceDeployments", json!({"cluster": "prod", "service": "web"}));
    let arn = list["serviceDeployments"][0]["serviceDeploymentArn"].clone();
    let reply = call(&mut state, "DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]}));
    let alarms = json!({"status": "TRIGGERED", "alarmNames": ["errors"], "triggeredAlarmNames": ["errors"]});
    assert_eq!(reply["serviceDeployments"][0]["alarms"], alarms);

    let mut state = watched();
    update(&mut state, json!({"taskDefinition": "web:2"}));
    settle(&mut state);
    stable(&mut state, "2");
}

#[test]
fn an_alarm_that_was_there_before_is_ignored() {
    let mut state = watched();
    alarm(&mut state, "ALARM");
    update(&mut state, json!({"taskDefinition": "web:2"}));
    settle(&mut state);
    stable(&mut state, "2");
    assert_eq!(rollouts(&mut state)[0], "SUCCESSFUL");
}
