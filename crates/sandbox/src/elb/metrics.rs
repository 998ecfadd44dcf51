//! What a target group counts: requests, answers and response times by minute of virtual time, and in total.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use shipit_scheduler::Time;

use crate::state::State;

/// A day of virtual minutes is kept.
const KEPT: usize = 24 * 60;

const MINUTE: u64 = 60_000;

/// How a request to a target group ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A target answered with this status after this real time.
    Answered(u16, Duration),
    /// A target was chosen but did not answer: the client got 502 or 504.
    Broken,
    /// A target was chosen but could not be connected to: the client got 502 or 504.
    Unconnected,
    /// There was no target: the client got 503.
    Refused,
}

/// Counts of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `RequestCount`: requests for which a target was chosen.
    pub requests: u64,
    /// `HTTPCode_Target_1XX_Count` to `5XX`; index 0 is 1XX.
    pub codes: [u64; 5],
    /// `HTTPCode_ELB_5XX_Count`: answers that the load balancer made itself, without a target's.
    pub failed: u64,
    /// `TargetConnectionErrorCount`: targets that could not be connected to.
    pub unconnected: u64,
}

/// One virtual minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Minute {
    /// Its beginning, virtual milliseconds since 1970.
    pub start: u64,
    /// Requests that ended in it.
    pub counts: Counts,
    /// `TargetResponseTime`, in real seconds: the clock's factor shortens waits, not work.
    pub times: Histogram,
    /// `HealthyHostCount`: the least, the most and the last one seen.
    pub healthy: Hosts,
    /// `UnHealthyHostCount`.
    pub unhealthy: Hosts,
}

/// A count of targets over a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// The fewest.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// At the end of what has been seen.
    pub last: u32,
}

/// Response times in buckets, eight an octave: bounded in size, and right within 5 %.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Samples by bucket.
    buckets: BTreeMap<u16, u64>,
    /// How many samples.
    pub count: u64,
    /// Their sum, seconds.
    pub sum: f64,
    /// The shortest, seconds.
    pub min: f64,
    /// The longest, seconds.
    pub max: f64,
}

impl Histogram {
    /// Buckets an octave.
    const STEPS: f64 = 8.0;
    const SMALLEST: f64 = 1e-6;

    /// Adds one sample.
    pub fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let octaves = (seconds.max(Self::SMALLEST) / Self::SMALLEST).log2();
        let bucket = (octaves * Self::STEPS) as u16;
        *self.buckets.entry(bucket).or_default() += 1;
        self.min = if self.count == 0 { seconds } else { self.min.min(seconds) };
        self.max = self.max.max(seconds);
        self.count += 1;
        self.sum += seconds;
    }

    /// The time in seconds that this share (0 to 1) of the samples does not exceed, within 5 %; none without samples.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (share.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.samples()
            .find(|(_, count)| {
                seen += *count;
                seen >= rank
            })
            .map(|(seconds, _)| seconds)
    }

    /// The samples in order: seconds, right within 5 %, and how many took so long.
    pub fn samples(&self) -> impl Iterator<Item = (f64, u64)> {
        self.buckets.iter().map(|(bucket, count)| {
            let middle = (f64::from(*bucket) + 0.5) / Self::STEPS;
            ((Self::SMALLEST * middle.exp2()).clamp(self.min, self.max), *count)
        })
    }
}

impl Counts {
    fn add(&mut self, ending: Ending) {
        match ending {
            Ending::Answered(code, _) => {
                self.requests += 1;
                let class = usize::from(code / 100).clamp(1, 5);
                self.codes[class - 1] += 1;
            }
            Ending::Broken => {
                self.requests += 1;
                self.failed += 1;
            }
            Ending::Unconnected => {
                self.requests += 1;
                self.failed += 1;
                self.unconnected += 1;
            }
            Ending::Refused => self.failed += 1,
        }
    }
}

/// A target group's counts.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    minutes: VecDeque<Minute>,
    /// The load balancer that it was last seen behind.
    pub balancer: Option<String>,
    /// Everything since the target group was made.
    pub totals: Counts,
}

impl Metrics {
    /// Counts a request's end.
    pub fn ended(&mut self, now: Time, ending: Ending) {
        self.totals.add(ending);
        let minute = self.minute(now);
        minute.counts.add(ending);
        if let Ending::Answered(_, time) = ending {
            minute.times.add(time);
        }
    }

