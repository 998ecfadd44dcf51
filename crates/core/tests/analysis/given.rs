//! Samples to judge.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use shipit_core::analysis::{self, Errors, Judge, Judgement, Latency, Minute, Moved, Samples};
use shipit_core::pipeline::Share;

/// When the traffic that is judged began.
pub fn since() -> Timestamp {
    // 2026-11-21T10:00:00Z
    Timestamp::constant(1_795_255_200, 0)
}

/// A look at a candidate that has had its only share since then.
pub fn judge(wanted: &Judge, samples: &Samples, since: Timestamp) -> Judgement {
    analysis::judge(wanted, samples, &Moved::first(since, Share::percent(10), 1))
}

/// So many minutes later.
pub fn after(minutes: i64) -> Timestamp {
    since() + SignedDuration::from_mins(minutes)
}

/// The minute that began so many minutes after.
pub fn minute(start: i64, requests: u64, errors: u64) -> Minute {
    let server_errors = (errors > 0).then_some(errors);
    Minute { requests: (requests > 0).then_some(requests), server_errors, ..Minute::empty(after(start)) }
}

/// With both quantiles at that many seconds.
pub fn slow(minute: Minute, seconds: f64) -> Minute {
    Minute { p50: Some(seconds / 2.0), p95: Some(seconds), ..minute }
}

/// A look as soon as all of the minutes have settled: the newest began `minutes.len() - 1` minutes after.
pub fn look(candidate: Vec<Minute>, stable: Vec<Minute>) -> Samples {
    let newest = candidate.iter().chain(&stable).map(|minute| minute.start).max().unwrap_or(since());
    Samples {
        at: newest + SignedDuration::from_mins(3),
        candidate,
        stable,
        metrics: BTreeMap::new(),
        probes: Vec::new(),
        alarms: BTreeMap::new(),
    }
}

/// So many equal minutes of each side: requests and errors of the candidate, of the stable version.
pub fn even(minutes: i64, candidate: (u64, u64), stable: (u64, u64)) -> Samples {
    let side = |(requests, errors)| (0..minutes).map(|start| minute(start, requests, errors)).collect();
    look(side(candidate), side(stable))
}

/// Errors alone, by the defaults.
pub fn errors() -> Judge {
    Judge::default()
}

/// Latency alone, by the defaults.
pub fn latency() -> Judge {
    Judge { errors: None, latency: Some(Latency::default()), ..Judge::default() }
}

/// Both.
pub fn both() -> Judge {
    Judge { errors: Some(Errors::default()), latency: Some(Latency::default()), ..Judge::default() }
}

/// Swaps the sides.
pub fn swapped(samples: &Samples) -> Samples {
    let metrics = samples.metrics.iter().map(|(name, measured)| {
        let mut measured = measured.clone();
        std::mem::swap(&mut measured.candidate, &mut measured.stable);
        (name.clone(), measured)
    });
    Samples {
        candidate: samples.stable.clone(),
        stable: samples.candidate.clone(),
        metrics: metrics.collect(),
        ..samples.clone()
    }
}
