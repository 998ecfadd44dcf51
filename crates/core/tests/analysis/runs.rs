//! How often the analysis errs: whole runs, looked at after every minute, from a fixed seed.

use std::sync::OnceLock;

use shipit_core::analysis::{Course, Judge, Minute, Moved, Samples, Verdict, course, judge};
use shipit_core::pipeline::Share;

use crate::given::{after, errors, latency, minute, since};

/// So many requests on the candidate, one run.
pub const REQUESTS: u64 = 2000;
/// In so many minutes.
pub const MINUTES: i64 = 20;

/// Splitmix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In (0, 1).
    pub fn part(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// How many failures come before a success: the gap to the next of rare things.
    fn gap(&mut self, chance: f64) -> u64 {
        (self.part().ln() / (1.0 - chance).ln()) as u64
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.part().ln()).sqrt() * (std::f64::consts::TAU * self.part()).cos()
    }

    /// Requests spread over the minutes as they happen to come.
    fn spread(&mut self, requests: u64) -> Vec<u64> {
        let mut minutes = vec![0; MINUTES as usize];
        for _ in 0..requests {
            minutes[(self.next() % MINUTES as u64) as usize] += 1;
        }
        minutes
    }

    /// Errors among so many requests; each one that begins is followed by others, `burst` in the mean.
    pub fn errors(&mut self, requests: u64, rate: f64, burst: f64) -> u64 {
        let (mut errors, mut at) = (0, self.gap(rate / burst));
        while at < requests {
            errors += 1 + if burst > 1.0 { self.gap(1.0 / burst) } else { 0 };
            at += 1 + self.gap(rate / burst);
        }
        errors.min(requests)
    }
}

/// Two versions that serve side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Versions {
    /// Error rate of the candidate.
    pub candidate: f64,
    /// Error rate of the stable version.
    pub stable: f64,
    /// Requests on the stable version for each on the candidate.
    pub beside: u64,
    /// Errors in a row, in the mean.
    pub burst: f64,
    /// By how much the candidate is slower; none judges errors instead.
    pub slower: Option<f64>,
}

impl Versions {
    fn samples(&self, random: &mut Random) -> Samples {
        let mut samples = Samples::none(since());
        let (ours, theirs) = (random.spread(REQUESTS), random.spread(REQUESTS * self.beside));
        for (start, (ours, theirs)) in (0..).zip(ours.into_iter().zip(theirs)) {
            // Both are slow in the same minutes; and each has its own noise, the less the more requests it serves.
            let common = 0.1 * (0.2 * random.normal()).exp();
            let mut side = |requests: u64, rate, factor: f64| {
                let minute = minute(start, requests, random.errors(requests, rate, self.burst));
                if self.slower.is_none() {
                    return minute;
                }
                // Standard errors of the quantiles of log-normal times with sigma 0.5.
                let noise = |of: f64, normal: f64| Some(common * factor * (of / (requests as f64).sqrt() * normal).exp());
                Minute { p50: noise(0.63, random.normal()), p95: noise(1.06, random.normal()), ..minute }
            };
            samples.candidate.push(side(ours, self.candidate, 1.0 + self.slower.unwrap_or(0.0)));
            samples.stable.push(side(theirs, self.stable, 1.0));
        }
        samples
    }

    fn judge(&self) -> Judge {
        if self.slower.is_some() { latency() } else { errors() }
    }

    /// One run with all its looks.
    fn run(&self, random: &mut Random) -> Run {
        let (wanted, mut samples) = (self.judge(), self.samples(random));
        let mut run = Run { end: None, first_pass: None, ever_worse: false };
        // A canary: the odds are shared out over two shares, of which this is the first.
        let moved = Moved::first(since(), Share::percent(10), 2);
        let mut looks = Vec::new();
        for minutes in 3..MINUTES + 3 {
            samples.at = after(minutes);
            let look = judge(&wanted, &samples, &moved);
            run.ever_worse |= look.verdict == Verdict::Worse;
            if look.verdict <= Verdict::Same {
                run.first_pass.get_or_insert(minutes);
            }
            looks.push(look);
            if run.end.is_none() {
                run.end = Some((course(&wanted, since(), &looks, samples.at), minutes)).filter(|end| end.0 != Course::Wait);
            }
        }
        run
    }
}

struct Run {
    /// How it ended, after so many minutes; none when the requests were used up before.
    end: Option<(Course, i64)>,
    /// The first look that would have let it pass.
    first_pass: Option<i64>,
    /// Some look found it worse, had nobody stopped before.
    ever_worse: bool,
}

/// What became of many runs, in parts of all.
#[derive(Clone, Copy, Debug)]
pub struct Outcomes {
    /// The versions.
    pub of: Versions,
    /// Passed.
    pub passed: f64,
    /// The median minute of the pass.
    pub passed_after: Option<i64>,
    /// Turned back as worse.
    pub back: f64,
    /// The median minute of that.
    pub back_after: Option<i64>,
    /// Not decided when the requests were used up.
    pub open: f64,
    /// Found worse by any of the looks, had nobody stopped at a pass.
    pub ever_worse: f64,
    /// Would have passed with a single look, not before it was found worse.
    pub single: f64,
    /// The median minute of that.
    pub single_after: Option<i64>,
}

