//! An error as AWS would answer it: a code, a message, and whose fault it is.

use serde_json::{Map, Value};

/// What a handler answers instead of a reply. The codec writes it in the service's own error shape.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    /// The error code on the wire, e.g. `ClusterNotFoundException`; the query protocol's codes have no suffix.
    pub code: String,
    /// The text, in AWS's own words where they are known.
    pub message: String,
    /// HTTP status: 400 for the caller's mistakes, 5xx for injected faults and the sandbox's own disk only.
    pub status: u16,
    /// Further members of the error's shape; boxed, for most errors have none and every handler answers this type.
    pub members: Option<Box<Map<String, Value>>>,
}

impl AwsError {
    /// The caller's mistake: HTTP 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400, members: None }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more member.
    #[must_use]
    pub fn with_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.get_or_insert_default().insert(name.into(), value.into());
        self
    }
}
