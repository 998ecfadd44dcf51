//! Whole rollouts, share by share until all traffic has moved and passed: how often the analysis errs on the way.

use std::sync::OnceLock;

use shipit_core::analysis::{Course, Grounds, Minute, Moved, Samples, course, judge};
use shipit_core::pipeline::Share;

use crate::given::{after, errors, latency, minute};
use crate::runs::{REQUESTS, Random, median, on_both_halves};

/// Two versions, and how traffic moves from one to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollout {
    pub name: &'static str,
    /// The candidate's shares one after the other, in percent.
    shares: &'static [u32],
    /// So many minutes each share but the last is watched at least.
    bake: i64,
    /// Requests a minute, of both together.
    requests: u64,
    /// Error rate of the stable version.
    pub stable: f64,
    /// Error rate of the candidate as long as it shares the traffic.
    pub shared: f64,
    /// And with all traffic.
    pub all: f64,
    /// The stable version would have this rate after the shift.
    pub drift: f64,
    /// By how much the candidate is slower; none judges errors instead.
    pub slower: Option<f64>,
}

const BLUE_GREEN: Rollout = Rollout {
    name: "blue/green",
    shares: &[100],
    bake: 0,
    requests: 100,
    stable: 0.0,
    shared: 0.0,
    all: 0.0,
    drift: 0.0,
    slower: None,
};
const CANARY: Rollout = Rollout { name: "canary 10 %, 100 %", shares: &[10, 100], bake: 5, requests: 1000, ..BLUE_GREEN };
const LINEAR: Rollout =
    Rollout { name: "linear by 10 %", shares: &[10, 20, 30, 40, 50, 60, 70, 80, 90, 100], bake: 6, requests: 1000, ..BLUE_GREEN };

impl Rollout {
    fn of(self, stable: f64, shared: f64, all: f64) -> Self {
        Self { stable, shared, all, drift: stable, ..self }
    }

    /// There is no share beside the stable version.
    pub fn is_all_at_once(&self) -> bool {
        self.shares.len() == 1
    }

    fn minute(&self, random: &mut Random, start: i64, percent: u32) -> [Minute; 2] {
        let common = 0.1 * (0.1 * random.normal()).exp();
        let (ours, rate) = if percent == 100 { (self.all, self.drift) } else { (self.shared, self.stable) };
        let mut side = |percent: u32, rate: f64, factor: f64| {
            let mean = self.requests as f64 * f64::from(percent) / 100.0;
            let requests = (mean + mean.sqrt() * random.normal()).round().max(0.0) as u64;
            let minute = minute(start, requests, random.errors(requests, rate, 1.0));
            if self.slower.is_none() || requests == 0 {
                return minute;
            }
            let noise = |of: f64, normal: f64| Some(common * factor * (of / (requests as f64).sqrt() * normal).exp());
            Minute { p50: noise(0.63, random.normal()), p95: noise(1.06, random.normal()), ..minute }
        };
        [side(percent, ours, 1.0 + self.slower.unwrap_or(0.0)), side(100 - percent, rate, 1.0)]
    }

    /// One rollout with all its looks, until it has passed or goes back.
    fn run(&self, random: &mut Random) -> Run {
        let wanted = if self.slower.is_some() { latency() } else { errors() };
        let mut samples = Samples::none(after(0));
        for start in -60..0 {
            let [_, stable] = self.minute(random, start, 0);
            samples.stable.push(stable);
        }
        let share = |stage: usize| Share::percent(self.shares[stage]);
        let (mut stage, mut began) = (0, 0);
        let mut moved = Moved::first(after(0), share(0), self.shares.len());
        let mut looks = Vec::new();
        for minutes in 1.. {
            let [candidate, stable] = self.minute(random, minutes - 1, self.shares[stage]);
            samples.candidate.push(candidate);
            if self.shares[stage] < 100 {
                samples.stable.push(stable);
            }
            samples.at = after(minutes);
            if minutes - began < 3 {
                continue;
            }
            looks.push(judge(&wanted, &samples, &moved));
            let baked = minutes - began >= self.bake || self.shares[stage] == 100;
            match course(&wanted, moved.last(), &looks, samples.at) {
                Course::TurnBack(grounds) => return Run { end: End::Back(grounds), stage, minutes, in_stage: minutes - began },
                Course::Proceed if stage + 1 == self.shares.len() => {
                    return Run { end: End::Passed, stage, minutes, in_stage: minutes - began };
                }
                Course::Proceed if baked => {
                    (stage, began) = (stage + 1, minutes);
                    moved.see(samples.at, share(stage));
                }
                Course::Proceed | Course::Wait => {}
            }
        }
        unreachable!("patience ends")
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Passed,
    Back(Grounds),
}

#[derive(Clone, Copy, Debug)]
struct Run {
    end: End,
    stage: usize,
    minutes: i64,
    in_stage: i64,
}

/// What became of many rollouts, in parts of all.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub of: Rollout,
    pub passed: f64,
    /// The median minute of that.
    pub passed_after: Option<i64>,
    /// Found worse.
    pub back: f64,
    /// The median minute of that.
    pub back_after: Option<i64>,
    /// Found worse by the first 2,000 requests of the candidate's last share, once they had settled.
    pub back_by_2000: f64,
    /// Not told within an hour at one share.
    pub open: f64,
}