pub fn median(mut of: Vec<i64>) -> Option<i64> {
    of.sort_unstable();
    of.get(of.len() / 2).copied()
}

fn outcomes(of: Versions, runs: u64) -> Outcomes {
    let all: Vec<Run> = (0..runs).map(|seed| of.run(&mut Random(seed << 20))).collect();
    let ended = |course: fn(Course) -> bool| -> Vec<i64> {
        all.iter().filter_map(|run| run.end.filter(|end| course(end.0)).map(|end| end.1)).collect()
    };
    let part = |count: usize| count as f64 / runs as f64;
    let (passed, back) = (ended(|end| end == Course::Proceed), ended(|end| matches!(end, Course::TurnBack(_))));
    let single: Vec<i64> = all
        .iter()
        .filter_map(|run| run.first_pass.filter(|pass| run.end.is_none_or(|end| end.0 == Course::Proceed || *pass < end.1)))
        .collect();
    Outcomes {
        of,
        passed: part(passed.len()),
        passed_after: median(passed.clone()),
        back: part(back.len()),
        back_after: median(back.clone()),
        open: part(all.iter().filter(|run| run.end.is_none()).count()),
        ever_worse: part(all.iter().filter(|run| run.ever_worse).count()),
        single: part(single.len()),
        single_after: median(single),
    }
}

/// Everything on the page.
pub struct Results {
    /// Equal versions.
    pub equal: Vec<Outcomes>,
    /// 2 % to 5 %.
    pub worse: Vec<Outcomes>,
    /// Near what is allowed.
    pub near: Vec<Outcomes>,
    /// Equal versions whose errors come in bursts.
    pub bursts: Vec<Outcomes>,
    /// Slower versions.
    pub slower: Vec<Outcomes>,
}

/// All runs, once a process.
pub fn results() -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let errors = |candidate, stable, beside| Versions { candidate, stable, beside, burst: 1.0, slower: None };
        let shares = [9, 1];
        let each = |rates: &[(f64, f64)]| -> Vec<Versions> {
            let pairs = rates.iter().flat_map(|rates| shares.map(|beside| (rates, beside)));
            pairs.map(|((candidate, stable), beside)| errors(*candidate, *stable, beside)).collect()
        };
        let bursty = |rate, burst| shares.map(|beside| Versions { burst, ..errors(rate, rate, beside) });
        let slow = |slower| shares.map(|beside| Versions { slower: Some(slower), ..errors(0.001, 0.001, beside) });
        let many = |versions: Vec<Versions>, runs| spread(versions, runs);
        Results {
            equal: many(each(&[(0.001, 0.001), (0.005, 0.005), (0.02, 0.02)]), 4000),
            worse: many(each(&[(0.05, 0.02)]), 4000),
            near: many(each(&[(0.025, 0.02), (0.03, 0.02), (0.035, 0.02), (0.04, 0.02), (0.011, 0.001), (0.021, 0.001)]), 1000),
            bursts: many([bursty(0.001, 3.0), bursty(0.005, 3.0), bursty(0.02, 2.0), bursty(0.02, 3.0)].concat(), 1000),
            slower: many([slow(0.0), slow(0.1), slow(0.2), slow(0.5)].concat(), 1000),
        }
    })
}

fn spread(versions: Vec<Versions>, runs: u64) -> Vec<Outcomes> {
    on_both_halves(&versions, |of| outcomes(*of, runs))
}

/// On both halves of the machine.
pub fn on_both_halves<T: Sync, R: Send>(all: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let of = &of;
    std::thread::scope(|scope| {
        let halves: Vec<_> =
            all.chunks(all.len().div_ceil(2)).map(|half| scope.spawn(move || half.iter().map(of).collect::<Vec<_>>())).collect();
        halves.into_iter().flat_map(|half| half.join().expect("a run does not panic")).collect()
    })
}

#[test]
fn equal_versions_are_hardly_ever_found_worse() {
    for row in &results().equal {
        assert!(row.ever_worse < 0.01 && row.back < 0.01, "{row:?}");
        assert!(row.passed > 0.97, "{row:?}");
    }
}

#[test]
fn two_percent_to_five_percent_is_found() {
    for row in &results().worse {
        assert!(row.back > 0.95, "{row:?}");
        assert!(row.passed < 0.005, "{row:?}");
    }
}

#[test]
fn between_equal_and_twice_what_is_allowed_the_nearer_wins() {
    for rows in results().near.chunks(2).take(4).collect::<Vec<_>>().windows(2) {
        for (nearer, further) in rows[0].iter().zip(rows[1]) {
            assert!(nearer.passed > further.passed && nearer.back < further.back, "{nearer:?} {further:?}");
        }
    }
    for row in results().near.iter().filter(|row| row.of.candidate - row.of.stable > 0.0199) {
        assert!(row.passed < 0.1, "{row:?}");
    }
}

#[test]
fn slower_versions_are_found_and_equal_ones_are_not() {
    let rows = &results().slower;
    assert!(rows.iter().filter(|row| row.of.slower == Some(0.0)).all(|row| row.back == 0.0 && row.ever_worse < 0.01));
    assert!(rows.iter().filter(|row| row.of.slower == Some(0.5)).all(|row| row.back > 0.95 && row.passed < 0.01));
}
