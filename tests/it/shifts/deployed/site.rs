//! One service with its target groups, its listeners, its client and the folder that it is deployed from.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::alarms;
use super::application::{Version, definition, template};
use super::client::{Asked, Client};
use super::group::{self, Pair, primary};
use super::program::{Ended, Program};
use super::strategy::Strategy;
use super::table::Row;
use super::world::{CLUSTER, Driver, World};
use crate::support::PATIENCE;
use crate::support::sandbox::TestSandbox;

const FINAL: [&str; 4] = ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"];

/// A service that serves version 1 from its blue target group.
pub struct Site<'a> {
    pub world: &'a World,
    pub name: String,
    pub folder: PathBuf,
    pub client: Client,
    pub strategy: Strategy,
    pipeline: String,
    /// The production rule, and the candidate's target group.
    rule: String,
    green: String,
}

fn target_group(name: &str, as_name: &str) -> [Value; 2] {
    let check = json!({
        "Name": name, "Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-1", "TargetType": "ip", "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
    });
    let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]);
    let attributes = json!({"TargetGroupArn": format!("${{ref:{as_name}}}"), "Attributes": delay});
    [
        json!({"service": "elbv2", "operation": "CreateTargetGroup", "as": as_name, "take": "TargetGroups.0.TargetGroupArn",
            "body": check}),
        json!({"service": "elbv2", "operation": "ModifyTargetGroupAttributes", "body": attributes}),
    ]
}

fn listener(balancer: &str, port: u16, as_name: &str) -> [Value; 2] {
    let groups = json!([
        {"TargetGroupArn": "${ref:blue}", "Weight": 1}, {"TargetGroupArn": "${ref:green}", "Weight": 0},
    ]);
    let actions = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]);
    [
        json!({"service": "elbv2", "operation": "CreateListener", "as": format!("{as_name}-listener"),
            "take": "Listeners.0.ListenerArn",
            "body": {"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": actions}}),
        json!({"service": "elbv2", "operation": "DescribeRules", "as": as_name, "take": "Rules.0.RuleArn",
            "body": {"ListenerArn": format!("${{ref:{as_name}-listener}}")}}),
    ]
}

impl<'a> Site<'a> {
    /// With so many tasks; `pipeline` are further lines of the service in the pipeline file, in which `{test_port}` is the port
    /// of its test listener; `configuration` is laid over its
    /// deployment configuration, or over CodeDeploy's deployment group.
    pub async fn new(
        world: &'a World,
        name: &str,
        tasks: u32,
        strategy: Strategy,
        pipeline: &str,
        configuration: &Value,
    ) -> Self {
        let ports = world.ports();
        let mut seed = Vec::new();
        seed.extend(target_group(&format!("{name}-b"), "blue"));
        seed.extend(target_group(&format!("{name}-g"), "green"));
        seed.extend(listener(&world.balancer, ports[0], "production"));
        seed.extend(listener(&world.balancer, ports[1], "test"));
        let taken = world.sandbox.admin("seed", &seed.into()).await["taken"].take();
        let text = |name: &str| taken[name].as_str().unwrap().to_owned();
        let (blue, green, rule) = (text("blue"), text("green"), text("production"));

        let watched = if strategy == Strategy::Rolling { &blue } else { &green };
        world.sandbox.admin("seed", &alarms::made(world, name, watched)).await;
        world.sandbox.call("ecs", "RegisterTaskDefinition", definition(name, "shipit-busybox:1", "1", "fine")).await;
        let mut balancer = json!({"targetGroupArn": blue, "containerName": "web", "containerPort": 8080});
        let mut deployment = json!({
            "minimumHealthyPercent": 100, "maximumPercent": 200, "deploymentCircuitBreaker": {"enable": true, "rollback": true},
        });
        match world.driver {
            Driver::CodeDeploy => deployment = Value::Null,
            Driver::Ecs => {
                deployment.as_object_mut().unwrap().extend(configuration.as_object().unwrap().clone());
                balancer["advancedConfiguration"] = json!({
                    "alternateTargetGroupArn": green, "productionListenerRule": rule, "testListenerRule": text("test"),
                    "roleArn": World::role(),
                });
            }
        }
        let mut service = json!({
            "cluster": CLUSTER, "serviceName": name, "taskDefinition": name, "desiredCount": tasks, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}, "loadBalancers": [balancer],
            "deploymentController": {"type": world.driver.controller()},
        });
        if !deployment.is_null() {
            service["deploymentConfiguration"] = deployment;
        }
        world.sandbox.call("ecs", "CreateService", service).await;

