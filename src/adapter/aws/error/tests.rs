//! What becomes of every kind of answer, and of none.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, SharedCredentialsProvider, future};
use serde_json::json;

use super::*;
use crate::adapter::aws::http::{Trust, Web};
use crate::adapter::aws::operation::{START_IMAGE_SCAN, UPDATE_SERVICE};
use crate::adapter::aws::raw;

fn answered(status: u16, code: &str, message: &str) -> PortError {
    let kind = Kind::Answered { status, code: bare(code), message: message.to_owned() };
    AwsError { operation: UPDATE_SERVICE, kind }.into()
}

/// What became of it, and the action or subject named.
fn told(error: &PortError) -> (&'static str, String) {
    match error {
        PortError::NotFound { what } => ("not found", what.clone()),
        PortError::Denied { action, .. } => ("denied", action.clone()),
        PortError::Expired { .. } => ("expired", String::new()),
        PortError::Throttled { action } => ("throttled", action.clone()),
        PortError::Unreachable { .. } => ("unreachable", String::new()),
        PortError::Refused { code, .. } => ("refused", code.clone()),
        PortError::Failed(failure) => ("failed", failure.code.to_string()),
    }
}

#[test]
fn every_kind_of_answer_has_its_meaning() {
    let pass_role = "User: arn:aws:sts::1:assumed-role/ci/x is not authorized to perform: iam:PassRole on resource: r";
    let rows = [
        (400, "AccessDeniedException", "no", ("denied", "ecs:UpdateService")),
        (400, "AccessDeniedException", pass_role, ("denied", "iam:PassRole")),
        (400, "ClientException", pass_role, ("denied", "iam:PassRole")),
        (403, "AccessDenied", "no", ("denied", "ecs:UpdateService")),
        (400, "ExpiredTokenException", "", ("expired", "")),
        (403, "ExpiredToken", "", ("expired", "")),
        (403, "InvalidSignatureException", "", ("expired", "")),
        (400, "com.amazon.coral.service#UnrecognizedClientException", "", ("expired", "")),
        (400, "ThrottlingException", "Rate exceeded", ("throttled", "ecs:UpdateService")),
        (429, "PriorRequestNotComplete", "", ("throttled", "ecs:UpdateService")),
        (500, "ServerException", "", ("unreachable", "")),
        (503, "", "<html>", ("unreachable", "")),
        (400, "ServiceNotFoundException", "Service not found.", ("not found", "the service")),
        (400, "TargetGroupNotFound", "", ("not found", "the service")),
        (400, "InvalidParameterException:http://x", "bad", ("refused", "InvalidParameterException")),
        (400, "ConflictException", "", ("refused", "ConflictException")),
        (400, "LimitExceededException", "quota", ("refused", "LimitExceededException")),
    ];
    for (status, code, message, (kind, named)) in rows {
        assert_eq!(told(&answered(status, code, message)), (kind, named.to_owned()), "{status} {code} {message}");
    }
}

#[derive(Debug)]
struct Gives(fn() -> CredentialsError);

impl ProvideCredentials for Gives {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Provided::Err((self.0)()))
    }
}

async fn with_credentials(error: fn() -> CredentialsError) -> PortError {
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url("http://127.0.0.1:9")
        .http_client(Web::new(Trust::System).sdk_client())
        .credentials_provider(SharedCredentialsProvider::new(Gives(error)))
        .build();
    raw::call(&aws_sdk_ecs::Client::new(&sdk), UPDATE_SERVICE, &json!({})).await.unwrap_err().into()
}

#[tokio::test]
async fn credentials_that_are_not_there_or_have_ended() {
    let none = with_credentials(|| CredentialsError::not_loaded("no providers in chain provided credentials")).await;
    assert_eq!(told(&none), ("failed", Code::NoCredentials.to_string()));
    let ended = with_credentials(|| CredentialsError::provider_error("the SSO session has expired")).await;
    assert_eq!(told(&ended), ("expired", String::new()));
    let denied = "User: u is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/deploy";
    assert!(missing_action(denied) == Some("sts:AssumeRole"));
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let canned = crate::adapter::aws::canned::Canned::start(|_| unreachable!("it is not asked")).await;
    let sdk = canned.sdk(1).into_builder().endpoint_url(format!("http://{free}")).build();
    let error = raw::call(&aws_sdk_ecs::Client::new(&sdk), START_IMAGE_SCAN, &json!({})).await.unwrap_err();
    assert_eq!(told(&error.into()), ("unreachable", String::new()));
}
