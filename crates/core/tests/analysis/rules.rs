//! The rules one by one.

use jiff::SignedDuration;
use shipit_core::analysis::{
    AlarmState, Answered, Count, Errors, Evidence, Judge, Judgement, Level, Limit, Measured, Metric, Minute, Needs, Point, Probe,
    Probed, Ratio, Samples, Verdict,
};

use crate::given::{after, both, errors, even, judge, latency, look, minute, since, slow};

fn verdict(wanted: &Judge, samples: &Samples) -> Verdict {
    judge(wanted, samples, since()).verdict
}

#[test]
fn errors_of_both_sides() {
    for (name, minutes, candidate, stable, expected) in [
        ("no errors on either side", 5, (100, 0), (900, 0), Verdict::Same),
        ("the same rate", 10, (200, 4), (1800, 36), Verdict::Same),
        ("a little more than the stable version, within what is allowed", 10, (1000, 3), (9000, 9), Verdict::Same),
        ("4.8 % against 0.1 %", 6, (200, 10), (1800, 2), Verdict::Worse),
        ("everything fails: a few requests are enough", 2, (10, 10), (90, 0), Verdict::Worse),
        ("surely different, but by less than is allowed", 10, (10_000, 50), (90_000, 90), Verdict::Same),
        ("surely different, by far less errors", 10, (200, 0), (1800, 90), Verdict::Better),
        ("fewer requests than the minimum", 4, (100, 0), (900, 0), Verdict::Inconclusive),
        ("fewer requests than the minimum on the stable side", 4, (900, 0), (100, 0), Verdict::Inconclusive),
        ("more than allowed, at odds of 55", 10, (100, 4), (900, 20), Verdict::Inconclusive),
        ("more than allowed, at odds of 124", 20, (100, 4), (900, 23), Verdict::Worse),
        ("more than allowed, but that may be chance", 4, (125, 3), (1125, 12), Verdict::Inconclusive),
    ] {
        assert_eq!(verdict(&errors(), &even(minutes, candidate, stable)), expected, "{name}");
    }
}

#[test]
fn what_is_missing() {
    let nothing = look(Vec::new(), Vec::new());
    assert_eq!(verdict(&errors(), &nothing), Verdict::Inconclusive);

    // A 5xx datapoint that is missing while requests are there is 0: `even` gives none.
    let clean = even(6, (100, 0), (900, 0));
    assert_eq!(clean.candidate[0].server_errors, None);
    assert_eq!(verdict(&errors(), &clean), Verdict::Same);

    // Requests missing, whatever else is there.
    let unserved = |side: &[Minute]| -> Vec<Minute> { side.iter().map(|m| Minute { requests: None, ..*m }).collect() };
    let gone = look(unserved(&clean.candidate), clean.stable.clone());
    assert_eq!(verdict(&errors(), &gone), Verdict::Inconclusive);
    let gone = look(clean.candidate.clone(), unserved(&clean.stable));
    assert_eq!(verdict(&errors(), &gone), Verdict::Inconclusive);

    // The minutes of the sides are not the same ones.
    let apart = look(clean.candidate.clone(), (6..12).map(|start| minute(start, 900, 0)).collect());
    assert_eq!(verdict(&errors(), &apart), Verdict::Inconclusive);
}

#[test]
fn connections_that_were_refused_are_errors() {
    let mut refused = even(4, (200, 0), (1800, 0));
    refused.candidate.iter_mut().for_each(|minute| minute.connection_errors = Some(20));
    assert_eq!(verdict(&errors(), &refused), Verdict::Worse);
}

#[test]
fn only_settled_minutes_since_the_traffic_began_count() {
    let clean = even(6, (100, 0), (900, 0));
    let judged = judge(&errors(), &clean, since());
    assert_eq!((judged.verdict, judged.through), (Verdict::Same, Some(after(5))));

    let mut bad = clean.clone();
    for start in [-2, -1, 6, 7] {
        bad.candidate.push(minute(start, 1000, 1000));
        bad.stable.push(minute(start, 1000, 0));
    }
    assert_eq!(judge(&errors(), &bad, since()), judged);

    bad.at = after(10);
    assert_eq!(verdict(&errors(), &bad), Verdict::Worse, "two minutes later they have settled");
}

#[test]
fn a_look_a_minute_earlier_does_not_see_the_last_minute() {
    let mut samples = even(6, (100, 0), (900, 0));
    samples.at -= SignedDuration::from_secs(1);
    assert_eq!(judge(&errors(), &samples, since()).through, Some(after(4)));
}

