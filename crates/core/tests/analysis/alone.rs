//! All traffic has moved: the candidate beside the stable version's minutes before that, and share after share.

use proptest::prelude::*;
use shipit_core::analysis::{Evidence, Judge, Limit, Measured, Metric, Moved, Point, Ratio, Samples, Verdict, judge};
use shipit_core::pipeline::Share;

use crate::given::{after, errors, latency, look, minute, since, slow};

/// All at once.
fn at_once() -> Moved {
    Moved::first(since(), Share::ALL, 1)
}

/// 10 %, and all of it so many minutes later.
fn canary(all: i64) -> Moved {
    let mut moved = Moved::first(since(), Share::percent(10), 2);
    moved.see(after(all), Share::ALL);
    moved
}

/// So many minutes of the stable version before the shift, as many of the candidate after.
fn before_and_after(minutes: i64, candidate: (u64, u64), stable: (u64, u64)) -> Samples {
    let side = |from: i64, (requests, errors)| (from..from + minutes).map(|start| minute(start, requests, errors)).collect();
    look(side(0, candidate), side(-minutes, stable))
}

fn told(samples: &Samples, moved: &Moved) -> (Verdict, String) {
    let judged = judge(&errors(), samples, moved);
    (judged.verdict, judged.to_string())
}

#[test]
fn a_candidate_alone_is_judged_beside_the_minutes_before() {
    for (name, minutes, candidate, stable, expected) in [
        ("the same rate", 10, (1000, 10), (1000, 10), Verdict::Same),
        ("no errors", 6, (100, 0), (100, 0), Verdict::Same),
        ("2 % to 6 %", 10, (100, 6), (100, 2), Verdict::Worse),
        ("6 % to 0", 10, (200, 0), (200, 12), Verdict::Better),
        ("fewer requests than the minimum", 4, (100, 0), (100, 0), Verdict::Inconclusive),
    ] {
        assert_eq!(told(&before_and_after(minutes, candidate, stable), &at_once()).0, expected, "{name}");
    }
    let clean = before_and_after(6, (100, 0), (100, 0));
    let (_, text) = told(&clean, &at_once());
    let words =
        "600 requests), compared with the stable version's last 6 minutes before all traffic moved (another time of day: weaker)";
    assert!(text.ends_with(words), "{text}");
    assert_eq!(judge(&errors(), &clean, &at_once()).sides.unwrap().before, 6);
    // As long as the stable version is to have traffic, other minutes are no evidence.
    assert_eq!(told(&clean, &Moved::first(since(), Share::percent(50), 2)).0, Verdict::Inconclusive);
}

#[test]
fn each_minute_before_counts_once_the_latest_first_and_not_for_ever() {
    let mut few = before_and_after(10, (100, 0), (100, 0));
    few.stable.retain(|minute| minute.start >= after(-3));
    assert_eq!(judge(&errors(), &few, &at_once()).sides.unwrap().minutes, 3, "three minutes before are three comparisons");

    let mut latest = before_and_after(6, (100, 0), (100, 0));
    latest.stable.extend((-20..-6).map(|start| minute(start, 100, 100)));
    assert_eq!(told(&latest, &at_once()).0, Verdict::Same, "an incident long before is not compared with");

    let mut old = before_and_after(6, (100, 0), (100, 0));
    old.stable.iter_mut().for_each(|minute| minute.start -= Judge::PATIENCE);
    assert_eq!(judge(&errors(), &old, &at_once()).sides, None, "too long ago");

    let mut trickle = before_and_after(6, (100, 0), (100, 0));
    trickle.stable.extend((0..6).map(|start| minute(start, 1, 1)));
    assert_eq!(told(&trickle, &at_once()).0, Verdict::Same, "what is left of the stable version's traffic is no measure");
}

#[test]
fn what_passed_with_less_traffic_must_pass_with_all_of_it() {
    let both = |from: i64, to: i64| (from..to).map(|start| (minute(start, 100, 0), minute(start, 900, 0)));
    let (mut candidate, mut stable): (Vec<_>, Vec<_>) = both(0, 10).unzip();
    stable.extend((-10..0).map(|start| minute(start, 1000, 0)));
    let mut samples = look(candidate.clone(), stable.clone());
    assert_eq!(told(&samples, &Moved::first(since(), Share::percent(10), 2)).0, Verdict::Same);
    samples.at = after(12);
    let (verdict, text) = told(&samples, &canary(10));
    assert_eq!((verdict, text.as_str()), (Verdict::Inconclusive, "errors: no minute yet at this share that can be compared"));

    // All requests of the first settled minutes pass, or fail: the ten good minutes before do not help.
    candidate.extend((10..14).map(|start| minute(start, 1000, 0)));
    assert_eq!(told(&look(candidate.clone(), stable.clone()), &canary(10)).0, Verdict::Same);
    candidate[10..].iter_mut().for_each(|minute| minute.server_errors = Some(30));
    let (verdict, text) = told(&look(candidate, stable), &canary(10));
    assert_eq!(verdict, Verdict::Worse);
    assert!(text.starts_with("candidate answers 3.0% errors, stable 0% (p < 0.001, 4,000 requests)"), "{text}");
}

