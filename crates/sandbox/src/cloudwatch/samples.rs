//! What was measured in a span of time, and the statistics of it.

use crate::elb::metrics::{Histogram, Hosts};

/// Measured values of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Samples {
    /// Values and how often each was measured.
    values: Vec<(f64, u64)>,
    sum: f64,
    least: f64,
    most: f64,
}

/// A statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stat {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// `p95` is 95.
    Percentile(f64),
}

impl Stat {
    /// `Average`, `p99.9`, …; none when the sandbox does not have it.
    pub(super) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            text => {
                let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
                // `p` with up to two decimals, from p0.0 to p100.
                let plain = text[1..].bytes().all(|it| it.is_ascii_digit() || it == b'.');
                return (plain && (0.0..=100.0).contains(&percent)).then_some(Self::Percentile(percent));
            }
        })
    }
}

impl Samples {
    /// So many requests: each is a sample of 1, and none is no sample.
    pub(super) fn requests(count: u64) -> Self {
        match count {
            0 => Self::default(),
            count => Self { values: vec![(1.0, count)], sum: count as f64, least: 1.0, most: 1.0 },
        }
    }

    /// Times.
    pub(super) fn times(times: &Histogram) -> Self {
        Self { values: times.samples().collect(), sum: times.sum, least: times.min, most: times.max }
    }

    /// A count of targets: the fewest and the most of the minute.
    pub(super) fn hosts(hosts: Hosts) -> Self {
        let (least, most) = (f64::from(hosts.least), f64::from(hosts.most));
        let values = if hosts.least == hosts.most { vec![(most, 1)] } else { vec![(least, 1), (most, 1)] };
        let sum = values.iter().map(|(value, _)| value).sum();
        Self { values, sum, least, most }
    }

    /// Nothing was measured.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Adds what was measured elsewhere or later.
    pub(super) fn add(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            return;
        }
        self.values.extend(other.values);
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    fn count(&self) -> u64 {
        self.values.iter().map(|(_, count)| count).sum()
    }

    /// A statistic; none without samples.
    pub(super) fn value(&self, stat: Stat) -> Option<f64> {
        if self.is_empty() {
            return None;
        }
        Some(match stat {
            Stat::SampleCount => self.count() as f64,
            Stat::Average => self.sum / self.count() as f64,
            Stat::Sum => self.sum,
            Stat::Minimum => self.least,
            Stat::Maximum => self.most,
            Stat::Percentile(percent) => self.percentile(percent),
        })
    }

    /// The value that this percentage of the samples does not exceed.
    fn percentile(&self, percent: f64) -> f64 {
        let mut values = self.values.clone();
        values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        // A hair less, for what is a whole number but for its last bit.
        let rank = (percent * self.count() as f64 / 100.0 - 1e-9).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = values.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        found.map_or(self.most, |(value, _)| *value)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn statistics_are_read_and_no_others() {
        assert_eq!(Stat::read("p95"), Some(Stat::Percentile(95.0)));
        assert_eq!(Stat::read("p99.9"), Some(Stat::Percentile(99.9)));
        assert_eq!(Stat::read("Sum"), Some(Stat::Sum));
        for none in ["p", "p101", "p-1", "pinf", "p1e1", "tm99", "sum", "", "é"] {
            assert_eq!(Stat::read(none), None, "{none}");
        }
    }

    #[test]
    fn requests_are_ones_and_none_is_nothing() {
        let mut samples = Samples::requests(3);
        samples.add(Samples::requests(0));
        samples.add(Samples::requests(4));
        let value = |stat| samples.value(stat).unwrap();
        assert_eq!((value(Stat::Sum), value(Stat::SampleCount), value(Stat::Average)), (7.0, 7.0, 1.0));
        assert_eq!((value(Stat::Minimum), value(Stat::Maximum), value(Stat::Percentile(50.0))), (1.0, 1.0, 1.0));
        assert_eq!(Samples::requests(0).value(Stat::Sum), None);
    }

    #[test]
    fn percentiles_are_over_all_that_was_added() {
        let mut slow = Histogram::default();
        slow.add(Duration::from_secs(2));
        let mut fast = Histogram::default();
        (0..19).for_each(|_| fast.add(Duration::from_millis(10)));
        let mut samples = Samples::times(&slow);
        samples.add(Samples::times(&fast));
        let value = |stat| samples.value(stat).unwrap();
        assert!((value(Stat::Percentile(95.0)) - 0.01).abs() < 1e-3);
        assert_eq!(value(Stat::Percentile(96.0)), 2.0);
        assert!((value(Stat::Average) - (2.0 + 0.19) / 20.0).abs() < 1e-9);
        assert_eq!((value(Stat::Minimum), value(Stat::Maximum)), (0.01, 2.0));
    }

    #[test]
    fn hosts_are_the_fewest_and_the_most() {
        let samples = Samples::hosts(Hosts { least: 1, most: 2, last: 2 });
        assert_eq!(samples.value(Stat::Average), Some(1.5));
        assert_eq!(Samples::hosts(Hosts { least: 2, most: 2, last: 2 }).value(Stat::SampleCount), Some(1.0));
    }
}
