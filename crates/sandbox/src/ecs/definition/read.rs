//! DescribeTaskDefinition, DeregisterTaskDefinition, ListTaskDefinitions, ListTaskDefinitionFamilies.

use serde_json::{Value, json};

use super::super::request::{client, includes, object, page, required, text};
use super::{Definition, find};
use crate::error::AwsError;
use crate::state::State;

/// One revision; its tags beside it when asked for.
pub(super) fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let reference = required(&body, "taskDefinition").map_err(|error| client(error.message))?;
    let definition = find(state, reference).ok_or_else(|| client("Unable to describe task definition."))?;
    let mut reply = json!({ "taskDefinition": definition.value });
    if includes(&body, "TAGS") {
        object(&mut reply).insert("tags".into(), definition.tags.clone().into());
    }
    Ok(reply)
}

/// Makes a revision INACTIVE: what runs goes on, nothing new starts with it.
pub(super) fn deregister(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let reference = required(&body, "taskDefinition").map_err(|error| client(error.message))?;
    let found = find(state, reference).ok_or_else(|| client("The specified task definition does not exist."))?;
    let (family, revision) = (found.family.clone(), found.revision);
    let now = state.now_seconds();
    let revisions = state.ecs.families.get_mut(&family).into_iter().flatten();
    for definition in revisions.filter(|definition| definition.revision == revision && definition.active) {
        definition.active = false;
        let members = object(&mut definition.value);
        members.insert("status".into(), "INACTIVE".into());
        members.insert("deregisteredAt".into(), now.into());
    }
    let value = find(state, &format!("{family}:{revision}")).map(|definition| definition.value.clone());
    Ok(json!({ "taskDefinition": value }))
}

/// ARNs in order of family and revision; `sort DESC` turns it round.
pub(super) fn list_definitions(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let prefix = text(&body, "familyPrefix");
    let active = text(&body, "status").unwrap_or("ACTIVE") == "ACTIVE";
    let wanted =
        |definition: &&Definition| definition.active == active && prefix.is_none_or(|prefix| definition.family == prefix);
    let mut arns: Vec<String> =
        state.ecs.families.values().flatten().filter(wanted).map(|definition| definition.arn.clone()).collect();
    if text(&body, "sort") == Some("DESC") {
        arns.reverse();
    }
    page(arns, &body, "taskDefinitionArns", 100)
}

/// Families by prefix; ACTIVE ones have an ACTIVE revision.
pub(super) fn list_families(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let prefix = text(&body, "familyPrefix").unwrap_or_default();
    let status = text(&body, "status").unwrap_or("ALL");
    let wanted = |(name, revisions): &(&String, &Vec<Definition>)| {
        let active = revisions.iter().any(|definition| definition.active);
        name.starts_with(prefix) && (status == "ALL" || active == (status == "ACTIVE"))
    };
    let names = state.ecs.families.iter().filter(wanted).map(|(name, _)| name.clone()).collect();
    page(names, &body, "families", 100)
}