#[test]
fn a_step_on_the_way_needs_minutes_of_its_own_that_do_not_speak_against_it() {
    let step = |errors: u64, minutes: i64| {
        let side = |requests, errors| (0..10).map(move |start| minute(start, requests, if start < 8 { 0 } else { errors }));
        let mut samples = look(side(200, errors).collect(), side(800, 0).collect());
        samples.at = after(minutes);
        let mut moved = Moved::first(since(), Share::percent(10), 10);
        moved.see(after(8), Share::percent(20));
        told(&samples, &moved).0
    };
    assert_eq!(step(0, 10), Verdict::Inconclusive, "no minute of the new share has settled");
    assert_eq!(step(0, 11), Verdict::Same, "one has");
    assert_eq!(step(3, 11), Verdict::Inconclusive, "1.5 % where 1 % is allowed");
}

#[test]
fn latency_and_metrics_are_matched_too() {
    let side =
        |from: i64, seconds: f64| (from..from + 8).map(move |start| slow(minute(start, 100, 0), seconds)).collect::<Vec<_>>();
    let verdict = |candidate: f64| judge(&latency(), &look(side(0, candidate), side(-8, 0.1)), &at_once()).verdict;
    assert_eq!((verdict(0.1), verdict(0.13)), (Verdict::Same, Verdict::Worse));

    // An idle stable version's own metric says nothing: beside it everything would be too much.
    let metric = |limit| Metric { name: "cpu".into(), query: "q".into(), limit };
    let wanted = |limit| Judge { errors: None, metrics: vec![metric(limit)], ..Judge::default() };
    let points = |from: i64, value: f64| (from..from + 9).map(move |start| Point { start: after(start), value });
    let measured = Measured { candidate: points(0, 40.0).collect(), stable: points(-9, 40.0).chain(points(0, 1.0)).collect() };
    let mut samples = Samples::none(after(11));
    samples.metrics.insert("cpu".into(), measured);
    let judged = judge(&wanted(Limit::WorseBy(Ratio::percent(10))), &samples, &at_once());
    assert_eq!(judged.verdict, Verdict::Same);
    assert!(matches!(judged.findings[0].evidence, Evidence::Minutes { before: 9, .. }), "{judged:?}");
    let max = Limit::Max(shipit_core::analysis::Level::new(50.0).unwrap());
    assert_eq!(judge(&wanted(max), &samples, &at_once()).verdict, Verdict::Same, "a number needs nobody beside it");
}

fn some_minutes() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let minute = (0..800_u64, 0..30_u64).prop_map(|(requests, percent)| (requests, requests * percent / 100));
    prop::collection::vec(minute, 24)
}

proptest! {
    #[test]
    fn with_all_traffic_nothing_passes_without_minutes_before_and_more_errors_never_help(
        ours in some_minutes(), theirs in some_minutes(), all in 0..10_i64, at in any::<prop::sample::Index>(), more in 1..300_u64,
    ) {
        let moved = if all == 0 { at_once() } else { canary(all) };
        let minutes = |all: &[(u64, u64)], from: i64| (from..).zip(all).map(|(start, of)| minute(start, of.0, of.1)).collect::<Vec<_>>();
        let samples = look(minutes(&ours[..12], 0), minutes(&theirs, -12));
        let good = judge(&errors(), &samples, &moved);
        prop_assert_eq!(judge(&errors(), &samples, &moved), good.clone(), "judging twice");
        let mut worse = samples.clone();
        let minute = &mut worse.candidate[at.index(12)];
        minute.server_errors = Some(minute.server_errors.unwrap_or(0) + more);
        prop_assert!(judge(&errors(), &worse, &moved).verdict >= good.verdict);
        let mut nobody = samples.clone();
        nobody.stable.retain(|minute| minute.start >= since());
        if all == 0 {
            prop_assert!(judge(&errors(), &nobody, &moved).verdict >= Verdict::Inconclusive);
        }
        let mut late = samples;
        late.candidate.retain(|minute| minute.start < moved.last());
        prop_assert!(judge(&errors(), &late, &moved).verdict >= Verdict::Inconclusive, "no minute of all traffic");
    }
}
