//! PutMetricAlarm, DescribeAlarms, SetAlarmState, DeleteAlarms.

use serde_json::{Map, Number, Value, json};

use super::evaluation::{self, Alarm};
use super::judge::Treat;
use super::params::{invalid, missing, refused, required, truth, whole};
use super::query;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table = &[
    ("PutMetricAlarm", put_metric_alarm),
    ("DescribeAlarms", describe_alarms),
    ("SetAlarmState", set_alarm_state),
    ("DeleteAlarms", delete_alarms),
];

/// How a member of PutMetricAlarm is kept. The query protocol sends strings for all of them.
#[derive(Clone, Copy)]
enum Kept {
    AsSent,
    List,
    Whole,
    Double,
    Truth,
}

/// The members of PutMetricAlarm that MetricAlarm shows again.
const MEMBERS: &[(&str, Kept)] = &[
    ("AlarmName", Kept::AsSent),
    ("AlarmDescription", Kept::AsSent),
    ("ActionsEnabled", Kept::Truth),
    ("OKActions", Kept::List),
    ("AlarmActions", Kept::List),
    ("InsufficientDataActions", Kept::List),
    ("MetricName", Kept::AsSent),
    ("Namespace", Kept::AsSent),
    ("Statistic", Kept::AsSent),
    ("ExtendedStatistic", Kept::AsSent),
    ("Dimensions", Kept::List),
    ("Period", Kept::Whole),
    ("Unit", Kept::AsSent),
    ("EvaluationPeriods", Kept::Whole),
    ("DatapointsToAlarm", Kept::Whole),
    ("Threshold", Kept::Double),
    ("ComparisonOperator", Kept::AsSent),
    ("TreatMissingData", Kept::AsSent),
    ("EvaluateLowSampleCountPercentile", Kept::AsSent),
    ("Metrics", Kept::List),
    ("ThresholdMetricId", Kept::AsSent),
];

const STATES: &[&str] = &["OK", "ALARM", "INSUFFICIENT_DATA"];

fn put_metric_alarm(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "AlarmName")?.to_owned();
    required(&body, "EvaluationPeriods")?;
    required(&body, "ComparisonOperator")?;
    if body["MetricName"].is_null() == body["Metrics"].is_null() {
        return Err(invalid("Exactly one of MetricName, Metrics and EvaluationCriteria must be given."));
    }
    if !body["Metrics"].is_null() {
        let returned = query::read(&body["Metrics"])?.iter().filter(|query| query.returned).count();
        if returned != 1 {
            return Err(refused("Exactly one element of the metrics list should return data."));
        }
    }
    Treat::read(body["TreatMissingData"].as_str())?;
    evaluation::evaluate(state);
    let now = state.now_seconds();
    let arn = state.arn("cloudwatch", &format!("alarm:{name}"));
    let mut alarm = Map::new();
    alarm.insert("AlarmArn".to_owned(), arn.into());
    alarm.insert("AlarmConfigurationUpdatedTimestamp".to_owned(), now.into());
    for (member, kept) in MEMBERS {
        if let Some(value) = body.get(*member).filter(|value| !value.is_null()) {
            alarm.insert((*member).to_owned(), kept.value(member, value)?);
        }
    }
    for (member, default) in [
        ("ActionsEnabled", json!(true)),
        ("OKActions", json!([])),
        ("AlarmActions", json!([])),
        ("InsufficientDataActions", json!([])),
        ("Dimensions", json!([])),
    ] {
        alarm.entry(member).or_insert(default);
    }
    // An update leaves the state as it is; a new alarm waits for data.
    let before = state.cloudwatch.alarms.remove(&name).unwrap_or_else(|| {
        let unchecked = json!({
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        });
        Alarm { shown: unchecked.as_object().cloned().unwrap_or_default(), evaluated: state.clock.now() }
    });
    alarm.extend(before.shown.into_iter().filter(|(member, _)| member.starts_with("State")));
    state.cloudwatch.alarms.insert(name, Alarm { shown: alarm, evaluated: before.evaluated });
    Ok(Value::Null)
}

