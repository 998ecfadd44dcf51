//! What holds for all samples.

use proptest::prelude::*;
use shipit_core::analysis::{
    AlarmState, Answered, Errors, Judge, Latency, Limit, Measured, Metric, Minute, Point, Probe, Probed, Ratio, Samples, Verdict,
};

use crate::given::{after, judge, look, minute, since, slow, swapped};

/// One minute's requests, errors and p95 in ms of each side; no requests is no datapoint.
type Given = ((u64, u64, u64), (u64, u64, u64));

fn side() -> impl Strategy<Value = (u64, u64, u64)> {
    (prop_oneof![1 => Just(0_u64), 4 => 1..40_u64, 8 => 40..2000_u64], 0..=1000_u64, 50..200_u64).prop_flat_map(
        |(requests, rate, ms)| {
            let worst = requests * rate / 1000;
            (Just(requests), prop_oneof![3 => Just(0), 2 => 0..=worst / 20, 1 => 0..=worst], Just(ms))
        },
    )
}

fn minutes() -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec((side(), side()), 0..14)
}

fn some_minutes() -> impl Strategy<Value = Vec<Given>> {
    (minutes(), side(), side()).prop_map(|(mut minutes, candidate, stable)| {
        minutes.push((candidate, stable));
        minutes
    })
}

fn samples(minutes: &[Given]) -> Samples {
    let side = |of: fn(&Given) -> (u64, u64, u64)| -> Vec<Minute> {
        (0..)
            .zip(minutes)
            .map(|(start, given)| {
                let (requests, errors, ms) = of(given);
                let p95 = (requests > 0).then_some(ms as f64 / 1e3);
                Minute { p50: p95.map(|p95| p95 / 2.0), p95, ..minute(start, requests, errors) }
            })
            .collect()
    };
    look(side(|given| given.0), side(|given| given.1))
}

fn wanted() -> impl Strategy<Value = Judge> {
    (prop::option::weighted(0.8, (1..80_000_u32, 0..3000_u64)), prop::option::of(0..800_000_u32)).prop_map(|(errors, latency)| {
        Judge {
            errors: errors.map(|(worse_by, at_least)| Errors { worse_by: Ratio::millionths(worse_by), at_least }),
            latency: latency.map(|worse_by| Latency { worse_by: Ratio::millionths(worse_by) }),
            ..Judge::default()
        }
    })
}

fn verdict(wanted: &Judge, samples: &Samples) -> Verdict {
    judge(wanted, samples, since()).verdict
}

/// Everything that can be judged, and something to say on all of it.
fn rich(wanted: Judge, minutes: &[Given]) -> (Judge, Samples) {
    let metric = Metric { name: "queue".into(), query: "q".into(), limit: Limit::WorseBy(Ratio::percent(10)) };
    let probe = Probe { name: "health".into(), url: "http://x/".into(), headers: vec![], expect: 200 };
    let mut samples = samples(minutes);
    let points = |side: &[Minute]| -> Vec<Point> {
        side.iter().filter_map(|minute| Some(Point { start: minute.start, value: minute.p95? })).collect()
    };
    let measured = Measured { candidate: points(&samples.candidate), stable: points(&samples.stable) };
    samples.metrics.insert("queue".into(), measured);
    samples.probes.push(Probed { name: "health".into(), at: samples.at, answer: Answered::Expected });
    samples.alarms.insert("a".into(), AlarmState::Ok);
    (Judge { metrics: vec![metric], probes: vec![probe], alarms: vec!["a".into()], ..wanted }, samples)
}