#[test]
fn evidence_grows_old() {
    let mut samples = even(6, (100, 0), (900, 0));
    samples.at = after(5) + SignedDuration::from_mins(8);
    assert_eq!(verdict(&errors(), &samples), Verdict::Same);
    samples.at += SignedDuration::from_secs(1);
    assert_eq!(verdict(&errors(), &samples), Verdict::Inconclusive, "the candidate may have stopped serving");
    let mut worse = even(6, (100, 100), (900, 0));
    worse.at = after(30);
    assert_eq!(verdict(&errors(), &worse), Verdict::Worse, "what was bad stays bad");
}

#[test]
fn one_bad_minute_convicts_nobody() {
    let mut samples = even(8, (100, 0), (900, 1));
    samples.candidate[3] = minute(3, 100, 60);
    assert_eq!(verdict(&errors(), &samples), Verdict::Inconclusive);
    let few = even(3, (50, 1), (50, 0));
    let mut burst = few.clone();
    burst.candidate[1] = minute(1, 50, 40);
    assert_eq!(verdict(&errors(), &burst), Verdict::Inconclusive, "two errors beside it prove nothing");
    samples.candidate[4] = minute(4, 100, 20);
    assert_eq!(verdict(&errors(), &samples), Verdict::Worse);
}

#[test]
fn an_incident_that_hits_both_sides_is_nobodys_fault() {
    // One minute in which every fifth request fails on both sides, while the candidate has 90 % of the traffic.
    let mut samples = even(8, (100, 0), (900, 0));
    samples.candidate[7] = minute(7, 900, 180);
    samples.stable[7] = minute(7, 100, 20);
    assert_ne!(verdict(&errors(), &samples), Verdict::Worse);
}

#[test]
fn latency_by_matching_minutes() {
    let at = |minutes: i64, candidate: f64, stable: f64| {
        let side = |seconds| (0..minutes).map(|start| slow(minute(start, 100, 0), seconds)).collect();
        look(side(candidate), side(stable))
    };
    for (name, samples, expected) in [
        ("the same", at(8, 0.1, 0.1), Verdict::Same),
        ("slower, within what is allowed", at(8, 0.119, 0.1), Verdict::Same),
        ("slower than allowed", at(8, 0.13, 0.1), Verdict::Worse),
        ("faster", at(8, 0.1, 0.13), Verdict::Better),
        ("fewer than 8 minutes", at(7, 9.0, 0.1), Verdict::Inconclusive),
        ("no latency at all", even(8, (100, 0), (900, 0)), Verdict::Inconclusive),
    ] {
        assert_eq!(verdict(&latency(), &samples), expected, "{name}");
    }
    assert_eq!(verdict(&both(), &at(8, 0.13, 0.1)), Verdict::Worse, "the worst of all");
    assert_eq!(verdict(&both(), &at(8, 0.1, 0.1)), Verdict::Same);
    assert_eq!(verdict(&both(), &at(8, 0.1, 0.13)), Verdict::Better, "nothing worse, something better");
}

#[test]
fn both_quantiles_count() {
    let side = |p50, p95| (0..8).map(|start| Minute { p50, p95, ..minute(start, 100, 0) }).collect::<Vec<_>>();
    let tail = look(side(Some(0.05), Some(0.5)), side(Some(0.05), Some(0.1)));
    assert_eq!(verdict(&latency(), &tail), Verdict::Worse);
    let half = look(side(Some(0.05), None), side(Some(0.05), Some(0.1)));
    assert_eq!(verdict(&latency(), &half), Verdict::Inconclusive, "p95 of the candidate is missing");
}

fn queue(limit: Limit) -> Judge {
    let metric = Metric { name: "queue".into(), query: "SELECT 1".into(), limit };
    Judge { errors: None, metrics: vec![metric], ..Judge::default() }
}

fn measured(minutes: i64, candidate: f64, stable: f64) -> Samples {
    let side = |value| (0..minutes).map(|start| Point { start: after(start), value }).collect();
    let mut samples = Samples::none(after(minutes + 2));
    samples.metrics.insert("queue".into(), Measured { candidate: side(candidate), stable: side(stable) });
    samples
}

