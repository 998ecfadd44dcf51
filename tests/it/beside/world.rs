//! The same world at an endpoint, whichever platform answers there, and shipit run against it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::state::State;
use crate::support::PATIENCE;
use crate::support::http;
use crate::support::sandbox::{ACCOUNT, REGION};

/// Between two looks; no state that is compared is over so soon.
const LOOK: Duration = Duration::from_millis(100);

/// Runs until it is asked to end, and then still for a while, so that draining is seen.
const WORKS: &str = "trap 'sleep 2; exit 0' TERM; while :; do sleep 0.2; done";
const CRASHES: &str = "exit 1";

/// An endpoint, and a folder for what is used with it.
pub struct World {
    endpoint: String,
    folder: PathBuf,
}

/// How shipit ended, and the events it told.
pub struct Ran {
    pub exit: Option<i32>,
    pub events: Vec<Value>,
}

impl World {
    /// Nothing is made yet.
    pub fn new(name: &str, endpoint: String, folder: &Path) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("shipit.yaml"), pipeline()).unwrap();
        std::fs::write(folder.join("Dockerfile"), "FROM shipit-busybox:1\n").unwrap();
        Self { endpoint, folder }
    }

    /// A call that must be answered.
    pub async fn call(&self, service: &str, operation: &str, body: Value) -> Value {
        let answer = http::call(&self.endpoint, service, operation, &body).await;
        answer.unwrap_or_else(|error| panic!("{}: {operation} was refused: {error}", self.endpoint))
    }

    /// DescribeServices of the one there is.
    pub async fn service(&self) -> Value {
        let body = json!({"cluster": "prod", "services": ["backend"]});
        self.call("ecs", "DescribeServices", body).await["services"][0].take()
    }

    /// Its tasks.
    pub async fn tasks(&self, desired: &str) -> Vec<Value> {
        let body = json!({"cluster": "prod", "serviceName": "backend", "desiredStatus": desired});
        let listed = self.call("ecs", "ListTasks", body).await;
        let body = json!({"cluster": "prod", "tasks": listed["taskArns"]});
        self.call("ecs", "DescribeTasks", body).await["tasks"].as_array().unwrap().clone()
    }

    /// The service with two good revisions and one that crashes; answers the states until it is steady.
    pub async fn make(&self) -> Vec<State> {
        let image = self.push().await;
        self.call("ecs", "CreateCluster", json!({"clusterName": "prod"})).await;
        for (version, command) in [("1", WORKS), ("2", WORKS), ("3", CRASHES)] {
            self.call("ecs", "RegisterTaskDefinition", definition(&image, version, command)).await;
        }
        let service = json!({
            "cluster": "prod", "serviceName": "backend", "taskDefinition": "backend:1", "desiredCount": 2, "launchType": "FARGATE",
            "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": true, "rollback": true}},
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        });
        self.call("ecs", "CreateService", service).await;
        self.watch(self.steady()).await.0
    }

    async fn steady(&self) {
        loop {
            let service = self.service().await;
            let primary = &service["deployments"][0];
            if primary["rolloutState"] == "COMPLETED" && primary["runningCount"] == 2 {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The distinct states of the service, in order, while something goes on; and what came of that.
    pub async fn watch<T>(&self, what: impl Future<Output = T>) -> (Vec<State>, T) {
        let mut what = pin!(tokio::time::timeout(PATIENCE, what));
        let mut states = Vec::new();
        loop {
            states.push(State::of(&self.service().await));
            tokio::select! {
                came = &mut what => {
                    states.push(State::of(&self.service().await));
                    states.dedup();
                    let came = came.unwrap_or_else(|_| panic!("{}: not over after {PATIENCE:?}: {states:#?}", self.endpoint));
                    return (states, came);
                }
                () = tokio::time::sleep(LOOK) => states.dedup(),
            }
        }
    }

    /// Runs shipit as against AWS: the endpoint and the credentials come from the environment.
    pub async fn shipit(&self, arguments: &[&str]) -> Ran {
        let kept = ["PATH", "DOCKER_HOST"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let output = Command::new(env!("CARGO_BIN_EXE_shipit"))
            .args(arguments)
            .args(["--output", "json"])
            .env_clear()
            .envs(kept)
            .env("HOME", &self.folder)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "nothing")
            .current_dir(&self.folder)
            .kill_on_drop(true)
            .output();
        let output = output.await.unwrap();
        let events = String::from_utf8(output.stdout).unwrap();
        let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(!events.is_empty(), "{}: shipit {arguments:?}: {}", self.endpoint, String::from_utf8_lossy(&output.stderr));
        Ran { exit: output.status.code(), events }
    }

    /// Pushes an image of this world's own, by Docker's client; answers its name with the digest.
    async fn push(&self) -> String {
        let registry = self.endpoint.strip_prefix("http://").unwrap();
        let name = format!("{registry}/shop/api:1");
        self.call("ecr", "CreateRepository", json!({"repositoryName": "shop/api"})).await;
        let reply = self.call("ecr", "GetAuthorizationToken", json!({})).await;
        let token = reply["authorizationData"][0]["authorizationToken"].as_str().unwrap();
        let token = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
        let (user, password) = token.split_once(':').unwrap();
        self.docker(&["login", "--username", user, "--password-stdin", registry], password).await;
        // The label makes it another image than anybody else's, so that it can be removed as a whole.
        let dockerfile = format!("FROM shipit-busybox:1\nLABEL shipit.test={registry}\n");
        self.docker(&["build", "--quiet", "--tag", &name, "-"], &dockerfile).await;
        self.docker(&["push", "--quiet", &name], "").await;
        self.docker(&["inspect", "--format", "{{index .RepoDigests 0}}", &name], "").await
    }

    async fn docker(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("docker");
        command.arg("--config").arg(self.folder.join("docker")).args(arguments).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// The proxy holds the task before RUNNING until the api is healthy: a crash after RUNNING is no failure for ECS's circuit
/// breaker, while ministack counts every exit. Both need awsvpc: in bridge mode ministack publishes the same
/// port twice.
fn definition(image: &str, version: &str, command: &str) -> Value {
    let container = |name: &str, command: &str| {
        json!({
            "name": name, "image": image, "essential": true, "command": ["sh", "-c", command],
            "environment": [{"name": "VERSION", "value": version}],
            "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 2},
        })
    };
    let mut proxy = container("proxy", WORKS);
    proxy["dependsOn"] = json!([{"containerName": "api", "condition": "HEALTHY"}]);
    json!({
        "family": "backend", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/execution"),
        "containerDefinitions": [container("api", command), proxy],
    })
}

fn pipeline() -> String {
    format!(
        "
pipeline: beside
region: {REGION}
cluster: prod
images:
  api: {{ context: ., repository: shop/api }}
services:
  backend:
    task_definition: running
    containers: {{ api: api }}
"
    )
}
