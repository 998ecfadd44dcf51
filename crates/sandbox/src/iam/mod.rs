//! The sandbox's IAM: roles, whom they trust, and which managed policies they have. Nothing is decided by them: every call
//! is allowed unless a fault denies it.

mod document;
mod policies;
mod roles;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::dispatch::Table;
use crate::error::AwsError;

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[roles::TABLE, policies::TABLE];

/// Roles by name.
#[derive(Debug, Default)]
pub struct Iam {
    roles: BTreeMap<String, Role>,
}

/// A role.
#[derive(Debug)]
struct Role {
    path: String,
    id: String,
    arn: String,
    created: f64,
    /// The trust policy as it was sent.
    trust: String,
    description: Option<String>,
    /// `MaxSessionDuration`, seconds.
    longest: u64,
    tags: Value,
    /// ARNs of managed policies.
    attached: BTreeSet<String>,
}

impl Iam {
    fn role(&mut self, name: &str) -> Result<&mut Role, AwsError> {
        self.roles
            .get_mut(name)
            .ok_or_else(|| AwsError::new("NoSuchEntity", format!("The role with name {name} cannot be found.")).with_status(404))
    }
}

/// A member that must be there; `member` in the model's words.
fn required<'a>(body: &'a Value, member: &str) -> Result<&'a str, AwsError> {
    let shown = format!("{}{}", member[..1].to_lowercase(), &member[1..]);
    let missing = || {
        let text =
            format!("1 validation error detected: Value at '{shown}' failed to satisfy constraint: Member must not be null");
        AwsError::new("ValidationError", text)
    };
    body[member].as_str().filter(|text| !text.is_empty()).ok_or_else(missing)
}

/// A member that must be there and is a name: letters, digits and `_+=,.@-`, at most 64.
fn name<'a>(body: &'a Value, member: &str) -> Result<&'a str, AwsError> {
    let name = required(body, member)?;
    let allowed = |it: u8| it.is_ascii_alphanumeric() || b"_+=,.@-".contains(&it);
    if name.len() > 64 || !name.bytes().all(allowed) {
        let text = format!(
            "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
            member.to_lowercase()
        );
        return Err(AwsError::new("ValidationError", text));
    }
    Ok(name)
}
