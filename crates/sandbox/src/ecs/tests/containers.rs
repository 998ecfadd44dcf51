//! Services and tasks of real containers, on a clock twenty times as fast. The image is the one that
//! `scripts/base-images` makes.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::dispatch::{Service as Aws, call};
use crate::owner::LABEL_ID;
use crate::server::{Options, Running, serve};
use crate::state::State;

const IMAGE: &str = "shipit-busybox:1";

/// A sandbox with the cluster `prod` and the log group `/ecs`.
struct Sandbox {
    running: Running,
    id: String,
    docker: Docker,
    _folder: tempfile::TempDir,
}

impl Sandbox {
    async fn start(test: &str) -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let docker = crate::engine::connect(&host).await.expect("a Docker Engine is needed");
        docker.inspect_image(IMAGE).await.expect("the base image is needed: run `scripts/base-images`");
        let folder = tempfile::tempdir().unwrap();
        let id = format!("test-ecs-{test}-{}", std::process::id());
        let options = Options { factor: 20.0, docker: Some(host), ..Options::new(folder.path(), id.clone()) };
        let sandbox = Self { running: serve(options).await.unwrap(), id, docker, _folder: folder };
        sandbox.ecs("CreateCluster", json!({"clusterName": "prod"}));
        sandbox.aws(Aws::Logs, "CreateLogGroup", json!({"logGroupName": "/ecs"}));
        sandbox
    }

    fn aws(&self, service: Aws, operation: &str, body: Value) -> Value {
        let reply = call(&mut self.running.shared.lock(), service, operation, body.clone());
        if !["Describe", "List", "Filter"].iter().any(|read| operation.starts_with(read)) {
            self.running.shared.ring();
        }
        reply.unwrap_or_else(|error| panic!("{operation} {body}: {error:?}"))
    }

    fn ecs(&self, operation: &str, body: Value) -> Value {
        self.aws(Aws::Ecs, operation, body)
    }

    fn register(&self, family: &str, containers: Value) {
        let body = json!({
            "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "executionRoleArn": "arn:aws:iam::000000000000:role/e", "containerDefinitions": containers,
        });
        self.ecs("RegisterTaskDefinition", body);
    }

    fn service(&self) -> Value {
        self.ecs("DescribeServices", json!({"cluster": "prod", "services": ["web"]}))["services"][0].clone()
    }

    fn create(&self, balancers: Value) {
        self.ecs(
            "CreateService",
            json!({
                "cluster": "prod", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2, "launchType": "FARGATE",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}, "loadBalancers": balancers,
                "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
            }),
        );
    }

    fn update(&self, definition: &str) {
        self.ecs("UpdateService", json!({"cluster": "prod", "service": "web", "taskDefinition": definition}));
    }

    fn rollout(&self) -> String {
        let reply = self.ecs("ListServiceDeployments", json!({"cluster": "prod", "service": "web"}));
        reply["serviceDeployments"][0]["status"].as_str().unwrap().to_owned()
    }

    /// The newest service deployment ends like this, and the service has one completed deployment of this revision.
    async fn ends(&self, status: &str, revision: &str) {
        let over = ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"];
        self.until(|sandbox| over.contains(&sandbox.rollout().as_str())).await;
        let service = self.service();
        assert_eq!(self.rollout(), status, "{service:#}");
        let deployments = service["deployments"].as_array().unwrap();
        assert_eq!(deployments.len(), 1, "{deployments:#?}");
        assert_eq!(deployments[0]["rolloutState"], "COMPLETED");
        assert!(service["taskDefinition"].as_str().unwrap().ends_with(revision), "{}", service["taskDefinition"]);
        assert_eq!((&service["runningCount"], &service["pendingCount"]), (&json!(2), &json!(0)));
    }

    /// Runs a task to its end and answers it.
    async fn job(&self, family: &str) -> Value {
        let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        let body = json!({"cluster": "prod", "taskDefinition": family, "launchType": "FARGATE", "networkConfiguration": network});
        let arn = self.ecs("RunTask", body)["tasks"][0]["taskArn"].clone();
        let task = |sandbox: &Self| sandbox.ecs("DescribeTasks", json!({"cluster": "prod", "tasks": [arn]}))["tasks"][0].clone();
        self.until(|sandbox| task(sandbox)["lastStatus"] == "STOPPED").await;
        task(self)
    }

    async fn until(&self, is: impl Fn(&Self) -> bool) {
        let mut changes = self.running.shared.changes();
        let waiting = async {
            while !is(self) {
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(90), waiting).await.is_err() {
            panic!("never came: {:#}", tasks(&self.running.shared.lock()));
        }
    }

    fn logs(&self) -> Vec<String> {
        let reply = self.aws(Aws::Logs, "FilterLogEvents", json!({"logGroupName": "/ecs"}));
        reply["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Ends it; nothing of it is left in the Engine.
    async fn end(self) {
        self.running.shutdown().await.unwrap();
        let label = format!("{LABEL_ID}={}", self.id);
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        assert_eq!(self.docker.list_containers(Some(options)).await.unwrap().len(), 0);
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        assert_eq!(self.docker.list_networks(Some(options)).await.unwrap().len(), 0);
    }
}

fn tasks(state: &State) -> Value {
    state
        .ecs
        .tasks
        .values()
        .map(|task| json!([task.id, task.status.word(), task.stop.as_ref().map(|stop| &stop.reason)]))
        .collect()
}

fn web(script: &str) -> Value {
    let log = json!({"logDriver": "awslogs", "options": {"awslogs-group": "/ecs", "awslogs-region": "r", "awslogs-stream-prefix": "p"}});
    let serve = format!("{script}; exec httpd -f -p 8080 -h /tmp");
    json!({"name": "web", "image": IMAGE, "command": ["sh", "-c", serve], "portMappings": [{"containerPort": 8080}],
           "logConfiguration": log, "stopTimeout": 2})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker"]
async fn a_service_rolls_and_a_crashing_revision_is_turned_back() {
    let sandbox = Sandbox::start("rolls").await;
    sandbox.register("web", json!([web("echo one")]));
    sandbox.create(json!([]));
    sandbox.ends("SUCCESSFUL", "web:1").await;

    sandbox.register("web", json!([web("echo two")]));
    sandbox.update("web:2");
    sandbox.ends("SUCCESSFUL", "web:2").await;

    sandbox.register("web", json!([web("echo broken; exit 3")]));
    sandbox.update("web:3");
    sandbox.ends("ROLLBACK_SUCCESSFUL", "web:2").await;

    let stopped = sandbox.ecs("ListTasks", json!({"cluster": "prod", "desiredStatus": "STOPPED"}))["taskArns"].clone();
    let reply = sandbox.ecs("DescribeTasks", json!({"cluster": "prod", "tasks": stopped}));
    let broken = |task: &&Value| task["containers"][0]["exitCode"] == 3 && task["stopCode"] == "EssentialContainerExited";
    assert!(reply["tasks"].as_array().unwrap().iter().filter(broken).count() >= 3, "{reply:#}");
    let lines = sandbox.logs();
    for (line, least) in [("one", 2), ("two", 4), ("broken", 3)] {
        assert!(lines.iter().filter(|other| *other == line).count() >= least, "{line}: {lines:?}");
    }
    sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker"]
async fn a_failing_container_health_check_turns_back() {
    let sandbox = Sandbox::start("health").await;
    let checked = |script: &str, path: &str| {
        let mut container = web(script);
        let command = format!("wget -qO- http://127.0.0.1:8080/{path}");
        container["healthCheck"] = json!({"command": ["CMD-SHELL", command], "interval": 5, "retries": 2});
        json!([container])
    };
    sandbox.register("web", checked("echo good > /tmp/health", "health"));
    sandbox.create(json!([]));
    sandbox.ends("SUCCESSFUL", "web:1").await;

    sandbox.register("web", checked("echo bad", "health"));
    sandbox.update("web:2");
    sandbox.ends("ROLLBACK_SUCCESSFUL", "web:1").await;
    let service = sandbox.service();
    let events = service["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["message"].as_str().unwrap().ends_with("failed container health checks.")));
    sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker"]
async fn the_load_balancers_verdict_decides() {
    let sandbox = Sandbox::start("balancer").await;
    let elb = |operation: &str, body: Value| sandbox.aws(Aws::Elb, operation, body);
    let balancer = elb("CreateLoadBalancer", json!({"Name": "lb", "Subnets": ["subnet-1", "subnet-2"]}));
    let group = elb(
        "CreateTargetGroup",
        json!({"Name": "web", "Protocol": "HTTP", "Port": "8080", "VpcId": "vpc-1", "TargetType": "ip",
               "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": "6"}),
    );
    let group = &group["TargetGroups"][0]["TargetGroupArn"];
    let attribute = json!({"Key": "deregistration_delay.timeout_seconds", "Value": "20"});
    elb("ModifyTargetGroupAttributes", json!({"TargetGroupArn": group, "Attributes": [attribute]}));
    elb(
        "CreateListener",
        json!({"LoadBalancerArn": balancer["LoadBalancers"][0]["LoadBalancerArn"], "Protocol": "HTTP", "Port": "80",
               "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]}),
    );
    sandbox.register("web", json!([web("echo good > /tmp/health")]));
    sandbox.create(json!([{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}]));
    sandbox.ends("SUCCESSFUL", "web:1").await;
    let health = || elb("DescribeTargetHealth", json!({"TargetGroupArn": group}))["TargetHealthDescriptions"].clone();
    let states = |health: &Value| -> Vec<String> {
        health.as_array().unwrap().iter().map(|one| one["TargetHealth"]["State"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&health()), ["healthy", "healthy"]);
    let tasks = sandbox.ecs("ListTasks", json!({"cluster": "prod", "serviceName": "web"}))["taskArns"].clone();
    let tasks = sandbox.ecs("DescribeTasks", json!({"cluster": "prod", "tasks": tasks}))["tasks"].clone();
    let mut addresses: Vec<Value> =
        tasks.as_array().unwrap().iter().map(|task| task["attachments"][0]["details"][0]["value"].clone()).collect();
    let mut targets: Vec<Value> = health().as_array().unwrap().iter().map(|one| one["Target"]["Id"].clone()).collect();
    addresses.sort_by_key(Value::to_string);
    targets.sort_by_key(Value::to_string);
    assert_eq!(addresses, targets);

    sandbox.register("web", json!([web("echo bad")]));
    sandbox.update("web:2");
    sandbox.ends("ROLLBACK_SUCCESSFUL", "web:1").await;
    sandbox.until(|_| states(&health()) == ["healthy", "healthy"]).await;
    let service = sandbox.service();
    let texts: Vec<&str> = service["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect();
    let group = group.as_str().unwrap();
    let reason = "due to (reason Health checks failed with these codes: [404]).";
    assert!(
        texts.iter().any(|text| text.ends_with(&format!("(port 8080) is unhealthy in (target-group {group}) {reason}"))),
        "{texts:#?}"
    );
    assert!(texts.contains(&format!("(service web) deregistered 1 targets in (target-group {group})").as_str()));
    sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker"]
async fn containers_of_a_task_start_in_order_and_share_a_network() {
    let sandbox = Sandbox::start("order").await;
    let log = json!({"logDriver": "awslogs", "options": {"awslogs-group": "/ecs", "awslogs-region": "r", "awslogs-stream-prefix": "p"}});
    let containers = json!([
        {"name": "main", "image": IMAGE, "command": ["sh", "-c", "wget -qO- http://127.0.0.1:9090/greeting; exit 4"],
         "dependsOn": [{"containerName": "side", "condition": "HEALTHY"}], "logConfiguration": log},
        {"name": "side", "image": IMAGE, "essential": false, "stopTimeout": 2,
         "command": ["sh", "-c", "echo hello > /tmp/greeting; exec httpd -f -p 9090 -h /tmp"],
         "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
         "healthCheck": {"command": ["CMD", "wget", "-qO-", "http://127.0.0.1:9090/greeting"], "interval": 5}},
        {"name": "init", "image": IMAGE, "essential": false, "command": ["sh", "-c", "echo first"], "logConfiguration": log},
    ]);
    sandbox.register("job", containers);
    let task = sandbox.job("job").await;
    assert_eq!(
        (&task["stopCode"], &task["stoppedReason"]),
        (&json!("EssentialContainerExited"), &json!("Essential container in task exited"))
    );
    let codes: Vec<_> = task["containers"].as_array().unwrap().iter().map(|container| container["exitCode"].clone()).collect();
    assert_eq!(codes, [json!(4), json!(137), json!(0)], "main exits, side is killed after its stop timeout, init is done");
    assert!(task["containers"][1]["reason"].is_null(), "it was asked to stop: {task:#}");
    assert_eq!(sandbox.logs(), ["first", "hello"]);
    sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker"]
async fn why_a_task_did_not_start_or_was_killed_is_said_in_the_words_of_ecs() {
    let sandbox = Sandbox::start("reasons").await;
    let registry = sandbox.running.address;
    let one = |over: Value| {
        let mut container = json!({"name": "web", "image": IMAGE});
        super::super::service::configuration::overlay(&mut container, &over);
        json!([container])
    };
    let no_group = json!({"logDriver": "awslogs", "options": {"awslogs-group": "/none", "awslogs-region": "r", "awslogs-stream-prefix": "p"}});
    let cases = [
        (one(json!({"image": format!("{registry}/none:1")})), "TaskFailedToStart", "CannotPullContainerError: ", Value::Null),
        (
            one(json!({"logConfiguration": no_group})),
            "TaskFailedToStart",
            "ResourceInitializationError: failed to validate logger args",
            Value::Null,
        ),
        (
            one(json!({"command": ["/none"]})),
            "TaskFailedToStart",
            "CannotStartContainerError: Error response from daemon: ",
            Value::Null,
        ),
        (
            one(json!({"command": ["sh", "-c", "exit 0"]})),
            "EssentialContainerExited",
            "Essential container in task exited",
            json!(0),
        ),
    ];
    for (containers, code, reason, exit) in cases {
        sandbox.register("job", containers.clone());
        let task = sandbox.job("job").await;
        assert_eq!(task["stopCode"], code, "{containers}: {task:#}");
        assert!(task["stoppedReason"].as_str().unwrap().starts_with(reason), "{containers}: {}", task["stoppedReason"]);
        if !exit.is_null() {
            assert_eq!(task["containers"][0]["exitCode"], exit, "{containers}");
        }
    }
    sandbox.register("job", one(json!({"command": ["tail", "/dev/zero"], "memory": 16})));
    for task in join_all((0..12).map(|_| sandbox.job("job"))).await {
        assert_eq!(task["stopCode"], "EssentialContainerExited");
        assert_eq!(task["containers"][0]["exitCode"], 137);
        assert_eq!(task["containers"][0]["reason"], "OutOfMemoryError: Container killed due to memory usage", "{task:#}");
    }
    sandbox.end().await;
}