    /// Notes how many targets are healthy and how many are not.
    pub fn hosts(&mut self, now: Time, healthy: u32, unhealthy: u32) {
        let minute = self.minute(now);
        for (hosts, count) in [(&mut minute.healthy, healthy), (&mut minute.unhealthy, unhealthy)] {
            hosts.least = hosts.least.min(count);
            hosts.most = hosts.most.max(count);
            hosts.last = count;
        }
    }

    /// A rule of this load balancer forwards to the target group.
    pub fn behind(&mut self, balancer: &str) {
        if self.balancer.as_deref() != Some(balancer) {
            self.balancer = Some(balancer.to_owned());
        }
    }

    /// The minutes kept, oldest first; minutes without requests and changes of health are left out.
    pub fn minutes(&self) -> impl Iterator<Item = &Minute> {
        self.minutes.iter()
    }

    fn minute(&mut self, now: Time) -> &mut Minute {
        let start = now.0 / MINUTE * MINUTE;
        if self.minutes.back().is_none_or(|last| last.start < start) {
            let before = self.minutes.back();
            let keeps = |hosts: Option<Hosts>| {
                let last = hosts.unwrap_or_default().last;
                Hosts { least: last, most: last, last }
            };
            let next = Minute {
                start,
                healthy: keeps(before.map(|minute| minute.healthy)),
                unhealthy: keeps(before.map(|minute| minute.unhealthy)),
                ..Minute::default()
            };
            self.minutes.push_back(next);
            if self.minutes.len() > KEPT {
                self.minutes.pop_front();
            }
        }
        let last = self.minutes.len() - 1;
        &mut self.minutes[last]
    }
}

impl State {
    /// A target group's requests since it was made, for assertions and reports; none when there is no such group.
    pub fn target_group_totals(&self, target_group: &str) -> Option<&Counts> {
        self.elb.groups.get(target_group).map(|group| &group.metrics.totals)
    }

    /// A target group's minutes, oldest first; empty when there is no such group.
    pub fn target_group_minutes(&self, target_group: &str) -> impl Iterator<Item = &Minute> {
        let group = self.elb.groups.get(target_group);
        group.into_iter().flat_map(|group| group.metrics.minutes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requests_are_counted_by_minute_and_in_total() {
        let mut metrics = Metrics::default();
        metrics.hosts(Time(0), 2, 0);
        metrics.ended(Time(10), Ending::Answered(200, Duration::from_millis(3)));
        metrics.ended(Time(59_999), Ending::Answered(503, Duration::from_millis(4)));
        metrics.ended(Time(60_000), Ending::Answered(302, Duration::from_millis(5)));
        metrics.ended(Time(60_001), Ending::Refused);
        metrics.hosts(Time(60_002), 1, 1);
        let minutes: Vec<&Minute> = metrics.minutes().collect();
        assert_eq!(minutes.len(), 2);
        assert_eq!(minutes[0].counts.codes, [0, 1, 0, 0, 1]);
        assert_eq!(minutes[1].counts, Counts { requests: 1, codes: [0, 0, 1, 0, 0], failed: 1, unconnected: 0 });
        assert_eq!(minutes[1].healthy, Hosts { least: 1, most: 2, last: 1 });
        assert_eq!(minutes[1].unhealthy, Hosts { least: 0, most: 1, last: 1 });
        assert_eq!(metrics.totals, Counts { requests: 3, codes: [0, 1, 1, 0, 1], failed: 1, unconnected: 0 });
    }

    #[test]
    fn only_a_day_is_kept() {
        let mut metrics = Metrics::default();
        for minute in 0..2000 {
            metrics.ended(Time(minute * MINUTE), Ending::Broken);
        }
        assert_eq!(metrics.minutes().count(), KEPT);
        assert_eq!(metrics.minutes().last().unwrap().start, 1999 * MINUTE);
        assert_eq!(metrics.totals.failed, 2000);
    }

    proptest! {
        #[test]
        fn quantiles_are_right_within_five_percent(
            mut micros in proptest::collection::vec(1u64..60_000_000, 1..200),
            share in 0.01f64..=1.0,
        ) {
            let mut histogram = Histogram::default();
            for micros in &micros {
                histogram.add(Duration::from_micros(*micros));
            }
            micros.sort_unstable();
            let rank = ((share * micros.len() as f64).ceil() as usize).max(1);
            let exact = micros[rank - 1] as f64 / 1e6;
            let estimate = histogram.quantile(share).unwrap();
            prop_assert!((estimate / exact - 1.0).abs() < 0.05, "{estimate} for {exact}");
        }
    }
}