#[test]
fn further_metrics() {
    let max = queue(Limit::Max(Level::new(10.0).unwrap()));
    let relative = queue(Limit::WorseBy(Ratio::percent(50)));
    for (name, wanted, samples, expected) in [
        ("below the maximum", &max, measured(8, 9.0, 0.0), Verdict::Same),
        ("above the maximum", &max, measured(8, 11.0, 20.0), Verdict::Worse),
        ("too few minutes", &max, measured(7, 11.0, 0.0), Verdict::Inconclusive),
        ("not there", &max, Samples::none(after(10)), Verdict::Inconclusive),
        ("no number", &max, measured(8, f64::NAN, 0.0), Verdict::Inconclusive),
        ("near the stable version", &relative, measured(8, 14.0, 10.0), Verdict::Same),
        ("far above the stable version", &relative, measured(8, 16.0, 10.0), Verdict::Worse),
        ("something where the stable version has nothing", &relative, measured(8, 1.0, 0.0), Verdict::Worse),
    ] {
        assert_eq!(verdict(wanted, &samples), expected, "{name}");
    }
    let mut one_sided = measured(8, 14.0, 10.0);
    one_sided.metrics.get_mut("queue").unwrap().stable.clear();
    assert_eq!(verdict(&relative, &one_sided), Verdict::Inconclusive);
    assert_eq!(verdict(&max, &{ measured(8, 9.0, f64::NAN) }), Verdict::Same, "a maximum needs no stable version");
}

#[test]
fn probes() {
    let probe = Probe { name: "health".into(), url: "http://{load_balancer}:8080/".into(), headers: vec![], expect: 200 };
    let wanted = Judge { errors: None, probes: vec![probe], ..Judge::default() };
    let asked = |answers: &[bool]| {
        let mut samples = Samples::none(after(10));
        for (second, good) in (0..).zip(answers) {
            let answer = if *good { Answered::Expected } else { Answered::Otherwise("503".into()) };
            samples.probes.push(Probed { name: "health".into(), at: after(9) + SignedDuration::from_secs(second), answer });
        }
        samples
    };
    for (answers, expected) in [
        (&[][..], Verdict::Inconclusive),
        (&[true], Verdict::Same),
        (&[false], Verdict::Inconclusive),
        (&[false, false], Verdict::Worse),
        (&[false, false, true], Verdict::Same),
        (&[true, false], Verdict::Inconclusive),
        (&[true, false, false], Verdict::Worse),
    ] {
        assert_eq!(verdict(&wanted, &asked(answers)), expected, "{answers:?}");
    }
    let unsent = |answers: &[bool]| {
        let mut samples = asked(answers);
        let answer = Answered::Unsent("the variable `TOKEN` is not set".into());
        samples.probes.push(Probed { name: "health".into(), at: samples.at, answer });
        samples
    };
    for (answers, expected) in [
        (&[][..], Verdict::Inconclusive),
        (&[true], Verdict::Inconclusive),
        (&[false], Verdict::Inconclusive),
        (&[false, false], Verdict::Worse),
    ] {
        assert_eq!(verdict(&wanted, &unsent(answers)), expected, "it says nothing of the candidate: {answers:?}");
    }
    assert_eq!(
        judge(&wanted, &unsent(&[true]), since()).findings[0].to_string(),
        "probe `health` cannot be sent: the variable `TOKEN` is not set"
    );
    let mut old = asked(&[true]);
    old.at = after(13);
    assert_eq!(verdict(&wanted, &old), Verdict::Inconclusive, "nobody has asked for a while");
    let mut another = asked(&[true]);
    another.probes[0].name = "other".into();
    assert_eq!(verdict(&wanted, &another), Verdict::Inconclusive);
}

#[test]
fn alarms() {
    let wanted = Judge { alarms: vec!["frontend-5xx".into()], ..Judge::default() };
    let alone = Judge { errors: None, ..wanted.clone() };
    for (state, beside_errors, by_itself) in [
        (Some(AlarmState::Ok), Verdict::Same, Verdict::Same),
        (Some(AlarmState::Alarm), Verdict::Worse, Verdict::Worse),
        (Some(AlarmState::InsufficientData), Verdict::Same, Verdict::Inconclusive),
        (Some(AlarmState::Other("NEW".into())), Verdict::Inconclusive, Verdict::Inconclusive),
        (None, Verdict::Inconclusive, Verdict::Inconclusive),
    ] {
        let mut samples = even(6, (100, 0), (900, 0));
        samples.alarms.extend(state.clone().map(|state| ("frontend-5xx".to_owned(), state)));
        assert_eq!(verdict(&wanted, &samples), beside_errors, "{state:?}");
        assert_eq!(verdict(&alone, &samples), by_itself, "{state:?}");
    }
    let mut at_once = Samples::none(since());
    at_once.alarms.insert("frontend-5xx".into(), AlarmState::Alarm);
    assert_eq!(verdict(&wanted, &at_once), Verdict::Worse, "without any request");
}

