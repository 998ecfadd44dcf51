//! Alarms are evaluated at every full minute of virtual time. Whoever asks for them brings them up to date first; a loop does
//! it for those who wait for a change.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use shipit_scheduler::{Span, Time};
use tokio::task::JoinHandle;

use super::catalog::Metric;
use super::judge::{Rule, Verdict};
use super::params::MINUTE;
use super::query::{self, Query};
use super::samples::Stat;
use super::series::{self, Range, Series};
use crate::clock::Clock;
use crate::loops::Loops;
use crate::state::{Shared, State};

/// Minutes that are caught up with, at most: as many as are kept.
const MOST: u64 = 24 * 60;

/// An alarm.
#[derive(Clone, Debug)]
pub(super) struct Alarm {
    /// In the shape of `MetricAlarm`.
    pub(super) shown: Map<String, Value>,
    /// When it was last evaluated, or made.
    pub(super) evaluated: Time,
}

impl Alarm {
    /// Enters a state; `now` in epoch seconds.
    pub(super) fn enter(&mut self, value: &str, reason: &str, data: Value, now: f64) {
        let mut put = |member: &str, value: Value| self.shown.insert(member.to_owned(), value);
        let before = put("StateValue", value.into());
        if before.as_ref().and_then(Value::as_str) != Some(value) {
            put("StateTransitionedTimestamp", now.into());
        }
        put("StateReason", reason.into());
        put("StateReasonData", data);
        put("StateUpdatedTimestamp", now.into());
    }
}

/// Evaluates the alarms at every full minute that has passed since the last time.
pub(super) fn evaluate(state: &mut State) {
    let now = state.clock.now().0;
    let due = |alarm: &Alarm| alarm.evaluated.0 / MINUTE < now / MINUTE;
    let names: Vec<String> =
        state.cloudwatch.alarms.iter().filter(|(_, alarm)| due(alarm)).map(|(name, _)| name.clone()).collect();
    for name in names {
        let Some(mut alarm) = state.cloudwatch.alarms.remove(&name) else {
            continue;
        };
        let since = (alarm.evaluated.0 / MINUTE + 1).max((now / MINUTE).saturating_sub(MOST));
        for minute in since..=now / MINUTE {
            if at(state, &mut alarm, minute * MINUTE) {
                state.cloudwatch.transitions += 1;
            }
        }
        alarm.evaluated = Time(now);
        state.cloudwatch.alarms.insert(name, alarm);
    }
}

/// Evaluates one alarm as of a moment; answers whether its state has changed.
fn at(state: &State, alarm: &mut Alarm, moment: u64) -> bool {
    let (Some(rule), Some(watched)) = (Rule::of(&alarm.shown), Watched::of(&alarm.shown)) else {
        return false;
    };
    let period = watched.period();
    let begins = |back: usize| moment.saturating_sub(period * (back as u64 + 1));
    let range = Range { start: begins(rule.range() - 1), end: moment };
    let series = watched.read(state, range);
    let values: Vec<Option<f64>> = (0..rule.range()).map(|back| series.get(&begins(back)).copied()).collect();
    let verdict = rule.judge(&values);
    let value = match verdict {
        Verdict::Alarm => "ALARM",
        Verdict::Ok => "OK",
        Verdict::InsufficientData => "INSUFFICIENT_DATA",
        Verdict::Retain => return false,
    };
    if alarm.shown.get("StateValue").and_then(Value::as_str) == Some(value) {
        return false;
    }
    let recent: Vec<(u64, f64)> =
        values.iter().enumerate().filter_map(|(back, value)| Some((begins(back), (*value)?))).take(rule.periods).collect();
    let texts: Vec<String> =
        recent.iter().map(|(at, value)| format!("{value:?} ({})", written(*at, "%d/%m/%y %H:%M:%S"))).collect();
    let reason = rule.reason(verdict, &values, &texts);
    let stamp = |at: u64| written(at, "%Y-%m-%dT%H:%M:%S.000+0000");
    let data = json!({
        "version": "1.0",
        "queryDate": stamp(moment),
        "statistic": alarm.shown.get("Statistic").or_else(|| alarm.shown.get("ExtendedStatistic")),
        "period": period / 1000,
        "recentDatapoints": recent.iter().rev().map(|(_, value)| value).collect::<Vec<_>>(),
        "threshold": rule.threshold,
        "evaluatedDatapoints":
            recent.iter().map(|(at, value)| json!({"timestamp": stamp(*at), "value": value})).collect::<Vec<_>>(),
    });
    let data = crate::wire::json::without_nulls(&data).to_string();
    alarm.enter(value, &reason, data.into(), Clock::seconds(Time(moment)));
    true
}

fn written(at: u64, format: &str) -> String {
    let millis = i64::try_from(at).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime(format).to_string()
}

/// What an alarm looks at.
enum Watched {
    Metric {
        metric: Metric,
        stat: Stat,
        period: u64,
    },
    /// Metric math; the one query that returns data counts.
    Queries(Vec<Query>),
}

impl Watched {
    /// Of PutMetricAlarm's members; none where the sandbox has nothing to look at.
    fn of(alarm: &Map<String, Value>) -> Option<Self> {
        if let Some(queries) = alarm.get("Metrics") {
            return query::read(queries).ok().map(Self::Queries);
        }
        let stat = alarm.get("Statistic").or_else(|| alarm.get("ExtendedStatistic"))?.as_str()?;
        let period = query::period(alarm.get("Period")?).ok()?;
        let metric = Metric::read(&Value::Object(alarm.clone())).ok()?;
        Some(Self::Metric { metric, stat: Stat::read(stat)?, period })
    }

    fn period(&self) -> u64 {
        match self {
            Self::Metric { period, .. } => *period,
            Self::Queries(queries) => query::period_of(queries),
        }
    }

    fn read(&self, state: &State, range: Range) -> Series {
        match self {
            Self::Metric { metric, stat, period } => series::read(state, metric, *stat, *period, range),
            Self::Queries(queries) => {
                let found = query::carry_out(state, queries, range).unwrap_or_default();
                let mut returned = queries.iter().zip(found).filter(|(query, _)| query.returned);
                returned.next().map(|(_, found)| found.series).unwrap_or_default()
            }
        }
    }
}

/// Starts what evaluates alarms when nobody asks; it ends by itself when `loops.stop` is cancelled.
pub fn start(loops: &Loops) -> Vec<JoinHandle<()>> {
    let loops = loops.clone();
    vec![tokio::spawn(async move {
        tokio::select! {
            () = loops.stop.cancelled() => {}
            () = follow(loops.shared) => {}
        }
    })]
}

async fn follow(shared: Arc<Shared>) {
    let mut changes = shared.changes();
    let mut known = 0;
    loop {
        changes.mark_unchanged();
        let (transitions, wait) = {
            let mut state = shared.lock();
            evaluate(&mut state);
            let now = state.clock.now().0;
            // A millisecond more, so that the minute has come when the sleep ends.
            let wait = state.clock.wall(Span(MINUTE - now % MINUTE)) + std::time::Duration::from_millis(1);
            (state.cloudwatch.transitions, (!state.cloudwatch.alarms.is_empty()).then_some(wait))
        };
        // Also those that came about because somebody asked.
        if transitions != known {
            known = transitions;
            shared.ring();
        }
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = changes.changed() => {}
            () = due => {}
        }
    }
}
