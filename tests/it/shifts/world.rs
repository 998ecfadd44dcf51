//! A service `web` of two tasks on Fargate behind a load balancer with two target groups and a test listener.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::client::ask;
use crate::support::PATIENCE;
use crate::support::sandbox::TestSandbox;

/// The service, and where its traffic comes in.
pub struct World {
    pub sandbox: TestSandbox,
    pub production: SocketAddr,
    pub test: SocketAddr,
    pub blue: String,
    pub green: String,
}

fn group(name: &str) -> Value {
    json!({"service": "elbv2", "operation": "CreateTargetGroup", "as": name, "take": "TargetGroups.0.TargetGroupArn", "body": {
        "Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-1", "TargetType": "ip", "HealthCheckPath": "/version",
        "HealthCheckIntervalSeconds": 6, "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 2,
    }})
}

fn drain(name: &str) -> Value {
    json!({"service": "elbv2", "operation": "ModifyTargetGroupAttributes", "body": {
        "TargetGroupArn": format!("${{ref:{name}}}"),
        "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}],
    }})
}

fn listener(name: &str, port: u16, weights: [u32; 2]) -> [Value; 2] {
    let groups = json!([
        {"TargetGroupArn": "${ref:blue}", "Weight": weights[0]}, {"TargetGroupArn": "${ref:green}", "Weight": weights[1]},
    ]);
    let actions = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]);
    let made = json!({"service": "elbv2", "operation": "CreateListener", "as": format!("{name}-listener"),
        "take": "Listeners.0.ListenerArn",
        "body": {"LoadBalancerArn": "${ref:balancer}", "Protocol": "HTTP", "Port": port, "DefaultActions": actions}});
    let rule = json!({"service": "elbv2", "operation": "DescribeRules", "as": name, "take": "Rules.0.RuleArn",
        "body": {"ListenerArn": format!("${{ref:{name}-listener}}")}});
    [made, rule]
}

impl World {
    /// Version 1 serves.
    pub async fn begin(name: &str) -> Self {
        let sandbox = TestSandbox::with_engine(name, 20.0).await;
        let mut seed = vec![
            json!({"service": "ecs", "operation": "CreateCluster", "body": {"clusterName": "storefront"}}),
            json!({"service": "elbv2", "operation": "CreateLoadBalancer", "as": "balancer",
                "take": "LoadBalancers.0.LoadBalancerArn", "body": {"Name": "web", "Subnets": ["subnet-1", "subnet-2"]}}),
            group("blue"),
            group("green"),
            drain("blue"),
            drain("green"),
        ];
        seed.extend(listener("production", 80, [1, 0]));
        seed.extend(listener("test", 8080, [1, 0]));
        let taken = sandbox.admin("seed", &seed.into()).await["taken"].take();
        register(&sandbox, 1).await;
        let balancers = json!([{
            "targetGroupArn": taken["blue"], "containerName": "web", "containerPort": 8080,
            "advancedConfiguration": {
                "alternateTargetGroupArn": taken["green"], "productionListenerRule": taken["production"],
                "testListenerRule": taken["test"], "roleArn": "arn:aws:iam::123456789012:role/infra",
            },
        }]);
        let service = json!({
            "cluster": "storefront", "serviceName": "web", "taskDefinition": "web:1", "desiredCount": 2,
            "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "loadBalancers": balancers, "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
        });
        sandbox.call("ecs", "CreateService", service).await;
        let listening = async |sandbox: &TestSandbox| {
            let status = shipit_sandbox::client::Client::new(sandbox.endpoint()).get("status").await.ok()?;
            let at = |port: &str| status["load_balancers"]["web"][port].as_str()?.parse().ok();
            Some((at("80")?, at("8080")?))
        };
        let (production, test) = sandbox.until("the listeners listen", PATIENCE, listening).await;
        let text = |name: &str| taken[name].as_str().unwrap().to_owned();
        let world = Self { production, test, blue: text("blue"), green: text("green"), sandbox };
        world.ends("SUCCESSFUL").await;
        assert_eq!(ask(world.production).await.as_deref(), Ok("1"));
        world
    }

