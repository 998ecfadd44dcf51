//! Latency and further metrics, minute by minute: in how many of the minutes was the candidate beyond what is allowed?

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::odds::sign_log_odds;
use super::{Evidence, Finding, Limit, Needs, Point, Unit, Verdict};

/// Fewer minutes than this tell nothing.
const LEAST: u32 = 8;
/// Surely beyond: at a candidate that is beyond in every second minute at the most, in 1 run of 100 at the most.
const SURE: f64 = 100.0;
/// Surely within: at one that is within in every second minute at the most, in 1 run of 20 at the most.
const PASS: f64 = 20.0;

/// Both sides' values, each in minutes that count; in any order.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub(super) candidate: BTreeMap<Timestamp, f64>,
    pub(super) stable: BTreeMap<Timestamp, f64>,
}

/// Datapoints by minute; of two of the same minute the higher, for more is worse. What is no number is none.
pub(super) fn by_minute<'a>(points: impl IntoIterator<Item = &'a Point>) -> BTreeMap<Timestamp, f64> {
    let mut minutes = BTreeMap::new();
    for point in points.into_iter().filter(|point| point.value.is_finite()) {
        let value = minutes.entry(point.start).or_insert(point.value);
        *value = point.value.max(*value);
    }
    minutes
}

/// Judges one level; with it the newest minute compared.
pub(super) fn level(name: &str, unit: Unit, limit: Limit, values: &Values) -> (Finding, Option<Timestamp>) {
    let minutes: Vec<(Timestamp, f64, Option<f64>)> = match limit {
        Limit::Max(_) => values.candidate.iter().map(|(&start, &value)| (start, value, None)).collect(),
        Limit::WorseBy(_) => values
            .candidate
            .iter()
            .filter_map(|(start, &value)| values.stable.get(start).map(|&stable| (*start, value, Some(stable))))
            .collect(),
    };
    let newest = minutes.iter().map(|(start, ..)| *start).max();
    let total = u32::try_from(minutes.len()).unwrap_or(u32::MAX);
    if total == 0 {
        let needs = Needs { requests: 0, minutes: LEAST };
        return (
            Finding { verdict: Verdict::Inconclusive, evidence: Evidence::NoMinutes { name: name.to_owned() }, needs },
            None,
        );
    }
    let over = |than: &dyn Fn(f64, Option<f64>) -> bool| {
        u32::try_from(minutes.iter().filter(|(_, value, stable)| than(*value, *stable)).count()).unwrap_or(u32::MAX)
    };
    let (beyond, better) = match limit {
        Limit::Max(max) => (over(&|value, _| value > max.value()), 0),
        Limit::WorseBy(ratio) => {
            let more = |a: f64, b: f64| a - b > ratio.fraction() * b.abs();
            (
                over(&|value, stable| stable.is_some_and(|stable| more(value, stable))),
                over(&|value, stable| stable.is_some_and(|stable| more(stable, value))),
            )
        }
    };
    let odds = sign_log_odds(beyond, total);
    let within = sign_log_odds(total - beyond, total);
    let (verdict, shown, log_odds) = if total < LEAST {
        (Verdict::Inconclusive, beyond, odds)
    } else if odds >= SURE.ln() {
        (Verdict::Worse, beyond, odds)
    } else if better > 0 && sign_log_odds(better, total) >= SURE.ln() {
        (Verdict::Better, better, sign_log_odds(better, total))
    } else if within >= PASS.ln() {
        (Verdict::Same, beyond, within)
    } else {
        (Verdict::Inconclusive, beyond, odds)
    };
    let needs = match verdict {
        Verdict::Inconclusive => Needs { requests: 0, minutes: further(beyond, total) },
        _ => Needs::NOTHING,
    };
    let evidence = Evidence::Minutes {
        name: name.to_owned(),
        unit,
        beyond: shown,
        minutes: total,
        candidate: median(minutes.iter().map(|(_, value, _)| *value)).unwrap_or_default(),
        stable: median(minutes.iter().filter_map(|(.., stable)| *stable)),
        chance: (-log_odds).exp().min(1.0),
        limit,
    };
    (Finding { verdict, evidence, needs }, newest)
}

/// So many minutes at least, if all of them speak the same way.
fn further(beyond: u32, total: u32) -> u32 {
    (1..=1000)
        .find(|more| {
            let all = total + more;
            let (worse, within) = (sign_log_odds(beyond + more, all), sign_log_odds(all - beyond, all));
            all >= LEAST && (worse >= SURE.ln() || within >= PASS.ln())
        })
        .unwrap_or(1000)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1].midpoint(values[middle])),
    }
}
