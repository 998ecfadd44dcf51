//! The checkout of the fixtures: a service that CodeDeploy deploys, with its image built and pushed.

use std::net::SocketAddr;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::strangers::storefront::pushed;
pub use crate::support::PATIENCE;
use crate::support::http;
use crate::support::sandbox::{TestSandbox, fixture, json_file};

const SEED: &str = "storefront/codedeploy.seed.json";
const APPLICATION: &str = "AppECS-storefront-checkout";
const GROUP: &str = "DgpECS-storefront-checkout";

/// A sandbox with the service.
pub struct Stage {
    pub sandbox: TestSandbox,
    /// Where the production listener listens.
    pub production: SocketAddr,
    /// Where the test listener listens.
    pub test: SocketAddr,
    image: String,
}

impl Stage {
    /// The service runs what the seed has: nothing deployed yet.
    pub async fn new(name: &str) -> Self {
        let sandbox = TestSandbox::with_engine(name, 20.0).await;
        sandbox.seed(SEED).await;
        let image = pushed(&sandbox).await;
        let (production, test) = (sandbox.listener("checkout", 80), sandbox.listener("checkout", 8080));
        let stage = Self { sandbox, production, test, image };
        stage.answers("0").await;
        stage
    }

    /// The service runs version 1 of the application.
    pub async fn serving(name: &str) -> Self {
        let stage = Self::new(name).await;
        let id = stage.deploy(&[("VERSION", "1")], json!({})).await;
        assert_eq!(stage.ended(&id).await["status"], "Succeeded");
        stage.answers("1").await;
        stage
    }

    async fn answers(&self, version: &str) {
        let answered =
            async |_: &TestSandbox| (http::version(self.production, "/api").await.as_deref() == Ok(version)).then_some(());
        self.sandbox.until("the service answers", PATIENCE, answered).await;
    }

    pub async fn codedeploy(&self, operation: &str, body: Value) -> Value {
        self.sandbox.call("codedeploy", operation, body).await
    }

    /// A RegisterTaskDefinition of the application with these environment variables.
    pub fn definition(&self, environment: &[(&str, &str)]) -> Value {
        let seed = json_file(&fixture(SEED));
        let entries = seed.as_array().unwrap();
        let mut definition = entries.iter().find(|entry| entry["operation"] == "RegisterTaskDefinition").unwrap()["body"].clone();
        let container = &mut definition["containerDefinitions"][0];
        container.as_object_mut().unwrap().remove("command");
        container["image"] = self.image.as_str().into();
        container["environment"] = environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        definition
    }

    /// Begins a deployment of the application with these environment variables; `over` is laid over CreateDeployment.
    pub async fn deploy(&self, environment: &[(&str, &str)], over: Value) -> String {
        let registered = self.sandbox.call("ecs", "RegisterTaskDefinition", self.definition(environment)).await;
        let content = json!({
            "version": 1,
            "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
                "TaskDefinition": registered["taskDefinition"]["taskDefinitionArn"],
                "LoadBalancerInfo": {"ContainerName": "api", "ContainerPort": 3333},
            }}}],
        })
        .to_string();
        let sha256: String = Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut body = json!({
            "applicationName": APPLICATION,
            "deploymentGroupName": GROUP,
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, "sha256": sha256}},
        });
        for (name, value) in over.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.codedeploy("CreateDeployment", body).await["deploymentId"].as_str().unwrap().to_owned()
    }

    /// From now on deployments are Ready before production traffic moves.
    pub async fn waits_when_ready(&self) {
        let blue_green = json!({
            "deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": 600},
            "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 1},
        });
        let body = json!({
            "applicationName": APPLICATION, "currentDeploymentGroupName": GROUP, "blueGreenDeploymentConfiguration": blue_green,
        });
        self.codedeploy("UpdateDeploymentGroup", body).await;
    }

    async fn info(&self, id: &str) -> Value {
        self.codedeploy("GetDeployment", json!({"deploymentId": id})).await["deploymentInfo"].take()
    }

    /// Waits for a status of a deployment.
    pub async fn reaches(&self, id: &str, status: &str) {
        let reached = async |_: &TestSandbox| (self.info(id).await["status"] == status).then_some(());
        self.sandbox.until(&format!("the deployment is {status}"), PATIENCE, reached).await;
    }

    /// Waits until a deployment's replacement has tasks that run.
    pub async fn installs(&self, id: &str) {
        let body = json!({"deploymentId": id, "targetId": "storefront:checkout"});
        let running = async |_: &TestSandbox| {
            self.info(id).await.get("startTime")?;
            let target = self.codedeploy("GetDeploymentTarget", body.clone()).await["deploymentTarget"]["ecsTarget"].take();
            (target["taskSetsInfo"][1]["runningCount"].as_u64()? > 0).then_some(())
        };
        self.sandbox.until("the replacement runs", PATIENCE, running).await;
    }

    /// Waits for the end of a deployment and answers it.
    pub async fn ended(&self, id: &str) -> Value {
        let over = async |_: &TestSandbox| {
            let info = self.info(id).await;
            ["Succeeded", "Failed", "Stopped"].contains(&info["status"].as_str()?).then_some(info)
        };
        self.sandbox.until("the deployment ends", PATIENCE, over).await
    }

    pub async fn finish(self) {
        self.sandbox.finish().await;
    }
}
