//! How traffic reaches a service, by the AWS adapter from the sandbox: what the preflight of a shift decides on.

use jiff::Timestamp;
use serde_json::json;
use shipit::adapter::aws::{self, Aws, Credentials, Target};
use shipit::port::{Clock, PortError, Routes, Secret, Service};
use shipit_core::pipeline::Traffic;
use shipit_core::plan::Wired;
use shipit_core::routing::{Known, RouteSeen, Routing, WiringSeen};
use shipit_core::snapshot::{RunningService, ServiceSeen};

use crate::support::sandbox::{ACCOUNT, REGION, TestSandbox};

struct World {
    sandbox: TestSandbox,
    aws: Aws,
}

impl World {
    /// A service without tasks behind the default rule of a listener, and a second target group that no rule reaches.
    async fn new(name: &str) -> Self {
        let sandbox = TestSandbox::without_engine(name).await;
        let group = |name: &str| {
            json!({"Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-0a1b2c3d4e5f60001", "TargetType": "ip",
                "HealthCheckPath": "/health"})
        };
        let definition = json!({"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512", "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/execution"),
            "containerDefinitions": [{"name": "web", "image": "shop/web:1", "portMappings": [{"containerPort": 8080}]}]});
        let service = json!({"cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 0,
            "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "loadBalancers": [{"targetGroupArn": "${ref:a}", "containerName": "web", "containerPort": 8080}]});
        sandbox
            .admin(
                "seed",
                &json!([
                    {"service": "elbv2", "operation": "CreateLoadBalancer", "as": "balancer", "take": "LoadBalancers.0.LoadBalancerArn",
                        "body": {"Name": "shop", "Type": "application",
                            "Subnets": ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"]}},
                    {"service": "elbv2", "operation": "CreateTargetGroup", "as": "a", "take": "TargetGroups.0.TargetGroupArn", "body": group("web-a")},
                    {"service": "elbv2", "operation": "CreateTargetGroup", "body": group("web-b")},
                    {"service": "elbv2", "operation": "CreateListener", "body": {"LoadBalancerArn": "${ref:balancer}",
                        "Protocol": "HTTP", "Port": 80, "DefaultActions": [{"Type": "forward", "TargetGroupArn": "${ref:a}"}]}},
                    {"service": "ecs", "operation": "CreateCluster", "body": {"clusterName": "prod"}},
                    {"service": "ecs", "operation": "RegisterTaskDefinition", "body": definition},
                    {"service": "ecs", "operation": "CreateService", "body": service},
                ]),
            )
            .await;
        let target = Target {
            region: Some(REGION.to_owned()),
            endpoint: Some(sandbox.endpoint()),
            credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
            clock: Clock::starting(Timestamp::now(), 1.0),
            ..Target::default()
        };
        let aws = aws::connect(&target, "prod").await.unwrap();
        Self { sandbox, aws }
    }

    async fn service(&self) -> Box<RunningService> {
        let ServiceSeen::Present(running) = self.aws.service.look("web").await.unwrap() else { panic!("it exists") };
        running
    }

    async fn routing(&self, running: &RunningService, wanted: Option<&Traffic>) -> Routing {
        self.aws.routes.routing("web", running, wanted).await.unwrap()
    }
}

fn wiring(routing: &Routing) -> &WiringSeen {
    assert_eq!(routing.balancers.len(), 1);
    &routing.balancers[0].wiring
}

fn known(routing: &Routing) -> &Known {
    match wiring(routing) {
        WiringSeen::Known(known) => known,
        WiringSeen::Unwired { .. } => panic!("it is known: {routing:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shift_needs_is_read_from_load_balancer_ecs_and_cloudwatch() {
    let world = World::new("routes").await;
    let mut running = world.service().await;
    let unwired = world.routing(&running, None).await;
    let WiringSeen::Unwired { rules } = wiring(&unwired) else { panic!("{unwired:?}") };
    let [rule] = rules.as_slice() else { panic!("the default rule alone forwards to it: {rules:?}") };
    assert!(rule.contains(":listener-rule/app/shop/"), "{rule}");
    let declared = &unwired.balancers[0].declared;
    assert_eq!((declared.target_type.as_str(), declared.health.as_str()), ("ip", "HTTP traffic-port/health"));
    assert!(declared.load_balancer.as_ref().is_some_and(|arn| arn.contains("/app/shop/")));

    let mut traffic = Traffic {
        alternate_target_group: "web-b".into(),
        production_rule: rule.clone(),
        test_rule: Some(format!("{rule}0")),
        role: format!("arn:aws:iam::{ACCOUNT}:role/ecs-traffic"),
    };
    let wanted = world.routing(&running, Some(&traffic)).await;
    let seen = known(&wanted);
    assert_eq!((seen.wired, seen.production.weight(&declared.arn)), (Wired::ByUs, Some(1)));
    let alternate = seen.alternate.clone().unwrap();
    assert!(alternate.arn.contains(":targetgroup/web-b/") && seen.production.weight(&alternate.arn).is_none());
    assert_eq!(seen.test, Some((format!("{rule}0"), RouteSeen::Missing)));
    traffic.alternate_target_group = "web-c".into();
    assert_eq!(known(&world.routing(&running, Some(&traffic)).await).alternate, None);

    running.load_balancers[0]["advancedConfiguration"] =
        json!({"alternateTargetGroupArn": alternate.arn, "productionListenerRule": rule});
    let own = world.routing(&running, Some(&traffic)).await;
    assert_eq!(
        (known(&own).wired, known(&own).alternate.as_ref()),
        (Wired::Already, Some(&alternate)),
        "the service's own holds"
    );

    world.sandbox.admin("faults", &json!({"match": {"service": "elbv2", "operation": "DescribeRules"}, "kind": "deny"})).await;
    let denied = world.aws.routes.routing("web", &running, None).await.unwrap_err();
    assert!(matches!(&denied, PortError::Denied { .. }), "{denied:?}");
    world.sandbox.clear_faults().await;
    world.sandbox.finish().await;
}
