//! Smithy RPC v2 CBOR: `/service/<Name>/operation/<Op>`, timestamps as tag 1, binary data as base64 in the values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

use super::TIMESTAMPS;
use super::json::error_members;
use crate::error::AwsError;

/// How a timestamp looks in the value that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// A number of epoch seconds, for handlers.
    Plain,
    /// `{"$timestamp": seconds}`, for the record of exchanges.
    Marked,
}

/// Reads a request's body; an empty one is `{}`.
///
/// # Errors
/// `SerializationException` when it is not a CBOR map with text keys.
pub fn read(body: &[u8], stamps: Stamps) -> Result<Value, AwsError> {
    let bad = || AwsError::new("SerializationException", "Could not parse the request body as CBOR.");
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let value: Cbor = ciborium::from_reader(body).map_err(|_| bad())?;
    to_json(value, stamps).filter(Value::is_object).ok_or_else(bad)
}

/// Writes a reply's body; an operation without a reply has none.
pub fn write(reply: &Value) -> Vec<u8> {
    match reply {
        Value::Null => Vec::new(),
        reply => bytes(&to_cbor(reply, None)),
    }
}

/// Writes an error's body: the same members as in JSON.
pub fn write_error(error: &AwsError) -> Vec<u8> {
    bytes(&to_cbor(&error_members(error), None))
}

fn bytes(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("writing to memory cannot fail");
    bytes
}

fn to_json(value: Cbor, stamps: Stamps) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(it) => Value::Bool(it),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bytes(bytes) => Value::String(STANDARD.encode(bytes)),
        Cbor::Integer(it) => Value::Number(Number::from_i128(i128::from(it))?),
        Cbor::Float(it) => Value::Number(Number::from_f64(it)?),
        Cbor::Array(items) => items.into_iter().map(|item| to_json(item, stamps)).collect::<Option<_>>()?,
        Cbor::Map(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                let Cbor::Text(name) = name else { return None };
                object.insert(name, to_json(member, stamps)?);
            }
            Value::Object(object)
        }
        Cbor::Tag(1, seconds) => {
            let seconds = to_json(*seconds, stamps).filter(Value::is_number)?;
            match stamps {
                Stamps::Plain => seconds,
                Stamps::Marked => Value::Object(Map::from_iter([("$timestamp".to_owned(), seconds)])),
            }
        }
        _ => return None,
    })
}

/// `member` is the name under which the value stands, or of the list that it is in.
fn to_cbor(value: &Value, member: Option<&str>) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(it) => Cbor::Bool(*it),
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Number(number) => {
            let plain = match (number.as_i64(), number.as_u64()) {
                (Some(it), _) => Cbor::Integer(it.into()),
                (None, Some(it)) => Cbor::Integer(it.into()),
                (None, None) => Cbor::Float(number.as_f64().unwrap_or_default()),
            };
            match member {
                Some(name) if TIMESTAMPS.contains(&name) => Cbor::Tag(1, Box::new(plain)),
                _ => plain,
            }
        }
        Value::Array(items) => Cbor::Array(items.iter().map(|item| to_cbor(item, member)).collect()),
        Value::Object(members) => {
            let present = members.iter().filter(|(_, value)| !value.is_null());
            Cbor::Map(present.map(|(name, value)| (Cbor::Text(name.clone()), to_cbor(value, Some(name)))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn timestamps_are_tag_1_both_ways() {
        let reply = json!({"StateUpdatedTimestamp": 1.5, "Timestamps": [2.0], "Threshold": 3.0});
        let bytes = write(&reply);
        assert_eq!(read(&bytes, Stamps::Plain), Ok(reply));
        let marked = json!({
            "StateUpdatedTimestamp": {"$timestamp": 1.5}, "Timestamps": [{"$timestamp": 2.0}], "Threshold": 3.0,
        });
        assert_eq!(read(&bytes, Stamps::Marked), Ok(marked));
    }

    #[test]
    fn reads_what_a_client_sends() {
        // Indefinite-length map and array, as the AWS SDKs write them: {"AlarmNames": ["a"]}.
        let body = b"\xbf\x6aAlarmNames\x9f\x61a\xff\xff";
        assert_eq!(read(body, Stamps::Plain), Ok(json!({"AlarmNames": ["a"]})));
        assert_eq!(read(b"", Stamps::Plain), Ok(json!({})));
    }

    #[test]
    fn an_empty_reply_is_a_map_and_none_is_nothing() {
        assert_eq!(write(&json!({})), b"\xa0");
        assert_eq!(write(&Value::Null), b"");
    }

    #[test]
    fn an_error_has_its_type_in_the_body() {
        let error = AwsError::new("ResourceNotFound", "no such alarm");
        let expected = json!({"__type": "ResourceNotFound", "message": "no such alarm"});
        assert_eq!(read(&write_error(&error), Stamps::Plain), Ok(expected));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            proptest::num::f64::NORMAL.prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[A-Z][a-z]{0,4}|Timestamp", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in value()) {
            let value = json!({ "Member": value });
            prop_assert_eq!(read(&write(&value), Stamps::Plain), Ok(value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes, Stamps::Marked);
        }
    }
}
