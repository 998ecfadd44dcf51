//! One look: which minutes count, every criterion on them, the verdict on all.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::checks::{alarm, probe, stale};
use super::errors::{Pair, errors};
use super::levels::{Values, by_minute, level};
use super::{
    AlarmState, Evidence, Finding, Judge, Judgement, Limit, Measured, Metric, Minute, Needs, Point, Samples, Unit, Verdict,
};

/// A minute counts once it has been over for two more: CloudWatch's datapoints come late and still grow.
const SETTLED: SignedDuration = SignedDuration::from_mins(3);
/// When the newest minute that counts began earlier than this, nobody knows how it is now.
const STALE: SignedDuration = SignedDuration::from_mins(8);

/// Judges a look: minutes that began at `since` or later, when the traffic that is judged began, and that have settled.
/// Their order does not matter, and neither does how often one looks.
pub fn judge(judge: &Judge, samples: &Samples, since: Timestamp) -> Judgement {
    let window = Window { since, at: samples.at };
    let pairs = window.pairs(samples);
    let newest = pairs.iter().map(|pair| pair.start).max();
    let mut findings = Vec::new();
    let mut through = Vec::new();
    if let Some(wanted) = judge.errors {
        findings.push(errors(wanted, &pairs));
        through.push(("errors", newest));
    }
    if let Some(wanted) = judge.latency {
        for (name, quantile) in QUANTILES {
            let values = Values {
                candidate: quantiles(&pairs, |pair| quantile(&pair.candidate)),
                stable: quantiles(&pairs, |pair| quantile(&pair.stable)),
            };
            let (finding, newest) = level(name, Unit::Seconds, Limit::WorseBy(wanted.worse_by), &values);
            findings.push(finding);
            through.push((name, newest));
        }
    }
    for Metric { name, limit, .. } in &judge.metrics {
        let none = Measured::default();
        let measured = samples.metrics.get(name).unwrap_or(&none);
        let values = Values { candidate: window.points(&measured.candidate), stable: window.points(&measured.stable) };
        let (finding, newest) = level(name, Unit::Own, *limit, &values);
        findings.push(finding);
        through.push((name, newest));
    }
    findings.extend(through.iter().filter_map(|(name, newest)| stale(name, *newest, samples.at, STALE)));
    findings.extend(judge.probes.iter().map(|wanted| probe(wanted, samples)));
    findings.extend(judge.alarms.iter().map(|name| alarm(name, samples)));
    if judge.is_empty() {
        findings.push(Finding { verdict: Verdict::Inconclusive, evidence: Evidence::NothingAsked, needs: Needs::NOTHING });
    }
    let verdict = if findings.iter().all(says_nothing) { Verdict::Inconclusive } else { overall(&findings) };
    let through = through.iter().map(|(_, newest)| *newest).min().flatten();
    Judgement { at: samples.at, through, verdict, findings }
}

/// The worst of all; better when nothing is worse than the same, and something is better.
fn overall(findings: &[Finding]) -> Verdict {
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Inconclusive);
    let better = findings.iter().any(|finding| finding.verdict == Verdict::Better);
    if worst == Verdict::Same && better { Verdict::Better } else { worst }
}

/// No objection, but no evidence either: alone it lets nothing pass.
fn says_nothing(finding: &Finding) -> bool {
    matches!(finding.evidence, Evidence::Alarm { state: Some(AlarmState::InsufficientData), .. })
}

type Quantile = fn(&Minute) -> Option<f64>;

const QUANTILES: [(&str, Quantile); 2] = [("p50", |minute| minute.p50), ("p95", |minute| minute.p95)];

fn quantiles(pairs: &[Pair], value: impl Fn(&Pair) -> Option<f64>) -> BTreeMap<Timestamp, f64> {
    let points: Vec<Point> =
        pairs.iter().filter_map(|pair| value(pair).map(|value| Point { start: pair.start, value })).collect();
    by_minute(&points)
}

/// Which minutes count.
#[derive(Clone, Copy)]
struct Window {
    since: Timestamp,
    at: Timestamp,
}

impl Window {
    fn holds(self, start: Timestamp) -> bool {
        start >= self.since && self.at.duration_since(start) >= SETTLED
    }

    fn points(self, points: &[Point]) -> BTreeMap<Timestamp, f64> {
        by_minute(points.iter().filter(|point| self.holds(point.start)))
    }

    /// Those in which both sides served.
    fn pairs(self, samples: &Samples) -> Vec<Pair> {
        let (candidate, stable) = (self.minutes(&samples.candidate), self.minutes(&samples.stable));
        candidate
            .into_iter()
            .filter_map(|(start, candidate)| stable.get(&start).map(|stable| Pair { start, candidate, stable: *stable }))
            .collect()
    }

    /// Minutes with requests; of two datapoints of the same minute the one that has seen more.
    fn minutes(self, minutes: &[Minute]) -> BTreeMap<Timestamp, Minute> {
        let mut held: BTreeMap<Timestamp, Minute> = BTreeMap::new();
        for minute in minutes.iter().filter(|minute| self.holds(minute.start) && minute.requests.unwrap_or(0) > 0) {
            held.entry(minute.start)
                .and_modify(|held| {
                    if rank(held).partial_cmp(&rank(minute)).is_some_and(|order| order.is_lt()) {
                        *held = *minute;
                    }
                })
                .or_insert(*minute);
        }
        held
    }
}

fn rank(minute: &Minute) -> (Option<u64>, u64, [f64; 2], u64) {
    let number = |value: Option<f64>| value.filter(|value| value.is_finite()).unwrap_or(-1.0);
    (minute.requests, minute.errors(), [number(minute.p95), number(minute.p50)], minute.server_errors.unwrap_or(0))
}
