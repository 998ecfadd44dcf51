//! Events: PutLogEvents, GetLogEvents, FilterLogEvents.

use serde_json::{Value, json};

use super::groups::sequence_token;
use super::stream::Event;
use super::{invalid, limit};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table =
    &[("PutLogEvents", put_log_events), ("GetLogEvents", get_log_events), ("FilterLogEvents", filter_log_events)];

fn put_log_events(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let now = state.clock.now().0;
    let stream = state.log_stream(&body)?;
    let events = body["logEvents"].as_array().filter(|events| (1..=10_000).contains(&events.len()));
    let events = events.ok_or_else(|| invalid("Log events in a single PutLogEvents request must be 1 to 10000."))?;
    let read = |event: &Value| Some((event["timestamp"].as_u64()?, event["message"].as_str()?.to_owned()));
    let events: Option<Vec<_>> = events.iter().map(read).collect();
    let events = events.ok_or_else(|| invalid("A log event needs a timestamp and a message."))?;
    if !events.is_sorted_by_key(|(timestamp, _)| *timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    for (timestamp, message) in events.iter().filter(|(_, message)| !message.is_empty()) {
        stream.push(*timestamp, now, message);
    }
    Ok(json!({ "nextSequenceToken": sequence_token(stream) }))
}

/// The times a reader asks for, in milliseconds since 1970.
struct Times {
    from: u64,
    before: u64,
}

impl Times {
    fn of(body: &Value) -> Self {
        Self { from: body["startTime"].as_u64().unwrap_or(0), before: body["endTime"].as_u64().unwrap_or(u64::MAX) }
    }

    fn contain(&self, event: &Event) -> bool {
        (self.from..self.before).contains(&event.timestamp)
    }
}

/// A token is `f/` or `b/` and the number of the event at which the next page begins (forward) or before which it ends
/// (backward). At the end the same token comes back.
fn get_log_events(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let size = limit(&body, 10_000, 10_000)?;
    let times = Times::of(&body);
    let stream = state.log_stream(&body)?;
    let (forward, at) = match body["nextToken"].as_str() {
        None if body["startFromHead"] == true => (true, 0),
        None => (false, stream.end()),
        Some(token) => {
            let number = |token: &str| token.parse::<u64>().ok();
            let read = match token.split_once('/') {
                Some(("f", number_text)) => number(number_text).map(|at| (true, at)),
                Some(("b", number_text)) => number(number_text).map(|at| (false, at)),
                _ => None,
            };
            read.ok_or_else(|| invalid("The specified nextToken is invalid."))?
        }
    };
    let matching = stream.events().filter(|(_, event)| times.contain(event));
    let shown: Vec<(u64, &Event)> = if forward {
        matching.filter(|(number, _)| *number >= at).take(size).collect()
    } else {
        let mut newest: Vec<_> = matching.rev().filter(|(number, _)| *number < at).take(size).collect();
        newest.reverse();
        newest
    };
    let begin = shown.first().map_or(at, |(number, _)| *number);
    let end = shown.last().map_or(at, |(number, _)| number + 1);
    let events: Vec<Value> = shown
        .into_iter()
        .map(|(_, event)| json!({"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested}))
        .collect();
    Ok(json!({
        "events": events,
        "nextForwardToken": format!("f/{end:056}"),
        "nextBackwardToken": format!("b/{begin:056}"),
    }))
}

/// Patterns: terms that must all be in the message, `"quoted terms"`, `?term` for any of them, `-term` for none; the JSON and
/// column patterns are not.
fn filter_log_events(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let size = limit(&body, 10_000, 10_000)?;
    let times = Times::of(&body);
    let pattern = Pattern::read(body["filterPattern"].as_str().unwrap_or_default())?;
    let prefix = body["logStreamNamePrefix"].as_str().unwrap_or_default();
    let named = body["logStreamNames"].as_array();
    let group = state.log_group(&body)?;
    let wanted = |name: &str| name.starts_with(prefix) && named.is_none_or(|named| named.iter().any(|it| it == name));
    let mut found: Vec<(&String, u64, &Event)> = group
        .streams
        .iter()
        .filter(|(name, _)| wanted(name))
        .flat_map(|(name, stream)| stream.events().map(move |(number, event)| (name, number, event)))
        .filter(|(_, _, event)| times.contain(event) && pattern.matches(&event.message))
        .collect();
    found.sort_by_key(|(_, _, event)| event.timestamp);
    let from = match body["nextToken"].as_str() {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| invalid("The specified nextToken is invalid."))?,
    };
    let until = from.saturating_add(size);
    let token = (found.len() > until).then(|| until.to_string());
    let events: Vec<Value> = found
        .into_iter()
        .skip(from)
        .take(size)
        .map(|(name, number, event)| {
            json!({
                "logStreamName": name,
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingested,
                "eventId": format!("{:020}{number:036}", event.timestamp),
            })
        })
        .collect();
    Ok(json!({"events": events, "searchedLogStreams": [], "nextToken": token}))
}

#[derive(Debug, Default)]
struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    fn read(text: &str) -> Result<Self, AwsError> {
        let mut pattern = Self::default();
        let mut rest = text.trim();
        if rest.starts_with(['{', '[', '%']) {
            return Err(invalid("Invalid filter pattern: the sandbox reads patterns of terms only"));
        }
        while !rest.is_empty() {
            let (kind, term) = match (rest.strip_prefix('?'), rest.strip_prefix('-')) {
                (Some(term), _) => (&mut pattern.any, term),
                (None, Some(term)) => (&mut pattern.none, term),
                (None, None) => (&mut pattern.all, rest),
            };
            let (term, after) = match term.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(|| invalid("Invalid filter pattern"))?,
                None => term.split_once(char::is_whitespace).unwrap_or((term, "")),
            };
            if !term.is_empty() {
                kind.push(term.to_owned());
            }
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| message.contains(term))
            && (self.any.is_empty() || self.any.iter().any(|term| message.contains(term)))
            && !self.none.iter().any(|term| message.contains(term))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::dispatch::{Service, call};

    fn state() -> State {
        State::new("000000000000".to_owned(), "us-east-1".to_owned(), Clock::start(1.0), "x".into())
    }

    fn logs(state: &mut State, operation: &str, body: Value) -> Result<Value, AwsError> {
        call(state, Service::Logs, operation, body)
    }

    fn messages(reply: &Value) -> Vec<&str> {
        reply["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
    }

    #[test]
    fn lines_of_containers_are_read_page_by_page_forward_and_back() {
        let mut state = state();
        assert!(state.log_line("/shop", "web/1", "x").unwrap_err().contains("The specified log group does not exist"));
        assert!(!state.has_log_group("/shop"));
        logs(&mut state, "CreateLogGroup", json!({"logGroupName": "/shop"})).unwrap();
        for line in ["one", "two", "", "three"] {
            state.log_line("/shop", "web/1", line).unwrap();
        }
        let get = |state: &mut State, more: Value| {
            let mut body = json!({"logGroupName": "/shop", "logStreamName": "web/1", "limit": 2});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            logs(state, "GetLogEvents", body).unwrap()
        };
        let page = get(&mut state, json!({"startFromHead": true}));
        assert_eq!(messages(&page), ["one", "two"]);
        let page = get(&mut state, json!({"nextToken": page["nextForwardToken"]}));
        assert_eq!(messages(&page), ["three"]);
        let end = get(&mut state, json!({"nextToken": page["nextForwardToken"]}));
        assert!(messages(&end).is_empty());
        assert_eq!(end["nextForwardToken"], page["nextForwardToken"]);
        let page = get(&mut state, json!({}));
        assert_eq!(messages(&page), ["two", "three"]);
        let page = get(&mut state, json!({"nextToken": page["nextBackwardToken"]}));
        assert_eq!(messages(&page), ["one"]);
        state.log_line("/shop", "web/1", "four").unwrap();
        assert_eq!(messages(&get(&mut state, json!({"nextToken": end["nextForwardToken"]}))), ["four"]);
    }

    #[test]
    fn groups_and_streams_are_made_once_and_listed() {
        let mut state = state();
        for name in ["b", "a", "c/d"] {
            logs(&mut state, "CreateLogGroup", json!({"logGroupName": name})).unwrap();
        }
        let error = logs(&mut state, "CreateLogGroup", json!({"logGroupName": "a"})).unwrap_err();
        assert_eq!(error.code, "ResourceAlreadyExistsException");
        let error = logs(&mut state, "CreateLogGroup", json!({"logGroupName": "a b"})).unwrap_err();
        assert_eq!(error.code, "InvalidParameterException");
        let page = logs(&mut state, "DescribeLogGroups", json!({"limit": 2})).unwrap();
        assert_eq!(page["logGroups"][0]["logGroupName"], "a");
        let page = logs(&mut state, "DescribeLogGroups", json!({"limit": 2, "nextToken": page["nextToken"]})).unwrap();
        assert_eq!(page["logGroups"][0]["arn"], "arn:aws:logs:us-east-1:000000000000:log-group:c/d:*");
        assert_eq!(page["nextToken"], Value::Null);
        logs(&mut state, "PutRetentionPolicy", json!({"logGroupName": "a", "retentionInDays": 7})).unwrap();
        assert!(logs(&mut state, "PutRetentionPolicy", json!({"logGroupName": "a", "retentionInDays": 8})).is_err());
        let stream = json!({"logGroupName": "a", "logStreamName": "s"});
        logs(&mut state, "CreateLogStream", stream.clone()).unwrap();
        assert_eq!(logs(&mut state, "CreateLogStream", stream).unwrap_err().code, "ResourceAlreadyExistsException");
        let streams = logs(&mut state, "DescribeLogStreams", json!({"logGroupName": "a"})).unwrap();
        assert_eq!(streams["logStreams"][0]["logStreamName"], "s");
        for limit in [json!(0), json!(51), json!("x")] {
            assert!(logs(&mut state, "DescribeLogGroups", json!({ "limit": limit })).is_err());
        }
    }

    #[test]
    fn events_are_put_in_order_and_filtered() {
        let mut state = state();
        logs(&mut state, "CreateLogGroup", json!({"logGroupName": "g"})).unwrap();
        let put = |events: Value| json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events});
        let one = json!([{"timestamp": 5, "message": "GET /health 503"}, {"timestamp": 6, "message": "GET / 200"}]);
        assert_eq!(logs(&mut state, "PutLogEvents", put(one.clone())).unwrap_err().code, "ResourceNotFoundException");
        logs(&mut state, "CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).unwrap();
        logs(&mut state, "PutLogEvents", put(one)).unwrap();
        let backwards = json!([{"timestamp": 6, "message": "x"}, {"timestamp": 5, "message": "x"}]);
        assert!(logs(&mut state, "PutLogEvents", put(backwards)).is_err());
        for (pattern, count) in
            [("", 2), ("GET 503", 1), ("\"/ 200\"", 1), ("?503 ?200", 2), ("GET -503", 1), ("- ä", 0), ("\"", 0)]
        {
            let found = logs(&mut state, "FilterLogEvents", json!({"logGroupName": "g", "filterPattern": pattern}));
            assert_eq!(found.map(|found| messages(&found).len()).unwrap_or_default(), count, "{pattern}");
        }
        let found = logs(&mut state, "FilterLogEvents", json!({"logGroupName": "g", "startTime": 6})).unwrap();
        assert_eq!(messages(&found), ["GET / 200"]);
    }
}
