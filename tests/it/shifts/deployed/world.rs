//! One sandbox for many services side by side, with a cluster, a load balancer and the one image that all of them run.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};

use super::application::{Version, template};
use super::program::Program;
use crate::support::sandbox::{ACCOUNT, REGION, TestSandbox};

/// How many times faster than AWS the sandbox waits.
pub const CLOCK: f64 = 20.0;
/// The cluster.
pub const CLUSTER: &str = "storefront";
/// The role that ECS moves the weights with.
pub const ROLE: &str = "storefront-infrastructure";

/// Who shifts the traffic of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The deployment controller `ECS`.
    Ecs,
    /// The deployment controller `CODE_DEPLOY`.
    CodeDeploy,
}

impl Driver {
    /// The deployment controller.
    pub fn controller(self) -> &'static str {
        match self {
            Driver::Ecs => "ECS",
            Driver::CodeDeploy => "CODE_DEPLOY",
        }
    }
}

/// The sandbox, and what all services share.
pub struct World {
    pub sandbox: TestSandbox,
    pub driver: Driver,
    /// The load balancer's ARN.
    pub balancer: String,
    next_port: AtomicU16,
}

impl World {
    /// With the image in the registry; no service yet.
    pub async fn begin(name: &str, driver: Driver) -> Self {
        let sandbox = TestSandbox::with_engine(name, CLOCK).await;
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        let seed = json!([
            {"service": "ecs", "operation": "CreateCluster", "body": {"clusterName": CLUSTER}},
            {"service": "ecr", "operation": "CreateRepository", "body": {"repositoryName": "storefront/web"}},
            {"service": "iam", "operation": "CreateRole", "body":
                {"RoleName": ROLE, "AssumeRolePolicyDocument": trust.to_string()}},
            {"service": "elbv2", "operation": "CreateLoadBalancer", "as": "balancer", "take": "LoadBalancers.0.LoadBalancerArn",
                "body": {"Name": "web", "Subnets": ["subnet-1", "subnet-2"]}},
        ]);
        let taken = sandbox.admin("seed", &seed).await["taken"].take();
        let balancer = taken["balancer"].as_str().unwrap().to_owned();
        let world = Self { sandbox, driver, balancer, next_port: AtomicU16::new(8000) };
        world.push(name).await;
        world
    }

    /// The image is pushed once: all deploys of its commit find it there.
    async fn push(&self, name: &str) {
        let context = self.sandbox.folder().join("image");
        std::fs::create_dir(&context).unwrap();
        std::fs::write(context.join("Dockerfile"), format!("FROM shipit-busybox:1\nLABEL world={name}\n")).unwrap();
        let lines = "    strategy: rolling\n    service_definition: service.json\n";
        let folder = self.folder("pushes", &self.pipeline("web", lines), &template("web"));
        let service = json!({"desiredCount": 1, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
        std::fs::write(folder.join("service.json"), service.to_string()).unwrap();
        let pushed = Program::begin(&folder, &["push"], Version::fine(0)).ended().await;
        assert_eq!(pushed.exit, Some(0), "{}", pushed.said);
    }

    /// A pipeline file for one service; `service` are further lines of it.
    pub fn pipeline(&self, name: &str, service: &str) -> String {
        let context = self.sandbox.folder().join("image");
        format!(
            "pipeline: {name}\nregion: {REGION}\ncluster: {CLUSTER}\n\
             images:\n  web: {{ context: {}, repository: storefront/web }}\n\
             gate: {{ fail_on: never, allow_status: [UNSUPPORTED_IMAGE] }}\n\
             services:\n  {name}:\n    task_definition: taskdef.json\n    containers: {{ web: web }}\n{service}",
            context.display()
        )
    }

    /// A folder with a pipeline file and nothing of any run, that joins the sandbox.
    pub fn folder(&self, name: &str, pipeline: &str, definition: &Value) -> PathBuf {
        let folder = self.sandbox.folder().join(name);
        std::fs::create_dir_all(folder.join(".shipit")).unwrap();
        std::os::unix::fs::symlink(self.sandbox.folder().join("sandbox"), folder.join(".shipit/sandbox")).unwrap();
        std::fs::write(folder.join("shipit.yaml"), pipeline).unwrap();
        std::fs::write(folder.join("taskdef.json"), definition.to_string()).unwrap();
        folder
    }

    /// The ARN of the role.
    pub fn role() -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}")
    }

    /// Two ports of the load balancer that no service has yet.
    pub fn ports(&self) -> [u16; 2] {
        let port = self.next_port.fetch_add(2, Ordering::Relaxed);
        [port, port + 1]
    }
}
