//! How strongly minutes speak against "the versions are equal", as odds that may be read after every minute.
//!
//! Odds are what a bet at fair prices against equality would have made of a stake of 1 (an e-process). At equal versions
//! it reaches 100 *at any time*, however often one looks, with a chance of at most 1 in 100 (Ville's inequality; Ramdas et
//! al., "Game-theoretic statistics and safe anytime-valid inference", 2023). So looks need no correction, and no limit.

/// A pair of minutes, one of each side: requests and errors. Both have served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) candidate: Side,
    pub(super) stable: Side,
}

/// One side of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Side {
    pub(super) requests: f64,
    pub(super) errors: f64,
}

impl Side {
    fn rate(self) -> f64 {
        self.errors / self.requests
    }
}

impl Cell {
    /// The sides swapped.
    pub(super) fn mirrored(self) -> Self {
        Self { candidate: self.stable, stable: self.candidate }
    }

    /// The weight of a minute in the difference: minutes in which one side hardly served say little (Mantel and Haenszel).
    fn weight(&self) -> f64 {
        let (candidate, stable) = (self.candidate.requests, self.stable.requests);
        candidate * stable / (candidate + stable)
    }
}

/// So many times as often as the stable version the candidate errs, in the bets that share the stake.
const TIMES: [f64; 4] = [1.5, 2.0, 4.0, 10.0];

/// What the bets know: the logarithm of each one's worth, and what the difference of the rates is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    bets: [f64; TIMES.len()],
    weight: f64,
    difference: f64,
}

impl Sums {
    /// Given how many errors a minute had on both sides together, each fell on the candidate with the candidate's share
    /// of the requests if the versions are equal; if it errs `t` times as often, with `t` times the odds. (Drawn without
    /// replacement, errors vary less than so; the bet gains on that nowhere, as its worth is convex in them.)
    fn of(cell: &Cell) -> Self {
        let share = cell.candidate.requests / (cell.candidate.requests + cell.stable.requests);
        let errors = cell.candidate.errors + cell.stable.errors;
        let weight = cell.weight();
        Self {
            bets: TIMES.map(|times| cell.candidate.errors * times.ln() - errors * (times * share + 1.0 - share).ln()),
            weight,
            difference: weight * (cell.candidate.rate() - cell.stable.rate()),
        }
    }

    fn with(mut self, other: &Self, sign: f64) -> Self {
        self.bets.iter_mut().zip(other.bets).for_each(|(bet, other)| *bet += sign * other);
        self.weight += sign * other.weight;
        self.difference += sign * other.difference;
        self
    }

    fn log_odds(&self) -> f64 {
        let most = self.bets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.bets.iter().map(|bet| (bet - most).exp()).sum();
        most + (sum / TIMES.len() as f64).ln()
    }
}

/// What minutes say about the candidate erring more often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// Logarithm of the odds.
    pub(super) log_odds: f64,
    /// By how much its rate lies above the stable version's.
    pub(super) difference: f64,
}

fn sums(cells: &[Cell]) -> (Vec<Sums>, Sums) {
    let minutes: Vec<Sums> = cells.iter().map(Sums::of).collect();
    let all = minutes.iter().fold(Sums::default(), |all, minute| all.with(minute, 1.0));
    (minutes, all)
}

/// Reads the minutes, in any order.
pub(super) fn read(cells: &[Cell]) -> Reading {
    let (_, all) = sums(cells);
    let difference = if all.weight > 0.0 { all.difference / all.weight } else { 0.0 };
    Reading { log_odds: if cells.is_empty() { 0.0 } else { all.log_odds() }, difference }
}

/// The same without the one minute that says most; none with a single minute.
pub(super) fn without_one(cells: &[Cell]) -> Option<Reading> {
    let (minutes, all) = sums(cells);
    let rests = minutes.iter().map(|minute| all.with(minute, -1.0));
    (minutes.len() > 1).then(|| {
        rests.fold(Reading { log_odds: f64::INFINITY, difference: f64::INFINITY }, |least, rest| Reading {
            log_odds: least.log_odds.min(rest.log_odds()),
            difference: least.difference.min(rest.difference / rest.weight),
        })
    })
}

/// At most so far the candidate's rate lies above the stable version's: Newcombe's interval of Wilson's bounds at two standard
/// deviations (Newcombe 1998, method 10), minutes weighted as in [`read`].
pub(super) fn at_most(cells: &[Cell]) -> f64 {
    let side = |of: fn(&Cell) -> Side| {
        let (mut weight, mut rate, mut spread) = (0.0, 0.0, 0.0);
        for cell in cells {
            let w = cell.weight();
            weight += w;
            rate += w * of(cell).rate();
            spread += w * w / of(cell).requests;
        }
        (rate / weight, weight * weight / spread)
    };
    let (candidate, stable) = (side(|cell| cell.candidate), side(|cell| cell.stable));
    let above = wilson(candidate.0, candidate.1).1 - candidate.0;
    let below = stable.0 - wilson(stable.0, stable.1).0;
    candidate.0 - stable.0 + above.hypot(below)
}

