//! Faults of calls as the AWS CLI reports them.

use serde_json::json;

use crate::support::sandbox::TestSandbox;

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_reports_each_fault_as_the_error_that_aws_would_give() {
    let sandbox = TestSandbox::without_engine("faults").await;
    for (service, kind, command, says) in [
        (
            "ecs",
            json!({"kind": "throttle"}),
            "ecs list-clusters",
            "(ThrottlingException) when calling the ListClusters operation",
        ),
        ("elbv2", json!({"kind": "throttle"}), "elbv2 describe-target-groups", "(Throttling) when calling"),
        ("cloudwatch", json!({"kind": "throttle"}), "cloudwatch describe-alarms", "(ThrottlingException) when calling"),
        ("ecs", json!({"kind": "deny"}), "ecs list-clusters", "is not authorized to perform: ecs:ListClusters on resource: "),
        ("ecr", json!({"kind": "deny"}), "ecr describe-repositories", "(AccessDeniedException) when calling"),
        ("elbv2", json!({"kind": "deny"}), "elbv2 describe-target-groups", "(AccessDenied) when calling"),
        ("sts", json!({"kind": "expire"}), "sts get-caller-identity", "(ExpiredToken) when calling"),
        ("logs", json!({"kind": "expire"}), "logs describe-log-groups", "(ExpiredTokenException) when calling"),
        ("ecs", json!({"kind": "server_error"}), "ecs list-clusters", "(ServerException) when calling"),
        (
            "elbv2",
            json!({"kind": "server_error", "status": 503}),
            "elbv2 describe-target-groups",
            "(ServiceUnavailable) when calling",
        ),
        ("ecs", json!({"kind": "drop"}), "ecs list-clusters", "Connection was closed before we received a valid response"),
    ] {
        let mut fault = kind;
        fault["match"] = json!({"service": service});
        sandbox.admin("faults", &fault).await;
        let complaint = sandbox.aws_once(command).await.complaint();
        assert!(complaint.contains(says), "{fault}: {complaint}");
        sandbox.clear_faults().await;
    }
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_gets_over_a_fault_that_passes() {
    let sandbox = TestSandbox::without_engine("faults-pass").await;
    for kind in ["throttle", "server_error", "drop"] {
        sandbox.admin("faults", &json!({"match": {"service": "ecs"}, "kind": kind, "times": 2})).await;
        assert_eq!(sandbox.aws("ecs list-clusters").await.json(), json!({"clusterArns": []}), "{kind}");
    }
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_operation_leaves_the_others_alone() {
    let sandbox = TestSandbox::without_engine("faults-one").await;
    sandbox.admin("faults", &json!({"match": {"service": "ecs", "operation": "DescribeClusters"}, "kind": "deny"})).await;
    assert_eq!(sandbox.aws("ecs list-clusters").await.json(), json!({"clusterArns": []}));
    let complaint = sandbox.aws("ecs describe-clusters").await.complaint();
    assert!(complaint.contains("(AccessDeniedException)") && complaint.contains("ecs:DescribeClusters"), "{complaint}");
    sandbox.finish().await;
}