fn ends(of: Rollout, runs: u64) -> Ends {
    let all: Vec<Run> = (0..runs).map(|seed| of.run(&mut Random((seed << 20) ^ 0xA11))).collect();
    let part = |count: usize| count as f64 / runs as f64;
    let those = |end: End| all.iter().filter(|run| run.end == end).copied().collect::<Vec<Run>>();
    let (passed, back) = (those(End::Passed), those(End::Back(Grounds::Worse)));
    let minutes = |of: &[Run]| median(of.iter().map(|run| run.minutes).collect());
    let by_2000 = |run: &&Run| {
        let a_minute = of.requests as i64 * i64::from(of.shares[run.stage]) / 100;
        run.in_stage <= REQUESTS as i64 / a_minute + 3
    };
    Ends {
        of,
        passed: part(passed.len()),
        passed_after: minutes(&passed),
        back: part(back.len()),
        back_after: minutes(&back),
        back_by_2000: part(back.iter().filter(by_2000).count()),
        open: part(those(End::Back(Grounds::Inconclusive)).len()),
    }
}

/// Everything on the page.
pub struct Results {
    /// Equal versions.
    pub equal: Vec<Ends>,
    /// 2 % to 5 %, all along and only with all traffic.
    pub worse: Vec<Ends>,
    /// Equal versions while the rate of both changes.
    pub drift: Vec<Ends>,
    /// Latency, all at once.
    pub slower: Vec<Ends>,
}

/// All rollouts, once a process.
pub fn results() -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let many = |rollouts: Vec<Rollout>, runs| on_both_halves(&rollouts, |of| ends(*of, runs));
        let all = [BLUE_GREEN, CANARY, LINEAR];
        let equal = |rate: f64| all.map(|of| of.of(rate, rate, rate));
        let worse = |of: Rollout| of.of(0.02, 0.05, 0.05);
        let late = |of: Rollout| of.of(0.02, 0.02, 0.05);
        let drift = |after: f64| Rollout { drift: after, ..BLUE_GREEN.of(0.02, after, after) };
        let slow = |slower| Rollout { slower: Some(slower), ..BLUE_GREEN.of(0.001, 0.001, 0.001) };
        Results {
            equal: many([equal(0.001), equal(0.005), equal(0.02)].concat(), 2000),
            worse: many([all.map(worse).to_vec(), vec![late(CANARY), late(LINEAR)]].concat(), 1000),
            drift: many([0.01, 0.025, 0.03, 0.04].map(drift).to_vec(), 1000),
            slower: many([0.0, 0.2, 0.5].map(slow).to_vec(), 1000),
        }
    })
}

#[test]
fn equal_versions_are_hardly_ever_found_worse_on_the_whole_way() {
    for row in &results().equal {
        assert!(row.back < 0.01, "{row:?}");
        assert!(row.passed > 0.95, "{row:?}");
    }
}

#[test]
fn what_is_worse_with_all_traffic_is_found_beside_the_minutes_before() {
    for row in &results().worse {
        assert!(row.back > 0.95 && row.passed < 0.01, "{row:?}");
    }
    let all_at_once = &results().worse[0];
    assert!(all_at_once.back_by_2000 > 0.95, "{all_at_once:?}");
}

#[test]
fn slower_versions_are_found_beside_the_minutes_before() {
    let rows = &results().slower;
    assert!(rows[0].back == 0.0 && rows[1].back < 0.03 && rows[2].back > 0.95, "{rows:?}");
}
