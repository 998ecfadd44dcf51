//! The seed: an ordered list of AWS requests, played through the sandbox's own dispatcher.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dispatch::{self, SERVICES, Service};
use crate::error::AwsError;
use crate::state::Shared;
use crate::wire::query;

/// One request of the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `ecs`, `ecr`, `elbv2`, `codedeploy`, `logs`, `cloudwatch`, `secretsmanager`, `ssm`, `sts`, `iam`.
    pub service: String,
    /// The operation's name.
    pub operation: String,
    /// The request in AWS's member names, lists as arrays, also for query services, whose handlers get the tree of strings
    /// that the codec would make of it. `${ref:NAME}` stands for what an earlier entry took.
    #[serde(default = "nothing")]
    pub body: Value,
    /// The name under which later entries find what is taken from the reply.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The way to it in the reply: `TargetGroups.0.TargetGroupArn`; without it the whole reply is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<String>,
    /// With `true`, the answer that the thing exists already is as good as a reply (from which nothing is taken).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub if_missing: bool,
}

fn nothing() -> Value {
    json!({})
}

/// Why a seed stopped. What came before it has been carried out.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("entry {number} of the seed, `{operation}`: {why}")]
pub struct SeedError {
    /// Which entry, from 1 on.
    pub number: usize,
    /// Its operation.
    pub operation: String,
    /// What went wrong there.
    pub why: Why,
}

/// What went wrong with an entry.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Why {
    /// There is no such service.
    #[error("there is no service `{0}`; there are: ecr, ecs, elbv2, codedeploy, logs, cloudwatch, secretsmanager, ssm, sts, iam")]
    Service(String),
    /// A reference to a name that no earlier entry has taken.
    #[error("nothing was taken as `{0}` by an entry before it")]
    Reference(String),
    /// The reply does not have what was to be taken.
    #[error("its reply has no `{0}`")]
    Take(String),
    /// The sandbox refused it.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(AwsError),
}

/// Plays the entries in order and answers what was taken, by name.
///
/// # Errors
/// The first entry that could not be played.
pub fn play(shared: &Shared, entries: &[Entry]) -> Result<BTreeMap<String, Value>, SeedError> {
    let mut taken = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        play_one(shared, entry, &mut taken).map_err(|why| SeedError {
            number: index + 1,
            operation: entry.operation.clone(),
            why,
        })?;
    }
    Ok(taken)
}

fn play_one(shared: &Shared, entry: &Entry, taken: &mut BTreeMap<String, Value>) -> Result<(), Why> {
    let service = SERVICES.iter().copied().find(|service| service.name() == entry.service);
    let service = service.ok_or_else(|| Why::Service(entry.service.clone()))?;
    let body = resolved(&entry.body, taken)?;
    let body = match service {
        Service::Elb | Service::Sts | Service::Iam => query::strings(body),
        Service::Ecr
        | Service::Ecs
        | Service::CodeDeploy
        | Service::CodePipeline
        | Service::Logs
        | Service::CloudWatch
        | Service::Secrets
        | Service::Ssm
        | Service::Events => body,
    };
    let answer = {
        let mut state = shared.lock();
        state.call_as("");
        dispatch::call(&mut state, service, &entry.operation, body)
    };
    shared.ring();
    let reply = match answer {
        Ok(reply) => reply,
        Err(error) if entry.if_missing && exists_already(&error) => return Ok(()),
        Err(error) => return Err(Why::Refused(error)),
    };
    if let Some(name) = &entry.name {
        let value = match &entry.take {
            Some(path) => at(&reply, path).ok_or_else(|| Why::Take(path.clone()))?.clone(),
            None => reply,
        };
        taken.insert(name.clone(), value);
    }
    Ok(())
}

/// `RepositoryAlreadyExistsException`, `ResourceExistsException`, `DuplicateListener`, `PriorityInUse`, or ECS's text for a service.
fn exists_already(error: &AwsError) -> bool {
    error.code.contains("AlreadyExists")
        || error.code == "ResourceExistsException"
        || error.code.starts_with("Duplicate")
        || error.code == "PriorityInUse"
        || error.message.contains("Creation of service was not idempotent")
}

/// `TargetGroups.0.TargetGroupArn`
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
}

