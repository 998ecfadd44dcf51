//! Task definitions as untouched JSON: what is stripped, filled in, compared; never modelled in full.

mod canonical;
mod difference;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::imagedefinitions::by_digest;
use crate::pipeline::Name;
use crate::plan::Template;
use crate::release::Digest;

pub use canonical::{canonical, change, same};
pub use difference::{Difference, differences};

/// Members that DescribeTaskDefinition answers and RegisterTaskDefinition refuses.
pub const READ_ONLY: &[&str] = &[
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// Tags with this prefix are shipit's own: put on at registration, left out of every comparison.
pub const OUR_TAGS: &str = "shipit:";

/// Most characters of a tag's value.
const TAG_VALUE: usize = 256;

/// The definition ready to be registered: without the wrapper of a describe reply and its read-only members.
#[must_use]
pub fn registrable(definition: &Value) -> Value {
    let mut map = match definition.get("taskDefinition") {
        Some(Value::Object(inner)) => {
            let mut inner = inner.clone();
            if let Some(tags) = definition.get("tags") {
                inner.insert("tags".into(), tags.clone());
            }
            inner
        }
        _ => definition.as_object().cloned().unwrap_or_default(),
    };
    map.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    Value::Object(map)
}

/// What its tasks run on, as Docker writes it (`linux/arm64`); none where the instances of the cluster decide.
/// Fargate takes X86_64 where nothing is said ("Task definition parameters for Fargate", runtimePlatform).
pub fn platform(definition: &Value) -> Option<String> {
    let definition = definition.get("taskDefinition").unwrap_or(definition);
    let platform = &definition["runtimePlatform"];
    let needs = definition["requiresCompatibilities"].as_array();
    let on_fargate = needs.is_some_and(|needs| needs.iter().any(|one| one == "FARGATE"));
    let machine = match platform["cpuArchitecture"].as_str() {
        Some("X86_64") => "amd64",
        Some("ARM64") => "arm64",
        None if on_fargate => "amd64",
        _ => return None,
    };
    let family = platform["operatingSystemFamily"].as_str().unwrap_or("LINUX");
    Some(format!("{}/{machine}", if family.starts_with("WINDOWS") { "windows" } else { "linux" }))
}

/// Names of its containers, in their order.
pub fn containers(definition: &Value) -> Vec<&str> {
    each_container(definition).filter_map(|container| container.get("name").and_then(Value::as_str)).collect()
}

/// Container name and image of every container, in their order.
pub fn images(definition: &Value) -> Vec<(&str, &str)> {
    each_container(definition)
        .filter_map(|container| {
            Some((container.get("name")?.as_str()?, container.get("image").and_then(Value::as_str).unwrap_or_default()))
        })
        .collect()
}

fn each_container(definition: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    definition.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// Fills the images of this run into the template, by digest. An image without a digest stays as it is.
#[must_use]
pub fn render(template: &Template, digests: &BTreeMap<Name, Digest>) -> Value {
    let mut definition = registrable(&template.definition);
    for container in definition.get_mut("containerDefinitions").and_then(Value::as_array_mut).into_iter().flatten() {
        let image = container
            .get("name")
            .and_then(Value::as_str)
            .and_then(|name| template.containers.get(name))
            .and_then(|image| Some((template.repositories.get(image)?, digests.get(image)?)))
            .map(|(repository, digest)| by_digest(repository, digest));
        if let (Some(image), Some(map)) = (image, container.as_object_mut()) {
            map.insert("image".into(), Value::String(image));
        }
    }
    definition
}

/// Without the tags that shipit adds: those of an earlier revision say nothing of the next.
#[must_use]
pub fn without_our_tags(mut definition: Value) -> Value {
    if let Some(tags) = definition.get_mut("tags").and_then(Value::as_array_mut) {
        tags.retain(|tag| !tag.get("key").and_then(Value::as_str).is_some_and(|key| key.starts_with(OUR_TAGS)));
    }
    definition
}

/// Puts tags on, beside those that are there; one with the same key is replaced.
#[must_use]
pub fn with_tags(mut definition: Value, tags: &[(&str, String)]) -> Value {
    if let Some(map) = definition.as_object_mut() {
        let list = map.entry("tags").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.retain(|tag| !tags.iter().any(|(key, _)| tag.get("key").and_then(Value::as_str) == Some(key)));
            list.extend(tags.iter().map(|(key, value)| json!({"key": key, "value": value})));
        }
    }
    definition
}

/// Text as AWS takes it for a tag's value: letters, digits, spaces and `_.:/=+-@`, at most 256; anything else becomes `-`.
pub fn tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    let value: String = text.trim().chars().map(|c| if allowed(c) { c } else { '-' }).take(TAG_VALUE).collect();
    value.trim().to_owned()
}

/// How an image is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// By digest: always the same bytes.
    Pinned,
    /// By a tag that says which version.
    Tagged(&'a str),
    /// `latest`, or no tag at all.
    Moving,
}

/// Reads an image's reference.
pub fn reference(image: &str) -> Reference<'_> {
    if image.contains("@sha256:") {
        return Reference::Pinned;
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        None | Some((_, "latest" | "")) => Reference::Moving,
        Some((_, tag)) => Reference::Tagged(tag),
    }
}

/// Replaces one container's image.
#[must_use]
pub fn with_image(mut definition: Value, container: &str, image: &str) -> Value {
    for candidate in definition.get_mut("containerDefinitions").and_then(Value::as_array_mut).into_iter().flatten() {
        if candidate.get("name").and_then(Value::as_str) == Some(container)
            && let Some(map) = candidate.as_object_mut()
        {
            map.insert("image".into(), Value::String(image.to_owned()));
        }
    }
    definition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_apart() {
        for (image, expected) in [
            ("busybox", Reference::Moving),
            ("busybox:latest", Reference::Moving),
            ("registry:5000/busybox", Reference::Moving),
            ("registry:5000/busybox:1.36", Reference::Tagged("1.36")),
            ("r/busybox@sha256:aa", Reference::Pinned),
            ("r/busybox:latest@sha256:aa", Reference::Pinned),
        ] {
            assert_eq!(reference(image), expected, "{image}");
        }
    }

    #[test]
    fn a_describe_reply_becomes_registrable_and_keeps_its_tags_and_unknown_members() {
        let reply = json!({"taskDefinition": {"family": "web", "revision": 3, "status": "ACTIVE", "newMember": {"a": 1},
            "containerDefinitions": []}, "tags": [{"key": "team", "value": "shop"}]});
        assert_eq!(
            registrable(&reply),
            json!({"family": "web", "newMember": {"a": 1}, "containerDefinitions": [], "tags": [{"key": "team", "value": "shop"}]})
        );
    }

    #[test]
    fn any_text_becomes_a_tag_value() {
        assert_eq!(tag_value("https://ci.example/job/7?x=1#log"), "https://ci.example/job/7-x=1-log");
        assert_eq!(tag_value("  größer, \"so\"\n"), "größer- -so-");
        assert_eq!(tag_value(&"é".repeat(300)).chars().count(), 256);
    }

    #[test]
    fn tags_are_added_beside_and_replaced_by_key() {
        let definition = with_tags(
            json!({"tags": [{"key": "team", "value": "shop"}, {"key": "shipit:run", "value": "1"}]}),
            &[("shipit:run", "2".into())],
        );
        assert_eq!(definition["tags"], json!([{"key": "team", "value": "shop"}, {"key": "shipit:run", "value": "2"}]));
    }
}
