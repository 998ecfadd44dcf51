//! The AWS CLI on the storefront of the fixtures: reads, waiters, an update, alarms.

use serde_json::Value;

use crate::support::sandbox::{self, ACCOUNT, TestSandbox};

/// The values of a member of all items.
fn each<'a>(items: &'a Value, member: &str) -> Vec<&'a str> {
    items.as_array().into_iter().flatten().filter_map(|item| item[member].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_aws_cli_sees_a_stable_storefront_and_rolls_it() {
    let sandbox = TestSandbox::with_engine("cli-ecs", 20.0).await;
    sandbox.seed("storefront/seed.json").await;
    sandbox.aws("ecs wait services-stable --cluster storefront --services backend frontend").await.text();

    let described = sandbox.aws("ecs describe-services --cluster storefront --services backend frontend nobody").await.json();
    assert_eq!(each(&described["services"], "status"), ["ACTIVE", "ACTIVE"]);
    assert_eq!(described["failures"][0]["reason"], "MISSING");
    for service in described["services"].as_array().unwrap() {
        assert_eq!((&service["runningCount"], &service["desiredCount"]), (&2.into(), &2.into()));
        assert_eq!(each(&service["deployments"], "rolloutState"), ["COMPLETED"]);
        let said: Vec<&str> = each(&service["events"], "message");
        assert!(said[0].ends_with("has reached a steady state."), "{said:?}");
    }
    let listed = sandbox.aws("ecs list-tasks --cluster storefront --service-name backend --desired-status RUNNING").await.json();
    let arns: Vec<&str> = listed["taskArns"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(arns.len(), 2);
    let tasks = sandbox.aws(&format!("ecs describe-tasks --cluster storefront --tasks {}", arns.join(" "))).await.json();
    assert_eq!(each(&tasks["tasks"], "lastStatus"), ["RUNNING", "RUNNING"]);
    assert_eq!(each(&tasks["tasks"], "healthStatus"), ["HEALTHY", "HEALTHY"]);
    assert_eq!(each(&tasks["tasks"], "group"), ["service:backend", "service:backend"]);

    let stream = format!("backend/api/{}", arns[0].rsplit('/').next().unwrap());
    let streams = sandbox.aws("logs describe-log-streams --log-group-name /ecs/storefront/backend").await.json();
    assert!(each(&streams["logStreams"], "logStreamName").contains(&stream.as_str()), "{streams}");
    let arguments = format!("logs get-log-events --log-group-name /ecs/storefront/backend --log-stream-name {stream}");
    let said = sandbox.aws(&arguments).await.json();
    assert_eq!(each(&said["events"], "message"), [""; 0], "it has said nothing so far");

    let before = &described["services"][0]["deployments"][0]["id"];
    let mut definition = sandbox::json_file(&sandbox::fixture("storefront/backend.taskdef.json"));
    definition["containerDefinitions"][0]["image"] = "shipit-busybox:1".into();
    let serve =
        "mkdir /www && cd /www && echo ok >health && echo 'here I am' && trap 'exit 0' TERM && { httpd -f -p 3333 & wait; }";
    definition["containerDefinitions"][0]["command"] = serde_json::json!(["sh", "-c", serve]);
    let register = ["ecs", "register-task-definition", "--cli-input-json", &definition.to_string()];
    let registered = sandbox.aws_with(&register).await.json();
    assert_eq!(registered["taskDefinition"]["revision"], 2);
    let update = "ecs update-service --cluster storefront --service backend --task-definition storefront-backend:2";
    let updated = sandbox.aws(update).await.json();
    let deployments = &updated["service"]["deployments"];
    assert_eq!(each(deployments, "status"), ["PRIMARY", "ACTIVE"]);
    assert_eq!(&deployments[1]["id"], before);
    sandbox.aws("ecs wait services-stable --cluster storefront --services backend").await.text();
    let after = sandbox.aws("ecs describe-services --cluster storefront --services backend").await.json();
    assert_eq!(after["services"][0]["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(after["services"][0]["deployments"][0]["id"], deployments[0]["id"]);
    let rollouts = sandbox.aws("ecs list-service-deployments --cluster storefront --service backend").await.json();
    assert_eq!(each(&rollouts["serviceDeployments"], "status"), ["SUCCESSFUL", "SUCCESSFUL"]);
    let rollout = rollouts["serviceDeployments"][0]["serviceDeploymentArn"].as_str().unwrap();
    let rollout = sandbox.aws(&format!("ecs describe-service-deployments --service-deployment-arns {rollout}")).await.json();
    let revision = rollout["serviceDeployments"][0]["targetServiceRevision"]["arn"].as_str().unwrap();
    let revision = sandbox.aws(&format!("ecs describe-service-revisions --service-revision-arns {revision}")).await.json();
    assert_eq!(revision["serviceRevisions"][0]["taskDefinition"], after["services"][0]["taskDefinition"]);
    let old = sandbox.aws(&format!("ecs describe-tasks --cluster storefront --tasks {}", arns.join(" "))).await.json();
    assert_eq!(each(&old["tasks"], "stopCode"), ["ServiceSchedulerInitiated", "ServiceSchedulerInitiated"]);
    let streams = sandbox.aws("logs describe-log-streams --log-group-name /ecs/storefront/backend").await.json();
    assert_eq!(streams["logStreams"].as_array().unwrap().len(), 4);
    let found = sandbox.aws("logs filter-log-events --log-group-name /ecs/storefront/backend --filter-pattern here").await.json();
    assert_eq!(each(&found["events"], "message"), ["here I am", "here I am"]);
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_aws_cli_sees_healthy_targets_behind_the_load_balancer() {
    let sandbox = TestSandbox::with_engine("cli-elb", 20.0).await;
    sandbox.seed("storefront/seed.json").await;
    let balancers = sandbox.aws("elbv2 describe-load-balancers --names storefront").await.json();
    assert_eq!(balancers["LoadBalancers"][0]["State"]["Code"], "active");
    let balancer = balancers["LoadBalancers"][0]["LoadBalancerArn"].as_str().unwrap();
    sandbox.aws(&format!("elbv2 wait load-balancer-available --load-balancer-arns {balancer}")).await.text();
    let listeners = sandbox.aws(&format!("elbv2 describe-listeners --load-balancer-arn {balancer}")).await.json();
    let mut ports: Vec<u64> = listeners["Listeners"].as_array().unwrap().iter().filter_map(|it| it["Port"].as_u64()).collect();
    ports.sort_unstable();
    assert_eq!(ports, [80, 3333]);
    for listener in listeners["Listeners"].as_array().unwrap() {
        let listener_arn = listener["ListenerArn"].as_str().unwrap();
        let rules = sandbox.aws(&format!("elbv2 describe-rules --listener-arn {listener_arn}")).await.json();
        // A service's rule moves traffic between two target groups; all of it is on the first.
        assert_eq!(each(&rules["Rules"], "Priority"), ["1", "default"]);
        let forwards = &rules["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"];
        assert_eq!(forwards[0]["Weight"], 100);
        let group = forwards[0]["TargetGroupArn"].as_str().unwrap();
        sandbox.aws(&format!("elbv2 wait target-in-service --target-group-arn {group}")).await.text();
        let health = sandbox.aws(&format!("elbv2 describe-target-health --target-group-arn {group}")).await.json();
        let states: Vec<&Value> =
            health["TargetHealthDescriptions"].as_array().unwrap().iter().map(|it| &it["TargetHealth"]["State"]).collect();
        assert_eq!(states, ["healthy", "healthy"]);
        let attributes = sandbox.aws(&format!("elbv2 describe-target-group-attributes --target-group-arn {group}")).await.json();
        let delay = |it: &&Value| it["Key"] == "deregistration_delay.timeout_seconds" && it["Value"] == "5";
        assert_eq!(attributes["Attributes"].as_array().unwrap().iter().filter(delay).count(), 1);
    }
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_makes_an_alarm_and_sets_its_state() {
    let sandbox = TestSandbox::without_engine("cli-alarms").await;
    let put = [
        "cloudwatch",
        "put-metric-alarm",
        "--alarm-name",
        "frontend-5xx",
        "--alarm-description",
        "too many errors",
        "--namespace",
        "AWS/ApplicationELB",
        "--metric-name",
        "HTTPCode_Target_5XX_Count",
        "--statistic",
        "Sum",
        "--period",
        "60",
        "--evaluation-periods",
        "1",
        "--threshold",
        "5",
        "--comparison-operator",
        "GreaterThanThreshold",
        "--treat-missing-data",
        "ignore",
    ];
    sandbox.aws_with(&put).await.text();
    let alarms = sandbox.aws("cloudwatch describe-alarms --alarm-names frontend-5xx nobody").await.json();
    let alarm = &alarms["MetricAlarms"][0];
    assert_eq!((&alarm["Threshold"], &alarm["AlarmDescription"]), (&5.0.into(), &"too many errors".into()));
    for state in ["ALARM", "OK"] {
        let set =
            ["cloudwatch", "set-alarm-state", "--alarm-name", "frontend-5xx", "--state-value", state, "--state-reason", "a try"];
        sandbox.aws_with(&set).await.text();
        let alarms = sandbox.aws(&format!("cloudwatch describe-alarms --state-value {state}")).await.json();
        assert_eq!(each(&alarms["MetricAlarms"], "AlarmName"), ["frontend-5xx"]);
        assert_eq!(alarms["MetricAlarms"][0]["StateReason"], "a try");
    }
    let missing = ["cloudwatch", "set-alarm-state", "--alarm-name", "nobody", "--state-value", "OK", "--state-reason", "a try"];
    let complaint = sandbox.aws_with(&missing).await.complaint();
    assert!(complaint.contains("(ResourceNotFound)"), "{complaint}");
    sandbox.aws("cloudwatch delete-alarms --alarm-names frontend-5xx").await.text();
    assert_eq!(sandbox.aws("cloudwatch describe-alarms").await.json()["MetricAlarms"], serde_json::json!([]));
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_knows_who_it_is() {
    let sandbox = TestSandbox::without_engine("cli-sts").await;
    let me = sandbox.aws("sts get-caller-identity").await.json();
    assert_eq!(me["Account"], ACCOUNT);
    assert!(me["Arn"].as_str().unwrap().starts_with(&format!("arn:aws:iam::{ACCOUNT}:")), "{me}");
    let role = "arn:aws:iam::210987654321:role/deploy";
    let other = sandbox.aws(&format!("sts assume-role --role-arn {role} --role-session-name run")).await.json();
    assert_eq!(other["AssumedRoleUser"]["Arn"], "arn:aws:sts::210987654321:assumed-role/deploy/run");
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_aws_cli_puts_an_event() {
    let sandbox = TestSandbox::without_engine("cli-events").await;
    let entries = r#"[{"Source": "shop", "DetailType": "sold", "Detail": "{\"honey\": 1}"}, {"Source": "shop", "DetailType": "sold", "Detail": "honey"}]"#;
    let put = sandbox.aws_with(&["events", "put-events", "--entries", entries]).await.json();
    assert_eq!((&put["FailedEntryCount"], &put["Entries"][1]["ErrorCode"]), (&1.into(), &"MalformedDetail".into()));
    assert!(put["Entries"][0]["EventId"].is_string(), "{put}");
    sandbox.finish().await;
}
