//! A small application in a git repository, its image in the registry of a detached sandbox, and shipit as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shipit_sandbox::client::Client;
use tokio::process::{Child, Command};

pub use crate::support::PATIENCE;
use crate::support::conform::complaints_of_record;
use crate::support::http;

/// How many times faster than AWS the sandbox waits.
const CLOCK: &str = "20";
/// Between two looks at a state that nothing announces.
const LOOK: Duration = Duration::from_millis(20);

const PIPELINE: &str = "\
pipeline: shop
region: ap-northeast-2
cluster: shop
images:
  web: { context: web, repository: shop/web }
gate: { fail_on: never, allow_status: [UNSUPPORTED_IMAGE] }
services:
  web:
    task_definition: web.taskdef.json
    containers: { web: web }
    strategy: rolling
";

/// A service that answers nobody: it stands still until it is told to stop. `NOTE` makes each deploy another definition.
fn definition(image: &str, note: &str) -> Value {
    let script = "[ \"$NOTE\" != crash ] || { echo 'no price list'; exit 1; }; trap 'exit 0' TERM; while :; do sleep 0.1; done";
    json!({"family": "shop-web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/shop-execution",
        "containerDefinitions": [{"name": "web", "image": image, "essential": true, "stopTimeout": 2,
            "environment": [{"name": "NOTE", "value": note}], "command": ["sh", "-c", script]}]})
}

fn service() -> Value {
    json!({"cluster": "shop", "serviceName": "web", "taskDefinition": "shop-web", "desiredCount": 1, "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d4e5f60001"]}},
        "deploymentConfiguration": {"minimumHealthyPercent": 0, "maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true}}})
}

/// Two tasks behind a load balancer.
fn served_definition(image: &str, note: &str) -> Value {
    let script = "mkdir /www && cd /www && echo \"$NOTE\" >index.html && trap 'exit 0' TERM && { httpd -f -p 8080 & wait; }";
    let mut definition = definition(image, note);
    definition["containerDefinitions"][0]["command"] = json!(["sh", "-c", script]);
    definition["containerDefinitions"][0]["portMappings"] = json!([{"containerPort": 8080, "protocol": "tcp"}]);
    definition
}

fn served_service() -> Value {
    let mut service = service();
    service["desiredCount"] = 2.into();
    service["deploymentConfiguration"]["minimumHealthyPercent"] = 100.into();
    service["loadBalancers"] = json!([{"targetGroupArn": "${ref:targets}", "containerName": "web", "containerPort": 8080}]);
    service
}

