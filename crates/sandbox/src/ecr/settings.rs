//! The registry's own settings: account settings, its permissions policy, DescribeRegistry.

use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{invalid, read};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The operations on the registry itself.
pub const TABLE: Table = &[
    ("GetAccountSetting", get_account_setting),
    ("PutAccountSetting", put_account_setting),
    ("GetRegistryPolicy", get_registry_policy),
    ("PutRegistryPolicy", put_registry_policy),
    ("DeleteRegistryPolicy", delete_registry_policy),
    ("DescribeRegistry", describe_registry),
];

/// What the registry is set to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `BLOB_MOUNTING`.
    pub blob_mounting: BlobMounting,
    /// The permissions policy as it was put.
    pub policy: Option<String>,
}

/// Whether a push may take a layer over from another repository of the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlobMounting {
    /// It may.
    Enabled,
    /// It may not: a mount is answered as an upload.
    #[default]
    Disabled,
}

/// The account settings with their values; the first is in force until another is put.
const ACCOUNT_SETTINGS: &[(&str, &[&str])] = &[
    ("BASIC_SCAN_TYPE_VERSION", &["AWS_NATIVE"]),
    ("REGISTRY_POLICY_SCOPE", &["V2"]),
    ("BLOB_MOUNTING", &["DISABLED", "ENABLED"]),
];

fn values(name: &str) -> Result<&'static [&'static str], AwsError> {
    let known = ACCOUNT_SETTINGS.iter().find(|(known, _)| *known == name);
    known.map(|(_, values)| *values).ok_or_else(|| {
        let names: Vec<&str> = ACCOUNT_SETTINGS.iter().map(|(name, _)| *name).collect();
        invalid("name", &format!("Member must satisfy enum value set: [{}]", names.join(", ")))
    })
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn get_account_setting(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let Named { name } = read(body)?;
    let first = values(&name)?[0];
    let value = match (name.as_str(), state.ecr.settings.blob_mounting) {
        ("BLOB_MOUNTING", BlobMounting::Enabled) => "ENABLED",
        _ => first,
    };
    Ok(json!({"name": name, "value": value}))
}

#[derive(Deserialize)]
struct Put {
    name: String,
    value: String,
}

fn put_account_setting(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let Put { name, value } = read(body)?;
    let allowed = values(&name)?;
    if !allowed.contains(&value.as_str()) {
        return Err(invalid("value", &format!("Member must satisfy enum value set: [{}]", allowed.join(", "))));
    }
    match (name.as_str(), value.as_str()) {
        ("BLOB_MOUNTING", "ENABLED") => state.ecr.settings.blob_mounting = BlobMounting::Enabled,
        ("BLOB_MOUNTING", _) => state.ecr.settings.blob_mounting = BlobMounting::Disabled,
        _ => {}
    }
    Ok(json!({"name": name, "value": value}))
}

fn get_registry_policy(state: &mut State, _body: Value) -> Result<Value, AwsError> {
    let policy = state.ecr.settings.policy.clone();
    policy.map(|policy| with_policy(state, &policy)).ok_or_else(|| no_policy(state))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    policy_text: String,
}

fn put_registry_policy(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let Policy { policy_text } = read(body)?;
    let parsed: Result<Value, _> = serde_json::from_str(&policy_text);
    if !parsed.is_ok_and(|policy| policy.get("Statement").is_some()) {
        return Err(invalid("PolicyText", "Invalid registry policy provided"));
    }
    state.ecr.settings.policy = Some(policy_text.clone());
    Ok(with_policy(state, &policy_text))
}

fn delete_registry_policy(state: &mut State, _body: Value) -> Result<Value, AwsError> {
    let policy = state.ecr.settings.policy.take();
    policy.map(|policy| with_policy(state, &policy)).ok_or_else(|| no_policy(state))
}

fn with_policy(state: &State, policy: &str) -> Value {
    json!({"registryId": state.account, "policyText": policy})
}

fn no_policy(state: &State) -> AwsError {
    let text = format!("Registry policy does not exist in the registry with id '{}'", state.account);
    AwsError::new("RegistryPolicyNotFoundException", text)
}

/// Nothing is replicated in the sandbox: it has one region.
fn describe_registry(state: &mut State, _body: Value) -> Result<Value, AwsError> {
    Ok(json!({"registryId": state.account, "replicationConfiguration": {"rules": []}}))
}
