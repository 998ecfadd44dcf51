//! One look: which minutes count, every criterion on them, the verdict on all.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::checks::{alarm, probe, stale};
use super::errors::{count, errors};
use super::levels::{Level, Question, alone, by_minute, compared, level, median};
use super::pairs::{Pair, before, pair};
use super::{
    AlarmState, Evidence, Finding, Judge, Judgement, Limit, Measured, Metric, Minute, Moved, Needs, Point, Samples, Served,
    Sides, Unit, Verdict,
};

/// A minute counts once it has been over for two more: CloudWatch's datapoints come late and still grow.
pub(super) const SETTLED: SignedDuration = SignedDuration::from_mins(3);
/// When the newest minute that counts began earlier than this, nobody knows how it is now.
const STALE: SignedDuration = SignedDuration::from_mins(8);

/// Judges a look: minutes since the candidate has production traffic that have settled. Their order does not matter, and
/// neither does how often one looks.
pub fn judge(judge: &Judge, samples: &Samples, moved: &Moved) -> Judgement {
    let window = Window { moved, at: samples.at, back: judge.looks_back() };
    let pairs = window.pairs(samples);
    let newest = pairs.last().map(|pair| pair.start);
    let mut findings = Vec::new();
    let mut through = Vec::new();
    if let Some(wanted) = judge.errors {
        findings.push(errors(wanted, &pairs, moved));
        through.push(("errors", newest));
    }
    if let Some(wanted) = judge.latency {
        for (name, quantile) in QUANTILES {
            let values: Vec<Pair<f64>> = pairs.iter().filter_map(|pair| pair.map(finite(quantile))).collect();
            through.push((name, values.last().map(|pair| pair.start)));
            let question = Question { name, unit: Unit::Seconds, limit: Limit::WorseBy(wanted.worse_by) };
            findings.push(level(question, &compared(values), moved));
        }
    }
    for Metric { name, limit, .. } in &judge.metrics {
        let none = Measured::default();
        let measured = samples.metrics.get(name).unwrap_or(&none);
        let (candidate, stable) =
            (window.points(&measured.candidate, Whose::Candidate), window.points(&measured.stable, Whose::Stable));
        let minutes = match limit {
            Limit::Max(_) => alone(&candidate),
            Limit::WorseBy(_) => compared(pair(moved, &candidate, &stable)),
        };
        through.push((name, minutes.last().map(Level::start)));
        findings.push(level(Question { name, unit: Unit::Own, limit: *limit }, &minutes, moved));
    }
    findings.extend(through.iter().filter_map(|(name, newest)| stale(name, *newest, samples.at, STALE)));
    findings.extend(judge.probes.iter().map(|wanted| probe(wanted, samples)));
    findings.extend(judge.alarms.iter().map(|name| alarm(name, samples)));
    if judge.is_empty() {
        findings.push(Finding { verdict: Verdict::Inconclusive, evidence: Evidence::NothingAsked, needs: Needs::NOTHING });
    }
    let verdict = if findings.iter().all(says_nothing) { Verdict::Inconclusive } else { overall(&findings) };
    let through = through.iter().map(|(_, newest)| *newest).min().flatten();
    Judgement { at: samples.at, through, verdict, sides: sides(&pairs), findings }
}

/// What both sides served in those minutes.
fn sides(pairs: &[Pair<Minute>]) -> Option<Sides> {
    let served = |side: fn(&Pair<Minute>) -> &Minute| {
        let p95 = median(pairs.iter().filter_map(|pair| side(pair).p95.filter(|p95| p95.is_finite())));
        Served { count: count(pairs, side), p95_ms: p95.map(|p95| (p95 * 1e3).round() as u64) }
    };
    (!pairs.is_empty()).then(|| Sides {
        candidate: served(|pair| &pair.candidate),
        stable: served(|pair| &pair.stable),
        minutes: u32::try_from(pairs.len()).unwrap_or(u32::MAX),
        before: before(pairs),
    })
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

fn finite(quantile: Quantile) -> impl Fn(&Minute) -> Option<f64> {
    move |minute| quantile(minute).filter(|value| value.is_finite())
}

/// Whose minutes.
#[derive(Clone, Copy)]
enum Whose {
    Candidate,
    Stable,
}

/// Which minutes count.
#[derive(Clone, Copy)]
struct Window<'a> {
    moved: &'a Moved,
    at: Timestamp,
    /// So long before the candidate got traffic the stable version's minutes count.
    back: SignedDuration,
}

impl Window<'_> {
    fn holds(self, start: Timestamp, whose: Whose) -> bool {
        let since = self.moved.since();
        let began = match whose {
            Whose::Candidate => start >= since,
            Whose::Stable => since.duration_since(start) <= self.back,
        };
        began && self.at.duration_since(start) >= SETTLED
    }

    fn points(self, points: &[Point], whose: Whose) -> BTreeMap<Timestamp, f64> {
        by_minute(points.iter().filter(|point| self.holds(point.start, whose)))
    }

    fn pairs(self, samples: &Samples) -> Vec<Pair<Minute>> {
        let candidate = self.minutes(&samples.candidate, Whose::Candidate);
        pair(self.moved, &candidate, &self.minutes(&samples.stable, Whose::Stable))
    }

    /// Minutes with requests; of two datapoints of the same minute the one that has seen more.
    fn minutes(self, minutes: &[Minute], whose: Whose) -> BTreeMap<Timestamp, Minute> {
        let mut held: BTreeMap<Timestamp, Minute> = BTreeMap::new();
        for minute in minutes.iter().filter(|minute| self.holds(minute.start, whose) && minute.requests.unwrap_or(0) > 0) {
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