fn balancer() -> [Value; 4] {
    [
        json!({"service": "elbv2", "operation": "CreateLoadBalancer", "as": "balancer", "take": "LoadBalancers.0.LoadBalancerArn",
            "body": {"Name": "shop", "Type": "application", "Scheme": "internet-facing",
                "Subnets": ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"]}}),
        json!({"service": "elbv2", "operation": "CreateTargetGroup", "as": "targets", "take": "TargetGroups.0.TargetGroupArn",
            "body": {"Name": "shop-web", "Protocol": "HTTP", "Port": 8080, "VpcId": "vpc-0a1b2c3d4e5f60001", "TargetType": "ip",
                "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
                "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2, "Matcher": {"HttpCode": "200"}}}),
        json!({"service": "elbv2", "operation": "ModifyTargetGroupAttributes", "body": {"TargetGroupArn": "${ref:targets}",
            "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]}}),
        json!({"service": "elbv2", "operation": "CreateListener", "body": {"LoadBalancerArn": "${ref:balancer}",
            "Protocol": "HTTP", "Port": 80, "DefaultActions": [{"Type": "forward", "TargetGroupArn": "${ref:targets}"}]}}),
    ]
}

/// What the service is like at the beginning.
#[derive(Clone, Copy, PartialEq)]
enum Service {
    Missing,
    Alone,
    Served,
}

/// A sandbox with an image in its registry, and the folder it belongs to.
pub struct Stage {
    folder: tempfile::TempDir,
    pub endpoint: String,
    address: Option<SocketAddr>,
    down: bool,
}

/// How a process ended.
pub struct Ended {
    pub exit: i32,
    /// What it said to a person.
    pub said: String,
}

impl Stage {
    /// With the service running a placeholder, and the image of the only commit pushed.
    pub async fn new(name: &str) -> Self {
        Self::start(name, PIPELINE, Service::Alone).await
    }

    /// Without the service: the pipeline file says how to create it.
    pub async fn without_service(name: &str) -> Self {
        Self::start(name, &format!("{PIPELINE}    service_definition: web.service.json\n"), Service::Missing).await
    }

    /// With two tasks of the service behind a load balancer.
    pub async fn served(name: &str) -> Self {
        Self::start(name, PIPELINE, Service::Served).await
    }

    async fn start(name: &str, pipeline: &str, at_first: Service) -> Self {
        let mut seed = vec![
            json!({"service": "ecs", "operation": "CreateCluster", "body": {"clusterName": "shop"}}),
            json!({"service": "ecr", "operation": "CreateRepository", "body":
                {"repositoryName": "shop/web", "imageTagMutability": "IMMUTABLE"}}),
        ];
        let (define, create): (fn(&str, &str) -> Value, Value) = match at_first {
            Service::Served => (served_definition, served_service()),
            Service::Alone | Service::Missing => (definition, service()),
        };
        if at_first == Service::Served {
            seed.extend(balancer());
        }
        if at_first != Service::Missing {
            let placeholder = define("shipit-busybox:1", "placeholder");
            seed.push(json!({"service": "ecs", "operation": "RegisterTaskDefinition", "body": placeholder}));
            seed.push(json!({"service": "ecs", "operation": "CreateService", "body": create}));
        }
        let files = [
            ("shipit.yaml", pipeline.to_owned()),
            ("web/Dockerfile", format!("FROM shipit-busybox:1\nLABEL stage={name}\n")),
            ("web.taskdef.json", define("shop/web", "${env:NOTE:-none}").to_string()),
            ("web.service.json", service().to_string()),
            ("seed.json", Value::Array(seed).to_string()),
        ];
        let stage = Self::of(name, |home| {
            std::fs::create_dir(home.join("web")).unwrap();
            for (path, text) in files {
                std::fs::write(home.join(path), text).unwrap();
            }
        })
        .await;
        stage.run(&stage.home(), &["push", "--sandbox"], "setup").await.done();
        stage
    }

    /// With files of its own, a pipeline file and a seed among them, in a repository of one commit.
    pub async fn of(name: &str, furnish: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        let mut stage = Self { folder, endpoint: String::new(), address: None, down: false };
        let home = stage.home();
        std::fs::create_dir_all(&home).unwrap();
        furnish(&home);
        repository(&home).await;
        let record = stage.record_file();
        let up = ["sandbox", "up", "--clock", CLOCK, "--record", record.to_str().unwrap()];
        stage.run(&home, &up, "up").await.done();
        let endpoints = std::fs::read(home.join(".shipit/sandbox/endpoints.json")).unwrap();
        let endpoints: Value = serde_json::from_slice(&endpoints).unwrap();
        stage.endpoint = endpoints["endpoint"].as_str().unwrap().to_owned();
        let mut listeners = endpoints["load_balancers"].as_object().into_iter().flat_map(|balancers| balancers.values());
        stage.address = listeners.find_map(|ports| ports["80"].as_str()?.parse().ok());
        stage
    }

    /// Where the load balancer listens.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("the service is behind a load balancer")
    }

    /// How many exchanges there are.
    pub fn exchanges(&self) -> usize {
        std::fs::read(self.record_file()).unwrap().iter().filter(|byte| **byte == b'\n').count()
    }

    /// The folder of the pipeline file.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn record_file(&self) -> PathBuf {
        self.folder.path().join("exchanges.jsonl")
    }

    /// Another clone of the repository, with a state folder of its own, that deploys to the same sandbox.
    pub async fn clone_of(&self, name: &str) -> PathBuf {
        let clone = self.folder.path().join(name);
        git(self.folder.path(), &["clone", "-q", self.home().to_str().unwrap(), clone.to_str().unwrap()]).await;
        let there = clone.join(".shipit/sandbox");
        std::fs::create_dir_all(&there).unwrap();
        std::fs::copy(self.home().join(".shipit/sandbox/endpoints.json"), there.join("endpoints.json")).unwrap();
        clone
    }

    /// Who is said to deploy.
    pub fn who(note: &str) -> String {
        format!("https://ci.shop.example/{note}")
    }

    /// Starts shipit; `note` makes its task definition another one, and names who deploys.
    pub fn shipit(&self, folder: &Path, arguments: &[&str], note: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipit"));
        for name in ["GITHUB_RUN_ID", "CI_JOB_URL", "CODEBUILD_BUILD_ARN", "SHIPIT_FILE", "SHIPIT_ENV", "GITHUB_SHA"] {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(folder).env("NOTE", note).env("BUILD_URL", Self::who(note));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    }

    /// Runs shipit to its end.
    pub async fn run(&self, folder: &Path, arguments: &[&str], note: &str) -> Ended {
        ended(self.shipit(folder, arguments, note)).await
    }

    /// Starts a deploy.
    pub fn deploy(&self, folder: &Path, note: &str) -> Child {
        self.shipit(folder, &["deploy", "--sandbox", "--output", "lines"], note)
    }

    /// Exchanges so far.
    pub fn record(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.record_file()).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Exchanges of an operation from the given number on that were answered without an error.
    pub fn answered(&self, since: usize, operation: &str) -> Vec<Value> {
        let good = |exchange: &Value| exchange["operation"] == operation && exchange["error"].is_null();
        self.record().into_iter().skip(since).filter(good).collect()
    }

    /// Makes something go wrong; answers the fault's id.
    pub async fn fault(&self, fault: Value) -> String {
        let added = Client::new(&self.endpoint).post("faults", &fault).await.unwrap();
        added["id"].to_string()
    }

    pub async fn end_fault(&self, id: &str) {
        Client::new(&self.endpoint).delete(&format!("faults/{id}")).await.unwrap();
    }

    /// Someone else, at the console.
    pub async fn call(&self, operation: &str, body: Value) -> Value {
        self.call_of("ecs", operation, body).await
    }

    /// The same for another service.
    pub async fn call_of(&self, service: &str, operation: &str, body: Value) -> Value {
        http::call(&self.endpoint, service, operation, &body).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The service as it stands.
    pub async fn service(&self) -> Value {
        self.call("DescribeServices", json!({"cluster": "shop", "services": ["web"]})).await["services"][0].take()
    }

    /// Looks until there is an answer.
    pub async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = look(self).await {
                return answer;
            }
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until nothing moves.
    pub async fn steady(&self) {
        self.until("the service is steady", async |stage| {
            let service = stage.service().await;
            let alone = service["deployments"].as_array()?.len() == 1;
            (alone && service["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
        })
        .await;
    }

    /// Ends the sandbox, and fails the test when an exchange was not as AWS's models have it.
    pub async fn finish(mut self) {
        self.down = true;
        let home = self.home();
        self.run(&home, &["sandbox", "down"], "down").await.done();
        let complaints = complaints_of_record(&self.record_file());
        let told: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "not as AWS's models have it: {told:#?}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.down {
            let home = self.home();
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shipit"));
            let _ended = command.args(["sandbox", "down"]).current_dir(home).stderr(Stdio::null()).status();
        }
    }
}

impl Ended {
    /// It ended well.
    #[track_caller]
    pub fn done(&self) {
        assert_eq!(self.exit, 0, "{}", self.said);
    }
}

/// Waits for the end of a process.
pub async fn ended(child: Child) -> Ended {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("shipit ends").unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ended { exit: output.status.code().unwrap_or(-1), said }
}

/// A repository of what is in the folder.
pub async fn repository(folder: &Path) {
    let ignored = folder.join(".gitignore");
    if !ignored.exists() {
        std::fs::write(ignored, ".shipit\n").unwrap();
    }
    git(folder, &["init", "-q", "-b", "main"]).await;
    git(folder, &["add", "--all"]).await;
    git(folder, &["commit", "-q", "-m", "sell tea and honey"]).await;
}

/// Git as if nobody had configured it.
pub async fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Joe", "-c", "user.email=joe@shop.example", "-c", "protocol.file.allow=always"]);
    command.args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().await.expect("git is needed for these tests");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
