//! When are two task definitions the same? ECS adds defaults and reorders; only what is left after that differs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{OUR_TAGS, containers, registrable};

/// The form in which definitions are compared: keys sorted, numbers as numbers, ECS's defaults and empty values left out,
/// lists whose order means nothing sorted, shipit's own tags left out.
#[must_use]
pub fn canonical(definition: &Value) -> Value {
    let mut definition = registrable(definition);
    let awsvpc = definition.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
    if let Some(map) = definition.as_object_mut() {
        for key in ["cpu", "memory"] {
            if let Some(size) = map.get(key).and_then(size) {
                map.insert(key.into(), json!(size));
            }
        }
        if let Some(Value::Array(tags)) = map.get_mut("tags") {
            tags.retain(|tag| !tag.get("key").and_then(Value::as_str).is_some_and(|key| key.starts_with(OUR_TAGS)));
        }
    }
    for container in definition.get_mut("containerDefinitions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(map) = container.as_object_mut() {
            container_defaults(map, awsvpc);
        }
    }
    sorted(&without_nothing(&definition))
}

/// Both definitions register to the same thing.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
}

/// `"1 vCPU"` and `"1024"` are the same, as are `"1GB"`, `"1 GB"` and `"1024"`.
fn size(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => return number.as_u64(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    for unit in ["vcpu", "gb"] {
        if let Some(amount) = text.strip_suffix(unit) {
            let amount: f64 = amount.trim().parse().ok()?;
            return Some((amount * 1024.0).round() as u64);
        }
    }
    text.parse().ok()
}

fn container_defaults(container: &mut Map<String, Value>, awsvpc: bool) {
    for (key, default) in [("essential", json!(true)), ("cpu", json!(0))] {
        if container.get(key) == Some(&default) {
            container.remove(key);
        }
    }
    for port in container.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(port) = port.as_object_mut() else { continue };
        if port.get("protocol") == Some(&json!("tcp")) {
            port.remove("protocol");
        }
        let default = if awsvpc { port.get("containerPort").cloned() } else { Some(json!(0)) };
        if port.get("hostPort").is_some() && port.get("hostPort") == default.as_ref() {
            port.remove("hostPort");
        }
    }
}

/// Without members that say nothing. The empty string is a value.
fn without_nothing(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), without_nothing(value)))
                .filter(|(_, value)| !is_nothing(value))
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(without_nothing).collect()),
        Value::Number(number) => {
            number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map_or(value.clone(), |n| json!(n as i64))
        }
        _ => value.clone(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Lists of these members are sets: ECS may answer them in another order.
const SETS: &[&str] = &["environment", "secrets", "tags", "requiresCompatibilities", "portMappings", "volumes"];

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted_members: BTreeMap<&String, Value> = map
                .iter()
                .map(|(key, value)| {
                    let mut value = sorted(value);
                    if SETS.contains(&key.as_str())
                        && let Some(list) = value.as_array_mut()
                    {
                        list.sort_by_key(Value::to_string);
                    }
                    (key, value)
                })
                .collect();
            Value::Object(sorted_members.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        _ => value.clone(),
    }
}

/// What changed, in a few words: `image, +1 env, memory`.
#[must_use]
pub fn change(before: &Value, after: &Value) -> String {
    let (before, after) = (canonical(before), canonical(after));
    let mut words: Vec<String> = Vec::new();
    let old = by_name(&before);
    for (name, container) in by_name(&after) {
        match old.get(name) {
            None => words.push(format!("+container {name}")),
            Some(earlier) => container_change(earlier, container, &mut words),
        }
    }
    words.extend(
        containers(&before).iter().filter(|name| !containers(&after).contains(name)).map(|name| format!("-container {name}")),
    );
    for key in keys(&before, &after) {
        if key != "containerDefinitions" && before.get(&key) != after.get(&key) {
            words.push(key);
        }
    }
    words.dedup();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn container_change(before: &Value, after: &Value, words: &mut Vec<String>) {
    for key in keys(before, after) {
        let (old, new) = (before.get(&key), after.get(&key));
        if old == new {
            continue;
        }
        if key == "environment" || key == "secrets" {
            let (old, new) = (old.map(entries).unwrap_or_default(), new.map(entries).unwrap_or_default());
            let added = new.keys().filter(|name| !old.contains_key(*name)).count();
            let removed = old.keys().filter(|name| !new.contains_key(*name)).count();
            let changed = new.iter().filter(|(name, value)| old.get(*name).is_some_and(|before| before != *value)).count();
            let word = if key == "environment" { "env" } else { "secret" };
            for (sign, count) in [("+", added), ("-", removed), ("~", changed)] {
                if count > 0 {
                    words.push(format!("{sign}{count} {word}"));
                }
            }
        } else {
            words.push(key);
        }
    }
}

fn keys(a: &Value, b: &Value) -> Vec<String> {
    let mut keys: Vec<String> = [a, b].into_iter().filter_map(Value::as_object).flat_map(|map| map.keys().cloned()).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn by_name(definition: &Value) -> BTreeMap<&str, &Value> {
    definition
        .get("containerDefinitions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|container| Some((container.get("name")?.as_str()?, container)))
        .collect()
}

fn entries(list: &Value) -> BTreeMap<String, Value> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((entry.get("name")?.as_str()?.to_owned(), entry.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ecs_adds_makes_no_difference_and_what_a_person_changes_does() {
        let ours = json!({"family": "web", "networkMode": "awsvpc", "cpu": "1 vCPU", "memory": "2GB", "containerDefinitions": [
            {"name": "web", "image": "a", "portMappings": [{"containerPort": 80}], "environment": [{"name": "B", "value": ""}, {"name": "A", "value": "1"}]}]});
        let theirs = json!({"taskDefinitionArn": "x", "revision": 4, "family": "web", "networkMode": "awsvpc", "cpu": "1024", "memory": "2048",
            "volumes": [], "placementConstraints": [], "containerDefinitions": [{"name": "web", "image": "a", "cpu": 0, "essential": true,
            "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}], "mountPoints": [], "volumesFrom": [],
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}], "systemControls": []}],
            "tags": [{"key": "shipit:run", "value": "1"}]});
        assert!(same(&ours, &theirs));
        for (path, value) in [
            ("/containerDefinitions/0/image", json!("b")),
            ("/containerDefinitions/0/essential", json!(false)),
            ("/containerDefinitions/0/environment/1/value", json!("x")),
            ("/cpu", json!("512")),
        ] {
            let mut changed = theirs.clone();
            *changed.pointer_mut(path).unwrap() = value;
            assert!(!same(&ours, &changed), "{path}");
        }
    }

    #[test]
    fn a_change_is_said_in_words() {
        let before = json!({"memory": "512", "containerDefinitions": [{"name": "web", "image": "a", "environment": [{"name": "A", "value": "1"}]}]});
        let after = json!({"memory": "1024", "containerDefinitions": [{"name": "web", "image": "b",
            "environment": [{"name": "A", "value": "2"}, {"name": "B", "value": "1"}]}, {"name": "log", "image": "l"}]});
        assert_eq!(change(&before, &after), "+container log, +1 env, ~1 env, image, memory");
        assert_eq!(change(&before, &before), "nothing");
    }
}
