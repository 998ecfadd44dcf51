//! Groups and streams: CreateLogGroup, DescribeLogGroups, PutRetentionPolicy, CreateLogStream, DescribeLogStreams.

use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use super::stream::Stream;
use super::{Group, invalid, limit, page, required};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table = &[
    ("CreateLogGroup", create_log_group),
    ("DescribeLogGroups", describe_log_groups),
    ("DeleteLogGroup", delete_log_group),
    ("PutRetentionPolicy", put_retention_policy),
    ("CreateLogStream", create_log_stream),
    ("DescribeLogStreams", describe_log_streams),
];

/// The days that PutRetentionPolicy takes.
const RETENTIONS: &[u64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

fn create_log_group(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "logGroupName")?;
    let allowed = |it: char| it.is_ascii_alphanumeric() || ".-_/#".contains(it);
    if name.len() > 512 || !name.chars().all(allowed) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    let created = state.clock.now().0;
    match state.logs.groups.entry(name.to_owned()) {
        Entry::Occupied(_) => Err(AwsError::new("ResourceAlreadyExistsException", "The specified log group already exists")),
        Entry::Vacant(free) => {
            free.insert(Group { created, ..Group::default() });
            Ok(Value::Null)
        }
    }
}

fn delete_log_group(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "logGroupName")?;
    let missing = || AwsError::new("ResourceNotFoundException", "The specified log group does not exist.");
    state.logs.groups.remove(name).map(|_| Value::Null).ok_or_else(missing)
}

fn describe_log_groups(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let size = limit(&body, 50, 50)?;
    let prefix = body["logGroupNamePrefix"].as_str().unwrap_or_default();
    let pattern = body["logGroupNamePattern"].as_str().unwrap_or_default();
    let matching = |name: &str| name.starts_with(prefix) && name.contains(pattern);
    let groups = state.logs.groups.iter().filter(|(name, _)| matching(name)).map(|(name, group)| {
        let arn = state.arn("logs", &format!("log-group:{name}"));
        let stored: usize = group.streams.values().flat_map(Stream::events).map(|(_, event)| event.message.len()).sum();
        let shown = json!({
            "logGroupName": name,
            "creationTime": group.created,
            "retentionInDays": group.retention,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "storedBytes": stored,
            "logGroupClass": "STANDARD",
            "logGroupArn": arn,
        });
        (name.clone(), shown)
    });
    let (groups, token) = page(groups.collect(), &body, size);
    Ok(json!({"logGroups": groups, "nextToken": token}))
}

fn put_retention_policy(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let group = state.log_group(&body)?;
    let days = body["retentionInDays"].as_u64().filter(|days| RETENTIONS.contains(days)).ok_or_else(|| {
        let allowed = RETENTIONS.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        invalid(format!(
            "1 validation error detected: Value '{}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy \
             enum value set: [{allowed}]",
            body["retentionInDays"]
        ))
    })?;
    group.retention = Some(days);
    Ok(Value::Null)
}

fn create_log_stream(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let now = state.clock.now().0;
    let group = state.log_group(&body)?;
    let name = required(&body, "logStreamName")?;
    if name.len() > 512 || name.contains([':', '*']) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [^:*]*"
        )));
    }
    match group.streams.entry(name.to_owned()) {
        Entry::Occupied(_) => Err(AwsError::new("ResourceAlreadyExistsException", "The specified log stream already exists")),
        Entry::Vacant(free) => {
            free.insert(Stream::new(now));
            Ok(Value::Null)
        }
    }
}

fn describe_log_streams(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let size = limit(&body, 50, 50)?;
    let prefix = body["logStreamNamePrefix"].as_str().unwrap_or_default();
    let by_time = body["orderBy"] == "LastEventTime";
    if by_time && !prefix.is_empty() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let arn = state.arn("logs", "log-group");
    let group_name = required(&body, "logGroupName").or_else(|_| required(&body, "logGroupIdentifier"))?.to_owned();
    let group = state.log_group(&body)?;
    let mut streams: Vec<(&String, &Stream)> = group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    let last = |stream: &Stream| stream.last().map_or(0, |event| event.timestamp);
    if by_time {
        streams.sort_by_key(|(_, stream)| last(stream));
    }
    if body["descending"] == true {
        streams.reverse();
    }
    // The token counts, for the order may be by time.
    let from = match body["nextToken"].as_str() {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| invalid("The specified nextToken is invalid."))?,
    };
    let until = from.saturating_add(size);
    let token = (streams.len() > until).then(|| until.to_string());
    let shown: Vec<Value> = streams
        .into_iter()
        .skip(from)
        .take(size)
        .map(|(name, stream)| {
            json!({
                "logStreamName": name,
                "creationTime": stream.created,
                "firstEventTimestamp": stream.first().map(|event| event.timestamp),
                "lastEventTimestamp": stream.last().map(|event| event.timestamp),
                "lastIngestionTime": stream.last().map(|event| event.ingested),
                "uploadSequenceToken": sequence_token(stream),
                "arn": format!("{arn}:{group_name}:log-stream:{name}"),
                "storedBytes": 0,
            })
        })
        .collect();
    Ok(json!({"logStreams": shown, "nextToken": token}))
}

/// Not asked for since 2023, but still given.
pub(super) fn sequence_token(stream: &Stream) -> String {
    format!("{:056}", stream.end())
}
