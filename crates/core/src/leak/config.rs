//! The image's configuration: variables, labels, commands, and the history with its build arguments.

use serde_json::Value;

use super::{Leak, Place, Search};

/// What stands in the configuration of an image (OCI image configuration, and Docker's own keys in it).
pub fn in_config(search: &Search, config: &Value) -> Vec<Leak> {
    let mut leaks: Vec<Leak> = Vec::new();
    walk(config, "", &mut |path, text| {
        for rule in search.text(text) {
            let leak = Leak { rule, place: place(path, text) };
            // Older Engines keep the same twice: of the image, and of the container that its last step ran in.
            if !leaks.contains(&leak) {
                leaks.push(leak);
            }
        }
    });
    leaks
}

/// Calls with every text, the keys that lead to it between slashes.
fn walk(value: &Value, path: &str, call: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => call(path, text),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| walk(item, &format!("{path}/{at}"), call)),
        Value::Object(members) => members.iter().for_each(|(key, member)| walk(member, &format!("{path}/{key}"), call)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn place(path: &str, text: &str) -> Place {
    let mut keys = path.splitn(4, '/').skip(1);
    match (keys.next(), keys.next(), keys.next()) {
        (Some("config" | "container_config"), Some("Env"), Some(_)) => {
            Place::Env(text.split_once('=').map_or(text, |(name, _)| name).to_owned())
        }
        (Some("config" | "container_config"), Some("Labels"), Some(name)) => Place::Label(name.to_owned()),
        (Some("history"), Some(entry), _) => Place::History(entry.parse::<usize>().map_or(0, |entry| entry + 1)),
        _ => Place::Config(path.trim_start_matches('/').to_owned()),
    }
}
