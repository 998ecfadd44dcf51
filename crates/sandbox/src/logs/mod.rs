//! The sandbox's CloudWatch Logs: groups, streams, lines. The containers' output goes here.

mod events;
mod groups;
mod stream;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;
use stream::Stream;

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[groups::TABLE, events::TABLE];

/// Log groups with their streams.
#[derive(Debug, Default)]
pub struct Logs {
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Default)]
struct Group {
    created: u64,
    retention: Option<u64>,
    streams: BTreeMap<String, Stream>,
}

impl State {
    /// Appends one line to a stream, making the stream where it is missing. Empty lines are not events, as with AWS.
    ///
    /// # Errors
    /// The group does not exist: the `awslogs` driver's complaint, for the task's stoppedReason.
    pub fn log_line(&mut self, group: &str, stream: &str, line: &str) -> Result<(), String> {
        let now = self.clock.now().0;
        let group = self.logs.groups.get_mut(group).ok_or_else(|| {
            "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
                .to_owned()
        })?;
        let stream = group.streams.entry(stream.to_owned()).or_insert_with(|| Stream::new(now));
        if !line.is_empty() {
            stream.push(now, now, line);
        }
        Ok(())
    }

    /// The group exists.
    pub fn has_log_group(&self, group: &str) -> bool {
        self.logs.groups.contains_key(group)
    }

    fn log_group(&mut self, body: &Value) -> Result<&mut Group, AwsError> {
        // An identifier is a name or an ARN `…:log-group:NAME` or `…:log-group:NAME:*`.
        let name = match body["logGroupIdentifier"].as_str() {
            Some(identifier) => identifier.rsplit_once("log-group:").map_or(identifier, |(_, name)| name.trim_end_matches(":*")),
            None => required(body, "logGroupName")?,
        };
        let missing = || AwsError::new("ResourceNotFoundException", "The specified log group does not exist.");
        self.logs.groups.get_mut(name).ok_or_else(missing)
    }

    fn log_stream(&mut self, body: &Value) -> Result<&mut Stream, AwsError> {
        let group = self.log_group(body)?;
        let name = required(body, "logStreamName")?;
        let missing = || AwsError::new("ResourceNotFoundException", "The specified log stream does not exist.");
        group.streams.get_mut(name).ok_or_else(missing)
    }
}

fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, AwsError> {
    body[name].as_str().filter(|text| !text.is_empty()).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

fn invalid(text: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", text)
}

/// `limit`, within the API's bounds.
fn limit(body: &Value, default: usize, most: usize) -> Result<usize, AwsError> {
    match &body["limit"] {
        Value::Null => Ok(default),
        given => given.as_u64().and_then(|it| usize::try_from(it).ok()).filter(|it| (1..=most).contains(it)).ok_or_else(|| {
            invalid(format!("1 validation error detected: Value '{given}' at 'limit' failed to satisfy constraint: Member must have value between 1 and {most}"))
        }),
    }
}

/// One page of named things, in order of name; the token is the last name shown.
fn page<T>(items: Vec<(String, T)>, body: &Value, size: usize) -> (Vec<T>, Option<String>) {
    let after = body["nextToken"].as_str().unwrap_or_default();
    let mut shown: Vec<(String, T)> = items.into_iter().filter(|(name, _)| name.as_str() > after).collect();
    let more = shown.len() > size;
    shown.truncate(size);
    let token = shown.last().filter(|_| more).map(|(name, _)| name.clone());
    (shown.into_iter().map(|(_, item)| item).collect(), token)
}
