//! CodeDeploy through its own operations, as a client sees it; tasks and targets are told by hand, so a deployment takes
//! microseconds.

mod hooks;
mod refusals;
mod runs;
mod services;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::run;
use crate::clock::Clock;
use crate::dispatch::{Service as Aws, call as dispatch};
use crate::ecs::tests::happens;
use crate::elb::health::{Outcome, Thresholds};
use crate::error::AwsError;
use crate::state::State;
use crate::wire::query::strings;

/// An account with the service `prod/web` behind two target groups, and a deployment group for it.
struct World {
    state: State,
    production: String,
    test: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

impl World {
    /// Two tasks run behind `blue`.
    fn new() -> Self {
        Self::with(json!({}))
    }

    /// The same, with these members of the deployment group over the usual ones.
    fn with(over: Value) -> Self {
        let state = State::new("123456789012".into(), "us-east-1".into(), Clock::start(1.0), "/nowhere".into());
        let mut world = Self { state, production: String::new(), test: String::new() };
        world.state.address = "127.0.0.1:4566".into();
        let groups = ["blue", "green"].map(|name| {
            let body = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip"});
            text(&world.elb("CreateTargetGroup", body)["TargetGroups"][0]["TargetGroupArn"])
        });
        let balancer = text(&world.elb("CreateLoadBalancer", json!({"Name": "lb"}))["LoadBalancers"][0]["LoadBalancerArn"]);
        let listeners = [80, 8080].map(|port| {
            let actions = json!([{"Type": "forward", "TargetGroupArn": groups[0]}]);
            let body = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": actions});
            text(&world.elb("CreateListener", body)["Listeners"][0]["ListenerArn"])
        });
        [world.production, world.test] = listeners;
        world.ecs("CreateCluster", json!({"clusterName": "prod"}));
        world.register("one");
        let service = world.service("web", &groups[0]);
        world.ecs("CreateService", service);
        world.settle();
        world.deploy("CreateApplication", json!({"applicationName": "shop", "computePlatform": "ECS"}));
        let mut group = world.group();
        for (name, value) in over.as_object().unwrap() {
            group[name] = value.clone();
        }
        world.deploy("CreateDeploymentGroup", group);
        world
    }

    fn service(&self, name: &str, group: &str) -> Value {
        json!({
            "cluster": "prod", "serviceName": name, "taskDefinition": "web", "desiredCount": 2, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "deploymentController": {"type": "CODE_DEPLOY"},
            "loadBalancers": [{"targetGroupArn": group, "containerName": "web", "containerPort": 80}],
        })
    }

    fn group(&self) -> Value {
        json!({
            "applicationName": "shop", "deploymentGroupName": "web", "serviceRoleArn": "arn:aws:iam::123456789012:role/deploy",
            "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            "blueGreenDeploymentConfiguration": {
                "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5},
            },
            "autoRollbackConfiguration": {
                "enabled": true,
                "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
            },
            "loadBalancerInfo": {"targetGroupPairInfoList": [{
                "targetGroups": [{"name": "blue"}, {"name": "green"}],
                "prodTrafficRoute": {"listenerArns": [self.production]},
                "testTrafficRoute": {"listenerArns": [self.test]},
            }]},
            "ecsServices": [{"serviceName": "web", "clusterName": "prod"}],
        })
    }

    fn elb(&mut self, operation: &str, body: Value) -> Value {
        dispatch(&mut self.state, Aws::Elb, operation, strings(body)).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    fn ecs(&mut self, operation: &str, body: Value) -> Value {
        dispatch(&mut self.state, Aws::Ecs, operation, body).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    fn deploy(&mut self, operation: &str, body: Value) -> Value {
        dispatch(&mut self.state, Aws::CodeDeploy, operation, body).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    }

    fn refused(&mut self, service: Aws, operation: &str, body: Value) -> AwsError {
        match dispatch(&mut self.state, service, operation, body.clone()) {
            Ok(reply) => panic!("{operation} {body} was not refused: {reply}"),
            Err(error) => error,
        }
    }

    /// Registers a revision of `web`; a task with the image `crash` ends before it runs.
    fn register(&mut self, image: &str) -> String {
        let body = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": "web", "image": image, "portMappings": [{"containerPort": 80}]}],
        });
        text(&self.ecs("RegisterTaskDefinition", body)["taskDefinition"]["taskDefinitionArn"])
    }

    /// CreateDeployment of this task definition with these hooks, and these members over it.
    fn create(&mut self, definition: &str, hooks: Value, over: Value) -> String {
        let body = create_body(definition, &hooks, &over);
        text(&self.deploy("CreateDeployment", body)["deploymentId"])
    }

