//! Errors of both sides in the same minutes: is the candidate's rate higher by more than allowed?

use jiff::Timestamp;

use super::odds::{self, Cell, Reading, Side};
use super::{Count, Errors, Evidence, Finding, Minute, Needs, Verdict};

/// Surely: at equal versions the odds ever reach this in 1 run of 100 at the most.
const SURE: f64 = 100.0;
/// Without the minute that says most, the others must still say this: one bad minute convicts nobody.
const STILL: f64 = 10.0;
/// What a passing candidate surely stays under, in multiples of what is allowed.
const FAR: f64 = 2.0;

/// One minute in which both sides served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) start: Timestamp,
    pub(super) candidate: Minute,
    pub(super) stable: Minute,
}

/// Judges the errors.
pub(super) fn errors(wanted: Errors, pairs: &[Pair]) -> Finding {
    if pairs.is_empty() {
        let needs = Needs { requests: wanted.at_least, minutes: 1 };
        return Finding { verdict: Verdict::Inconclusive, evidence: Evidence::NoMinutes { name: "errors".into() }, needs };
    }
    let side = |minute: &Minute| Side { requests: minute.requests.unwrap_or(0) as f64, errors: minute.errors() as f64 };
    let cells: Vec<Cell> =
        pairs.iter().map(|pair| Cell { candidate: side(&pair.candidate), stable: side(&pair.stable) }).collect();
    let mirrored: Vec<Cell> = cells.iter().map(|cell| cell.mirrored()).collect();
    let (candidate, stable) = (count(pairs, |pair| &pair.candidate), count(pairs, |pair| &pair.stable));
    let (worse, better) = (odds::read(&cells), odds::read(&mirrored));
    let allowed = wanted.worse_by.fraction();
    let enough = candidate.requests.min(stable.requests) >= wanted.at_least;
    let at_most = odds::at_most(&cells);
    let verdict = if surely(&worse, allowed) {
        Verdict::Worse
    } else if enough && surely(&better, allowed) {
        Verdict::Better
    } else if enough && worse.difference <= allowed && at_most < FAR * allowed {
        Verdict::Same
    } else {
        Verdict::Inconclusive
    };
    let log_odds = if verdict == Verdict::Better { better.log_odds } else { worse.log_odds };
    let needs = match verdict {
        Verdict::Inconclusive => needs(wanted, candidate, stable, (&worse, at_most)),
        _ => Needs::NOTHING,
    };
    let minutes = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
    let chance = (-log_odds).exp().min(1.0);
    let evidence = Evidence::Errors { candidate, stable, minutes, chance, worse_by: wanted.worse_by };
    Finding { verdict, evidence, needs }
}

/// Surely different, and by more than is allowed; both also without the one minute that says most.
fn surely(reading: &Reading, allowed: f64) -> bool {
    let Some((rest_odds, rest_difference)) = reading.without_one else { return false };
    // The smallest difference without a minute is at most the difference of all.
    reading.log_odds >= SURE.ln() && rest_odds >= STILL.ln() && rest_difference > allowed
}

fn count(pairs: &[Pair], side: fn(&Pair) -> &Minute) -> Count {
    pairs.iter().map(side).fold(Count::default(), |count, minute| Count {
        requests: count.requests.saturating_add(minute.requests.unwrap_or(0)),
        errors: count.errors.saturating_add(minute.errors()),
    })
}

/// About how many more requests on the candidate, if rates and shares stay as they are: the minimum on both sides, and
/// what makes the interval narrow enough (it shrinks with the root) or the odds high enough (their logarithm grows
/// evenly).
fn needs(wanted: Errors, candidate: Count, stable: Count, (worse, at_most): (&Reading, f64)) -> Needs {
    let (served, share) = (candidate.requests as f64, candidate.requests as f64 / stable.requests as f64);
    let least = wanted.at_least.saturating_sub(candidate.requests) as f64;
    let least_stable = wanted.at_least.saturating_sub(stable.requests) as f64 * share;
    let allowed = wanted.worse_by.fraction();
    let times = if worse.difference <= allowed {
        ((at_most - worse.difference) / (FAR * allowed - worse.difference.max(0.0))).powi(2)
    } else if worse.log_odds > 0.0 {
        SURE.ln() / worse.log_odds
    } else {
        2.0
    };
    /// Beyond this an estimate is no help.
    const MOST: f64 = 1e9;
    let times = if times.is_finite() { served * (times - 1.0) } else { MOST };
    let requests = least.max(least_stable).max(times).clamp(1.0, MOST).ceil();
    Needs { requests: requests as u64, minutes: 1 }
}
