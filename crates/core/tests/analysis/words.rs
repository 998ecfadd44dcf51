//! What people read.

use shipit_core::analysis::{AlarmState, Judge};

use crate::given::{after, both, errors, even, judge, latency, look, minute, since, slow};

#[test]
fn findings_in_words() {
    let text = |wanted: &Judge, samples| judge(wanted, &samples, since()).to_string();
    assert_eq!(
        text(&errors(), even(6, (200, 10), (1800, 2))),
        "candidate answers 5.0% errors, stable 0.1% (p < 0.001, 1,200 requests)"
    );
    assert_eq!(text(&errors(), even(8, (100, 0), (900, 1))), "candidate answers 0% errors, stable 0.1% (800 requests)");
    assert_eq!(
        text(&errors(), even(3, (100, 0), (900, 0))),
        "candidate answers 0% errors, stable 0% (300 requests); needs about 200 requests more"
    );
    assert_eq!(text(&errors(), look(vec![], vec![])), "errors: no minute yet at this share that can be compared");
    let mut stale = even(6, (100, 0), (900, 0));
    stale.at = after(60);
    assert_eq!(text(&errors(), stale), "errors: both sides have had no datapoints since 2026-11-21T10:05:00Z");

    let side = |minutes, seconds: f64| (0..minutes).map(|start| slow(minute(start, 100, 0), seconds)).collect::<Vec<_>>();
    assert_eq!(
        text(&latency(), look(side(9, 0.21), side(9, 0.12))),
        "p50 105 ms, stable 60 ms, more by over 20% in 9 of 9 minutes (p < 0.006); \
         p95 210 ms, stable 120 ms, more by over 20% in 9 of 9 minutes (p < 0.006)"
    );
    assert_eq!(
        text(&both(), look(side(6, 0.1), side(6, 0.1))),
        "p50 50 ms, stable 50 ms, more by over 20% in 0 of 6 minutes; needs 2 minutes more at least; \
         p95 100 ms, stable 100 ms, more by over 20% in 0 of 6 minutes; needs 2 minutes more at least"
    );
    let mut alarmed = even(6, (100, 0), (900, 0));
    alarmed.alarms.insert("frontend-5xx".into(), AlarmState::Alarm);
    let wanted = Judge { alarms: vec!["frontend-5xx".into()], ..errors() };
    assert_eq!(text(&wanted, alarmed), "alarm `frontend-5xx` is in ALARM");
}