#[test]
fn a_judge_that_asks_nothing_is_never_satisfied() {
    let nothing = Judge { errors: None, ..Judge::default() };
    assert!(nothing.is_empty() && !errors().is_empty());
    let judged = judge(&nothing, &even(10, (1000, 0), (9000, 0)), since());
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    assert_eq!(judged.findings[0].evidence, Evidence::NothingAsked);
}

#[test]
fn what_inconclusive_still_needs() {
    let needs = |wanted: &Judge, samples: &Samples| judge(wanted, samples, since()).needs();
    assert_eq!(needs(&errors(), &even(3, (100, 0), (900, 0))), Needs { requests: 200, minutes: 1 });
    assert_eq!(needs(&errors(), &even(5, (100, 0), (900, 0))), Needs::NOTHING);
    // The stable version has a ninth of the requests: it needs 400 more, the candidate serves nine times as many meanwhile.
    assert_eq!(needs(&errors(), &even(1, (900, 0), (100, 0))), Needs { requests: 3600, minutes: 1 });
    assert_eq!(needs(&latency(), &Samples::none(after(1))), Needs { requests: 0, minutes: 8 });
    let side = |seconds: f64| (0..5).map(|start| slow(minute(start, 100, 0), seconds)).collect();
    assert_eq!(needs(&latency(), &look(side(0.1), side(0.1))), Needs { requests: 0, minutes: 3 });

    // Both sides at 5 %: 500 requests are too few for one point; with what is asked for, the interval is narrow enough.
    let short = even(5, (100, 5), (100, 5));
    let asked = needs(&errors(), &short).requests;
    assert!((300..600).contains(&asked), "{asked}");
    let minutes = i64::try_from(asked.div_ceil(100)).unwrap() + 5;
    assert_eq!(verdict(&errors(), &even(minutes, (100, 5), (100, 5))), Verdict::Same);
    assert_eq!(verdict(&errors(), &even(minutes - 2, (100, 5), (100, 5))), Verdict::Inconclusive);
}

#[test]
fn a_judge_survives_the_journal() {
    let wanted = Judge {
        errors: Some(Errors { worse_by: Ratio::millionths(5_000), at_least: 1000 }),
        metrics: vec![Metric { name: "queue".into(), query: "m1/m2".into(), limit: Limit::Max(Level::new(0.1 + 0.2).unwrap()) }],
        probes: vec![Probe { name: "p".into(), url: "http://x/".into(), headers: vec![("a".into(), "b".into())], expect: 204 }],
        alarms: vec!["a".into()],
        ..both()
    };
    let text = serde_json::to_string(&wanted).unwrap();
    assert_eq!(serde_json::from_str::<Judge>(&text).unwrap(), wanted, "{text}");
    let judged = judge(&wanted, &even(6, (100, 1), (900, 0)), since());
    let text = serde_json::to_string(&judged).unwrap();
    let read: Judgement = serde_json::from_str(&text).unwrap();
    assert_eq!((read.at, read.through, read.verdict, read.needs()), (judged.at, judged.through, judged.verdict, judged.needs()));
    assert_eq!(read.to_string(), judged.to_string(), "{text}");
    for level in ["1e999", "NaN", "many"] {
        assert!(serde_json::from_value::<Level>(level.into()).is_err(), "{level}");
    }
}

#[test]
fn both_sides_are_told_with_what_they_served() {
    let mut samples = even(4, (100, 2), (900, 3));
    for (seconds, minute) in [0.1, 0.2, 0.3, 0.4].into_iter().zip(&mut samples.candidate) {
        minute.p95 = Some(seconds);
    }
    samples.candidate.push(minute(4, 5000, 0));
    let sides = judge(&errors(), &samples, since()).sides.unwrap();
    assert_eq!((sides.candidate.count, sides.minutes, sides.before), (Count { requests: 400, errors: 8 }, 4, 0));
    assert_eq!((sides.candidate.p95_ms, sides.stable.p95_ms), (Some(250), None));
    assert_eq!(sides.stable.count, Count { requests: 3600, errors: 12 });
    assert_eq!(judge(&errors(), &look(Vec::new(), Vec::new()), since()).sides, None);
}
