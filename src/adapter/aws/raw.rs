//! ECS as untouched JSON, in both directions: fields that the SDK does not know yet go out and come back.
//!
//! Signing, retries and the endpoint stay the SDK's: every call travels in the envelope of DescribeServices, whose body,
//! target and length are replaced before signing, and whose reply is taken before the SDK reads it. A successful reply
//! reaches the SDK as `{}`, so that a shape it cannot read is neither an error nor a reason to send the request again.

use aws_sdk_ecs::config::Builder;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::error::{AwsError, Kind};
use super::operation::Operation;
use super::tap;

/// What `x-amz-target` begins with.
const TARGET: &str = "AmazonEC2ContainerServiceV20141113";

/// Calls an operation of ECS.
///
/// # Errors
/// As the service answers; a reply that is not JSON is an error of status 200.
pub async fn call(client: &aws_sdk_ecs::Client, operation: Operation, body: &Value) -> Result<Value, AwsError> {
    let bytes = body.to_string().into_bytes();
    let target = format!("{TARGET}.{}", operation.name);
    let mut config = Builder::new();
    let reply = client.config().http_client().map(|inner| {
        let (tapped, reply) = tap::tapped(inner, "{}");
        config.set_http_client(Some(tapped));
        reply
    });
    let sent = client
        .describe_services()
        .customize()
        .mutate_request(move |request| {
            request.headers_mut().insert("x-amz-target", target.clone());
            request.headers_mut().insert("content-length", bytes.len().to_string());
            *request.body_mut() = SdkBody::from(bytes.clone());
        })
        .config_override(config)
        .send()
        .await;
    if let Err(error) = sent {
        return Err(AwsError::of(operation, &error));
    }
    let bytes = reply.map(|reply| reply.take()).unwrap_or_default();
    serde_json::from_slice(&bytes).map_err(|error| AwsError {
        operation,
        kind: Kind::Answered { status: 200, code: "UnreadableReply".to_owned(), message: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapter::aws::canned::{Canned, Reply};
    use crate::adapter::aws::operation::{LIST_SERVICE_DEPLOYMENTS, REGISTER_TASK_DEFINITION, UPDATE_SERVICE};

    #[tokio::test]
    async fn unknown_fields_pass_both_ways_also_after_throttling() {
        let times = std::sync::atomic::AtomicU32::new(0);
        let server = Canned::start(move |_| match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::error("ThrottlingException", "Rate exceeded"),
            _ => Reply::ok(r#"{"taskDefinition":{"fromTheFuture":[1.5,{"a":null}]},"alsoNew":true}"#),
        })
        .await;
        let body = json!({"family": "web", "notYetInvented": {"threshold": 7}, "containerDefinitions": [{"name": "ü"}]});
        let client = aws_sdk_ecs::Client::new(&server.sdk(3));
        let reply = call(&client, REGISTER_TASK_DEFINITION, &body).await.unwrap();
        assert_eq!(reply, json!({"taskDefinition": {"fromTheFuture": [1.5, {"a": null}]}, "alsoNew": true}));
        let asked = server.asked();
        assert_eq!(asked.len(), 2);
        for asked in asked {
            assert_eq!(asked.json(), body);
            assert_eq!(asked.header("x-amz-target"), "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition");
            assert_eq!(asked.header("content-type"), "application/x-amz-json-1.1");
            assert_eq!(asked.header("content-length"), asked.body.len().to_string());
            assert!(asked.header("authorization").contains("/us-east-1/ecs/aws4_request"), "it is signed");
        }
    }

    #[tokio::test]
    async fn a_shape_the_sdk_cannot_read_is_no_error_and_nothing_is_sent_twice() {
        let server = Canned::start(|_| Reply::ok(r#"{"services": 5, "failures": "none"}"#)).await;
        let client = aws_sdk_ecs::Client::new(&server.sdk(3));
        assert_eq!(call(&client, UPDATE_SERVICE, &json!({})).await.unwrap(), json!({"services": 5, "failures": "none"}));
        assert_eq!(server.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_reply_that_is_no_json_is_an_error() {
        let server = Canned::start(|_| Reply::ok("<html>")).await;
        let client = aws_sdk_ecs::Client::new(&server.sdk(1));
        let error = call(&client, UPDATE_SERVICE, &json!({})).await.unwrap_err();
        assert_eq!(error.code(), Some("UnreadableReply"));
    }

    #[tokio::test]
    async fn an_operation_the_platform_lacks_is_known_by_its_answer() {
        let page = "<!doctype html>\n<title>500 Internal Server Error</title>";
        let server = Canned::start(move |asked| match asked.json()["service"].as_str() {
            Some("aws") => Reply::error("UnknownOperationException", ""),
            Some("moto") => Reply::status(500, page).with("server", "Werkzeug/3.1.3 Python/3.12"),
            _ => Reply::status(500, page).with("server", "proxy"),
        })
        .await;
        let client = aws_sdk_ecs::Client::new(&server.sdk(1));
        let unknown = async |service: &str| {
            let error = call(&client, LIST_SERVICE_DEPLOYMENTS, &json!({"service": service})).await.unwrap_err();
            error.is_unknown_operation()
        };
        assert!(unknown("aws").await);
        assert!(unknown("moto").await);
        assert!(!unknown("an outage behind a proxy").await);
    }
}