/// Pages are in order of name; the token is the last name shown.
fn describe_alarms(state: &mut State, body: Value) -> Result<Value, AwsError> {
    evaluation::evaluate(state);
    let names = body["AlarmNames"].as_array().filter(|names| !names.is_empty());
    if names.is_some_and(|names| names.len() > 100) {
        return Err(invalid("The parameter AlarmNames must have at most 100 members."));
    }
    let types = body["AlarmTypes"].as_array().filter(|types| !types.is_empty());
    let wants_metric_alarms = types.is_none_or(|types| types.iter().any(|it| it == "MetricAlarm"));
    let prefix = body["AlarmNamePrefix"].as_str().unwrap_or_default();
    let wanted = body["StateValue"].as_str();
    if let Some(wanted) = wanted {
        known_state(wanted)?;
    }
    let most = match &body["MaxRecords"] {
        Value::Null => 50,
        given => whole("MaxRecords", given)?,
    };
    let most = usize::try_from(most).ok().filter(|most| (1..=100).contains(most));
    let most = most.ok_or_else(|| invalid("The parameter MaxRecords must be from 1 to 100."))?;
    // With names, all of them come at once.
    let most = if names.is_some() { 100 } else { most };
    let after = body["NextToken"].as_str().unwrap_or_default();
    let mut shown: Vec<(&String, &Map<String, Value>)> = state
        .cloudwatch
        .alarms
        .iter()
        .map(|(name, alarm)| (name, &alarm.shown))
        .filter(|(name, _)| wants_metric_alarms && name.starts_with(prefix) && name.as_str() > after)
        .filter(|(name, _)| names.is_none_or(|names| names.iter().any(|it| it == name.as_str())))
        .filter(|(_, alarm)| wanted.is_none_or(|wanted| alarm["StateValue"] == wanted))
        .collect();
    let more = shown.len() > most;
    shown.truncate(most);
    let token = shown.last().filter(|_| more).map(|(name, _)| (*name).clone());
    let alarms: Vec<&Map<String, Value>> = shown.into_iter().map(|(_, alarm)| alarm).collect();
    Ok(json!({"CompositeAlarms": [], "MetricAlarms": alarms, "NextToken": token}))
}

/// The state that is set stays until the alarm is evaluated the next time.
fn set_alarm_state(state: &mut State, body: Value) -> Result<Value, AwsError> {
    evaluation::evaluate(state);
    let now = state.now_seconds();
    let name = required(&body, "AlarmName")?;
    let value = required(&body, "StateValue")?;
    let reason = required(&body, "StateReason")?;
    known_state(value)?;
    let data = &body["StateReasonData"];
    if data.as_str().is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
        return Err(AwsError::new("InvalidFormat", "StateReasonData is not valid JSON"));
    }
    let missing = || AwsError::new("ResourceNotFound", "Alarm does not exist").with_status(404);
    let alarm = state.cloudwatch.alarms.get_mut(name).ok_or_else(missing)?;
    alarm.enter(value, reason, data.clone(), now);
    state.cloudwatch.transitions += 1;
    Ok(Value::Null)
}

/// The alarms that exist are deleted also when others do not.
fn delete_alarms(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let names = body["AlarmNames"].as_array().ok_or_else(|| missing("AlarmNames"))?;
    let mut unknown = Vec::new();
    for name in names.iter().filter_map(Value::as_str) {
        if state.cloudwatch.alarms.remove(name).is_none() {
            unknown.push(name);
        }
    }
    match unknown.as_slice() {
        [] => Ok(Value::Null),
        unknown => {
            let text = format!("Could not find the alarms: {}", unknown.join(", "));
            Err(AwsError::new("ResourceNotFound", text).with_status(404))
        }
    }
}

impl Kept {
    fn value(self, member: &str, value: &Value) -> Result<Value, AwsError> {
        let wrong = || invalid(format!("The parameter {member} has a value that is not valid: {value}"));
        match self {
            // The query protocol's empty list is an empty string.
            Kept::List if value == "" => Ok(json!([])),
            Kept::List if !value.is_array() => Err(wrong()),
            Kept::AsSent | Kept::List => Ok(value.clone()),
            Kept::Whole => whole(member, value).map(Value::from),
            Kept::Double => {
                let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
                number.and_then(Number::from_f64).map(Value::Number).ok_or_else(wrong)
            }
            Kept::Truth => truth(value).map(Value::Bool).ok_or_else(wrong),
        }
    }
}

