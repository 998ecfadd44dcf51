//! GetMetricStatistics and ListMetrics.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::catalog::{self, Metric};
use super::params::{invalid, items, missing, time};
use super::samples::Stat;
use super::series::{self, Range};
use super::{data, query};
use crate::clock::Clock;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table = &[("GetMetricStatistics", get_metric_statistics), ("ListMetrics", list_metrics)];

/// Data points in a reply of GetMetricStatistics, at most.
const MOST: u64 = 1_440;
/// Metrics in a page of ListMetrics.
const PAGE: usize = 500;

fn get_metric_statistics(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let metric = Metric::read(&body)?;
    let combination = |text: String| AwsError::new("InvalidParameterCombination", text);
    if time(&body, "StartTime")? >= time(&body, "EndTime")? {
        let text = "The parameter StartTime must be less than the parameter EndTime.";
        return Err(combination(text.to_owned()));
    }
    let Range { start, end } = data::range(&body)?;
    let period = query::period(body.get("Period").ok_or_else(|| missing("Period"))?)?;
    let plain = read(&body["Statistics"])?;
    let extended = read(&body["ExtendedStatistics"])?;
    if plain.is_empty() && extended.is_empty() {
        return Err(missing("Statistics or ExtendedStatistics"));
    }
    let points = (end - start).div_ceil(period);
    if points > MOST {
        let text = format!(
            "You have requested up to {points} datapoints, which exceeds the limit of {MOST}. You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        );
        return Err(combination(text));
    }
    let unit = body["Unit"].as_str();
    let periods = match unit {
        Some(unit) if metric.unit() != Some(unit) => BTreeMap::new(),
        _ => series::samples(state, &metric, period, Range { start, end }),
    };
    let datapoint = |(at, samples): (u64, super::samples::Samples)| {
        let mut point = Map::new();
        point.insert("Timestamp".to_owned(), Clock::seconds(shipit_scheduler::Time(at)).into());
        point.extend(plain.iter().map(|(name, stat)| ((*name).to_owned(), json!(samples.value(*stat)))));
        if !extended.is_empty() {
            let values: Map<String, Value> =
                extended.iter().map(|(name, stat)| ((*name).to_owned(), json!(samples.value(*stat)))).collect();
            point.insert("ExtendedStatistics".to_owned(), values.into());
        }
        point.insert("Unit".to_owned(), json!(metric.unit()));
        Value::Object(point)
    };
    let points: Vec<Value> = periods.into_iter().map(datapoint).collect();
    Ok(json!({"Label": metric.name, "Datapoints": points}))
}

fn read(list: &Value) -> Result<Vec<(&str, Stat)>, AwsError> {
    let stat = |name: &str| {
        Stat::read(name).ok_or_else(|| invalid(format!("The value {name} for parameter Statistics is not supported.")))
    };
    items(list).iter().filter_map(Value::as_str).map(|name| Ok((name, stat(name)?))).collect()
}

/// The metrics that have been measured; on AWS it takes up to a quarter of an hour until one is listed.
fn list_metrics(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let wanted = |metric: &Metric| {
        let named = body["MetricName"].as_str().is_none_or(|name| name == metric.name);
        let within = body["Namespace"].as_str().is_none_or(|namespace| namespace == metric.namespace);
        let has = |filter: &Value| {
            let mut dimensions = metric.dimensions.iter();
            dimensions.any(|(name, value)| filter["Name"] == *name && filter["Value"].as_str().is_none_or(|it| it == value))
        };
        named && within && items(&body["Dimensions"]).iter().all(has)
    };
    let now = state.clock.now().0;
    let always = Range { start: 0, end: now + 1 };
    let metrics: Vec<Metric> = catalog::all(&state.elb).into_iter().filter(wanted).collect();
    let measured = |metric: &Metric| !series::samples(state, metric, always.end, always).is_empty();
    let metrics: Vec<Metric> = metrics.into_iter().filter(|metric| measured(metric)).collect();
    let begin = match body["NextToken"].as_str() {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("The NextToken is not valid."))?,
    };
    let shown: Vec<Value> = metrics.iter().skip(begin).take(PAGE).map(Metric::shown).collect();
    let next = begin + shown.len();
    let token = (next < metrics.len()).then(|| next.to_string());
    Ok(json!({"Metrics": shown, "NextToken": token}))
}
