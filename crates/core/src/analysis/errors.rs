//! Errors of both sides, pair by pair of minutes: is the candidate's rate higher by more than allowed?

use super::moved::Newest;
use super::odds::{self, Cell, Reading, Side};
use super::pairs::{Pair, before, from};
use super::{Count, Errors, Evidence, Finding, Minute, Moved, Needs, Verdict};

/// Surely: at equal versions the odds ever reach this in 1 run of 100 at the most.
pub(super) const SURE: f64 = 100.0;
/// Without the minute that says most, the others must still say this: one bad minute convicts nobody.
const STILL: f64 = 10.0;
/// What a passing candidate surely stays under, in multiples of what is allowed.
const FAR: f64 = 2.0;

/// Judges the errors. The whole run must let it pass, and what is seen of the newest share must not speak against it; all
/// traffic must pass by itself.
pub(super) fn errors(wanted: Errors, pairs: &[Pair<Minute>], moved: &Moved) -> Finding {
    let parts: Vec<Part<'_>> =
        moved.stretches().into_iter().map(|stretch| Part::of(wanted, from(pairs, stretch.from), stretch.stake)).collect();
    let worse = parts.iter().filter(|part| part.is_worse()).max_by(|a, b| a.log_odds(&a.worse).total_cmp(&b.log_odds(&b.worse)));
    if let Some(part) = worse {
        return part.finding(Verdict::Worse);
    }
    let (whole, fresh) = (&parts[0], &parts[parts.len() - 1]);
    if fresh.pairs.is_empty() {
        let needs = Needs { requests: wanted.at_least, minutes: 1 };
        return Finding { verdict: Verdict::Inconclusive, evidence: Evidence::NoMinutes { name: "errors".into() }, needs };
    }
    match moved.newest() {
        Newest::First => whole.finding(whole.verdict()),
        Newest::Step(_) if fresh.worse.difference > fresh.allowed() => fresh.finding(Verdict::Inconclusive),
        Newest::Step(_) => whole.finding(whole.verdict()),
        Newest::All(_) if whole.verdict() > fresh.verdict() => whole.finding(whole.verdict()),
        Newest::All(_) => fresh.finding(fresh.verdict()),
    }
}

/// A stretch of the pairs, with its part of the stake.
struct Part<'a> {
    wanted: Errors,
    pairs: &'a [Pair<Minute>],
    stake: f64,
    cells: Vec<Cell>,
    candidate: Count,
    stable: Count,
    worse: Reading,
}

impl<'a> Part<'a> {
    fn of(wanted: Errors, pairs: &'a [Pair<Minute>], stake: f64) -> Self {
        let side = |minute: &Minute| Side { requests: minute.requests.unwrap_or(0) as f64, errors: minute.errors() as f64 };
        let cells: Vec<Cell> =
            pairs.iter().map(|pair| Cell { candidate: side(&pair.candidate), stable: side(&pair.stable) }).collect();
        let worse = odds::read(&cells);
        let (candidate, stable) = (count(pairs, |pair| &pair.candidate), count(pairs, |pair| &pair.stable));
        Self { wanted, pairs, stake, cells, candidate, stable, worse }
    }

    fn allowed(&self) -> f64 {
        self.wanted.worse_by.fraction()
    }

    /// The odds that its part of the stake has come to.
    fn log_odds(&self, reading: &Reading) -> f64 {
        reading.log_odds + self.stake.ln()
    }

    /// Surely different, and by more than is allowed; both also without the one minute that says most.
    fn surely(&self, reading: &Reading, cells: &[Cell]) -> bool {
        self.log_odds(reading) >= SURE.ln()
            // The smallest difference without a minute is at most the difference of all.
            && odds::without_one(cells).is_some_and(|rest| rest.log_odds >= STILL.ln() && rest.difference > self.allowed())
    }

    fn is_worse(&self) -> bool {
        self.surely(&self.worse, &self.cells)
    }

