//! The storefront of the fixtures in a sandbox, with its backend built and pushed as a person would: by docker.

use std::net::SocketAddr;

use serde_json::{Value, json};

pub use crate::support::PATIENCE;
use crate::support::http;
use crate::support::sandbox::{TestSandbox, fixture, json_file};

/// Logs docker and skopeo in, as AWS's documentation says: with the CLI's password.
pub async fn log_in(sandbox: &TestSandbox) {
    let password = sandbox.aws("ecr get-login-password").await.text();
    let registry = sandbox.registry();
    sandbox.docker(&["login", "--username", "AWS", "--password", &password, &registry]).await.text();
    sandbox.skopeo(&["login", "--tls-verify=false", "--username", "AWS", "--password", &password, &registry]).await.text();
}

/// Builds the backend of the fixtures under a tag of its repository and answers the image's name.
pub async fn build(sandbox: &TestSandbox, tag: &str) -> String {
    let image = format!("{}/storefront/backend:{tag}", sandbox.registry());
    let context = fixture("storefront/backend");
    let label = format!("tag={tag}");
    sandbox.docker(&["build", "--quiet", "--label", &label, "--tag", &image, context.to_str().unwrap()]).await.text();
    image
}

/// The backend in the registry, by digest.
pub async fn pushed(sandbox: &TestSandbox) -> String {
    log_in(sandbox).await;
    let image = build(sandbox, "one").await;
    sandbox.docker(&["push", "--quiet", &image]).await.text();
    sandbox.docker(&["inspect", "--format", "{{index .RepoDigests 0}}", &image]).await.text()
}

/// Registers a revision of the backend with these environment variables and answers its ARN.
pub async fn register(sandbox: &TestSandbox, image: &str, environment: &[(&str, &str)]) -> String {
    let mut definition = json_file(&fixture("storefront/backend.taskdef.json"));
    let container = &mut definition["containerDefinitions"][0];
    container["image"] = image.into();
    container["environment"] = environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let registered = sandbox.call("ecs", "RegisterTaskDefinition", definition).await;
    registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
}

/// Updates the backend and answers its service deployment's ARN.
pub async fn update(sandbox: &TestSandbox, revision: &str) -> String {
    let body = json!({"cluster": "storefront", "service": "backend", "taskDefinition": revision});
    sandbox.call("ecs", "UpdateService", body).await;
    let listed = sandbox.call("ecs", "ListServiceDeployments", json!({"cluster": "storefront", "service": "backend"})).await;
    listed["serviceDeployments"][0]["serviceDeploymentArn"].as_str().unwrap().to_owned()
}

/// Waits for the end of a service deployment and answers it.
pub async fn ended(sandbox: &TestSandbox, deployment: &str) -> Value {
    const FINAL: [&str; 4] = ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"];
    let body = json!({"serviceDeploymentArns": [deployment]});
    sandbox
        .until("a service deployment ends", PATIENCE, async |sandbox| {
            let described = sandbox.call("ecs", "DescribeServiceDeployments", body.clone()).await["serviceDeployments"][0].take();
            FINAL.contains(&described["status"].as_str()?).then_some(described)
        })
        .await
}

/// Waits until the backend answers at all through the load balancer, and tells where.
pub async fn answering(sandbox: &TestSandbox) -> SocketAddr {
    let address = sandbox.listener("storefront", 3333);
    sandbox.until("the backend answers", PATIENCE, async |_| http::version(address, "/api").await.ok()).await;
    address
}
