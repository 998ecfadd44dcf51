//! Whose a revision is, as far as it tells by its tags and by what ECS noted at its registration.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// Whose it is, in words, e.g. `alice@laptop (run 20261120T090000-1, commit 4f2a91c, registered 2026-11-20T09:00:00Z)`.
///
/// `definition` is `taskDefinition` as DescribeTaskDefinition answers it.
pub fn whose(definition: &Value, tags: &BTreeMap<String, String>) -> String {
    let identity = definition["registeredBy"].as_str().map(|arn| arn.rsplit(':').next().unwrap_or(arn));
    let by = tags.get("shipit:by").map(String::as_str).or(identity).unwrap_or("someone whom AWS does not name");
    let at = definition["registeredAt"].as_f64().and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0) as i64).ok());
    let commit = tags.get("shipit:commit").map(|commit| commit.get(..7).unwrap_or(commit));
    let known = [
        tags.get("shipit:run").map(|run| format!("run {run}")),
        commit.map(|commit| format!("commit {commit}")),
        at.map(|at| format!("registered {at:.0}")),
    ];
    let known: Vec<String> = known.into_iter().flatten().collect();
    if known.is_empty() { by.to_owned() } else { format!("{by} ({})", known.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_tell_more_than_the_identity_that_registered() {
        let definition =
            json!({"registeredBy": "arn:aws:sts::123456789012:assumed-role/deploy/ci", "registeredAt": 1_790_000_010.5});
        let mut tags = BTreeMap::new();
        assert_eq!(whose(&definition, &tags), "assumed-role/deploy/ci (registered 2026-09-21T14:13:30Z)");
        for (key, value) in [("shipit:by", "alice@laptop"), ("shipit:run", "r-1"), ("shipit:commit", "4f2a91c0000")] {
            tags.insert(key.to_owned(), value.to_owned());
        }
        assert_eq!(whose(&Value::Null, &tags), "alice@laptop (run r-1, commit 4f2a91c)");
        assert_eq!(whose(&Value::Null, &BTreeMap::new()), "someone whom AWS does not name");
    }
}
