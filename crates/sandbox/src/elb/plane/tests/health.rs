//! What health checks say about a target, and when.

use serde_json::json;

use super::world::{Backend, World, forward};
use crate::faults::{Fault, Kind, Match, Often};

#[tokio::test]
async fn a_target_is_unused_until_a_rule_reaches_its_group() {
    let world = World::start();
    let backend = Backend::start("one").await;
    let group = world.group("web", "HTTP");
    world.register(&group, &backend);
    let unused = "unused: Target group is not configured to receive traffic from the load balancer";
    assert_eq!(world.health(&group, &backend), unused);
    let balancer = world.balancer("shop", "application");
    let (listener, _) = world.listener(&balancer, 80, forward(&[(&group, 0)])).await;
    world.until_health(&group, &backend, "healthy").await;

    world.call("DeleteListener", json!({"ListenerArn": listener}));
    assert_eq!(world.health(&group, &backend), unused);
    world.deregister(&group, &backend);
    assert_eq!(world.health(&group, &backend), "gone");
}

#[tokio::test]
async fn failures_count_to_the_threshold_and_say_what_was_answered() {
    let world = World::start();
    let (good, bad) = (Backend::start("good").await, Backend::start("bad").await);
    bad.answer_health(503);
    let group = world.group("web", "HTTP");
    let balancer = world.balancer("shop", "application");
    world.listener(&balancer, 80, forward(&[(&group, 1)])).await;
    world.register(&group, &good);
    world.register(&group, &bad);
    assert_eq!(world.health(&group, &bad), "initial: Target registration is in progress");
    world.until_health(&group, &bad, "initial: Initial health checks in progress").await;
    world.until_health(&group, &bad, "unhealthy: Health checks failed with these codes: [503]").await;
    assert_eq!(world.health(&group, &good), "healthy");
    bad.answer_health(200);
    world.until_health(&group, &bad, "healthy").await;
    good.answer_health(404);
    world.until_health(&group, &good, "unhealthy: Health checks failed with these codes: [404]").await;

    let change = json!({"TargetGroupArn": group, "Matcher": {"HttpCode": "200,404"}});
    world.call("ModifyTargetGroup", change);
    world.until_health(&group, &good, "healthy").await;
}

#[tokio::test]
async fn a_target_that_refuses_or_is_silent_is_told_apart() {
    let world = World::start();
    let refusing = Backend::start("refusing").await;
    refusing.stop().await;
    // Connections wait in the queue of a socket that nobody accepts from.
    let queue = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Backend::at("silent", queue.local_addr().unwrap());
    let group = world.group("web", "HTTP");
    let balancer = world.balancer("shop", "application");
    world.listener(&balancer, 80, forward(&[(&group, 1)])).await;
    world.call("ModifyTargetGroup", json!({"TargetGroupArn": group, "HealthCheckTimeoutSeconds": 2}));
    world.register(&group, &refusing);
    world.register(&group, &silent);
    world.until_health(&group, &refusing, "unhealthy: Health checks failed").await;
    world.until_health(&group, &silent, "unhealthy: Request timed out").await;
    let reply = world.call("DescribeTargetHealth", json!({"TargetGroupArn": group}));
    assert_eq!(reply["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"], "Target.FailedHealthChecks");
    assert_eq!(reply["TargetHealthDescriptions"][1]["TargetHealth"]["Reason"], "Target.Timeout");
}

#[tokio::test]
async fn a_fault_makes_targets_unhealthy_and_a_new_registration_begins_anew() {
    let world = World::start();
    let backend = Backend::start("one").await;
    let group = world.group("web", "HTTP");
    let balancer = world.balancer("shop", "application");
    world.listener(&balancer, 80, forward(&[(&group, 1)])).await;
    world.register(&group, &backend);
    world.until_health(&group, &backend, "healthy").await;
    let matches = Match { resource: Some("web".to_owned()), ..Match::default() };
    let fault = Fault { matches, kind: Kind::Unhealthy { status: 599 }, often: Often::Always };
    world.shared.lock().faults.add(fault);
    world.until_health(&group, &backend, "unhealthy: Health checks failed with these codes: [599]").await;

    world.deregister(&group, &backend);
    world.register(&group, &backend);
    assert!(world.health(&group, &backend).starts_with("initial"), "{}", world.health(&group, &backend));
}