proptest! {
    #[test]
    fn more_bad_evidence_never_helps(
        wanted in wanted(), minutes in some_minutes(), at in any::<prop::sample::Index>(), more in 1..500_u64, kind in 0..5,
    ) {
        let (wanted, before) = rich(wanted, &minutes);
        let mut worse = before.clone();
        let minute = &mut worse.candidate[at.index(minutes.len())];
        match kind {
            0 => minute.server_errors = Some(minute.server_errors.unwrap_or(0) + more),
            1 => minute.p95 = minute.p95.map(|p95| p95 * (1.0 + more as f64 / 100.0)),
            2 => drop(worse.alarms.insert("a".into(), AlarmState::Alarm)),
            3 => {
                let answer = Answered::Otherwise("503".into());
                worse.probes.push(Probed { name: "health".into(), at: worse.at, answer });
            }
            _ => worse.stable[at.index(minutes.len())].server_errors = None,
        }
        let (good, bad) = (verdict(&wanted, &before), verdict(&wanted, &worse));
        prop_assert!(bad >= good, "{good:?} became {bad:?}");
    }

    #[test]
    fn without_one_sides_requests_nothing_passes(wanted in wanted(), minutes in minutes(), candidate in any::<bool>()) {
        let wanted = if wanted.is_empty() { Judge::default() } else { wanted };
        let (wanted, mut samples) = rich(wanted, &minutes);
        let side = if candidate { &mut samples.candidate } else { &mut samples.stable };
        side.iter_mut().for_each(|minute| minute.requests = None);
        prop_assert!(verdict(&wanted, &samples) >= Verdict::Inconclusive);
    }

    #[test]
    fn the_order_of_minutes_does_not_matter(wanted in wanted(), minutes in minutes(), by in 0..14_usize) {
        let (wanted, mut samples) = rich(wanted, &minutes);
        // The same minute twice, as two overlapping requests would bring it.
        samples.candidate.extend(minutes.first().map(|_| slow(minute(0, 700, 7), 0.3)));
        let again = Point { start: since(), value: 0.02 };
        samples.metrics.entry("queue".into()).and_modify(|measured| measured.candidate.push(again));
        let mut other = samples.clone();
        other.candidate.reverse();
        other.metrics.entry("queue".into()).and_modify(|measured| measured.candidate.reverse());
        if !other.stable.is_empty() {
            let by = by % other.stable.len();
            other.stable.rotate_left(by);
        }
        prop_assert_eq!(judge(&wanted, &samples, since()), judge(&wanted, &other, since()));
    }

    #[test]
    fn sides_swapped_turn_better_into_worse(wanted in wanted(), minutes in minutes()) {
        let samples = samples(&minutes);
        let (here, there) = (judge(&wanted, &samples, since()), judge(&wanted, &swapped(&samples), since()));
        if here.verdict == Verdict::Better {
            prop_assert_eq!(there.verdict, Verdict::Worse);
        }
        for (here, there) in here.findings.iter().zip(&there.findings) {
            if here.verdict == Verdict::Better {
                prop_assert_eq!(there.verdict, Verdict::Worse);
            }
        }
    }

    #[test]
    fn minutes_that_do_not_count_change_nothing(wanted in wanted(), minutes in minutes(), requests in 1..5000_u64) {
        let (wanted, samples) = rich(wanted, &minutes);
        let mut more = samples.clone();
        let newest = i64::try_from(minutes.len()).unwrap();
        for start in [-3, -1, newest.max(1), newest.max(1) + 1] {
            more.candidate.push(minute(start, requests, requests));
            more.stable.push(minute(start, requests, 0));
            more.metrics.get_mut("queue").unwrap().candidate.push(Point { start: after(start), value: 1e9 });
        }
        prop_assert_eq!(judge(&wanted, &samples, since()), judge(&wanted, &more, since()));
    }

    #[test]
    fn inconclusive_says_what_it_needs(wanted in wanted(), minutes in minutes()) {
        let judged = judge(&wanted, &samples(&minutes), since());
        prop_assert_eq!(judge(&wanted, &samples(&minutes), since()), judged.clone(), "judging twice");
        for finding in &judged.findings {
            let needs = finding.needs.requests > 0 || finding.needs.minutes > 0;
            prop_assert_eq!(needs, finding.verdict == Verdict::Inconclusive && !wanted.is_empty(), "{}", finding);
            prop_assert!(finding.needs.requests <= 1_000_000_000);
        }
        prop_assert!(!judged.to_string().is_empty());
    }

    #[test]
    fn no_number_is_too_strange(
        wanted in wanted(), requests in any::<Option<u64>>(), errors in any::<Option<u64>>(), p95 in any::<Option<f64>>(),
        start in -5..20_i64, at in -20..30_i64,
    ) {
        let strange = Minute { start: after(start), requests, server_errors: errors, connection_errors: errors, p50: p95, p95 };
        let mut samples = look(vec![strange; 2], vec![strange; 2]);
        samples.at = after(at);
        let judged = judge(&wanted, &samples, since());
        prop_assert!(matches!(judged.verdict, Verdict::Same | Verdict::Inconclusive), "one minute convicts nobody: {judged:?}");
    }
}
