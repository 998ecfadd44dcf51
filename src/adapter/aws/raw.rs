//! ECS as untouched JSON, in both directions: fields that the SDK does not know yet go out and come back.
//!
//! Signing, retries and the endpoint stay the SDK's: every call travels in the envelope of DescribeServices, whose body,
//! target and length are replaced before signing, and whose reply is taken before the SDK reads it. A successful reply
//! reaches the SDK as `{}`, so that a shape it cannot read is neither an error nor a reason to send the request again.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use super::error::{AwsError, Kind};
use super::operation::Operation;

/// What `x-amz-target` begins with.
const TARGET: &str = "AmazonEC2ContainerServiceV20141113";

/// Calls an operation of ECS.
///
/// # Errors
/// As the service answers; a reply that is not JSON is an error of status 200.
pub async fn call(client: &aws_sdk_ecs::Client, operation: Operation, body: &Value) -> Result<Value, AwsError> {
    let bytes = body.to_string().into_bytes();
    let target = format!("{TARGET}.{}", operation.name);
    let reply = Arc::new(Mutex::new(None));
    let mut config = Builder::new();
    if let Some(inner) = client.config().http_client() {
        config.set_http_client(Some(SharedHttpClient::new(Tap { inner, reply: reply.clone() })));
    }
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
    let bytes = reply.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    serde_json::from_slice(&bytes).map_err(|error| AwsError {
        operation,
        kind: Kind::Answered { status: 200, code: "UnreadableReply".to_owned(), message: error.to_string() },
    })
}

/// Takes the body of a successful reply and lets `{}` through in its place.
#[derive(Clone, Debug)]
struct Tap<T> {
    inner: T,
    reply: Arc<Mutex<Option<Vec<u8>>>>,
}

impl HttpClient for Tap<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Tap { inner, reply: self.reply.clone() })
    }
}

impl HttpConnector for Tap<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, reply) = (self.inner.call(request), self.reply.clone());
        HttpConnectorFuture::new(async move {
            let mut response = answer.await?;
            if response.status().is_success() {
                let body = ByteStream::new(response.take_body()).collect().await;
                let bytes = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
                *reply.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
                *response.body_mut() = SdkBody::from("{}");
                response.headers_mut().insert("content-length", "2");
            }
            Ok(response)
        })
    }
}
