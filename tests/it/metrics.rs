//! What shipit reads of CloudWatch and IAM, in a sandbox with real traffic to two target groups.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shipit::adapter::aws::{self, Aws, Credentials, Target};
use shipit::port::{Clock, Metrics as _, PortError, Roles as _, Secret, Watched};
use shipit_core::analysis::{AlarmState, Limit, Metric, Minute, Ratio, Samples};
use shipit_core::failure::{Code, Failure};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::support::PATIENCE;
use crate::support::front::Front;
use crate::support::http::HTTP;
use crate::support::sandbox::{ACCOUNT, REGION, TestSandbox};

/// A target: 500 for `/bad`, no connection any more once it is dropped.
async fn backend() -> Front {
    Front::serve("127.0.0.1:0", |stream, seen| async move {
        let mut stream = BufReader::new(stream);
        let mut first = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if first.is_empty() {
                first = line.clone();
            }
            if line.trim().is_empty() {
                let status = if first.contains("/bad") { "500 No" } else { "200 OK" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await?;
                seen.lock().unwrap().push(first);
                return Ok(());
            }
        }
    })
    .await
}

struct World {
    sandbox: TestSandbox,
    candidate: String,
    stable: String,
    backends: Vec<Front>,
}

impl World {
    /// One request in four goes to the candidate.
    async fn open(name: &str) -> Self {
        let sandbox = TestSandbox::without_engine_at(name, 20.0).await;
        let group = |name: &str| {
            json!({"service": "elbv2", "operation": "CreateTargetGroup", "as": name, "take": "TargetGroups.0.TargetGroupArn",
                   "body": {"Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "HealthCheckIntervalSeconds": 5,
                            "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2}})
        };
        let role = |name: &str, service: &str| {
            let trust = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
            json!({"service": "iam", "operation": "CreateRole", "body": {
                "RoleName": name, "Path": "/deploys/", "AssumeRolePolicyDocument": trust.to_string()}})
        };
        let weighted =
            json!([{"TargetGroupArn": "${ref:candidate}", "Weight": 1}, {"TargetGroupArn": "${ref:stable}", "Weight": 3}]);
        let mut seed = vec![
            json!({"service": "elbv2", "operation": "CreateLoadBalancer", "as": "shop", "take": "LoadBalancers.0.LoadBalancerArn",
                   "body": {"Name": "shop"}}),
            group("candidate"),
            group("stable"),
            json!({"service": "elbv2", "operation": "CreateListener", "body": {
                "LoadBalancerArn": "${ref:shop}", "Protocol": "HTTP", "Port": 80,
                "DefaultActions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}]}}),
            role("infrastructure", "ecs.amazonaws.com"),
            role("codedeploy", "codedeploy.amazonaws.com"),
        ];
        let mut backends = Vec::new();
        for group in ["candidate", "stable"] {
            let backend = backend().await;
            let target = json!({"Id": "127.0.0.1", "Port": backend.address.port()});
            seed.push(json!({"service": "elbv2", "operation": "RegisterTargets", "body": {
                "TargetGroupArn": format!("${{ref:{group}}}"), "Targets": [target]}}));
            backends.push(backend);
        }
        let taken = sandbox.admin("seed", &seed.into()).await["taken"].take();
        let arn = |name: &str| taken[name].as_str().unwrap().to_owned();
        let (candidate, stable) = (arn("candidate"), arn("stable"));
        let world = Self { sandbox, candidate, stable, backends };
        world.put_alarm().await;
        for path in ["/", "/"] {
            world.sandbox.until("both targets serve", PATIENCE, async |_| (world.ask(path).await == 200).then_some(())).await;
        }
        world
    }

    async fn put_alarm(&self) {
        let suffix = |arn: &str| arn.rsplit(':').next().unwrap().to_owned();
        let metric = format!("Name=TargetGroup,Value={}", suffix(&self.candidate));
        let balancers = self.sandbox.aws("elbv2 describe-load-balancers --names shop").await.json();
        let balancer =
            balancers["LoadBalancers"][0]["LoadBalancerArn"].as_str().unwrap().split_once(":loadbalancer/").unwrap().1.to_owned();
        let put = format!(
            "cloudwatch put-metric-alarm --alarm-name candidate-5xx --namespace AWS/ApplicationELB --metric-name \
             HTTPCode_Target_5XX_Count --dimensions {metric} Name=LoadBalancer,Value={balancer} --statistic Sum --period 60 \
             --evaluation-periods 1 --threshold 0 --comparison-operator GreaterThanThreshold --treat-missing-data ignore"
        );
        self.sandbox.aws(&put).await.text();
    }

    /// Asks through the load balancer.
    async fn ask(&self, path: &str) -> u16 {
        let url = format!("http://{}{path}", self.sandbox.listener("shop", 80));
        HTTP.get(url).send().await.unwrap().status().as_u16()
    }

    async fn aws(&self) -> Aws {
        let target = Target {
            region: Some(REGION.to_owned()),
            endpoint: Some(self.sandbox.endpoint()),
            credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
            clock: Clock::starting(self.now(), 20.0),
            ..Target::default()
        };
        aws::connect(&target, "shop").await.unwrap()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond((self.sandbox.now() * 1000.0) as i64).unwrap()
    }

    /// A look at everything since then.
    async fn look(&self, aws: &Aws, since: Timestamp, metrics: &[Metric]) -> Result<Samples, PortError> {
        let alarms = ["candidate-5xx".to_owned(), "nobody-s".to_owned()];
        let watched = Watched {
            service: "web",
            candidate: &self.candidate,
            stable: &self.stable,
            since,
            at: self.now(),
            metrics,
            alarms: &alarms,
        };
        aws.metrics.look(&watched).await
    }
}

fn total(minutes: &[Minute], of: impl Fn(&Minute) -> u64) -> u64 {
    minutes.iter().map(of).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_seen_minute_by_minute_with_real_traffic() {
    let mut world = World::open("metrics-look").await;
    let aws = world.aws().await;
    world.sandbox.pass(120);
    let since = world.now();
    for _ in 0..40 {
        assert_eq!(world.ask("/").await, 200);
    }
    for _ in 0..8 {
        assert_eq!(world.ask("/bad").await, 500);
    }
    world.backends.remove(0);
    for _ in 0..4 {
        world.ask("/").await;
    }
    world.sandbox.pass(60);

    let further = Metric {
        name: "share of errors".to_owned(),
        query: "SUM(SEARCH('{AWS/ApplicationELB,LoadBalancer,TargetGroup} MetricName=\"HTTPCode_Target_5XX_Count\" \
                TargetGroup=\"{target_group}\" LoadBalancer=\"{load_balancer}\"', 'Sum', 60)) / 100"
            .to_owned(),
        limit: Limit::WorseBy(Ratio::percent(1)),
    };
    let seen = world.look(&aws, since, std::slice::from_ref(&further)).await.unwrap();
    let requests = |minutes: &[Minute]| total(minutes, |minute| minute.requests.unwrap_or(0));
    assert_eq!((requests(&seen.candidate), requests(&seen.stable)), (13, 39), "one in four, exactly");
    let server_errors = |minutes: &[Minute]| total(minutes, |minute| minute.server_errors.unwrap_or(0));
    assert_eq!((server_errors(&seen.candidate), server_errors(&seen.stable)), (2, 6));
    assert_eq!((total(&seen.candidate, Minute::errors), total(&seen.stable, Minute::errors)), (3, 6), "one was not connected to");
    let unconnected = |minute: &Minute| minute.connection_errors.unwrap_or(0);
    assert_eq!((total(&seen.candidate, unconnected), total(&seen.stable, unconnected)), (1, 0));
    assert!(
        seen.stable
            .iter()
            .all(|minute| minute.start.as_second() % 60 == 0 && minute.start + SignedDuration::from_mins(1) > since)
    );
    let stable = seen.stable.iter().find(|minute| minute.requests.is_some()).unwrap();
    assert!(stable.p50 > Some(0.0) && stable.p95 >= stable.p50 && stable.connection_errors.is_none(), "{stable:?}");
    let measured = &seen.metrics["share of errors"];
    let sum = |points: &[shipit_core::analysis::Point]| points.iter().map(|point| point.value).sum::<f64>();
    assert!((sum(&measured.candidate) - 0.02).abs() < 1e-9 && (sum(&measured.stable) - 0.06).abs() < 1e-9, "{measured:?}");
    assert_eq!(seen.alarms.get("candidate-5xx"), Some(&AlarmState::Alarm), "it went off by itself");
    assert_eq!(seen.alarms.len(), 1, "one that does not exist is left out");

    let later = world.now() + SignedDuration::from_mins(10);
    world.sandbox.pass(700);
    let seen = world.look(&aws, later, &[]).await.unwrap();
    assert!(seen.candidate.is_empty() && seen.stable.is_empty(), "no datapoint where nothing happened: {seen:?}");
    world.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_tells_whom_it_trusts_and_what_is_denied_names_its_statement() {
    let world = World::open("metrics-denied").await;
    let aws = world.aws().await;
    for (role, service) in [("infrastructure", "ecs.amazonaws.com"), ("codedeploy", "codedeploy.amazonaws.com")] {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/deploys/{role}");
        assert_eq!(aws.roles.trusted_services(&arn).await.unwrap(), BTreeSet::from([service.to_owned()]));
    }
    let missing = aws.roles.trusted_services("none").await.unwrap_err();
    assert!(matches!(&missing, PortError::NotFound { what } if what == "role `none`"), "{missing}");
    let query = Metric { name: "wrong".to_owned(), query: "1 +".to_owned(), limit: Limit::WorseBy(Ratio::percent(1)) };
    let refused = world.look(&aws, world.now(), &[query]).await.unwrap_err();
    assert!(matches!(&refused, PortError::Refused { code, .. } if code == "ValidationError"), "{refused}");

    for (service, operation) in [("cloudwatch", "GetMetricData"), ("cloudwatch", "DescribeAlarms"), ("iam", "GetRole")] {
        world.sandbox.admin("faults", &json!({"match": {"service": service, "operation": operation}, "kind": "deny"})).await;
        let error = match service {
            "iam" => aws.roles.trusted_services("infrastructure").await.unwrap_err(),
            _ => world.look(&aws, world.now(), &[]).await.unwrap_err(),
        };
        let failure = Failure::from(error);
        assert_eq!(failure.code, Code::Denied);
        let next = failure.next.join("\n");
        let statement: Value = serde_json::from_str(next.lines().last().unwrap()).unwrap();
        assert_eq!(statement["Action"], format!("{service}:{operation}"), "{next}");
        world.sandbox.clear_faults().await;
    }
    world.sandbox.finish().await;
}
