//! CreateSecret, PutSecretValue, GetSecretValue, DescribeSecret and DeleteSecret.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{CURRENT, PREVIOUS, Secret, Version, Which, letters};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::sealed::Sealed;
use crate::state::State;

pub(super) const TABLE: Table = &[
    ("CreateSecret", create),
    ("PutSecretValue", put_value),
    ("GetSecretValue", get_value),
    ("DescribeSecret", describe),
    ("DeleteSecret", delete),
];

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn required<'a>(body: &'a Value, member: &str) -> Result<&'a str, AwsError> {
    text(body, member).ok_or_else(|| invalid(format!("{member} must not be empty.")))
}

/// `ClientRequestToken`, or a new UUID.
fn version_id(state: &mut State, body: &Value) -> String {
    match text(body, "ClientRequestToken") {
        Some(token) => token.to_owned(),
        None => {
            let number = state.next();
            let digest = Sha256::digest(format!("version {}/{number}", state.clock.virtual0));
            let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        }
    }
}

fn value(body: &Value) -> Result<Option<(&'static str, Sealed)>, AwsError> {
    match (text(body, "SecretString"), text(body, "SecretBinary")) {
        (Some(_), Some(_)) => {
            Err(invalid("You can't specify both a binary secret value and a string secret value in the same secret."))
        }
        (Some(value), None) => Ok(Some(("SecretString", Sealed::new(value.to_owned())))),
        (None, Some(value)) => Ok(Some(("SecretBinary", Sealed::new(value.to_owned())))),
        (None, None) => Ok(None),
    }
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "Name")?.to_owned();
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
    if name.len() > 512 || !name.chars().all(letter) {
        let text = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
        return Err(AwsError::new("ValidationException", text));
    }
    if state.secrets.by_name.contains_key(&name) {
        let text = format!("The operation failed because the secret {name} already exists.");
        return Err(AwsError::new("ResourceExistsException", text));
    }
    let value = value(&body)?;
    let arn = state.arn("secretsmanager", &format!("secret:{name}-{}", letters(&state.account, &name)));
    let (id, now) = (version_id(state, &body), state.now_seconds());
    let valued = value.is_some();
    let stages = if valued { vec![CURRENT.to_owned()] } else { Vec::new() };
    let secret = Secret {
        arn: arn.clone(),
        name: name.clone(),
        description: text(&body, "Description").map(str::to_owned),
        tags: body.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default(),
        created_at: now,
        changed_at: now,
        versions: vec![Version { id: id.clone(), stages, value, created_at: now }],
    };
    state.secrets.by_name.insert(name.clone(), secret);
    Ok(json!({ "ARN": arn, "Name": name, "VersionId": valued.then_some(id) }))
}

/// A new version that is AWSCURRENT; the one so far is AWSPREVIOUS. Running tasks keep what they have read.
fn put_value(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let value = value(&body)?;
    if value.is_none() {
        return Err(invalid("You must provide either SecretString or SecretBinary."));
    }
    let (id, now) = (version_id(state, &body), state.now_seconds());
    let secret = state.secrets.find_mut(required(&body, "SecretId")?)?;
    for version in &mut secret.versions {
        let was_current = version.stages.iter().any(|stage| stage == CURRENT);
        version.stages.retain(|stage| stage != CURRENT && stage != PREVIOUS);
        if was_current {
            version.stages.push(PREVIOUS.to_owned());
        }
    }
    let stages = vec![CURRENT.to_owned()];
    secret.versions.push(Version { id: id.clone(), stages: stages.clone(), value, created_at: now });
    secret.changed_at = now;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": id, "VersionStages": stages }))
}

fn get_value(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let which = Which { stage: text(&body, "VersionStage"), version: text(&body, "VersionId") };
    let (secret, version) = state.secret_version(required(&body, "SecretId")?, which)?;
    let mut reply = json!({
        "ARN": secret.arn, "Name": secret.name, "VersionId": version.id, "VersionStages": version.stages,
        "CreatedDate": version.created_at,
    });
    if let Some((member, value)) = &version.value {
        reply[*member] = value.open().into();
    }
    Ok(reply)
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let secret = state.secrets.find(required(&body, "SecretId")?)?;
    let staged = secret.versions.iter().filter(|version| !version.stages.is_empty());
    let versions: Map<String, Value> = staged.map(|version| (version.id.clone(), json!(version.stages))).collect();
    Ok(json!({
        "ARN": secret.arn, "Name": secret.name, "Description": secret.description, "Tags": secret.tags,
        "CreatedDate": secret.created_at, "LastChangedDate": secret.changed_at, "VersionIdsToStages": versions,
    }))
}

/// A deleted secret is gone at once, whatever the recovery window.
fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let (arn, name) = {
        let secret = state.secrets.find(required(&body, "SecretId")?)?;
        (secret.arn.clone(), secret.name.clone())
    };
    state.secrets.by_name.remove(&name);
    Ok(json!({ "ARN": arn, "Name": name, "DeletionDate": state.now_seconds() }))
}
