//! Plain HTTP to this machine.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A new connection each time, no proxy.
pub static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().pool_max_idle_per_host(0);
    client.timeout(PATIENCE).build().expect("a client of plain HTTP needs nothing of the machine")
});

/// Which version of the application answers there.
///
/// # Errors
/// No answer, or a status that is not 200.
pub async fn version(address: SocketAddr, path: &str) -> Result<String, String> {
    let reply = HTTP.get(format!("http://{address}{path}")).send().await.map_err(|error| format!("{error:?}"))?;
    let status = reply.status();
    let version = reply.headers().get("x-version").and_then(|value| value.to_str().ok()).unwrap_or("0").to_owned();
    let body = reply.bytes().await.map_err(|error| format!("{error:?}"))?;
    if status == 200 { Ok(version) } else { Err(format!("{status}: {}", String::from_utf8_lossy(&body))) }
}

/// A call of a JSON service at the endpoint: the reply, or the error with its `__type`.
pub async fn call(endpoint: &str, service: &str, operation: &str, body: &Value) -> Result<Value, Value> {
    let target = match service {
        "ecs" => "AmazonEC2ContainerServiceV20141113",
        "ecr" => "AmazonEC2ContainerRegistry_V20150921",
        "codedeploy" => "CodeDeploy_20141006",
        "logs" => "Logs_20140328",
        "secretsmanager" => "secretsmanager",
        "ssm" => "AmazonSSM",
        "events" => "AWSEvents",
        other => panic!("{other} is not a JSON service"),
    };
    let request = HTTP.post(endpoint).header("content-type", "application/x-amz-json-1.1");
    let request = request.header("x-amz-target", format!("{target}.{operation}")).body(body.to_string());
    let reply = request.send().await.unwrap_or_else(|error| panic!("{operation}: {error:?}"));
    let status = reply.status();
    let bytes = reply.bytes().await.unwrap_or_else(|error| panic!("{operation}: {error:?}"));
    let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status == 200 { Ok(value) } else { Err(value) }
}
