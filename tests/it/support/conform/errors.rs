//! Which errors an operation may answer: those it declares, and those that every operation may (AWS, "Common Errors").

use serde_json::{Map, Value};

use super::complaint::{Complaint, Place};
use super::model::{Model, Operation};
use super::walk::{Dialect, Walk};

/// Code and HTTP status of JSON and CBOR services
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html>; the statuses of the awsJson protocols).
const COMMON: &[(&str, u64)] = &[
    ("AccessDeniedException", 400),
    ("ExpiredTokenException", 400),
    ("IncompleteSignature", 400),
    ("InternalFailure", 500),
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>
    ("InvalidSignatureException", 400),
    ("NotAuthorized", 400),
    ("OptInRequired", 403),
    ("RequestEntityTooLargeException", 413),
    ("RequestExpired", 400),
    ("SerializationException", 400),
    ("ServiceUnavailableException", 503),
    ("ThrottlingException", 400),
    ("UnknownOperationException", 400),
    ("UnrecognizedClientException", 400),
    ("ValidationError", 400),
    ("ValidationException", 400),
];

/// The same of query services
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html>).
const COMMON_QUERY: &[(&str, u64)] = &[
    ("AccessDenied", 403),
    ("ExpiredToken", 403),
    ("IncompleteSignature", 400),
    ("InternalFailure", 500),
    ("InvalidAction", 400),
    ("InvalidClientTokenId", 403),
    ("InvalidParameterCombination", 400),
    ("InvalidParameterValue", 400),
    ("MalformedQueryString", 400),
    ("MissingAction", 400),
    ("MissingParameter", 400),
    ("OptInRequired", 403),
    ("RequestExpired", 400),
    ("ServiceUnavailable", 503),
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>
    ("SignatureDoesNotMatch", 403),
    ("Throttling", 400),
    ("ValidationError", 400),
];

/// Codes that say that the request is wrong: it is then not held against the model as well.
const REFUSED: &[&str] = &[
    "ClientException",
    "InvalidAction",
    "InvalidConfigurationRequest",
    "InvalidLayerException",
    "InvalidParameterCombination",
    "InvalidParameterException",
    "InvalidParameterValue",
    "MalformedQueryString",
    "MissingAction",
    "MissingParameter",
    "MissingRequiredParameterException",
    "SerializationException",
    "UnknownOperationException",
    "ValidationError",
    "ValidationException",
];

/// An error as it stood on the wire.
#[derive(Clone, Debug)]
pub struct Error {
    /// Its code.
    pub code: String,
    /// Its other members, without the message.
    pub members: Map<String, Value>,
    /// The HTTP status.
    pub status: u64,
    /// How its members are written.
    pub dialect: Dialect,
}

impl Error {
    /// The request itself was refused.
    pub fn refuses_request(&self) -> bool {
        REFUSED.contains(&self.code.as_str())
    }

    /// What is wrong with it as an answer of the operation; none is an operation that the model does not have.
    pub fn complaints(&self, model: &Model, operation: Option<Operation>, place: Place) -> Vec<Complaint> {
        let shown = Value::Object(self.members.clone());
        let declared = operation.into_iter().flat_map(Operation::errors).map(|name| model.shape(name));
        let mut walk = Walk::new(model, self.dialect, place);
        let common = if self.dialect == Dialect::Text { COMMON_QUERY } else { COMMON };
        let common = common.iter().find(|(code, _)| *code == self.code).map(|(_, status)| *status);
        let status = match declared.into_iter().find(|shape| shape.code() == self.code) {
            Some(shape) => {
                walk.value(&shape.name, &shown);
                // Without a status of its own an error has that of its kind; ECS's own AccessDeniedException, say.
                Some(common.unwrap_or_else(|| shape.status()))
            }
            None => common,
        };
        match status {
            None => walk.complain(&format!("error {} is not declared", self.code), &shown),
            Some(status) if status == self.status => {}
            Some(status) => walk.complain(&format!("error {} has status {status}", self.code), &self.status.into()),
        }
        walk.found
    }
}
