//! The sandbox's Systems Manager Parameter Store: parameters, as tasks read them when they start.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::error::AwsError;
use crate::sealed::Sealed;
use crate::state::State;

/// Its operations.
pub const TABLES: &[Table] =
    &[&[("PutParameter", put), ("GetParameter", get), ("GetParameters", get_several), ("DeleteParameter", delete)]];

/// Parameters by name.
pub type Parameters = BTreeMap<String, Parameter>;

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    kind: String,
    value: Sealed,
    version: u64,
    changed_at: f64,
}

impl State {
    /// The value of a parameter by name or ARN; none when there is none.
    pub(crate) fn parameter(&self, reference: &str) -> Option<&Sealed> {
        self.find_parameter(reference).map(|(_, parameter)| &parameter.value)
    }

    fn find_parameter(&self, reference: &str) -> Option<(&String, &Parameter)> {
        let name = reference.rsplit_once(":parameter/").map_or(reference, |(_, name)| name);
        // An ARN does not show whether the name begins with a slash.
        self.parameters.get_key_value(name).or_else(|| match reference.starts_with("arn:") {
            true => self.parameters.get_key_value(&format!("/{name}")),
            false => None,
        })
    }

    fn shown_parameter(&self, name: &str, parameter: &Parameter) -> Value {
        let arn = self.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')));
        json!({
            "Name": name, "Type": parameter.kind, "Value": parameter.value.open(), "Version": parameter.version,
            "LastModifiedDate": parameter.changed_at, "ARN": arn, "DataType": "text",
        })
    }
}

fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn required<'a>(body: &'a Value, member: &str) -> Result<&'a str, AwsError> {
    text(body, member).ok_or_else(|| AwsError::new("ValidationException", format!("{member} must not be empty.")))
}

fn put(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "Name")?.to_owned();
    let value = required(&body, "Value")?.to_owned();
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "/_.-".contains(letter));
    if !letters || name.len() > 2048 {
        let text = "Parameter name: can't contain other symbols than a-zA-Z0-9_.-/";
        return Err(AwsError::new("ValidationException", text));
    }
    let before = state.parameters.get(&name);
    let overwrite = body.get("Overwrite").and_then(Value::as_bool).unwrap_or(false);
    if before.is_some() && !overwrite {
        let text = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
        return Err(AwsError::new("ParameterAlreadyExists", text));
    }
    let kind = text(&body, "Type").or_else(|| before.map(|before| before.kind.as_str())).unwrap_or("String").to_owned();
    let version = before.map_or(1, |before| before.version + 1);
    let changed_at = state.now_seconds();
    state.parameters.insert(name, Parameter { kind, value: Sealed::new(value), version, changed_at });
    Ok(json!({ "Version": version, "Tier": "Standard" }))
}

fn get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let reference = required(&body, "Name")?;
    let (name, parameter) = state.find_parameter(reference).ok_or_else(|| AwsError::new("ParameterNotFound", ""))?;
    Ok(json!({ "Parameter": state.shown_parameter(name, parameter) }))
}

fn get_several(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let names: Vec<&str> = body.get("Names").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() || names.len() > 10 {
        return Err(AwsError::new("ValidationException", "Names must have 1 to 10 members."));
    }
    let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
    for reference in names {
        match state.find_parameter(reference) {
            Some((name, parameter)) => parameters.push(state.shown_parameter(name, parameter)),
            None => invalid.push(reference),
        }
    }
    Ok(json!({ "Parameters": parameters, "InvalidParameters": invalid }))
}

fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "Name")?;
    match state.parameters.remove(name) {
        Some(_) => Ok(json!({})),
        None => Err(AwsError::new("ParameterNotFound", "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::dispatch::{Service, call as dispatch};

    #[test]
    fn parameters_are_read_by_name_and_by_arn() {
        let mut state = State::new("123456789012".into(), "eu-west-1".into(), Clock::start(1.0), "/nowhere".into());
        let mut call = |operation: &str, body: Value| dispatch(&mut state, Service::Ssm, operation, body);
        for name in ["/shop/db", "plain"] {
            call("PutParameter", json!({"Name": name, "Value": "v4lue", "Type": "SecureString"})).unwrap();
        }
        let arn = |name: &str| format!("arn:aws:ssm:eu-west-1:123456789012:parameter/{name}");
        let reply = call("GetParameters", json!({"Names": [arn("shop/db"), "plain", arn("plain"), "shop/db"]})).unwrap();
        let names: Vec<&Value> = reply["Parameters"].as_array().unwrap().iter().map(|one| &one["Name"]).collect();
        assert_eq!(names, ["/shop/db", "plain", "plain"]);
        assert_eq!(reply["InvalidParameters"], json!(["shop/db"]));
        let again = call("PutParameter", json!({"Name": "plain", "Value": "2"})).unwrap_err();
        assert_eq!(again.code, "ParameterAlreadyExists");
        let over = call("PutParameter", json!({"Name": "plain", "Value": "2", "Overwrite": true})).unwrap();
        assert_eq!(over["Version"], 2);
        assert_eq!(call("GetParameter", json!({"Name": "plain"})).unwrap()["Parameter"]["Value"], "2");
        call("DeleteParameter", json!({"Name": "plain"})).unwrap();
        assert_eq!(call("GetParameter", json!({"Name": "plain"})).unwrap_err().code, "ParameterNotFound");
        assert!(!format!("{state:?}").contains("v4lue"), "a value is not shown");
    }
}
