//! What AWS or the way to it answered when a call failed, and what that is for the engine: told apart once, here.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shipit_core::failure::{Code, Failure};

use super::http::chain;
use super::operation::Operation;
use crate::port::PortError;

/// A failed call.
#[derive(Clone, Debug)]
pub struct AwsError {
    /// What was called.
    pub operation: Operation,
    /// How it failed.
    pub kind: Kind,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The service answered with an error.
    Answered {
        /// HTTP status.
        status: u16,
        /// AWS's code, without namespace; empty when the answer was not AWS's.
        code: String,
        /// AWS's text, or the answer's.
        message: String,
    },
    /// No answer.
    Unanswered {
        /// The causes, in one line.
        message: String,
    },
    /// There are no credentials.
    NoCredentials {
        /// The causes, in one line.
        message: String,
    },
    /// There are, but they could not be had or were not accepted, e.g. an SSO session that has ended.
    Credentials {
        /// The causes, in one line.
        message: String,
    },
}

/// Error codes of an operation that the platform does not have.
const UNKNOWN_OPERATION: &[&str] = &[
    "UnknownOperationException",
    "UnknownOperation",
    "InvalidAction",
    "UnsupportedOperationException",
    "UnsupportedFeatureException",
    "NotImplemented",
    "NotImplementedError",
    "NotImplementedException",
];

/// Error codes of throttling. Not LimitExceededException, which names a quota that waiting does not lift.
const THROTTLED: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// Error codes of credentials that are not accepted, by their beginning.
const NOT_ACCEPTED: &[&str] = &[
    "ExpiredToken",
    "RequestExpired",
    "InvalidSignature",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidToken",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "AuthFailure",
];

impl AwsError {
    /// From a call of a typed client.
    pub fn of<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let kind = match error.raw_response() {
            Some(raw) => {
                let body = raw.body().bytes().unwrap_or_default();
                let text: String = String::from_utf8_lossy(body).chars().take(400).collect();
                let code = match error.code() {
                    Some(code) => bare(code),
                    None if is_missing_handler(raw.headers().get("server"), &text) => "NotImplemented".to_owned(),
                    None => String::new(),
                };
                Kind::Answered { status: raw.status().as_u16(), code, message: error.message().map_or(text, str::to_owned) }
            }
            None => unanswered(error),
        };
        Self { operation, kind }
    }

    /// AWS's error code, if it was AWS that answered.
    pub fn code(&self) -> Option<&str> {
        match &self.kind {
            Kind::Answered { code, .. } if !code.is_empty() => Some(code),
            _ => None,
        }
    }

    /// The platform does not have this operation.
    pub fn is_unknown_operation(&self) -> bool {
        match &self.kind {
            Kind::Answered { status, code, .. } => *status == 501 || UNKNOWN_OPERATION.contains(&code.as_str()),
            _ => false,
        }
    }
}

/// Emulators answer an operation they lack with a page in HTML (moto: status 500, by Werkzeug), which AWS never does.
fn is_missing_handler(server: Option<&str>, text: &str) -> bool {
    let page = text.trim_start().starts_with('<');
    let text = text.to_lowercase();
    page && (server.is_some_and(|server| server.contains("Werkzeug"))
        || text.contains("not implemented")
        || text.contains("notimplemented"))
}

/// `namespace#Code:more` as `Code`.
fn bare(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or(code);
    code.split(':').next().unwrap_or(code).to_owned()
}

fn unanswered(error: &(dyn Error + 'static)) -> Kind {
    let message = chain(error);
    let mut connection = false;
    let mut credentials = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        // Below the credentials: the SDK wraps whatever goes wrong with them in a ConnectorError too.
        connection |= credentials.is_some() && error.is::<ConnectorError>();
        credentials = credentials.or_else(|| error.downcast_ref::<CredentialsError>());
        cause = error.source();
    }
    match credentials {
        None => Kind::Unanswered { message },
        Some(CredentialsError::CredentialsNotLoaded(_)) => Kind::NoCredentials { message },
        Some(_) if connection => Kind::Unanswered { message },
        Some(_) => Kind::Credentials { message },
    }
}

/// The action that AWS's text says is missing: `iam:PassRole` may be what an UpdateService lacks.
fn missing_action(message: &str) -> Option<&str> {
    let rest = message.split("is not authorized to perform: ").nth(1)?;
    rest.split_whitespace().next().filter(|action| action.contains(':'))
}

impl From<AwsError> for PortError {
    fn from(error: AwsError) -> Self {
        let operation = error.operation;
        let action = operation.action();
        match error.kind {
            Kind::NoCredentials { message } => no_credentials(message).into(),
            Kind::Credentials { message } => match missing_action(&message) {
                Some(action) => PortError::Denied { action: action.to_owned(), message },
                None => PortError::Expired { message },
            },
            Kind::Unanswered { message } => PortError::Unreachable { what: format!("AWS (`{action}`)"), message },
            Kind::Answered { status, code, message } => {
                let begins = |codes: &[&str]| codes.iter().any(|known| code.starts_with(known));
                if let Some(missing) = missing_action(&message) {
                    PortError::Denied { action: missing.to_owned(), message }
                } else if begins(&["AccessDenied", "UnauthorizedOperation", "NotAuthorized"]) {
                    PortError::Denied { action, message }
                } else if begins(NOT_ACCEPTED) {
                    PortError::Expired { message: format!("{code}: {message}") }
                } else if THROTTLED.contains(&code.as_str()) || status == 429 {
                    PortError::Throttled { action }
                } else if status >= 500 {
                    PortError::Unreachable { what: format!("AWS (`{action}`)"), message: format!("{status} {code} {message}") }
                } else if code.contains("NotFound") || code == "MISSING" {
                    PortError::NotFound { what: operation.subject.to_owned() }
                } else {
                    PortError::Refused { action, code, message }
                }
            }
        }
    }
}

fn no_credentials(message: String) -> Failure {
    Failure::new(Code::NoCredentials, "no AWS credentials were found")
        .because(message)
        .next("on this machine: `aws configure sso`, then `aws sso login`, and name the profile by `AWS_PROFILE`")
        .next("in CI: give the job a role, or set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`")
}

/// Says what exactly does not exist.
pub fn named(error: AwsError, what: impl FnOnce() -> String) -> PortError {
    match error.into() {
        PortError::NotFound { .. } => PortError::NotFound { what: what() },
        other => other,
    }
}

#[cfg(test)]
mod tests {
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
}
