//! What a candidate that was turned back has cost: how many requests it was sent, and how many of them failed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::Thousands;
use super::{Count, Minute, Samples};

/// Requests in the minutes in which the candidate had any, as far as CloudWatch knows of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toll {
    /// The first of these minutes.
    pub since: Timestamp,
    /// The last of them.
    pub through: Timestamp,
    /// When CloudWatch was asked: its newest minutes may lack.
    pub asked_at: Timestamp,
    /// The candidate's.
    pub candidate: Count,
    /// The stable version's.
    pub stable: Count,
}

impl Toll {
    /// Of a look at both sides; none where no request is known to have reached the candidate.
    pub fn of(samples: &Samples) -> Option<Self> {
        let candidate = counts(&samples.candidate);
        let mut reached = candidate.iter().filter(|(_, count)| count.requests > 0).map(|(minute, _)| *minute);
        let since = reached.next()?;
        let through = reached.next_back().unwrap_or(since);
        let sum = |counts: &BTreeMap<Timestamp, Count>| {
            counts.range(since..=through).fold(Count::default(), |sum, (_, minute)| Count {
                requests: sum.requests.saturating_add(minute.requests),
                errors: sum.errors.saturating_add(minute.errors),
            })
        };
        let stable = sum(&counts(&samples.stable));
        Some(Self { since, through, asked_at: samples.at, candidate: sum(&candidate), stable })
    }

    /// `frontend:43 was sent 1,204 of 12,040 requests, and 58 of them failed`.
    pub fn words(&self, candidate: &str) -> String {
        let all = self.candidate.requests.saturating_add(self.stable.requests);
        let failed = match self.candidate.errors {
            0 => "none of them".to_owned(),
            errors => format!("{} of them", Thousands(errors)),
        };
        format!("{candidate} was sent {} of {} requests, and {failed} failed", Thousands(self.candidate.requests), Thousands(all))
    }
}

/// Minute by minute; of two datapoints of one minute the one that has seen more.
fn counts(minutes: &[Minute]) -> BTreeMap<Timestamp, Count> {
    let mut each: BTreeMap<Timestamp, Count> = BTreeMap::new();
    for minute in minutes {
        let seen = Count { requests: minute.requests.unwrap_or(0), errors: minute.errors() };
        let known = each.entry(minute.start).or_default();
        if (seen.requests, seen.errors) > (known.requests, known.errors) {
            *known = seen;
        }
    }
    each
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    fn minute(start: i64, requests: Option<u64>, server_errors: Option<u64>) -> Minute {
        Minute { requests, server_errors, ..Minute::empty(at(start)) }
    }

    fn samples() -> Samples {
        Samples {
            stable: vec![minute(0, Some(5_000), Some(3)), minute(1, Some(5_836), None)],
            candidate: vec![
                minute(0, Some(600), Some(30)),
                minute(0, Some(500), Some(20)),
                minute(1, Some(604), Some(28)),
                minute(2, None, None),
            ],
            ..Samples::none(at(9))
        }
    }

    #[test]
    fn every_minute_counts_once_and_what_has_no_datapoint_is_nothing() {
        let toll = Toll::of(&samples()).unwrap();
        assert_eq!(toll.candidate, Count { requests: 1_204, errors: 58 });
        assert_eq!(toll.words("web:43"), "web:43 was sent 1,204 of 12,040 requests, and 58 of them failed");
        let well = Toll { candidate: Count { requests: 10, errors: 0 }, ..toll };
        assert_eq!(well.words("web:43"), "web:43 was sent 10 of 10,846 requests, and none of them failed");
        assert_eq!(Toll::of(&Samples { candidate: vec![minute(0, Some(0), None)], ..samples() }), None);
    }

    #[test]
    fn the_stable_version_counts_for_as_long_as_the_candidate_had_requests() {
        let samples = Samples {
            stable: (0..9).map(|start| minute(start, Some(100), Some(1))).collect(),
            candidate: vec![
                minute(2, Some(10), None),
                minute(3, None, None),
                minute(4, Some(10), Some(5)),
                minute(5, Some(0), None),
            ],
            ..samples()
        };
        let toll = Toll::of(&samples).unwrap();
        assert_eq!((toll.since, toll.through, toll.asked_at), (at(2), at(4), at(9)));
        assert_eq!(toll.stable, Count { requests: 300, errors: 3 });
    }
}
