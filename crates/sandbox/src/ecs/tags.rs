//! TagResource, UntagResource, ListTagsForResource: on clusters, container instances, capacity providers, task definitions,
//! services and tasks.

use serde_json::{Value, json};

use super::request::{invalid, list, required, text, texts};
use super::{definition, service};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The tag operations.
pub(super) const TABLE: Table = &[("TagResource", tag), ("UntagResource", untag), ("ListTagsForResource", list_tags)];

const MOST: usize = 50;

fn tag(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let tags = of(state, required(&body, "resourceArn")?)?;
    let mut merged = tags.clone();
    for new in list(&body, "tags") {
        let key = text(new, "key").ok_or_else(|| invalid("Tag keys can not be blank."))?;
        merged.retain(|old| text(old, "key") != Some(key));
        merged.push(new.clone());
    }
    if merged.len() > MOST {
        return Err(invalid(format!("The maximum number of tags for a resource is {MOST}.")));
    }
    *tags = merged;
    Ok(json!({}))
}

fn untag(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let keys = texts(&body, "tagKeys");
    let tags = of(state, required(&body, "resourceArn")?)?;
    tags.retain(|tag| !keys.iter().any(|key| text(tag, "key") == Some(key)));
    Ok(json!({}))
}

fn list_tags(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let tags = of(state, required(&body, "resourceArn")?)?;
    Ok(json!({ "tags": tags }))
}

/// The tags of the resource that the ARN names.
fn of<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Vec<Value>, AwsError> {
    let missing = || AwsError::new("ResourceNotFoundException", "The specified resource was not found.");
    let (_, resource) = arn.split_once(":ecs:").ok_or_else(|| invalid("Invalid ARN."))?;
    let resource = resource.splitn(3, ':').nth(2).unwrap_or_default();
    let (kind, rest) = resource.split_once('/').ok_or_else(|| invalid("Invalid ARN."))?;
    match kind {
        "cluster" => state.ecs.clusters.get_mut(rest).map(|cluster| &mut cluster.tags).ok_or_else(missing),
        "task-definition" => {
            let found = definition::find(state, arn).ok_or_else(missing)?.arn.clone();
            let mut all = state.ecs.families.values_mut().flatten();
            all.find(|definition| definition.arn == found).map(|definition| &mut definition.tags).ok_or_else(missing)
        }
        "service" => {
            let key = service::key_of_arn(arn).ok_or_else(missing)?;
            state.ecs.services.get_mut(&key).map(|service| &mut service.tags).ok_or_else(missing)
        }
        "container-instance" => {
            let id = rest.rsplit('/').next().unwrap_or_default();
            state.ecs.instances.get_mut(id).map(|instance| &mut instance.tags).ok_or_else(missing)
        }
        "capacity-provider" => state.ecs.providers.get_mut(rest).map(|provider| &mut provider.tags).ok_or_else(missing),
        "task" => {
            let id = rest.rsplit('/').next().unwrap_or_default();
            state.ecs.tasks.get_mut(id).map(|task| &mut task.tags).ok_or_else(missing)
        }
        _ => Err(invalid("The resource does not carry tags.")),
    }
}