/// Wilson's score interval of a rate at two standard deviations (Wilson 1927).
fn wilson(rate: f64, requests: f64) -> (f64, f64) {
    const Z: f64 = 2.0;
    let part = Z * Z / requests;
    let middle = rate + part / 2.0;
    let half = Z * (rate * (1.0 - rate) / requests + part / (4.0 * requests)).max(0.0).sqrt();
    ((middle - half) / (1.0 + part), (middle + half) / (1.0 + part))
}

/// Logarithm of the odds against "at most every second minute": the bet is that nine of ten are. A sign test that may be
/// read after every minute.
pub(super) fn sign_log_odds(hits: u32, minutes: u32) -> f64 {
    const BET: f64 = 0.9;
    f64::from(hits) * (2.0 * BET).ln() + f64::from(minutes - hits) * (2.0 * (1.0 - BET)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(requests: f64, errors: f64, stable_requests: f64, stable_errors: f64) -> Cell {
        let side = |requests, errors| Side { requests, errors };
        Cell { candidate: side(requests, errors), stable: side(stable_requests, stable_errors) }
    }

    #[test]
    fn wilson_is_the_published_interval() {
        // Newcombe 1998a, table I, at z = 1.959964; at z = 2 by hand: x = 0, n = 20 is 4/24.
        let (low, high) = wilson(0.0, 20.0);
        assert!(low.abs() < 1e-12 && (high - 4.0 / 24.0).abs() < 1e-12, "{low} {high}");
        let (low, high) = wilson(81.0 / 263.0, 263.0);
        // The published 0.2553 to 0.3662 is a little narrower.
        assert!((low - 0.2543).abs() < 5e-4 && (high - 0.3674).abs() < 5e-4, "{low} {high}");
    }

    #[test]
    fn the_bound_is_the_published_one() {
        // Newcombe 1998b, table II, 56/70 against 48/80 by method 10: 0.0524 to 0.3339 at z = 1.96.
        let upper = at_most(&[cell(70.0, 56.0, 80.0, 48.0)]);
        assert!((upper - 0.3339).abs() < 4e-3 && upper > 0.3339, "{upper}");
        let lower = -at_most(&[cell(80.0, 48.0, 70.0, 56.0)]);
        assert!((lower - 0.0524).abs() < 4e-3 && lower < 0.0524, "{lower}");
    }

    #[test]
    fn odds_are_a_fair_bet_when_each_error_falls_by_share() {
        // The mean worth over all ways in which 12 errors can fall is the stake itself.
        for share in [0.1_f64, 0.5, 0.9] {
            let (mut mean, mut ways) = (0.0, 1.0);
            for hits in 0..=12 {
                let chance = ways * share.powi(hits) * (1.0 - share).powi(12 - hits);
                let (hits, rest) = (f64::from(hits), f64::from(12 - hits));
                mean += chance * read(&[cell(1000.0 * share, hits, 1000.0 * (1.0 - share), rest)]).log_odds.exp();
                ways = ways * rest / (hits + 1.0);
            }
            assert!((mean - 1.0).abs() < 1e-9, "{share}: {mean}");
        }
    }

    #[test]
    fn drawn_without_replacement_the_bet_wins_nothing() {
        // 6 errors among 20 + 20 requests, hypergeometric: at most the stake.
        let choose = |n: u32, k: u32| (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
        let mean: f64 = (0..=6_u32)
            .map(|hits| {
                let chance = choose(20, hits) * choose(20, 6 - hits) / choose(40, 6);
                chance * read(&[cell(20.0, f64::from(hits), 20.0, f64::from(6 - hits))]).log_odds.exp()
            })
            .sum();
        assert!(mean <= 1.0, "{mean}");
        assert!(mean > 0.5, "{mean}");
    }

    #[test]
    fn the_sign_test_is_a_fair_bet_at_every_second_minute() {
        let mean: f64 = (0..=10_u32)
            .map(|hits| {
                let ways: f64 = (0..hits).map(|i| f64::from(10 - i) / f64::from(i + 1)).product();
                ways / 1024.0 * sign_log_odds(hits, 10).exp()
            })
            .sum();
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        assert!(sign_log_odds(8, 8) > 100_f64.ln() && sign_log_odds(7, 8) < 20_f64.ln());
    }

    #[test]
    fn a_changing_share_makes_no_difference_of_equal_minutes() {
        // Simpson's paradox: an incident while the candidate had most requests. Pooled it looks 3 % against 1 %.
        let reading = read(&[cell(100.0, 0.0, 900.0, 0.0), cell(900.0, 36.0, 100.0, 4.0)]);
        assert!(reading.difference.abs() < 1e-12 && reading.log_odds < 0.0, "{reading:?}");
    }
}
