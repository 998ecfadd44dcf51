//! Minute by minute what both versions served side by side, for people to see.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Count, Minute, Samples, Served};

/// One minute of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// When the minute began.
    pub start: Timestamp,
    /// The candidate's.
    pub candidate: Served,
    /// The stable version's.
    pub stable: Served,
}

type Side = fn(&mut Beside) -> &mut Served;

const NOTHING: Served = Served { count: Count { requests: 0, errors: 0 }, p95_ms: None };

impl Beside {
    /// The minutes in which either side had requests, oldest first; of two datapoints of one minute the one that has seen more.
    pub fn of(samples: &Samples) -> Vec<Self> {
        let mut minutes: BTreeMap<Timestamp, Self> = BTreeMap::new();
        let sides: [(&[Minute], Side); 2] =
            [(&samples.candidate, |minute| &mut minute.candidate), (&samples.stable, |minute| &mut minute.stable)];
        for (seen, side) in sides {
            for minute in seen.iter().filter(|minute| minute.requests.is_some_and(|requests| requests > 0)) {
                let empty = Self { start: minute.start, candidate: NOTHING, stable: NOTHING };
                let known = side(minutes.entry(minute.start).or_insert(empty));
                let served = served(minute);
                if served.count.requests >= known.count.requests {
                    *known = served;
                }
            }
        }
        minutes.into_values().collect()
    }
}

fn served(minute: &Minute) -> Served {
    let p95 = minute.p95.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    Served {
        count: Count { requests: minute.requests.unwrap_or(0), errors: minute.errors() },
        p95_ms: p95.map(|seconds| (seconds * 1e3).round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_minute_stand_together_and_empty_minutes_are_left_out() {
        let at = |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
        let minute = |start, requests, errors, p95| Minute { requests, server_errors: errors, p95, ..Minute::empty(at(start)) };
        let samples = Samples {
            candidate: vec![
                minute(1, Some(100), Some(4), Some(0.0414)),
                minute(1, Some(90), Some(3), None),
                minute(2, Some(0), None, None),
            ],
            stable: vec![
                minute(0, Some(900), None, Some(f64::NAN)),
                minute(1, Some(910), Some(1), None),
                minute(3, None, None, None),
            ],
            ..Samples::none(at(5))
        };
        let told: Vec<(i64, u64, u64, u64, Option<u64>)> = Beside::of(&samples)
            .iter()
            .map(|beside| {
                let (candidate, stable) = (beside.candidate, beside.stable);
                let minute = (beside.start.as_second() - 1_800_000_000) / 60;
                (minute, candidate.count.requests, candidate.count.errors, stable.count.requests, candidate.p95_ms)
            })
            .collect();
        assert_eq!(told, [(0, 0, 0, 900, None), (1, 100, 4, 910, Some(41))]);
    }
}
