//! AttachRolePolicy, DetachRolePolicy, ListAttachedRolePolicies: AWS's managed policies, by name.

use serde_json::{Value, json};

use super::{name, required};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table =
    &[("AttachRolePolicy", attach), ("DetachRolePolicy", detach), ("ListAttachedRolePolicies", list_attached)];

fn attach(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = required(&body, "PolicyArn")?;
    let role = state.iam.role(name(&body, "RoleName")?)?;
    // Only AWS's own are there to be attached; what they allow is not asked.
    if !arn.starts_with("arn:aws:iam::aws:policy/") {
        let text = format!("Policy {arn} does not exist or is not attachable.");
        return Err(AwsError::new("NoSuchEntity", text).with_status(404));
    }
    role.attached.insert(arn.to_owned());
    Ok(Value::Null)
}

fn detach(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = required(&body, "PolicyArn")?;
    if state.iam.role(name(&body, "RoleName")?)?.attached.remove(arn) {
        return Ok(Value::Null);
    }
    Err(AwsError::new("NoSuchEntity", format!("Policy {arn} was not found.")).with_status(404))
}

fn list_attached(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let role = state.iam.role(name(&body, "RoleName")?)?;
    let policy = |arn: &String| json!({"PolicyName": arn.rsplit('/').next(), "PolicyArn": arn});
    Ok(json!({"AttachedPolicies": role.attached.iter().map(policy).collect::<Vec<_>>(), "IsTruncated": false}))
}
