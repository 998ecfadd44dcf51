//! What shipit writes on a revision, so that another machine can tell whose it is and what was there before.
//!
//! AWS takes 256 characters a value: letters, digits, white space and `_ . : / = + - @`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::release::{Commit, Revision, RunId};
use crate::taskdef::tag_value;

/// The run that registered the revision.
pub const RUN: &str = "shipit:run";
/// The commit that it ships.
pub const COMMIT: &str = "shipit:commit";
/// The pipeline's name.
pub const PIPELINE: &str = "shipit:pipeline";
/// The revision that the service had before.
pub const BEFORE: &str = "shipit:before";
/// The `deploymentConfiguration` that the service had before, as [`packed`].
pub const BEFORE_CONFIG: &str = "shipit:before-config";
/// Who deployed: a person at a host, or the address of a CI's run.
pub const BY: &str = "shipit:by";
/// Why an older commit replaces a newer one.
pub const REASON: &str = "shipit:reason";
/// All services that the run moves.
pub const MOVES: &str = "shipit:moves";

/// The longest value that AWS takes, in characters.
const LONGEST: usize = 256;

/// A run as it is written on the revisions that it registers.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// Which run.
    pub run: &'a RunId,
    /// What it ships.
    pub commit: &'a Commit,
    /// Of which pipeline.
    pub pipeline: &'a str,
    /// Who started it.
    pub by: &'a str,
    /// The services that it moves.
    pub moves: &'a [&'a str],
    /// Why an older commit replaces a newer one.
    pub reason: Option<&'a str>,
}

/// The tags of a revision. What AWS would not take is left out, and what needs it later does without: a turn-back without
/// [`BEFORE_CONFIG`] leaves the configuration as it is.
pub fn tags(mark: &Mark<'_>, before: Option<(&Revision, &Value)>) -> Vec<(&'static str, String)> {
    let mut tags = vec![
        (RUN, mark.run.0.clone()),
        (COMMIT, mark.commit.0.clone()),
        (PIPELINE, mark.pipeline.to_owned()),
        (BY, tag_value(mark.by)),
        (MOVES, mark.moves.join(" ")),
    ];
    tags.extend(mark.reason.map(|reason| (REASON, tag_value(reason))));
    if let Some((revision, configuration)) = before {
        tags.push((BEFORE, revision.0.clone()));
        tags.extend(packed(configuration).map(|packed| (BEFORE_CONFIG, packed)));
    }
    tags.retain(|(_, value)| !value.is_empty() && value.chars().count() <= LONGEST && value.chars().all(fits));
    tags
}

fn fits(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

/// Names that would leave too little room, and what stands for them.
const SHORT: &[(&str, &str)] = &[
    ("maximumPercent", "max"),
    ("minimumHealthyPercent", "min"),
    ("deploymentCircuitBreaker", "cb"),
    ("thresholdConfiguration", "tc"),
    ("resetOnHealthyTask", "reset"),
    ("enable", "on"),
    ("rollback", "rb"),
    ("alarms", "al"),
    ("alarmNames", "names"),
    ("bakeTimeInMinutes", "bake"),
    ("canaryConfiguration", "ca"),
    ("canaryPercent", "cp"),
    ("canaryBakeTimeInMinutes", "cbake"),
    ("linearConfiguration", "li"),
    ("stepPercent", "sp"),
    ("stepBakeTimeInMinutes", "sbake"),
    ("lifecycleHooks", "hooks"),
    ("hookTargetArn", "ht"),
    ("roleArn", "role"),
    ("lifecycleStages", "stages"),
];

/// JSON as a tag's value, e.g. `max=200 min=100 cb.on=true strategy=:ROLLING`; none where it does not fit, or would not
/// read back as it is.
pub fn packed(json: &Value) -> Option<String> {
    let mut leaves = Vec::new();
    leaves_of(json, "", &mut leaves);
    let packed = leaves.join(" ");
    let fits = packed.chars().count() <= LONGEST && packed.chars().all(fits);
    (fits && unpacked(&packed).as_ref() == Some(json)).then_some(packed)
}

fn leaves_of(json: &Value, path: &str, leaves: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match json {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let short = SHORT.iter().find(|(long, _)| long == name).map_or(name.as_str(), |(_, short)| *short);
                leaves_of(value, &below(short), leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, value) in items.iter().enumerate() {
                leaves_of(value, &below(&number.to_string()), leaves);
            }
        }
        Value::Object(_) => leaves.push(format!("{path}=@")),
        Value::Array(_) => leaves.push(format!("{path}=+")),
        Value::Null => leaves.push(format!("{path}=-")),
        Value::String(text) => leaves.push(format!("{path}=:{text}")),
        Value::Bool(_) | Value::Number(_) => leaves.push(format!("{path}={json}")),
    }
}

