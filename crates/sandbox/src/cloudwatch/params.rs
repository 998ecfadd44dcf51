//! The members of a request: CBOR and JSON send numbers, the query protocol sends strings for all of them.

use serde_json::Value;

use crate::error::AwsError;

/// A minute, milliseconds.
pub(super) const MINUTE: u64 = 60_000;

/// A number from 1 on.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn whole(member: &str, value: &Value) -> Result<u64, AwsError> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| invalid(format!("The parameter {member} must be greater than or equal to 1.")))
}

/// A member that must be there: its text, or any text when it is not a string.
///
/// # Errors
/// `MissingParameter`.
pub(super) fn required<'a>(body: &'a Value, member: &str) -> Result<&'a str, AwsError> {
    match &body[member] {
        Value::Null => Err(missing(member)),
        Value::String(text) if text.is_empty() => Err(missing(member)),
        value => Ok(value.as_str().unwrap_or_default()),
    }
}

/// A time that must be there, in virtual milliseconds since 1970.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterValue`.
pub(super) fn time(body: &Value, member: &str) -> Result<u64, AwsError> {
    let wrong = || invalid(format!("The parameter {member} must be a timestamp."));
    let millis = match &body[member] {
        Value::Null => return Err(missing(member)),
        Value::String(text) => text.parse::<jiff::Timestamp>().map_err(|_| wrong())?.as_millisecond(),
        value => (value.as_f64().ok_or_else(wrong)? * 1000.0) as i64,
    };
    u64::try_from(millis).map_err(|_| wrong())
}

/// A list, also where the query protocol's empty one is an empty string.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// `true`, or its text.
pub(super) fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn missing(member: &str) -> AwsError {
    AwsError::new("MissingParameter", format!("The parameter {member} is required"))
}

pub(super) fn invalid(text: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValue", text)
}

/// What GetMetricData answers to a wrong query.
pub(super) fn refused(text: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", text)
}
