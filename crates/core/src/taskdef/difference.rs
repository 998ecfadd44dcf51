//! How two task definitions differ, place by place. A value that may hold a secret of somebody who put it there is not repeated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical;

/// One place in which two definitions differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// E.g. `web: image`, `web: environment LOG_LEVEL`, `memory`.
    pub place: String,
    /// What stood there; none where there was nothing.
    pub before: Option<String>,
    /// What stands there now; none where there is nothing.
    pub after: Option<String>,
}

/// Members whose values are shown: none of them is a place for secrets. Of all others only numbers and truths are.
const SHOWN: &[&str] = &[
    "image",
    "cpu",
    "memory",
    "memoryReservation",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "requiresCompatibilities",
    "runtimePlatform",
    "portMappings",
    "secrets",
    "volumes",
    "mountPoints",
    "dependsOn",
    "ulimits",
    "user",
    "workingDirectory",
    "ephemeralStorage",
    "family",
];
/// Most characters of a value.
const LONGEST: usize = 300;

/// All differences, in the order of their places; what ECS adds or reorders is none.
#[must_use]
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let (before, after) = (places(&canonical(before)), places(&canonical(after)));
    let mut names: Vec<&Place> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let changed = names.into_iter().filter(|place| before.get(*place) != after.get(*place));
    changed
        .map(|place| {
            let (old, new) = (before.get(place), after.get(place));
            let told = |value: &Value, hidden: &str| if place.is_shown(value) { text(value) } else { hidden.to_owned() };
            Difference {
                place: place.words(),
                before: old.map(|value| told(value, "a value")),
                after: new.map(|value| told(value, if old.is_some() { "another value" } else { "a value" })),
            }
        })
        .collect()
}

/// Container, if it is in one; member; entry, if the member is a list of names with values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    container: Option<String>,
    member: String,
    entry: Option<String>,
}

impl Place {
    fn words(&self) -> String {
        let container = self.container.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        let entry = self.entry.as_ref().map_or_else(String::new, |entry| format!(" {entry}"));
        format!("{container}{}{entry}", self.member)
    }

    fn is_shown(&self, value: &Value) -> bool {
        SHOWN.contains(&self.member.as_str()) || (self.entry.is_none() && (value.is_number() || value.is_boolean()))
    }
}

fn places(definition: &Value) -> BTreeMap<Place, Value> {
    let mut places = BTreeMap::new();
    for (member, value) in definition.as_object().into_iter().flatten() {
        if member != "containerDefinitions" {
            places.insert(Place { container: None, member: member.clone(), entry: None }, value.clone());
            continue;
        }
        for container in value.as_array().into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or("?").to_owned();
            for (member, value) in container.as_object().into_iter().flatten().filter(|(member, _)| *member != "name") {
                for (entry, value) in entries(member, value) {
                    places.insert(Place { container: Some(name.clone()), member: member.clone(), entry }, value);
                }
            }
        }
    }
    places
}

/// `environment` and `secrets` name by name, everything else as one.
fn entries(member: &str, value: &Value) -> Vec<(Option<String>, Value)> {
    match (member, value.as_array()) {
        ("environment" | "secrets", Some(list)) => list
            .iter()
            .map(|one| {
                let name = one["name"].as_str().unwrap_or("?").to_owned();
                (Some(name), one.get("valueFrom").or_else(|| one.get("value")).cloned().unwrap_or(Value::Null))
            })
            .collect(),
        _ => vec![(None, value.clone())],
    }
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_is_told_and_no_value_that_may_be_a_secret() {
        let before = json!({"memory": "512", "containerDefinitions": [{"name": "web", "image": "a@sha256:1", "command": ["serve", "--token=s3cret"],
            "environment": [{"name": "DB", "value": "postgres://u:s3cret@db"}, {"name": "OLD", "value": "s3cret"}],
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:1"}]}]});
        let after = json!({"memory": "1024", "containerDefinitions": [{"name": "web", "image": "a@sha256:2", "command": ["serve", "--token=n3w"],
            "essential": false,
            "environment": [{"name": "DB", "value": "postgres://u:n3w@db"}, {"name": "NEW", "value": "n3w"}],
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:2"}]}]});
        let told: Vec<String> = differences(&before, &after)
            .iter()
            .map(|one| {
                format!("{}: {} -> {}", one.place, one.before.as_deref().unwrap_or("-"), one.after.as_deref().unwrap_or("-"))
            })
            .collect();
        assert_eq!(
            told,
            [
                "memory: 512 -> 1024",
                "web: command: a value -> another value",
                "web: environment DB: a value -> another value",
                "web: environment NEW: - -> a value",
                "web: environment OLD: a value -> -",
                "web: essential: - -> false",
                "web: image: a@sha256:1 -> a@sha256:2",
                "web: secrets KEY: arn:aws:ssm:1 -> arn:aws:ssm:2",
            ]
        );
        assert_eq!(differences(&before, &before), []);
        let all = serde_json::to_string(&differences(&before, &after)).unwrap();
        assert!(!all.contains("s3cret") && !all.contains("n3w"), "{all}");
    }
}