/// What [`packed`] was made of; none where it is something else.
pub fn unpacked(packed: &str) -> Option<Value> {
    if packed == "=-" {
        return Some(Value::Null);
    }
    let mut root = Value::Object(Map::new());
    for leaf in packed.split(' ').filter(|leaf| !leaf.is_empty() && *leaf != "=@") {
        let (path, value) = leaf.split_once('=')?;
        let value = match value {
            "@" => Value::Object(Map::new()),
            "+" => Value::Array(Vec::new()),
            "-" => Value::Null,
            text => match text.strip_prefix(':') {
                Some(text) => Value::String(text.to_owned()),
                None => serde_json::from_str(text).ok()?,
            },
        };
        put(&mut root, path, value)?;
    }
    Some(root)
}

fn put(root: &mut Value, path: &str, leaf: Value) -> Option<()> {
    let mut at = root;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let nothing = match names.peek() {
            None => leaf.clone(),
            Some(next) if next.parse::<usize>().is_ok() => Value::Array(Vec::new()),
            Some(_) => Value::Object(Map::new()),
        };
        at = match at {
            Value::Object(members) => {
                let long = SHORT.iter().find(|(_, short)| *short == name).map_or(name, |(long, _)| *long);
                members.entry(long).or_insert(nothing)
            }
            Value::Array(items) => {
                let number = name.parse::<usize>().ok().filter(|number| *number <= items.len())?;
                if number == items.len() {
                    items.push(nothing);
                }
                items.get_mut(number)?
            }
            _ => return None,
        };
    }
    Some(())
}

/// The services that a run moves, as far as its tags tell.
pub fn moves(tags: &BTreeMap<String, String>) -> Option<Vec<&str>> {
    tags.get(MOVES).map(|names| names.split(' ').collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_as_ecs_answers_it_fits_and_reads_back() {
        let full = json!({
            "deploymentCircuitBreaker": {"enable": true, "rollback": true, "resetOnHealthyTask": true,
                "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}},
            "maximumPercent": 200, "minimumHealthyPercent": 100,
            "alarms": {"alarmNames": [], "rollback": false, "enable": false},
            "strategy": "CANARY", "bakeTimeInMinutes": 5,
            "canaryConfiguration": {"canaryPercent": 10.5, "canaryBakeTimeInMinutes": 5}, "lifecycleHooks": []});
        let text = packed(&full).expect("it fits");
        assert!(text.len() <= 256, "{}", text.len());
        assert_eq!(unpacked(&text), Some(full));
    }

    #[test]
    fn what_does_not_fit_or_would_not_read_back_is_left_out() {
        for bad in [
            json!({"alarms": {"alarmNames": ["x".repeat(256)]}}),
            json!({"alarms": {"alarmNames": ["two words"]}}),
            json!({"name": "grün{}"}),
            json!({"a.b": 1}),
            json!({"max": 1}),
            json!({"0": {"1": 2}}),
            json!([1]),
        ] {
            assert_eq!(packed(&bad), None, "{bad}");
        }
        for good in [json!({}), json!(null), json!({"hooks": {}, "list": [[], {}, null, "", "x=y", -1.5]})] {
            let text = packed(&good);
            if let Some(text) = &text {
                assert_eq!(unpacked(text), Some(good.clone()));
            }
        }
        assert_eq!(unpacked("no pairs here"), None);
        assert_eq!(unpacked("a.5=1 a.x=2"), None);
    }

    #[test]
    fn every_value_is_one_that_aws_takes() {
        let (run, commit) = (RunId("20261120T090000-1".into()), Commit("4f2a91c".into()));
        let by = format!("jürgen@host (laptop), {}", "x".repeat(300));
        let mark = Mark { run: &run, commit: &commit, pipeline: "shop", by: &by, moves: &["backend", "frontend"], reason: None };
        let before = Revision("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7".into());
        let configuration = json!({"maximumPercent": 200});
        let tags = tags(&mark, Some((&before, &configuration)));
        let keys: Vec<&str> = tags.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, [RUN, COMMIT, PIPELINE, BY, MOVES, BEFORE, BEFORE_CONFIG]);
        for (key, value) in &tags {
            assert!(value.chars().count() <= 256 && value.chars().all(fits), "{key}: {value}");
        }
        assert!(tags[3].1.starts_with("jürgen@host -laptop-- x"), "{}", tags[3].1);
    }
}
