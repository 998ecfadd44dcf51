//! CreateRole, GetRole, UpdateAssumeRolePolicy, DeleteRole.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Role, document, name, required};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table =
    &[("CreateRole", create), ("GetRole", get), ("UpdateAssumeRolePolicy", update_trust), ("DeleteRole", delete)];

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = name(&body, "RoleName")?;
    let trust = document::checked(required(&body, "AssumeRolePolicyDocument")?)?;
    let path = body["Path"].as_str().unwrap_or("/");
    if !(path.starts_with('/') && path.ends_with('/')) {
        return Err(AwsError::new(
            "ValidationError",
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        ));
    }
    let longest = match &body["MaxSessionDuration"] {
        Value::Null => Some(3600),
        given => given.as_str().and_then(|it| it.parse().ok()).filter(|it| (3600..=43_200).contains(it)),
    };
    let longest = longest.ok_or_else(|| {
        let text = "1 validation error detected: Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value between 3600 and 43200";
        AwsError::new("ValidationError", text)
    })?;
    if state.iam.roles.contains_key(name) {
        return Err(AwsError::new("EntityAlreadyExists", format!("Role with name {name} already exists.")).with_status(409));
    }
    let number = state.next();
    let role = Role {
        id: id(&format!("{name}/{number}")),
        arn: format!("arn:aws:iam::{}:role{path}{name}", state.account),
        path: path.to_owned(),
        // IAM tells whole seconds.
        created: state.now_seconds().floor(),
        trust,
        description: body["Description"].as_str().map(str::to_owned),
        longest,
        tags: body["Tags"].clone(),
        attached: Default::default(),
    };
    let reply = json!({"Role": role.shown(name)});
    state.iam.roles.insert(name.to_owned(), role);
    Ok(reply)
}

fn get(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = name(&body, "RoleName")?;
    let role = state.iam.role(name)?;
    let mut shown = role.shown(name);
    // CreateRole answers neither of them.
    shown["Description"] = json!(role.description);
    shown["MaxSessionDuration"] = json!(role.longest);
    shown["RoleLastUsed"] = json!({});
    Ok(json!({ "Role": shown }))
}

fn update_trust(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let role = state.iam.role(name(&body, "RoleName")?)?;
    role.trust = document::checked(required(&body, "PolicyDocument")?)?;
    Ok(Value::Null)
}

fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = name(&body, "RoleName")?;
    if !state.iam.role(name)?.attached.is_empty() {
        let text = "Cannot delete entity, must detach all policies first.";
        return Err(AwsError::new("DeleteConflict", text).with_status(409));
    }
    state.iam.roles.remove(name);
    Ok(Value::Null)
}

impl Role {
    fn shown(&self, name: &str) -> Value {
        json!({
            "Path": self.path,
            "RoleName": name,
            "RoleId": self.id,
            "Arn": self.arn,
            "CreateDate": self.created,
            "AssumeRolePolicyDocument": document::encoded(&self.trust),
            "Tags": self.tags,
        })
    }
}

/// `AROA` and 17 letters.
fn id(of: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = Sha256::digest(of).into_iter().take(17);
    std::iter::once("AROA".to_owned())
        .chain(letters.map(|byte| char::from(LETTERS[usize::from(byte % 32)]).to_string()))
        .collect()
}
