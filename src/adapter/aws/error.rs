//! What AWS or the way to it answered when a call failed, and what that is for the engine: told apart once, here.

mod skew;
#[cfg(test)]
mod tests;

use std::error::Error;

use aws_config::imds::client::error::ImdsError;
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

    /// From credentials that could not be had, for a call that was not made yet.
    pub fn of_credentials(operation: Operation, error: &CredentialsError) -> Self {
        Self { operation, kind: unanswered(error) }
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
    let mut connection = false;
    let mut instance = false;
    let mut credentials = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        // Below the credentials: the SDK wraps whatever goes wrong with them in a ConnectorError too.
        connection |= credentials.is_some() && error.is::<ConnectorError>();
        instance |= error.is::<ImdsError>();
        credentials = credentials.or_else(|| error.downcast_ref::<CredentialsError>());
        cause = error.source();
    }
    // What the SDK puts before it (`dispatch failure`) tells nobody anything.
    let Some(credentials) = credentials else {
        return Kind::Unanswered { message: chain(error.source().unwrap_or(error)) };
    };
    let message = chain(credentials);
    match credentials {
        CredentialsError::CredentialsNotLoaded(_) => Kind::NoCredentials { message },
        // The instance is asked last, also where there is none: nothing else had credentials.
        _ if instance => Kind::NoCredentials { message },
        _ if connection => Kind::Unanswered { message },
        _ => Kind::Credentials { message },
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
            Kind::Unanswered { message } if message.contains("certificate") => untrusted(message).into(),
            Kind::Unanswered { message } => PortError::Unreachable { what: format!("AWS (`{action}`)"), message },
            Kind::Answered { status, code, message } => {
                let begins = |codes: &[&str]| codes.iter().any(|known| code.starts_with(known));
                if let Some(missing) = missing_action(&message) {
                    PortError::Denied { action: missing.to_owned(), message }
                } else if begins(&["AccessDenied", "UnauthorizedOperation", "NotAuthorized"]) {
                    PortError::Denied { action, message }
                } else if let Some(failure) = skew::failure(&code, &message) {
                    failure.into()
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

fn untrusted(message: String) -> Failure {
    Failure::new(Code::UntrustedCertificate, "the certificate of whoever answers for AWS is not trusted")
        .because(message)
        .next("behind a proxy that opens TLS: let `AWS_CA_BUNDLE` name a PEM file with the certificates to trust")
        .next("in a container: install the package `ca-certificates`")
}

fn no_credentials(message: String) -> Failure {
    // The SDK lists what it has tried, one a line below a line of its own.
    let tried = message.lines().skip(1).map(|line| line.replace("the credential provider was not enabled: ", ""));
    let tried = tried.map(|line| line.replace("the credential provider was not enabled", "not set up").trim().to_owned());
    let failure = Failure::new(Code::NoCredentials, "no AWS credentials were found")
        .because("neither the environment, the AWS profile, the container nor the instance has any");
    tried
        .fold(failure, Failure::because)
        .next("on this machine: `aws configure sso`, then `aws sso login`, and name the profile by `AWS_PROFILE`")
        .next("in CI: give the job a role, or set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`")
        .next("without an AWS account: the same command with `--sandbox`")
}

/// Says what exactly does not exist.
pub fn named(error: AwsError, what: impl FnOnce() -> String) -> PortError {
    match error.into() {
        PortError::NotFound { .. } => PortError::NotFound { what: what() },
        other => other,
    }
}
