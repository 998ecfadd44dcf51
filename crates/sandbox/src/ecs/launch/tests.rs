//! What the Engine is told of a task, and in which order its containers start and end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::end::waves;
use super::plan::{Condition, Container, Next, Plan, Progress, Secret, Surroundings, next, plan};
use crate::clock::Clock;
use crate::ecs::Definition;

fn planned(definition: Value, overrides: Value, digests: &BTreeMap<String, String>) -> Plan {
    let definition = Definition {
        family: "web".into(),
        revision: 1,
        arn: "arn:task-definition/web:1".into(),
        active: true,
        value: definition,
        tags: Vec::new(),
    };
    let clock = Clock { wall0: 0, virtual0: 0, factor: 20.0 };
    let around = Surroundings {
        task: "t1",
        overrides: &overrides,
        service: Some("shop"),
        registry: "123456789012.dkr.ecr.us-east-1.amazonaws.com".into(),
        address: "127.0.0.1:4566",
        digests,
        clock,
    };
    plan(&definition, &around)
}

fn one(container: Value, overrides: Value) -> Container {
    planned(json!({"memory": "512", "containerDefinitions": [container]}), overrides, &BTreeMap::new()).containers.remove(0)
}

#[test]
fn the_members_of_a_container_arrive() {
    let container = json!({
        "name": "web", "image": "nginx", "command": ["a"], "entryPoint": ["b"], "user": "1000", "workingDirectory": "/w",
        "memory": 64, "memoryReservation": 32, "readonlyRootFilesystem": true, "linuxParameters": {"initProcessEnabled": true},
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}], "secrets": [{"name": "S", "valueFrom": "arn:s"}],
        "healthCheck": {"command": ["CMD", "x"], "interval": 60, "timeout": 10, "retries": 5, "startPeriod": 100},
        "stopTimeout": 100, "dockerLabels": {"l": "v"},
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/g", "awslogs-stream-prefix": "p"}},
    });
    let read = one(container, json!({"containerOverrides": [{"name": "web", "environment": [{"name": "A", "value": "2"}]}]}));
    assert_eq!(read.spec.env, ["A=2", "B="]);
    assert_eq!(read.secrets, [Secret { name: "S".into(), from: "arn:s".into() }]);
    assert_eq!((read.spec.command.as_slice(), read.spec.entry_point.as_slice()), (&["a".to_owned()][..], &["b".to_owned()][..]));
    assert_eq!((read.spec.memory, read.spec.memory_reservation), (Some(64 << 20), Some(32 << 20)));
    assert_eq!((read.spec.user.as_deref(), read.spec.working_directory.as_deref()), (Some("1000"), Some("/w")));
    assert!(read.spec.read_only && read.spec.init && !read.ours);
    assert_eq!(read.spec.labels.get("l").map(String::as_str), Some("v"));
    assert_eq!(read.log.map(|log| (log.group, log.stream)), Some(("/g".into(), "p/web/t1".into())));
    assert_eq!(read.stop_timeout, Duration::from_secs(5));
    let health = read.spec.health.unwrap();
    let waits = (health.interval, health.timeout, health.start_period);
    assert_eq!(
        waits,
        (Duration::from_secs(3), Duration::from_secs(5), Duration::from_secs(5)),
        "a probe keeps five real seconds"
    );
    assert_eq!(health.retries, 5);
}

#[test]
fn what_is_not_said_comes_from_the_task_or_the_floor() {
    let read = one(json!({"name": "web", "image": "nginx", "stopTimeout": 1}), Value::Null);
    assert_eq!(read.spec.memory, Some(512 << 20));
    assert_eq!(read.stop_timeout, Duration::from_secs(2));
    assert_eq!(read.spec.health, None);
    let read = one(json!({"name": "web", "image": "nginx"}), json!({"containerOverrides": [{"name": "web", "command": ["c"]}]}));
    assert_eq!(read.spec.command, ["c"]);
}

#[test]
fn images_of_the_account_come_from_the_sandbox_and_tags_stay_what_they_were() {
    let account = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let digests = BTreeMap::from([("web".to_owned(), "sha256:aa".to_owned())]);
    let cases = [
        (format!("{account}/web:v1"), "127.0.0.1:4566/web@sha256:aa", true),
        (format!("{account}/web@sha256:bb"), "127.0.0.1:4566/web@sha256:bb", true),
        ("127.0.0.1:4566/team/web:v1".to_owned(), "127.0.0.1:4566/team/web@sha256:aa", true),
        ("nginx:1".to_owned(), "nginx:1", false),
        ("127.0.0.1:45667/web".to_owned(), "127.0.0.1:45667/web", false),
    ];
    for (image, pulled, ours) in cases {
        let definition = json!({"containerDefinitions": [{"name": "web", "image": image}]});
        let read = planned(definition, Value::Null, &digests).containers.remove(0);
        assert_eq!((read.spec.image.as_str(), read.ours), (pulled, ours), "{image}");
    }
}

#[test]
fn ports_are_published_once_and_containers_are_found_by_name() {
    let definition = json!({"containerDefinitions": [
        {"name": "web", "image": "a", "portMappings": [{"containerPort": 80}, {"containerPort": 53, "protocol": "udp"}]},
        {"name": "side", "image": "b", "portMappings": [{"containerPort": 80}, {"containerPort": 79}]},
    ]});
    let read = planned(definition, Value::Null, &BTreeMap::new());
    assert_eq!(read.ports(), [79, 80]);
    assert_eq!(read.aliases, ["web", "side", "shop"]);
}

fn chain() -> Vec<Container> {
    let depends = |name: &str, on: &[(&str, &str)]| {
        let on: Vec<Value> = on.iter().map(|(name, condition)| json!({"containerName": name, "condition": condition})).collect();
        one(json!({"name": name, "image": "i", "dependsOn": on}), Value::Null)
    };
    vec![depends("main", &[("side", "HEALTHY")]), depends("side", &[("init", "SUCCESS")]), depends("init", &[])]
}

#[test]
fn containers_start_when_what_they_wait_for_is_there() {
    use Progress::{Ended, Running, Waiting};
    let containers = chain();
    assert_eq!(containers[0].depends, [("side".to_owned(), Condition::Healthy)]);
    let cases = [
        ([Waiting, Waiting, Waiting], Next::Start(vec![2])),
        ([Waiting, Waiting, Running { healthy: false }], Next::Start(vec![])),
        ([Waiting, Waiting, Ended(0)], Next::Start(vec![1])),
        ([Waiting, Waiting, Ended(1)], Next::Never("side".into(), "init".into())),
        ([Waiting, Running { healthy: false }, Ended(0)], Next::Start(vec![])),
        ([Waiting, Running { healthy: true }, Ended(0)], Next::Start(vec![0])),
        ([Waiting, Ended(0), Ended(0)], Next::Never("main".into(), "side".into())),
        ([Running { healthy: false }, Running { healthy: true }, Ended(0)], Next::Done),
    ];
    for (progress, expected) in cases {
        assert_eq!(next(&containers, &progress), expected, "{progress:?}");
    }
}

#[test]
fn containers_end_before_what_they_depend_on() {
    assert_eq!(waves(&chain()), [vec![0], vec![1], vec![2]]);
}
