//! TagResource, UntagResource, ListTagsForResource on repositories.

use serde::Deserialize;
use serde_json::{Value, json};

use super::repository::Repository;
use super::request::{invalid, read};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The operations on a repository's resource tags.
pub const TABLE: Table =
    &[("TagResource", tag_resource), ("UntagResource", untag_resource), ("ListTagsForResource", list_tags_for_resource)];

/// Tags a resource may have.
pub const MOST: usize = 50;

/// A resource tag.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    key: String,
    value: String,
}

impl Tag {
    /// Key and value.
    pub fn pair(self) -> (String, String) {
        (self.key, self.value)
    }
}

/// More tags than [`MOST`].
pub fn too_many() -> AwsError {
    AwsError::new("TooManyTagsException", format!("The number of tags on a repository cannot exceed {MOST}"))
}

fn of_arn<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Repository, AwsError> {
    let prefix = state.arn("ecr", "repository/");
    let name = arn.strip_prefix(&prefix).ok_or_else(|| invalid("resourceArn", "Invalid ARN"))?;
    state.repository_mut(None, name)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Add {
    resource_arn: String,
    tags: Vec<Tag>,
}

fn tag_resource(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Add = read(body)?;
    let repository = of_arn(state, &request.resource_arn)?;
    let mut tags = repository.tags.clone();
    tags.extend(request.tags.into_iter().map(Tag::pair));
    if tags.len() > MOST {
        return Err(too_many());
    }
    repository.tags = tags;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remove {
    resource_arn: String,
    tag_keys: Vec<String>,
}

fn untag_resource(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: Remove = read(body)?;
    let repository = of_arn(state, &request.resource_arn)?;
    repository.tags.retain(|key, _| !request.tag_keys.contains(key));
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    resource_arn: String,
}

fn list_tags_for_resource(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let request: List = read(body)?;
    let repository = of_arn(state, &request.resource_arn)?;
    let tags = repository.tags.iter();
    let tags: Vec<Value> = tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"tags": tags}))
}