fn known_state(value: &str) -> Result<(), AwsError> {
    let wrong = || {
        let text = "1 validation error detected: Value '{}' at 'stateValue' failed to satisfy constraint: Member must satisfy \
                    enum value set: [INSUFFICIENT_DATA, ALARM, OK]";
        AwsError::new("ValidationError", text.replace("{}", value))
    };
    STATES.contains(&value).then_some(()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::dispatch::{Service, call};

    fn state() -> State {
        State::new("000000000000".to_owned(), "us-east-1".to_owned(), Clock::start(1.0), "x".into())
    }

    fn cloudwatch(state: &mut State, operation: &str, body: Value) -> Result<Value, AwsError> {
        call(state, Service::CloudWatch, operation, body)
    }

    fn alarm(name: &str) -> Value {
        json!({
            "AlarmName": name, "MetricName": "HTTPCode_Target_5XX_Count", "Namespace": "AWS/ApplicationELB",
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
        })
    }

    #[test]
    fn an_alarm_is_set_described_and_deleted() {
        let mut state = state();
        cloudwatch(&mut state, "PutMetricAlarm", alarm("web-5xx")).unwrap();
        let reply = cloudwatch(&mut state, "DescribeAlarms", json!({"AlarmNames": ["web-5xx"]})).unwrap();
        assert_eq!(reply["MetricAlarms"][0]["StateValue"], "INSUFFICIENT_DATA");
        assert!(reply["MetricAlarms"][0]["Threshold"].is_f64());
        let in_alarm = |state: &State, name: &str| {
            state.cloudwatch.alarms.get(name).is_some_and(|alarm| alarm.shown["StateValue"] == "ALARM")
        };
        assert!(!in_alarm(&state, "web-5xx"));
        let body = json!({"AlarmName": "web-5xx", "StateValue": "ALARM", "StateReason": "test"});
        cloudwatch(&mut state, "SetAlarmState", body).unwrap();
        assert!(in_alarm(&state, "web-5xx"));
        cloudwatch(&mut state, "PutMetricAlarm", alarm("web-5xx")).unwrap();
        assert!(in_alarm(&state, "web-5xx"), "an update leaves the state");
        let ok = cloudwatch(&mut state, "DescribeAlarms", json!({"StateValue": "OK"})).unwrap();
        assert_eq!(ok["MetricAlarms"], json!([]));
        let error = cloudwatch(&mut state, "DeleteAlarms", json!({"AlarmNames": ["web-5xx", "no"]})).unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("ResourceNotFound", 404));
        assert!(!in_alarm(&state, "web-5xx"));
    }

    #[test]
    fn strings_of_the_query_protocol_are_the_same_alarm() {
        let (mut typed, mut query) = (state(), state());
        cloudwatch(&mut typed, "PutMetricAlarm", alarm("a")).unwrap();
        cloudwatch(&mut query, "PutMetricAlarm", crate::wire::query::strings(alarm("a"))).unwrap();
        let shown = |state: &mut State| {
            let mut alarm = cloudwatch(state, "DescribeAlarms", json!({})).unwrap()["MetricAlarms"][0].clone();
            let members = alarm.as_object_mut().unwrap();
            members.retain(|member, _| !member.ends_with("Timestamp"));
            alarm
        };
        assert_eq!(shown(&mut typed), shown(&mut query));
    }

    #[test]
    fn alarms_come_in_pages() {
        let mut state = state();
        for name in ["c", "a", "b"] {
            cloudwatch(&mut state, "PutMetricAlarm", alarm(name)).unwrap();
        }
        let page = cloudwatch(&mut state, "DescribeAlarms", json!({"MaxRecords": 2})).unwrap();
        assert_eq!(page["MetricAlarms"].as_array().unwrap().len(), 2);
        let page = cloudwatch(&mut state, "DescribeAlarms", json!({"MaxRecords": 2, "NextToken": page["NextToken"]})).unwrap();
        assert_eq!(page["MetricAlarms"][0]["AlarmName"], "c");
        assert_eq!(page["NextToken"], Value::Null);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let mut state = state();
        for (operation, body) in [
            ("PutMetricAlarm", json!({})),
            ("PutMetricAlarm", json!({"AlarmName": "a", "EvaluationPeriods": 1, "ComparisonOperator": "x"})),
            (
                "PutMetricAlarm",
                json!({"AlarmName": "a", "EvaluationPeriods": 1, "ComparisonOperator": "x", "MetricName": "m",
                                      "TreatMissingData": "green"}),
            ),
            (
                "PutMetricAlarm",
                json!({"AlarmName": "a", "EvaluationPeriods": 1, "ComparisonOperator": "x", "Metrics": [
                                      {"Id": "e", "Expression": "1 +"}]}),
            ),
            ("PutMetricAlarm", json!({"AlarmName": "a", "EvaluationPeriods": 0, "ComparisonOperator": "x", "MetricName": "m"})),
            ("SetAlarmState", json!({"AlarmName": "a", "StateValue": "OK", "StateReason": "r"})),
            ("SetAlarmState", json!({"AlarmName": "a", "StateValue": "GREEN", "StateReason": "r"})),
            ("DescribeAlarms", json!({"StateValue": "GREEN"})),
            ("DescribeAlarms", json!({"MaxRecords": 0})),
            ("DeleteAlarms", json!({})),
            ("PutDashboard", json!({})),
        ] {
            let error = cloudwatch(&mut state, operation, body).unwrap_err();
            assert!((400..500).contains(&error.status), "{operation}");
        }
    }
}
