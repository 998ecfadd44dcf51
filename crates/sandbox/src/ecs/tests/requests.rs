//! The shapes of requests: limits, failures, filters, tags.

use serde_json::json;
use shipit_scheduler::Span;

use super::*;

fn running() -> State {
    let mut state = state();
    register(&mut state, "one");
    call(&mut state, "CreateService", service(json!({"tags": [{"key": "a", "value": "1"}]})));
    settle(&mut state);
    state
}

#[test]
fn what_is_missing_is_a_failure_and_too_many_are_refused() {
    let mut state = running();
    let reply = call(&mut state, "DescribeServices", json!({"cluster": "prod", "services": ["web", "nope"]}));
    assert_eq!(reply["services"].as_array().unwrap().len(), 1);
    let arn = "arn:aws:ecs:us-east-1:123456789012:service/prod/nope";
    assert_eq!(reply["failures"], json!([{"arn": arn, "reason": "MISSING"}]));
    let many: Vec<String> = (0..11).map(|number| format!("s{number}")).collect();
    let error = refused(&mut state, "DescribeServices", json!({"cluster": "prod", "services": many}));
    assert_eq!(error.code, "InvalidParameterException");
    let reply = call(&mut state, "DescribeTasks", json!({"cluster": "prod", "tasks": ["00"]}));
    assert_eq!(reply["failures"][0]["reason"], "MISSING");
    let arns = json!({"serviceDeploymentArns": ["arn:none"]});
    assert_eq!(call(&mut state, "DescribeServiceDeployments", arns)["failures"][0]["reason"], "MISSING");
    let arns = json!({"serviceRevisionArns": ["arn:none"]});
    assert_eq!(call(&mut state, "DescribeServiceRevisions", arns)["failures"][0]["reason"], "MISSING");
}

#[test]
fn tasks_are_listed_by_what_is_asked_for() {
    let mut state = running();
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let job = json!({"cluster": "prod", "taskDefinition": "web", "launchType": "FARGATE", "startedBy": "me", "networkConfiguration": network});
    call(&mut state, "RunTask", job);
    let deployment = web(&mut state)["deployments"][0]["id"].clone();
    let cases = [
        (json!({}), 3),
        (json!({"serviceName": "web"}), 2),
        (json!({"startedBy": deployment}), 2),
        (json!({"startedBy": "me"}), 1),
        (json!({"family": "web"}), 3),
        (json!({"family": "we"}), 0),
        (json!({"desiredStatus": "STOPPED"}), 0),
        (json!({"desiredStatus": "PENDING"}), 0),
        (json!({"launchType": "EC2"}), 0),
    ];
    for (mut filter, count) in cases {
        filter["cluster"] = json!("prod");
        assert_eq!(call(&mut state, "ListTasks", filter.clone())["taskArns"].as_array().unwrap().len(), count, "{filter}");
    }
    let both = json!({"cluster": "prod", "startedBy": "me", "serviceName": "web"});
    assert_eq!(refused(&mut state, "ListTasks", both).code, "InvalidParameterException");
}

#[test]
fn a_stopped_task_is_replaced_and_can_be_described_for_an_hour() {
    let mut state = running();
    let arn = call(&mut state, "ListTasks", json!({"cluster": "prod"}))["taskArns"][0].clone();
    let reply = call(&mut state, "StopTask", json!({"cluster": "prod", "task": arn, "reason": "by hand"}));
    assert_eq!(reply["task"]["desiredStatus"], "STOPPED");
    settle(&mut state);
    assert_eq!(web(&mut state)["runningCount"], 2);
    let describe = json!({"cluster": "prod", "tasks": [arn]});
    let task = call(&mut state, "DescribeTasks", describe.clone())["tasks"][0].clone();
    assert_eq!((&task["lastStatus"], &task["stopCode"]), (&json!("STOPPED"), &json!("UserInitiated")));
    assert_eq!(task["stoppedReason"], "by hand");
    pass(&mut state, 3600);
    turn(&mut state);
    assert_eq!(call(&mut state, "DescribeTasks", describe)["failures"][0]["reason"], "MISSING");
}

#[test]
fn tags_are_beside_and_only_when_asked_for() {
    let mut state = running();
    let arn = web(&mut state)["serviceArn"].clone();
    assert_eq!(web(&mut state)["tags"], json!([]));
    call(
        &mut state,
        "TagResource",
        json!({"resourceArn": arn, "tags": [{"key": "a", "value": "2"}, {"key": "b", "value": "3"}]}),
    );
    call(&mut state, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["b"]}));
    let body = json!({"cluster": "prod", "services": ["web"], "include": ["TAGS"]});
    let reply = call(&mut state, "DescribeServices", body);
    assert_eq!(reply["services"][0]["tags"], json!([{"key": "a", "value": "2"}]));
    let error = refused(&mut state, "ListTagsForResource", json!({"resourceArn": "arn:aws:ecs:us-east-1:1:service/prod/no"}));
    assert_eq!(error.code, "ResourceNotFoundException");
}

#[test]
fn a_service_is_created_once() {
    let mut state = running();
    let error = refused(&mut state, "CreateService", service(json!({})));
    assert_eq!(error.message, "Creation of service was not idempotent.");
    for (members, text) in [
        (json!({"serviceName": "x", "deploymentController": {"type": "EXTERNAL"}}), "deployment controller EXTERNAL"),
        (json!({"serviceName": "x", "deploymentController": {"type": "CODE_DEPLOY"}}), "circuit breaker cannot be used"),
        (json!({"serviceName": "x", "schedulingStrategy": "DAEMON"}), "does not support a desired count"),
        (json!({"serviceName": "x y"}), "Invalid service name"),
    ] {
        let error = refused(&mut state, "CreateService", service(members));
        assert!(error.message.contains(text), "{}", error.message);
    }
    let mut body = service(json!({"serviceName": "x"}));
    body.as_object_mut().unwrap().remove("networkConfiguration");
    let error = refused(&mut state, "CreateService", body);
    assert_eq!(error.message, "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
}

#[test]
fn a_program_gets_two_real_seconds_to_begin_however_fast_the_clock() {
    for (factor, asked, given) in [(1.0, 0, 0), (20.0, 0, 40), (20.0, 60, 60)] {
        let mut state = state();
        state.clock.factor = factor;
        register(&mut state, "web:1");
        call(&mut state, "CreateService", service(json!({"healthCheckGracePeriodSeconds": asked})));
        let key = super::super::Key { cluster: "prod".into(), service: "web".into() };
        assert_eq!(state.ecs.services[&key].plan.grace, Span::seconds(given), "{asked} seconds at {factor}");
    }
}
