//! A refusal in the OCI protocol's shape: `{"errors": [{"code", "message"}]}`.

use std::io;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::json;

use crate::ecr::put;
use crate::ecr::repository::disk_status;
use crate::error::AwsError;

/// Why the registry refuses.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP's status.
    pub status: StatusCode,
    /// OCI's code.
    pub code: &'static str,
    /// ECR's text where it is known.
    pub message: String,
    /// How to authenticate, with 401.
    challenge: Option<HeaderValue>,
}

impl Refusal {
    /// A refusal.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), challenge: None }
    }

    /// Nobody knows the caller; the registry stands at this address.
    pub fn unauthorized(address: &str) -> Self {
        let challenge = format!("Basic realm=\"http://{address}/\",service=\"ecr.amazonaws.com\"");
        Self {
            challenge: HeaderValue::try_from(challenge).ok(),
            ..Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Not Authorized")
        }
    }

    /// The login was good once.
    pub fn expired() -> Self {
        let message = "Your authorization token has expired. Reauthenticate and try again.";
        Self::new(StatusCode::FORBIDDEN, "DENIED", message)
    }

    /// The path names nothing.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "UNSUPPORTED", "Not Found")
    }

    /// The registry does not do that.
    pub fn unsupported() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported.")
    }

    /// The sandbox's own disk or the client's connection fails.
    pub fn broken(error: &io::Error) -> Self {
        let status = StatusCode::from_u16(disk_status(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, "UNKNOWN", format!("the sandbox cannot keep the blob: {error}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let body = json!({"errors": [{"code": self.code, "message": self.message}]});
        let mut response = Response::new(Body::from(format!("{body}\n")));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Self {
        let (status, code) = match error.code.as_str() {
            "RepositoryNotFoundException" => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            "InvalidParameterException" => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            _ => {
                let status = StatusCode::from_u16(error.status).ok().filter(StatusCode::is_server_error);
                (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "UNKNOWN")
            }
        };
        Self::new(status, code, error.message)
    }
}

impl From<put::Refusal> for Refusal {
    fn from(refusal: put::Refusal) -> Self {
        let (status, code) = match refusal {
            put::Refusal::Other(error) => return error.into(),
            put::Refusal::Bad(_) => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            put::Refusal::Digest(_) => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            put::Refusal::Layers { .. } | put::Refusal::Images { .. } => (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
            put::Refusal::Immutable { .. } => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
        };
        Self::new(status, code, refusal.to_string())
    }
}
