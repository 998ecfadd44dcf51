//! The sandbox's EventBridge: takes events and delivers them to nobody; the record of exchanges shows them.

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::ecs::ids;
use crate::error::AwsError;
use crate::state::State;

/// Its operations.
pub const TABLES: &[Table] = &[&[("PutEvents", put)]];

/// Entries in a request, at most.
const ENTRIES: usize = 10;

fn put(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let entries = body.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !(1..=ENTRIES).contains(&entries.len()) {
        let text = format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and {ENTRIES}"
        );
        return Err(AwsError::new("ValidationException", text));
    }
    let results: Vec<Value> = entries
        .iter()
        .map(|entry| match complaint(entry) {
            Some((code, message)) => json!({"ErrorCode": code, "ErrorMessage": message}),
            None => json!({"EventId": ids::uuid(state)}),
        })
        .collect();
    let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
    Ok(json!({"FailedEntryCount": failed, "Entries": results}))
}

/// Why the bus does not take an entry.
fn complaint(entry: &Value) -> Option<(&'static str, String)> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    for member in ["Source", "DetailType", "Detail"] {
        if text(member).is_none() {
            let why = format!("Parameter {member} is not valid. Reason: {member} is a required argument.");
            return Some(("InvalidArgument", why));
        }
    }
    let detail = text("Detail").and_then(|detail| serde_json::from_str::<Value>(detail).ok());
    (!detail.is_some_and(|detail| detail.is_object())).then(|| ("MalformedDetail", "Detail is malformed.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::dispatch::{Service, call};

    #[test]
    fn each_entry_is_taken_or_not_by_itself() {
        let mut state = State::new("123456789012".into(), "eu-west-1".into(), Clock::start(1.0), "/nowhere".into());
        let entry = |detail: &str| json!({"Source": "shipit", "DetailType": "x", "Detail": detail});
        let body = json!({"Entries": [entry("{}"), entry("[]"), {"Source": "shipit", "Detail": "{}"}]});
        let reply = call(&mut state, Service::Events, "PutEvents", body).unwrap();
        assert_eq!(reply["FailedEntryCount"], 2);
        assert!(reply["Entries"][0]["EventId"].is_string());
        let codes: Vec<&Value> = reply["Entries"].as_array().unwrap().iter().map(|entry| &entry["ErrorCode"]).collect();
        assert_eq!(codes, [&Value::Null, &json!("MalformedDetail"), &json!("InvalidArgument")]);
        let error = call(&mut state, Service::Events, "PutEvents", json!({"Entries": []})).unwrap_err();
        assert_eq!(error.code, "ValidationException");
    }
}
