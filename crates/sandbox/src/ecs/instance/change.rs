//! UpdateContainerInstancesState, DeregisterContainerInstance and PutAttributes.

use serde_json::{Value, json};

use super::super::cluster;
use super::super::request::{invalid, list, required, text, texts, yes};
use super::super::task::StopCode;
use super::{Status, find, named, read, room};
use crate::error::AwsError;
use crate::state::State;

/// ACTIVE or DRAINING, for at most ten instances. The keeper moves the services' tasks away.
pub(super) fn update_state(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let word = required(&body, "status")?;
    let status = Status::settable(word)
        .ok_or_else(|| invalid(format!("Container instance status should be one of [ACTIVE, DRAINING], not {word}.")))?;
    let wanted = texts(&body, "containerInstances");
    if wanted.is_empty() || wanted.len() > 10 {
        return Err(invalid("There must be 1 to 10 container instances."));
    }
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        let Some(id) = find(state, &cluster, &reference).map(|instance| instance.id.clone()) else {
            failures.push(read::missing(state, &cluster, &reference));
            continue;
        };
        if let Some(instance) = state.ecs.instances.get_mut(&id)
            && instance.status != status
        {
            instance.status = status;
            instance.version += 1;
        }
        shown.push(read::shown(state, &state.ecs.instances[&id], &[]));
    }
    Ok(json!({ "containerInstances": shown, "failures": failures }))
}

/// An instance leaves the cluster. With tasks only by force, and they stop.
pub(super) fn deregister(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let instance = named(state, &cluster, required(&body, "containerInstance")?)?.clone();
    let left: Vec<String> = room::tasks(state, &instance).map(|task| task.id.clone()).collect();
    if !left.is_empty() && !yes(&body, "force") {
        return Err(invalid("Found running tasks on the instance."));
    }
    let mut shown = read::shown(state, &instance, &[]);
    shown["status"] = "INACTIVE".into();
    shown["agentConnected"] = false.into();
    let now = state.now_seconds();
    for id in left {
        if let Some(task) = state.ecs.tasks.get_mut(&id) {
            task.ask_to_stop(StopCode::UserInitiated, "Container instance deregistration forced by user.", now);
        }
    }
    state.ecs.instances.remove(&instance.id);
    Ok(json!({ "containerInstance": shown }))
}

/// Adds custom attributes to instances, or replaces their values.
pub(super) fn put_attributes(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let attributes = list(&body, "attributes");
    let missing = || AwsError::new("TargetNotFoundException", "The specified target wasn't found.");
    for attribute in attributes {
        let name = required(attribute, "name")?;
        if name.starts_with("ecs.") || name.starts_with("com.amazonaws.") {
            return Err(invalid("Attributes that begin with ecs. or com.amazonaws. cannot be set."));
        }
        find(state, &cluster, text(attribute, "targetId").unwrap_or_default()).ok_or_else(missing)?;
    }
    for attribute in attributes {
        let id = find(state, &cluster, text(attribute, "targetId").unwrap_or_default()).map(|instance| instance.id.clone());
        let instance = id.and_then(|id| state.ecs.instances.get_mut(&id)).ok_or_else(missing)?;
        let value = text(attribute, "value").unwrap_or_default();
        instance.attributes.insert(required(attribute, "name")?.to_owned(), value.to_owned());
        instance.version += 1;
    }
    Ok(json!({ "attributes": attributes }))
}
