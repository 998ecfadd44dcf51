//! Latency and further metrics, minute by minute: in how many of the minutes was the candidate beyond what is allowed?

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::errors::SURE;
use super::moved::Newest;
use super::odds::sign_log_odds;
use super::pairs::{Beside, Pair};
use super::{Evidence, Finding, Limit, Moved, Needs, Point, Unit, Verdict};

/// Fewer minutes than this tell nothing.
pub(super) const LEAST: u32 = 8;
/// Surely within: at one that is within in every second minute at the most, in 1 run of 20 at the most.
const PASS: f64 = 20.0;

/// Datapoints by minute; of two of the same minute the higher, for more is worse. What is no number is none.
pub(super) fn by_minute<'a>(points: impl IntoIterator<Item = &'a Point>) -> BTreeMap<Timestamp, f64> {
    let mut minutes = BTreeMap::new();
    for point in points.into_iter().filter(|point| point.value.is_finite()) {
        let value = minutes.entry(point.start).or_insert(point.value);
        *value = point.value.max(*value);
    }
    minutes
}

/// One minute of the candidate, beside one of the stable version where it is compared with that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    start: Timestamp,
    candidate: f64,
    stable: Option<f64>,
    beside: Beside,
}

impl Level {
    /// When the candidate's minute began.
    pub(super) fn start(&self) -> Timestamp {
        self.start
    }
}

/// Pairs of values.
pub(super) fn compared(pairs: impl IntoIterator<Item = Pair<f64>>) -> Vec<Level> {
    let level = |Pair { start, candidate, stable, beside }| Level { start, candidate, stable: Some(stable), beside };
    pairs.into_iter().map(level).collect()
}

/// The candidate's values alone.
pub(super) fn alone(values: &BTreeMap<Timestamp, f64>) -> Vec<Level> {
    let level = |(&start, &candidate)| Level { start, candidate, stable: None, beside: Beside::Same };
    values.iter().map(level).collect()
}

/// What is judged, and by what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// `p50`, `p95`, or the metric's name.
    pub(super) name: &'a str,
    pub(super) unit: Unit,
    pub(super) limit: Limit,
}

/// Judges one level. The whole run must let it pass, and what is seen of the newest share must not speak against it; all
/// traffic must pass by itself.
pub(super) fn level(question: Question<'_>, minutes: &[Level], moved: &Moved) -> Finding {
    let from = |from: Timestamp| &minutes[minutes.partition_point(|minute| minute.start < from)..];
    let parts: Vec<Part<'_>> =
        moved.stretches().into_iter().map(|stretch| Part::of(question, from(stretch.from), stretch.stake)).collect();
    let worse = parts.iter().filter(|part| part.is_worse()).max_by(|a, b| a.odds(a.beyond).total_cmp(&b.odds(b.beyond)));
    if let Some(part) = worse {
        return part.finding(Verdict::Worse);
    }
    let (whole, fresh) = (&parts[0], &parts[parts.len() - 1]);
    if fresh.minutes.is_empty() {
        let needs = Needs { requests: 0, minutes: LEAST };
        let evidence = Evidence::NoMinutes { name: question.name.to_owned() };
        return Finding { verdict: Verdict::Inconclusive, evidence, needs };
    }
    match moved.newest() {
        Newest::First => whole.finding(whole.verdict()),
        Newest::Step(_) if 2 * fresh.beyond > fresh.total => fresh.finding(Verdict::Inconclusive),
        Newest::Step(_) => whole.finding(whole.verdict()),
        Newest::All(_) if whole.verdict() > fresh.verdict() => whole.finding(whole.verdict()),
        Newest::All(_) => fresh.finding(fresh.verdict()),
    }
}

/// A stretch of the minutes, with its part of the stake.
struct Part<'a> {
    question: Question<'a>,
    minutes: &'a [Level],
    stake: f64,
    total: u32,
    beyond: u32,
    better: u32,
}

impl<'a> Part<'a> {
    fn of(question: Question<'a>, minutes: &'a [Level], stake: f64) -> Self {
        let count = |than: &dyn Fn(&Level) -> bool| {
            u32::try_from(minutes.iter().filter(|minute| than(minute)).count()).unwrap_or(u32::MAX)
        };
        let (beyond, better) = match question.limit {
            Limit::Max(max) => (count(&|minute| minute.candidate > max.value()), 0),
            Limit::WorseBy(ratio) => {
                let more = |a: f64, b: f64| a - b > ratio.fraction() * b.abs();
                (
                    count(&|minute| minute.stable.is_some_and(|stable| more(minute.candidate, stable))),
                    count(&|minute| minute.stable.is_some_and(|stable| more(stable, minute.candidate))),
                )
            }
        };
        let total = u32::try_from(minutes.len()).unwrap_or(u32::MAX);
        Self { question, minutes, stake, total, beyond, better }
    }

    /// Logarithm of the odds that its part of the stake has come to, by so many hits.
    fn odds(&self, hits: u32) -> f64 {
        sign_log_odds(hits, self.total) + self.stake.ln()
    }

    fn is_worse(&self) -> bool {
        self.total >= LEAST && self.odds(self.beyond) >= SURE.ln()
    }

    /// Surely within what is allowed; no part of a stake, for it is the last part that lets pass.
    fn within(&self) -> f64 {
        sign_log_odds(self.total - self.beyond, self.total)
    }

    /// By this stretch alone, where it is not worse.
    fn verdict(&self) -> Verdict {
        if self.total < LEAST {
            Verdict::Inconclusive
        } else if self.better > 0 && self.odds(self.better) >= SURE.ln() {
            Verdict::Better
        } else if self.within() >= PASS.ln() {
            Verdict::Same
        } else {
            Verdict::Inconclusive
        }
    }

    fn finding(&self, verdict: Verdict) -> Finding {
        let (shown, log_odds) = match verdict {
            Verdict::Better => (self.better, self.odds(self.better)),
            Verdict::Same => (self.beyond, self.within()),
            Verdict::Inconclusive | Verdict::Worse => (self.beyond, self.odds(self.beyond)),
        };
        let needs = match verdict {
            Verdict::Inconclusive => Needs { requests: 0, minutes: self.further() },
            _ => Needs::NOTHING,
        };
        let before = self.minutes.iter().filter(|minute| minute.beside == Beside::Before).count();
        let evidence = Evidence::Minutes {
            name: self.question.name.to_owned(),
            unit: self.question.unit,
            beyond: shown,
            minutes: self.total,
            before: u32::try_from(before).unwrap_or(u32::MAX),
            candidate: median(self.minutes.iter().map(|minute| minute.candidate)).unwrap_or_default(),
            stable: median(self.minutes.iter().filter_map(|minute| minute.stable)),
            chance: (-log_odds).exp().min(1.0),
            limit: self.question.limit,
        };
        Finding { verdict, evidence, needs }
    }

    /// So many minutes at least, if all of them speak the same way.
    fn further(&self) -> u32 {
        (1..=1000)
            .find(|more| {
                let all = self.total + more;
                let worse = sign_log_odds(self.beyond + more, all) + self.stake.ln();
                let within = sign_log_odds(all - self.beyond, all);
                all >= LEAST && (worse >= SURE.ln() || within >= PASS.ln())
            })
            .unwrap_or(1000)
    }
}

/// Of an even number, the middle between both.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1].midpoint(values[middle])),
    }
}