/// The body with every `${ref:NAME}` replaced. A string that is nothing but a reference becomes the value itself.
fn resolved(body: &Value, taken: &BTreeMap<String, Value>) -> Result<Value, Why> {
    Ok(match body {
        Value::String(text) => text_resolved(text, taken)?,
        Value::Array(items) => items.iter().map(|item| resolved(item, taken)).collect::<Result<_, _>>()?,
        Value::Object(members) => {
            let resolve = |(name, member): (&String, &Value)| Ok((name.clone(), resolved(member, taken)?));
            Value::Object(members.iter().map(resolve).collect::<Result<_, _>>()?)
        }
        scalar => scalar.clone(),
    })
}

fn text_resolved(text: &str, taken: &BTreeMap<String, Value>) -> Result<Value, Why> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${ref:") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        let value = taken.get(name).ok_or_else(|| Why::Reference(name.to_owned()))?;
        if text.len() == name.len() + "${ref:}".len() {
            return Ok(value.clone());
        }
        resolved.push_str(before);
        resolved.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = after;
    }
    resolved.push_str(rest);
    Ok(Value::String(resolved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::state::State;

    fn shared() -> Shared {
        Shared::new(State::new("000000000000".to_owned(), "us-east-1".to_owned(), Clock::start(1.0), "x".into()))
    }

    fn entries(entries: Value) -> Vec<Entry> {
        serde_json::from_value(entries).unwrap()
    }

    #[test]
    fn later_entries_use_what_earlier_ones_took() {
        let seed = entries(json!([
            {"service": "logs", "operation": "CreateLogGroup", "body": {"logGroupName": "/shop/web"}},
            {"service": "logs", "operation": "DescribeLogGroups", "as": "GROUP", "take": "logGroups.0.logGroupName"},
            {"service": "logs", "operation": "CreateLogStream",
             "body": {"logGroupName": "${ref:GROUP}", "logStreamName": "of${ref:GROUP}/1"}},
            {"service": "logs", "operation": "DescribeLogStreams", "body": {"logGroupName": "/shop/web"},
             "as": "STREAM", "take": "logStreams.0.logStreamName"},
        ]));
        let taken = play(&shared(), &seed).unwrap();
        assert_eq!(taken["STREAM"], "of/shop/web/1");
    }

    #[test]
    fn query_services_get_strings() {
        let seed = entries(json!([{
            "service": "sts", "operation": "AssumeRole", "as": "ROLE", "take": "AssumedRoleUser.Arn",
            "body": {"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "me", "DurationSeconds": 900},
        }]));
        assert_eq!(play(&shared(), &seed).unwrap()["ROLE"], "arn:aws:sts::123456789012:assumed-role/x/me");
    }

    #[test]
    fn what_exists_is_tolerated_where_it_says_so() {
        let mut seed = entries(json!([
            {"service": "logs", "operation": "CreateLogGroup", "body": {"logGroupName": "g"}, "if_missing": true},
        ]));
        let shared = shared();
        assert!(play(&shared, &seed).is_ok());
        assert!(play(&shared, &seed).is_ok());
        seed[0].if_missing = false;
        let error = play(&shared, &seed).unwrap_err().to_string();
        assert!(error.starts_with("entry 1 of the seed, `CreateLogGroup`: ResourceAlreadyExistsException"), "{error}");
    }

    #[test]
    fn the_first_wrong_entry_is_named() {
        for (seed, complaint) in [
            (json!([{"service": "s3", "operation": "X"}]), "there is no service `s3`"),
            (json!([{"service": "ecs", "operation": "X"}]), "UnknownOperationException"),
            (json!([{"service": "sts", "operation": "X", "body": {"A": "${ref:NO}"}}]), "nothing was taken as `NO`"),
            (
                json!([{"service": "sts", "operation": "GetCallerIdentity", "as": "A", "take": "Arn.0"}]),
                "its reply has no `Arn.0`",
            ),
        ] {
            let error = play(&shared(), &entries(seed)).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn other_dollars_stay() {
        let taken = BTreeMap::from([("N".to_owned(), json!(5))]);
        let body = json!(["${HOME} ${ref:N", "${ref:N}", "n=${ref:N}!"]);
        assert_eq!(resolved(&body, &taken), Ok(json!(["${HOME} ${ref:N", 5, "n=5!"])));
    }
}
