//! AWS JSON 1.1, and 1.0, which differs in the content type only.

use serde_json::{Map, Value};

use crate::error::AwsError;

/// Reads a request's body; an empty one is `{}`.
///
/// # Errors
/// `SerializationException` when it is not a JSON object.
pub fn read(body: &[u8]) -> Result<Value, AwsError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(AwsError::new("SerializationException", "Start of structure or map found where not expected.")),
        Err(_) => Err(AwsError::new("SerializationException", "Could not parse the request body as JSON.")),
    }
}

/// Writes a reply's body without its null members.
pub fn write(reply: &Value) -> Vec<u8> {
    match without_nulls(reply) {
        Value::Null => Vec::new(),
        reply => reply.to_string().into_bytes(),
    }
}

/// Writes an error's body: `{"__type": …, "message": …}` with the further members.
pub fn write_error(error: &AwsError) -> Vec<u8> {
    error_members(error).to_string().into_bytes()
}

/// An error as the JSON and CBOR protocols show it.
pub fn error_members(error: &AwsError) -> Value {
    let mut members = Map::new();
    members.insert("__type".to_owned(), error.code.clone().into());
    members.insert("message".to_owned(), error.message.clone().into());
    let further = error.members.iter().flat_map(|members| members.iter()).filter(|(_, member)| !member.is_null());
    members.extend(further.map(|(name, member)| (name.clone(), without_nulls(member))));
    Value::Object(members)
}

/// The value without the members that are null; nulls in arrays stay.
pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let present = members.iter().filter(|(_, member)| !member.is_null());
            Value::Object(present.map(|(name, member)| (name.clone(), without_nulls(member))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_objects_and_nothing_else() {
        assert_eq!(read(b""), Ok(json!({})));
        assert_eq!(read(br#"{"cluster": "prod"}"#), Ok(json!({"cluster": "prod"})));
        for bad in [&b"[]"[..], b"null", b"{", b"\xff", b"{}{}"] {
            assert_eq!(read(bad).unwrap_err().code, "SerializationException");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(deep.as_bytes()).unwrap_err().code, "SerializationException");
    }

    #[test]
    fn writes_without_null_members() {
        let reply = json!({"a": null, "b": [{"c": null, "d": 1_790_000_000.5}], "e": 1_790_000_000.0});
        assert_eq!(write(&reply), br#"{"b":[{"d":1790000000.5}],"e":1790000000.0}"#);
        assert_eq!(write(&Value::Null), b"");
    }

    #[test]
    fn writes_errors_as_aws_does() {
        let error = AwsError::new("ClusterNotFoundException", "Cluster not found.");
        assert_eq!(write_error(&error), br#"{"__type":"ClusterNotFoundException","message":"Cluster not found."}"#);
        let error = error.with_member("resourceName", "x").with_member("none", Value::Null);
        assert!(String::from_utf8(write_error(&error)).unwrap().ends_with(r#","resourceName":"x"}"#));
    }
}