    /// Deploys a revision with this image by this configuration.
    fn begin(&mut self, image: &str, config: &str) -> String {
        let definition = self.register(image);
        self.create(&definition, json!([]), json!({"deploymentConfigName": config}))
    }

    /// What was asked for happens, and all targets of running tasks pass their checks.
    fn turn(&mut self) -> bool {
        let mut happened = happens(&mut self.state);
        let usual = Thresholds { healthy: 1, unhealthy: 2 };
        let tasks: Vec<_> = self.state.ecs.tasks.values().cloned().collect();
        for task in tasks {
            for target in &task.targets {
                let (id, port) = (task.address.clone(), target.port);
                if task.stop.is_some() {
                    self.state.deregister_target(&target.group, &id, port);
                } else if task.is_running() {
                    let endpoint = "127.0.0.1:1".parse().unwrap();
                    let target_of = crate::elb::targets::Target { id: id.clone(), port, endpoint };
                    self.state.register_target(&target.group, target_of);
                    let group = self.state.elb.groups.get_mut(&target.group).unwrap();
                    let registered = group.targets.iter_mut().find(|it| it.target.id == id).unwrap();
                    registered.health = registered.health.after(Outcome::Passed, usual);
                }
            }
        }
        happened |= run::look(&mut self.state).acted;
        happened
    }

    /// The world turns until nothing happens any more without time passing.
    fn settle(&mut self) {
        for _ in 0..50 {
            if !self.turn() {
                return;
            }
        }
        panic!("never settles");
    }

    fn pass(&mut self, minutes: u64) {
        self.state.clock.virtual0 += minutes * 60_000;
        self.settle();
    }

    fn info(&mut self, id: &str) -> Value {
        self.deploy("GetDeployment", json!({"deploymentId": id}))["deploymentInfo"].take()
    }

    fn status(&mut self, id: &str) -> String {
        text(&self.info(id)["status"])
    }

    fn target(&mut self, id: &str) -> Value {
        let body = json!({"deploymentId": id, "targetId": "prod:web"});
        self.deploy("GetDeploymentTarget", body)["deploymentTarget"]["ecsTarget"].take()
    }

    /// Each event's status, by initials: `S` succeeded, `F` failed, `K` skipped, `P` pending, `I` in progress.
    fn events(&mut self, id: &str) -> String {
        let letter = |event: &Value| match event["status"].as_str().unwrap() {
            "Succeeded" => 'S',
            "Failed" => 'F',
            "Skipped" => 'K',
            "Pending" => 'P',
            "InProgress" => 'I',
            other => panic!("{other} is no status of an event"),
        };
        self.target(id)["lifecycleEvents"].as_array().unwrap().iter().map(letter).collect()
    }

    fn web(&mut self) -> Value {
        self.ecs("DescribeServices", json!({"cluster": "prod", "services": ["web"]}))["services"][0].take()
    }

    /// `(status, image's revision, running)` of each task set, newest first.
    fn task_sets(&mut self) -> Vec<(String, String, u64)> {
        let service = self.web();
        let one = |set: &Value| {
            let revision = text(&set["taskDefinition"]).rsplit(':').next().unwrap().to_owned();
            (text(&set["status"]), revision, set["runningCount"].as_u64().unwrap())
        };
        service["taskSets"].as_array().unwrap().iter().map(one).collect()
    }

    /// Weights of blue and green on the production listener, and on the test listener.
    fn weights(&mut self) -> [(u32, u32); 2] {
        [self.production.clone(), self.test.clone()].map(|listener| {
            let forwards = self.state.forwards(&listener).unwrap();
            let of = |name: &str| {
                let group = self.state.elb.groups.values().find(|group| group.nature.name == name).unwrap();
                forwards.weight(&group.arn).unwrap_or(0)
            };
            (of("blue"), of("green"))
        })
    }

    /// The newest deployment.
    fn newest(&mut self) -> String {
        let body = json!({"applicationName": "shop", "deploymentGroupName": "web"});
        text(&self.deploy("ListDeployments", body)["deployments"][0])
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn create_body(definition: &str, hooks: &Value, over: &Value) -> Value {
    let content = json!({
        "version": 1,
        "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
            "TaskDefinition": definition, "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 80},
        }}}],
        "Hooks": hooks,
    })
    .to_string();
    let mut body = json!({
        "applicationName": "shop", "deploymentGroupName": "web",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": sha256(&content)}},
    });
    for (name, value) in over.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn sets(expected: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    expected.iter().map(|(status, revision, running)| ((*status).into(), (*revision).into(), *running)).collect()
}
