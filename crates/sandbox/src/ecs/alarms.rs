//! The CloudWatch alarms that a service watches while it is deployed.

use serde_json::{Value, json};
use shipit_scheduler::Span;

use super::Service;
use super::request::{list, seconds, text};
use super::service::view::alarm_names;
use crate::dispatch::{self, Service as Aws};
use crate::state::State;

/// Tells the scheduler how the service's alarms stand, and for how long they are watched after the tasks are steady.
/// Answers the names of those in ALARM.
pub(super) fn watch(state: &mut State, service: &mut Service) -> Vec<String> {
    let names = alarm_names(service);
    let alarms = if names.is_empty() { Value::Null } else { described(state, &names) };
    let alarms = list(&alarms, "MetricAlarms");
    let triggered: Vec<String> = alarms
        .iter()
        .filter(|alarm| text(alarm, "StateValue") == Some("ALARM"))
        .filter_map(|alarm| text(alarm, "AlarmName").map(str::to_owned))
        .collect();
    service.plan.alarmed = !triggered.is_empty();
    service.plan.alarm_bake = alarms.iter().map(window).max().unwrap_or(Span(0));
    triggered
}

fn described(state: &mut State, names: &[String]) -> Value {
    // An alarm that does not exist, or that cannot be asked for, is not in ALARM.
    dispatch::call(state, Aws::CloudWatch, "DescribeAlarms", json!({ "AlarmNames": names })).unwrap_or_default()
}

/// Period times evaluation periods: an alarm can go to ALARM so long after its cause.
fn window(alarm: &Value) -> Span {
    let periods = alarm.get("EvaluationPeriods").and_then(Value::as_u64).unwrap_or(0);
    // One on an expression has the periods of its metrics.
    let of_metrics = list(alarm, "Metrics").iter().filter_map(|query| seconds(query.get("MetricStat")?, "Period"));
    let period = seconds(alarm, "Period").or_else(|| of_metrics.max());
    Span(period.unwrap_or_default().0.saturating_mul(periods))
}
