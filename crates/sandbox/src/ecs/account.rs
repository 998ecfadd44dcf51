//! Account settings: kept and answered, none changes what the sandbox does.

use serde_json::{Value, json};

use super::request::{required, yes};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The account operations.
pub(super) const TABLE: Table = &[("PutAccountSetting", put), ("ListAccountSettings", list)];

/// What AWS answers for settings that nobody has put.
const DEFAULTS: &[(&str, &str)] =
    &[("containerInstanceLongArnFormat", "enabled"), ("serviceLongArnFormat", "enabled"), ("taskLongArnFormat", "enabled")];

fn put(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let (name, value) = (required(&body, "name")?.to_owned(), required(&body, "value")?.to_owned());
    state.ecs.settings.insert(name.clone(), value.clone());
    Ok(json!({ "setting": view(&name, &value, &state.caller().arn) }))
}

fn list(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let mut settings = state.ecs.settings.clone();
    if yes(&body, "effectiveSettings") {
        for (name, value) in DEFAULTS {
            settings.entry((*name).to_owned()).or_insert_with(|| (*value).to_owned());
        }
    }
    let wanted = body.get("name").and_then(Value::as_str);
    let caller = state.caller().arn;
    let settings: Vec<Value> = settings
        .iter()
        .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name.as_str()))
        .map(|(name, value)| view(name, value, &caller))
        .collect();
    Ok(json!({ "settings": settings }))
}

fn view(name: &str, value: &str, principal: &str) -> Value {
    json!({ "name": name, "value": value, "principalArn": principal, "type": "user" })
}
