//! What the pipeline file is told of a judge: held against what really passes.

use shipit_core::analysis::{
    Course, Errors, Judge, Level, Limit, MINUTE, Measured, Metric, Point, Ratio, Samples, Verdict, course,
};

use crate::given::{after, both, errors, even, judge, latency, minute, since, slow};

/// After so many minutes, with all of them so far, in which both sides did as well as can be.
fn seen(minutes: i64) -> Samples {
    let side = || (0..minutes).map(|start| slow(minute(start, 1_000_000, 0), 0.1)).collect();
    let points = || (0..minutes).map(|start| Point { start: after(start), value: 1.0 }).collect();
    let queue = Measured { candidate: points(), stable: points() };
    Samples {
        candidate: side(),
        stable: side(),
        metrics: [("queue".to_owned(), queue)].into(),
        alarms: [("queue-full".to_owned(), shipit_core::analysis::AlarmState::Ok)].into(),
        ..Samples::none(after(minutes))
    }
}

#[test]
fn nothing_passes_sooner_than_is_said_and_the_best_version_passes_just_then() {
    let none = Judge { errors: None, ..Judge::default() };
    let limit = Limit::Max(Level::new(5.0).unwrap());
    let metrics = Judge { metrics: vec![Metric { name: "queue".into(), query: "q".into(), limit }], ..none.clone() };
    let alarms = Judge { alarms: vec!["queue-full".into()], ..none };
    for wanted in [errors(), latency(), both(), metrics, alarms] {
        let mut looks = Vec::new();
        let passed = (0..60).find(|minutes| {
            looks.push(judge(&wanted, &seen(*minutes), since()));
            course(&wanted, since(), &looks, after(*minutes)) == Course::Proceed
        });
        assert_eq!(passed.map(|minutes| MINUTE * i32::try_from(minutes).unwrap()), Some(wanted.soonest()), "{wanted:?}");
    }
}

#[test]
fn so_many_requests_without_any_error_pass_and_fewer_do_not() {
    for (worse_by, at_least) in
        [(Ratio::percent(1), 1), (Ratio::percent(1), 5000), (Ratio::millionths(1_000), 1), (Ratio::percent(20), 7)]
    {
        let wanted = Judge { errors: Some(Errors { worse_by, at_least }), ..Judge::default() };
        let needed = wanted.clean_requests().unwrap();
        let verdict = |requests| judge(&wanted, &even(1, (requests, 0), (requests, 0)), since()).verdict;
        assert_eq!(
            (verdict(needed), verdict(needed - 1)),
            (Verdict::Same, Verdict::Inconclusive),
            "{worse_by} {at_least} {needed}"
        );
    }
    assert_eq!(latency().clean_requests(), None);
}
