//! What every operation asks of its request, and the errors that say so, in CodeDeploy's words.

use serde_json::{Value, json};

use crate::ecs::request::{list, text};
use crate::error::AwsError;

/// A name that must be there, of at most 100 characters; the errors carry the kind of name (`Application`).
///
/// # Errors
/// `<Kind>NameRequiredException`, `Invalid<Kind>NameException`.
pub(super) fn name<'a>(body: &'a Value, member: &str, kind: &str, spoken: &str) -> Result<&'a str, AwsError> {
    let Some(name) = text(body, member) else {
        return Err(AwsError::new(format!("{kind}NameRequiredException"), format!("The {spoken} name was not specified.")));
    };
    if name.chars().count() > 100 {
        let text = format!("The {spoken} name is longer than 100 characters.");
        return Err(AwsError::new(format!("Invalid{kind}NameException"), text));
    }
    Ok(name)
}

/// `applicationName`.
///
/// # Errors
/// See [`name`].
pub(super) fn application(body: &Value) -> Result<&str, AwsError> {
    name(body, "applicationName", "Application", "application")
}

/// `deploymentGroupName`, or another member that names a deployment group.
///
/// # Errors
/// See [`name`].
pub(super) fn group<'a>(body: &'a Value, member: &str) -> Result<&'a str, AwsError> {
    name(body, member, "DeploymentGroup", "deployment group")
}

/// `deploymentId`.
///
/// # Errors
/// `DeploymentIdRequiredException`, `InvalidDeploymentIdException`.
pub(super) fn deployment_id(body: &Value) -> Result<&str, AwsError> {
    let id = text(body, "deploymentId");
    checked_id(id.ok_or_else(|| AwsError::new("DeploymentIdRequiredException", "The deployment ID was not specified."))?)
}

/// `d-` and nine capitals and digits.
///
/// # Errors
/// `InvalidDeploymentIdException`.
pub(super) fn checked_id(id: &str) -> Result<&str, AwsError> {
    let rest = id.strip_prefix("d-").unwrap_or_default();
    let fits = rest.len() == 9 && rest.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit());
    match fits {
        true => Ok(id),
        false => Err(AwsError::new("InvalidDeploymentIdException", format!("Invalid deployment ID: {id}"))),
    }
}

/// A listing in one page.
///
/// # Errors
/// `InvalidNextTokenException`, for no listing gives a token.
pub(super) fn whole(body: &Value, member: &str, items: Vec<String>) -> Result<Value, AwsError> {
    match text(body, "nextToken") {
        Some(_) => Err(AwsError::new("InvalidNextTokenException", "The next token is invalid.")),
        None => Ok(json!({ member: items })),
    }
}

/// The names of a batch, at most a hundred.
///
/// # Errors
/// `BatchLimitExceededException`.
pub(super) fn batch<'a>(body: &'a Value, member: &str) -> Result<Vec<&'a str>, AwsError> {
    let names: Vec<&str> = list(body, member).iter().filter_map(Value::as_str).collect();
    match names.len() > 100 {
        true => Err(AwsError::new("BatchLimitExceededException", "The maximum number of names or IDs of a batch is 100.")),
        false => Ok(names),
    }
}

/// A count of minutes.
pub(super) fn minutes(body: &Value, member: &str) -> Option<u64> {
    body.get(member).and_then(Value::as_u64)
}