    /// Deploys a version by the AWS CLI, with this strategy.
    pub async fn deploy(&self, version: u32, configuration: &Value) {
        register(&self.sandbox, version).await;
        let definition = format!("web:{version}");
        let configuration = configuration.to_string();
        let update = ["ecs", "update-service", "--cluster", "storefront", "--service", "web", "--task-definition", &definition];
        let arguments = [&update[..], &["--deployment-configuration", &configuration]].concat();
        let said = self.sandbox.aws_with(&arguments).await.json();
        assert_eq!(said["service"]["deployments"][0]["status"], "PRIMARY");
    }

    /// The newest service deployment.
    pub async fn newest(&self) -> Value {
        let list = json!({"cluster": "storefront", "service": "web"});
        let listed = self.sandbox.call("ecs", "ListServiceDeployments", list).await;
        let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
        let body = json!({"serviceDeploymentArns": [arn]});
        self.sandbox.call("ecs", "DescribeServiceDeployments", body).await["serviceDeployments"][0].take()
    }

    /// Waits for it to end like this.
    pub async fn ends(&self, status: &str) -> Value {
        const FINAL: [&str; 4] = ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"];
        let ended = async |_: &TestSandbox| {
            let newest = self.newest().await;
            FINAL.contains(&newest["status"].as_str()?).then_some(newest)
        };
        let newest = self.sandbox.until("a service deployment ends", PATIENCE, ended).await;
        assert_eq!(newest["status"], status, "{newest:#}");
        newest
    }

    /// Waits until it is at this stage.
    pub async fn reaches(&self, stage: &str) -> Value {
        let there = async |_: &TestSandbox| Some(self.newest().await).filter(|newest| newest["lifecycleStage"] == stage);
        self.sandbox.until(stage, PATIENCE, there).await
    }

    /// Waits for a pause at this stage with so much for the candidate, as the AWS CLI has it.
    pub async fn pauses(&self, stage: &str, percent: f64) -> Pause {
        let paused = async |_: &TestSandbox| {
            let newest = self.newest().await;
            let hook = newest["lifecycleHookDetails"].as_array()?.iter().find(|hook| hook["status"] == "AWAITING_ACTION")?;
            let weight = newest["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64()?;
            let here = newest["lifecycleStage"] == stage && (weight - percent).abs() < 1e-9;
            let text = |value: &Value| Some(value.as_str()?.to_owned());
            Some(Pause { arn: text(&newest["serviceDeploymentArn"])?, hook: text(&hook["hookId"])? }).filter(|_| here)
        };
        let pause = self.sandbox.until(stage, PATIENCE, paused).await;
        let describe = format!("ecs describe-service-deployments --service-deployment-arns {}", pause.arn);
        let shown = self.sandbox.aws(&describe).await.json()["serviceDeployments"][0].take();
        assert_eq!((&shown["lifecycleStage"], &shown["status"]), (&json!(stage), &json!("IN_PROGRESS")));
        assert_eq!(shown["lifecycleHookDetails"][0]["hookId"], pause.hook.as_str());
        let source = shown["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"].as_f64().unwrap();
        assert!((source + percent - 100.0).abs() < 1e-9, "{shown:#}");
        pause
    }

    /// Answers a pause by the AWS CLI.
    pub async fn goes_on(&self, pause: &Pause) {
        let Pause { arn, hook } = pause;
        let go_on = format!("ecs continue-service-deployment --service-deployment-arn {arn} --hook-id {hook} --action CONTINUE");
        assert_eq!(self.sandbox.aws(&go_on).await.json()["serviceDeploymentArn"], arn.as_str());
    }

    /// The target group that the service's newest revision that serves was resolved to.
    pub async fn live(&self) -> String {
        let service = self.sandbox.service("web").await;
        let revision = &service["currentServiceRevisions"][0]["arn"];
        let body = json!({"serviceRevisionArns": [revision]});
        let shown = self.sandbox.call("ecs", "DescribeServiceRevisions", body).await;
        shown["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"].as_str().unwrap().to_owned()
    }
}

/// A pause that waits.
pub struct Pause {
    pub arn: String,
    pub hook: String,
}

async fn register(sandbox: &TestSandbox, version: u32) {
    let serve =
        format!("mkdir /www && cd /www && echo {version} >version && trap 'exit 0' TERM && {{ httpd -f -p 8080 & wait; }}");
    let definition = json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{
            "name": "web", "image": "shipit-busybox:1", "command": ["sh", "-c", serve], "portMappings": [{"containerPort": 8080}],
            "stopTimeout": 5,
        }],
    });
    sandbox.call("ecs", "RegisterTaskDefinition", definition).await;
}
