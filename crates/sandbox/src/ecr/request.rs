//! A request's members as ECR takes them, and its complaints when they are missing or wrong.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::AwsError;

/// Reads a request's body.
///
/// # Errors
/// A required member is missing or a member has another type.
pub fn read<T: DeserializeOwned>(body: Value) -> Result<T, AwsError> {
    serde_json::from_value(body).map_err(|error| {
        let text = error.to_string();
        match text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(member) => invalid(member, "Member must not be null"),
            None => AwsError::new("SerializationException", text),
        }
    })
}

/// ECR's complaint about a member.
pub fn invalid(member: &str, constraint: &str) -> AwsError {
    AwsError::new(
        "InvalidParameterException",
        format!("Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'"),
    )
}

/// A list must have from one to `most` members.
///
/// # Errors
/// It has none, or more.
pub fn length<T>(member: &str, list: &[T], most: usize) -> Result<(), AwsError> {
    if list.is_empty() {
        return Err(invalid(member, "Member must have length greater than or equal to 1"));
    }
    if list.len() > most {
        return Err(invalid(member, &format!("Member must have length less than or equal to {most}")));
    }
    Ok(())
}

/// An image by digest, tag or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageId {
    /// `sha256:…`.
    pub image_digest: Option<String>,
    /// A tag.
    pub image_tag: Option<String>,
}

impl ImageId {
    /// As ECR's messages write it: an absent part is `'null'`.
    pub fn text(&self) -> String {
        let quoted = |part: &Option<String>| part.as_deref().unwrap_or("null").to_owned();
        format!("{{imageDigest:'{}', imageTag:'{}'}}", quoted(&self.image_digest), quoted(&self.image_tag))
    }
}

/// The members that almost every request on a repository has.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfRepository {
    /// The account; the sandbox has one.
    pub registry_id: Option<String>,
    /// The repository.
    pub repository_name: String,
}

/// The members of a request that pages.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paging {
    /// At most so many a page, 1 to 1000; 100 unless told.
    pub max_results: Option<usize>,
    /// Where the last page ended.
    pub next_token: Option<String>,
}

/// Which images a list has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// By tag.
    #[serde(default)]
    pub tag_status: TagStatus,
    /// By storage class; the sandbox archives nothing.
    #[serde(default)]
    pub image_status: ImageStatus,
}

/// With or without a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TagStatus {
    /// With a tag.
    Tagged,
    /// Without.
    Untagged,
    /// Both.
    #[default]
    Any,
}

/// A storage class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ImageStatus {
    /// Can be pulled.
    #[default]
    Active,
    /// Cannot.
    Archived,
    /// Not yet again.
    Activating,
    /// All of them.
    Any,
}

impl Filter {
    /// An image with or without tags belongs to the list.
    pub fn takes(self, tags: usize) -> bool {
        let by_tag = match self.tag_status {
            TagStatus::Tagged => tags > 0,
            TagStatus::Untagged => tags == 0,
            TagStatus::Any => true,
        };
        by_tag && matches!(self.image_status, ImageStatus::Active | ImageStatus::Any)
    }
}
