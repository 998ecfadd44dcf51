//! AWS denies: each operation in turn. The error names the permission and has the statement to paste; the exit says how far
//! the run had come.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shipit::adapter::aws::operation::{OPERATIONS, Operation};
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};

use crate::support::shop::{Ended, Shop};

/// The sandbox's name of a service.
fn service(operation: Operation) -> &'static str {
    match operation.service {
        "elasticloadbalancing" => "elbv2",
        other => other,
    }
}

/// The error names the action, and its last word is a statement that allows just that.
#[track_caller]
fn names(ended: &Ended, action: &str) {
    for failure in &ended.failures {
        assert_eq!(failure.code, Code::Denied, "{failure:?}");
        assert_eq!(failure.what, format!("AWS denies `{action}`"));
        assert!(!failure.because.is_empty() && !failure.now.is_empty(), "{failure:?}");
        let statement: Value = serde_json::from_str(failure.next[0].lines().last().unwrap()).unwrap();
        assert_eq!(statement["Action"], action, "{failure:?}");
        let resource = statement["Resource"].as_str().unwrap();
        assert!(resource == "*" || resource.starts_with("arn:aws:"), "{resource}");
    }
}

/// What was done before it was denied decides the exit: 2 only where that is nothing.
#[track_caller]
fn exits_as_it_stands(ended: &Ended, operation: Operation) {
    match &ended.outcome {
        None => assert_eq!(ended.exit, Exit::Refused),
        Some(outcome) => {
            assert_ne!(outcome.exit, Exit::Done, "{}", operation.action());
            assert_eq!(outcome.services["backend"], ServiceOutcome::Untouched, "{}", operation.action());
            let passed = outcome_of_gate(ended);
            assert_eq!(outcome.exit, if passed { Exit::Failed } else { Exit::Refused }, "{}", operation.action());
        }
    }
}

fn outcome_of_gate(ended: &Ended) -> bool {
    ended.events.iter().any(|event| matches!(event, shipit_core::event::Event::StepSucceeded { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_is_denied_is_named_with_the_statement_to_add() {
    let mut walked = BTreeSet::new();
    let shop = Shop::open("denied").await;
    shop.stock().await;
    // Asked for by the service: a task that is never placed still is one to describe.
    let update = json!({"cluster": "storefront", "service": "backend", "desiredCount": 1});
    shop.sandbox.call("ecs", "UpdateService", update).await;
    shop.sandbox
        .until("a task that waits for an Engine", crate::support::PATIENCE, async |sandbox| {
            (sandbox.service("backend").await["pendingCount"] == 1).then_some(())
        })
        .await;
    for operation in OPERATIONS.iter().copied().filter(|operation| is_read_by_the_plan(*operation)) {
        let fault = json!({"match": {"service": service(operation), "operation": operation.name}, "kind": "deny"});
        shop.fault(fault).await;
        let ended = shop.deploy().await;
        shop.sandbox.clear_faults().await;
        assert!(ended.outcome.is_none(), "{}: the run began", operation.action());
        names(&ended, &operation.action());
        exits_as_it_stands(&ended, operation);
        walked.insert(operation.name);
    }
    shop.sandbox.call("ecs", "UpdateService", json!({"cluster": "storefront", "service": "backend", "desiredCount": 0})).await;
    for operation in OPERATIONS.iter().copied().filter(|operation| is_asked_by_the_run(*operation)) {
        let fault = json!({"match": {"service": service(operation), "operation": operation.name}, "kind": "deny"});
        shop.fault(fault).await;
        let ended = shop.deploy().await;
        shop.sandbox.clear_faults().await;
        names(&ended, &operation.action());
        exits_as_it_stands(&ended, operation);
        if operation.name == "UpdateService" {
            insta::assert_snapshot!("denied_update", ended.words(&shop));
        }
        walked.insert(operation.name);
    }
    // What is asked elsewhere: where a service is made, scanned by asking, or brought back, and for its last words.
    let elsewhere: BTreeSet<&str> =
        OPERATIONS.iter().map(|operation| operation.name).filter(|name| !walked.contains(name)).collect();
    assert!(elsewhere.contains("CreateService") && elsewhere.contains("StopServiceDeployment"), "{elsewhere:?}");
    shop.sandbox.finish().await;
}

/// Read before the plan is made.
fn is_read_by_the_plan(operation: Operation) -> bool {
    [
        "GetCallerIdentity",
        "GetAuthorizationToken",
        "DescribeRepositories",
        "BatchGetImage",
        "DescribeImages",
        "GetDownloadUrlForLayer",
        "DescribeServices",
        "DescribeTaskDefinition",
        "ListTasks",
        "DescribeTasks",
        "ListServiceDeployments",
        "DescribeServiceRevisions",
        "DescribeTargetGroups",
        "DescribeTargetGroupAttributes",
        "DescribeLoadBalancers",
    ]
    .contains(&operation.name)
}

/// Asked while the run is under way.
fn is_asked_by_the_run(operation: Operation) -> bool {
    ["DescribeImageScanFindings", "RegisterTaskDefinition", "UpdateService"].contains(&operation.name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_creation_leaves_no_service_and_says_that_the_run_failed() {
    let shop = Shop::open("denied-create").await;
    shop.stock().await;
    shop.sandbox.call("ecs", "DeleteService", json!({"cluster": "storefront", "service": "backend", "force": true})).await;
    let definition = json!({"desiredCount": 0, "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {
        "subnets": ["subnet-0a1b2c3d4e5f60001"]}}});
    std::fs::write(shop.folder().join("service.json"), definition.to_string()).unwrap();
    shop.change("    containers: {", "    service_definition: service.json\n    containers: {");
    shop.fault(json!({"match": {"service": "ecs", "operation": "CreateService"}, "kind": "deny"})).await;
    let ended = shop.deploy().await;
    names(&ended, "ecs:CreateService");
    assert_eq!(ended.exit, Exit::Failed, "{:?}", ended.outcome);
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_may_not_be_asked_for_is_named() {
    let shop = Shop::open("denied-scan").await;
    let repository = "storefront/backend";
    let by_hand = json!({"repositoryName": repository, "imageScanningConfiguration": {"scanOnPush": false}});
    shop.sandbox.call("ecr", "PutImageScanningConfiguration", by_hand).await;
    shop.stock().await;
    shop.fault(json!({"match": {"service": "ecr", "operation": "StartImageScan"}, "kind": "deny"})).await;
    let ended = shop.deploy().await;
    names(&ended, "ecr:StartImageScan");
    assert_eq!(ended.exit, Exit::Refused, "nothing was done: {:?}", ended.outcome);
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_push_that_is_denied_is_not_a_refusal_and_names_what_a_push_needs() {
    let mut shop = Shop::open("denied-push").await;
    shop.sandbox.takes_images();
    for operation in ["InitiateLayerUpload", "PutImage"] {
        shop.fault(json!({"match": {"service": "ecr", "operation": operation}, "kind": "deny"})).await;
        let ended = shop.deploy().await;
        shop.sandbox.clear_faults().await;
        let failure = &ended.failures[0];
        assert_eq!((ended.exit, failure.code), (Exit::Failed, Code::RegistryLogin), "{failure:?}");
        let statement: Value = serde_json::from_str(failure.next[0].lines().last().unwrap()).unwrap();
        let needed = format!("ecr:{operation}");
        assert!(statement["Action"].as_array().unwrap().contains(&Value::from(needed)), "{statement}");
    }
    shop.sandbox.finish().await;
}