        let pipeline = world.pipeline(name, &pipeline.replace("{test_port}", &ports[1].to_string()));
        let wanted = template(name);
        let folder = world.folder(name, &pipeline, &wanted);
        let steady = async |sandbox: &TestSandbox| {
            let service = sandbox.service(name).await;
            let steady = match world.driver {
                Driver::Ecs => service["deployments"][0]["rolloutState"] == "COMPLETED",
                Driver::CodeDeploy => primary(&service)["stabilityStatus"] == "STEADY_STATE",
            };
            steady.then_some(())
        };
        world.sandbox.until(&format!("{name} is steady"), PATIENCE, steady).await;
        if world.driver == Driver::CodeDeploy {
            let names = [format!("{name}-b"), format!("{name}-g")];
            let listeners = [text("production-listener"), text("test-listener")];
            let pair = Pair { groups: names.each_ref().map(String::as_str), listeners: listeners.each_ref().map(String::as_str) };
            group::make(world, name, pair, configuration).await;
        }
        let production: SocketAddr = world.sandbox.listener("web", ports[0]);
        let share = world.sandbox.share(&rule, &green);
        // A rolling update leaves the rule alone: then no share says what is to be expected.
        let client = Client::begin(production, move || share().filter(|_| strategy != Strategy::Rolling));
        client.more(10).await;
        Self { world, name: name.to_owned(), folder, client, strategy, pipeline, rule, green }
    }

    /// Another folder with the same pipeline file, and nothing of any run.
    pub fn another_folder(&self, name: &str) -> PathBuf {
        self.world.folder(&format!("{}-{name}", self.name), &self.pipeline, &template(&self.name))
    }

    /// Someone stops the deployment at the console.
    pub async fn stop(&self) {
        if self.world.driver == Driver::CodeDeploy {
            let id = self.deployments().await[0]["deploymentId"].clone();
            let body = json!({"deploymentId": id, "autoRollbackEnabled": true});
            self.world.sandbox.call("codedeploy", "StopDeployment", body).await;
            return;
        }
        let arn = self.newest().await["serviceDeploymentArn"].clone();
        let body = json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"});
        self.world.sandbox.call("ecs", "StopServiceDeployment", body).await;
    }

    /// Waits until the candidate has traffic; where none is shifted, until it is deployed.
    pub async fn under_way(&self) {
        let share = self.world.sandbox.share(&self.rule, &self.green);
        let begun = async |sandbox: &TestSandbox| match self.strategy {
            Strategy::Rolling => {
                let service = sandbox.service(&self.name).await;
                (service["deployments"].as_array()?.len() > 1).then_some(())
            }
            _ => share().filter(|(weight, _)| *weight > 0).map(|_| ()),
        };
        self.world.sandbox.until(&format!("{} is under way", self.name), PATIENCE, begun).await;
    }

    /// The same, and it has had some requests of it.
    pub async fn serves(&self, version: Version) {
        self.under_way().await;
        if self.strategy != Strategy::Rolling {
            let got = async |_: &TestSandbox| {
                let of_candidate = |asked: &&Asked| asked.by == Some(version.number);
                (self.client.so_far().iter().filter(of_candidate).count() >= 3).then_some(())
            };
            self.world.sandbox.until(&format!("the candidate of {} serves", self.name), PATIENCE, got).await;
        }
    }

    /// Starts the program in the folder of the service.
    pub fn shipit(&self, arguments: &[&str], version: Version) -> Program {
        Program::begin(&self.folder, arguments, version)
    }

    /// Waits until the newest service deployment is at this stage, with this share of the traffic in percent.
    pub async fn is_at(&self, stage: &str, percent: f64) {
        let there = async |_: &TestSandbox| {
            let newest = self.newest().await;
            let weight = newest["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64()?;
            (newest["lifecycleStage"] == stage && (weight - percent).abs() < 1e-9).then_some(())
        };
        self.world.sandbox.until(&format!("{} is at {stage} with {percent} %", self.name), PATIENCE, there).await;
    }

    /// The newest service deployment.
    pub async fn newest(&self) -> Value {
        let list = json!({"cluster": CLUSTER, "service": self.name});
        let listed = self.world.sandbox.call("ecs", "ListServiceDeployments", list).await;
        let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
        let body = json!({"serviceDeploymentArns": [arn]});
        self.world.sandbox.call("ecs", "DescribeServiceDeployments", body).await["serviceDeployments"][0].take()
    }

    /// Waits until the newest service deployment has ended.
    pub async fn settled(&self) -> String {
        let ended = async |_: &TestSandbox| {
            if self.world.driver == Driver::CodeDeploy {
                return self.group_is_over().await;
            }
            let newest = self.newest().await;
            FINAL.contains(&newest["status"].as_str()?).then(|| newest["status"].as_str().unwrap().to_owned())
        };
        self.world.sandbox.until(&format!("{} has settled", self.name), PATIENCE, ended).await
    }

    /// The revision that the service runs, `family:number`.
    pub async fn revision(&self) -> String {
        let service = self.world.sandbox.service(&self.name).await;
        let runs = match self.world.driver {
            Driver::Ecs => &service["taskDefinition"],
            Driver::CodeDeploy => &primary(&service)["taskDefinition"],
        };
        runs.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// Waits for the end of everything, asks a little more, and answers what came of it. The service is gone then.
    pub async fn row(self, case: &str, version: Version, ended: Ended) -> Row {
        self.row_of(case, version, vec![ended]).await
    }

    /// The same after several processes, the last one last.
    pub async fn row_of(self, case: &str, version: Version, ended: Vec<Ended>) -> Row {
        self.settled().await;
        self.client.more(10).await;
        let row = Row::new(case, &self.client.so_far(), version.number);
        let revision = self.revision().await;
        // Many services one after the other: nobody asks this one any more.
        let delete = json!({"cluster": CLUSTER, "service": self.name, "force": true});
        self.world.sandbox.call("ecs", "DeleteService", delete).await;
        let said: Vec<&str> = ended.iter().map(|ended| ended.said.as_str()).collect();
        let said = said.join("\n");
        let mut exits: Vec<Option<i32>> = ended.iter().map(|ended| ended.exit).collect();
        Row { exit: exits.pop().flatten(), before: exits, revision, said, ..row }
    }

    /// The events of all runs of a folder, oldest first.
    pub fn events(folder: &Path) -> Vec<Value> {
        let runs = std::fs::read_dir(folder.join(".shipit/runs"));
        let mut files: Vec<PathBuf> = runs.into_iter().flatten().map(|run| run.unwrap().path().join("events.jsonl")).collect();
        files.sort();
        let text: String = files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