    fn mirrored(&self) -> (Reading, Vec<Cell>) {
        let mirrored: Vec<Cell> = self.cells.iter().map(|cell| cell.mirrored()).collect();
        (odds::read(&mirrored), mirrored)
    }

    /// By this stretch alone, where it is not worse.
    fn verdict(&self) -> Verdict {
        if self.candidate.requests.min(self.stable.requests) < self.wanted.at_least || self.cells.is_empty() {
            return Verdict::Inconclusive;
        }
        let (better, mirrored) = self.mirrored();
        if self.surely(&better, &mirrored) {
            Verdict::Better
        } else if self.worse.difference <= self.allowed() && odds::at_most(&self.cells) < FAR * self.allowed() {
            Verdict::Same
        } else {
            Verdict::Inconclusive
        }
    }

    fn finding(&self, verdict: Verdict) -> Finding {
        let log_odds = match verdict {
            Verdict::Better => self.log_odds(&self.mirrored().0),
            _ => self.log_odds(&self.worse),
        };
        let evidence = Evidence::Errors {
            candidate: self.candidate,
            stable: self.stable,
            minutes: u32::try_from(self.pairs.len()).unwrap_or(u32::MAX),
            before: before(self.pairs),
            chance: (-log_odds).exp().min(1.0),
            worse_by: self.wanted.worse_by,
        };
        let needs = if verdict == Verdict::Inconclusive { self.needs() } else { Needs::NOTHING };
        Finding { verdict, evidence, needs }
    }

    /// About how many more requests on the candidate, if rates and shares stay as they are: the minimum on both sides, and
    /// what makes the interval narrow enough (it shrinks with the root) or the odds high enough (their logarithm grows
    /// evenly).
    fn needs(&self) -> Needs {
        let (candidate, stable, worse, allowed) = (self.candidate, self.stable, &self.worse, self.allowed());
        let (served, share) = (candidate.requests as f64, candidate.requests as f64 / stable.requests as f64);
        let least = self.wanted.at_least.saturating_sub(candidate.requests) as f64;
        let least_stable = self.wanted.at_least.saturating_sub(stable.requests) as f64 * share;
        let times = if worse.difference <= allowed {
            let at_most = odds::at_most(&self.cells);
            ((at_most - worse.difference) / (FAR * allowed - worse.difference.max(0.0))).powi(2)
        } else if worse.log_odds > 0.0 {
            (SURE / self.stake).ln() / worse.log_odds
        } else {
            2.0
        };
        /// Beyond this an estimate is no help.
        const MOST: f64 = 1e9;
        let times = if times.is_finite() { served * (times - 1.0) } else { MOST };
        let requests = least.max(least_stable).max(times).clamp(1.0, MOST).ceil();
        Needs { requests: requests as u64, minutes: 1 }
    }
}

/// Requests and errors of one side of the pairs.
pub(super) fn count(pairs: &[Pair<Minute>], side: fn(&Pair<Minute>) -> &Minute) -> Count {
    pairs.iter().map(side).fold(Count::default(), |count, minute| Count {
        requests: count.requests.saturating_add(minute.requests.unwrap_or(0)),
        errors: count.errors.saturating_add(minute.errors()),
    })
}

/// So many requests each side must have served without any error before the candidate can pass.
pub(super) fn clean_requests(wanted: Errors) -> u64 {
    let enough = |requests: u64| {
        let side = Side { requests: requests as f64, errors: 0.0 };
        odds::at_most(&[Cell { candidate: side, stable: side }]) < FAR * wanted.worse_by.fraction()
    };
    /// More than any service gets in a day.
    const MOST: u64 = 1 << 50;
    let (mut few, mut many) = (0, MOST);
    while many - few > 1 {
        let middle = few.midpoint(many);
        if enough(middle) { many = middle } else { few = middle }
    }
    many.max(wanted.at_least)
}
