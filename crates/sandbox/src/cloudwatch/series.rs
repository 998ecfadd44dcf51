//! A metric over time: one value a period, and none where nothing was measured.

use std::collections::BTreeMap;

use super::catalog::{self, Measure, Metric};
use super::params::MINUTE;
use super::samples::{Samples, Stat};
use crate::elb::groups::Group;
use crate::elb::metrics::{Hosts, Minute};
use crate::elb::targets::Reach;
use crate::state::State;

/// Values by the beginning of their period, virtual milliseconds since 1970.
pub(super) type Series = BTreeMap<u64, f64>;

/// A span of time: `end` does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Range {
    /// The beginnings of its periods.
    pub(super) fn periods(self, period: u64) -> impl Iterator<Item = u64> {
        (self.start..self.end).step_by(usize::try_from(period).unwrap_or(usize::MAX))
    }
}

/// The samples of a metric by period; periods without any are left out.
pub(super) fn samples(state: &State, metric: &Metric, period: u64, range: Range) -> BTreeMap<u64, Samples> {
    let mut periods: BTreeMap<u64, Samples> = BTreeMap::new();
    let Some(measure) = metric.measure() else {
        return periods;
    };
    let now = state.clock.now().0;
    let range = Range { end: range.end.min(now + 1), ..range };
    for group in metric.groups(&state.elb) {
        for (start, samples) in minutes(state, group, measure, range, now) {
            if !samples.is_empty() {
                let place = range.start + (start - range.start) / period * period;
                periods.entry(place).or_default().add(samples);
            }
        }
    }
    periods
}

/// One statistic of a metric by period.
pub(super) fn read(state: &State, metric: &Metric, stat: Stat, period: u64, range: Range) -> Series {
    let periods = samples(state, metric, period, range).into_iter();
    periods.filter_map(|(start, samples)| Some((start, samples.value(stat)?))).collect()
}

/// The minutes of a target group that begin in the range, with what was measured.
fn minutes(state: &State, group: &Group, measure: Measure, range: Range, now: u64) -> Vec<(u64, Samples)> {
    let within = |start: &u64| (range.start..range.end).contains(start);
    let mut all = Vec::new();
    let mut recorded = group.metrics.minutes().peekable();
    while let Some(minute) = recorded.next() {
        if within(&minute.start) {
            all.push((minute.start, catalog::samples(measure, minute)));
        }
        if !matches!(measure, Measure::Healthy | Measure::Unhealthy) {
            continue;
        }
        // Nothing is recorded while health stays as it is; the load balancer tells it every minute all the same.
        let until = match recorded.peek() {
            Some(next) => next.start,
            None if state.elb.reach(&group.arn) == Reach::Used => now,
            None => continue,
        };
        let still = catalog::samples(measure, &unchanged(minute));
        let begin = (minute.start + MINUTE).max(range.start.div_ceil(MINUTE) * MINUTE);
        let end = until.min(range.end);
        all.extend((begin..end.max(begin)).step_by(MINUTE as usize).map(|start| (start, still.clone())));
    }
    all
}

fn unchanged(minute: &Minute) -> Minute {
    let still = |hosts: Hosts| Hosts { least: hosts.last, most: hosts.last, last: hosts.last };
    Minute { healthy: still(minute.healthy), unhealthy: still(minute.unhealthy), ..Minute::default() }
}
