use proptest::prelude::*;

use super::*;
use crate::cloudwatch::series::Series;

fn series(values: &[(u64, f64)]) -> Series {
    values.iter().copied().collect()
}

/// `m1` is sparse, `m2` is there always, `m3` never.
fn answer(text: &str) -> Result<Answer, String> {
    let of = |id: &str| match id {
        "m1" => Some(series(&[(60, 6.0), (180, 1.0)])),
        "m2" => Some(series(&[(0, 10.0), (60, 12.0), (120, 0.0), (180, 4.0)])),
        "m3" => Some(Series::new()),
        _ => None,
    };
    let metrics = ["m1", "m2", "m3"].iter().filter_map(|id| of(id)).collect();
    let found = |search: &Search| vec![series(&[(0, search.period as f64)]), series(&[(0, 1.0), (60, 2.0)])];
    let world = World { series: &of, metrics, search: &found, periods: vec![0, 60, 120, 180] };
    evaluate(&parse(text)?, &world)
}

fn points(text: &str) -> Vec<(u64, f64)> {
    match answer(text) {
        Ok(Answer::Series(series)) => series.into_iter().collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_ratio_has_a_value_where_both_have() {
    assert_eq!(points("m1/m2"), [(60, 0.5), (180, 0.25)]);
    assert_eq!(points("100 * m1 / m2"), [(60, 50.0), (180, 25.0)]);
    assert_eq!(points("FILL(m1, 0) / m2")[..2], [(0, 0.0), (60, 0.5)]);
    assert!(points("FILL(m1, 0) / m2")[2].1.is_nan());
}

#[test]
fn lists_take_what_there_is() {
    assert_eq!(points("SUM([m1, m2])"), [(0, 10.0), (60, 18.0), (120, 0.0), (180, 5.0)]);
    assert_eq!(points("SUM(METRICS())"), points("SUM([m1,m2,m3])"));
    assert_eq!(points("AVG([m1, m2])")[1], (60, 9.0));
    assert_eq!(points("MAX([m1, m2])")[3], (180, 4.0));
    assert_eq!(points("MIN([m1, m2])")[3], (180, 1.0));
    assert_eq!(points("m2 / SUM(m1)")[1], (60, 12.0 / 7.0));
}

#[test]
fn a_search_is_a_list() {
    let text = "SUM(SEARCH('{AWS/ApplicationELB,TargetGroup} MetricName=\"RequestCount\" AND TargetGroup=\"a/b\"', 'Sum', 60))";
    assert_eq!(points(text), [(0, 60_001.0), (60, 2.0)]);
}

#[test]
fn missing_values_are_filled() {
    assert_eq!(points("FILL(m3, 0)"), [(0, 0.0), (60, 0.0), (120, 0.0), (180, 0.0)]);
    assert_eq!(points("FILL(m1, REPEAT)"), [(60, 6.0), (120, 6.0), (180, 1.0)]);
    assert_eq!(points("FILL(m1, -1)")[2], (120, -1.0));
}

#[test]
fn conditions_choose() {
    assert_eq!(points("IF(m2 > 5, m2, 0)"), [(0, 10.0), (60, 12.0), (120, 0.0), (180, 0.0)]);
    assert_eq!(points("IF(m2 >= 10, m2)"), [(0, 10.0), (60, 12.0)]);
    assert_eq!(points("IF(m1 == 1, 7, m2)"), [(60, 12.0), (180, 7.0)]);
}

#[test]
fn signs_powers_and_brackets_bind_as_usual() {
    for (text, value) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("-2 ^ 2", 4.0),
        ("7 - 2 - 1", 4.0),
        ("ABS(-1.5)", 1.5),
        ("CEIL(1.2) + FLOOR(1.8)", 3.0),
    ] {
        assert_eq!(answer(text), Ok(Answer::Scalar(value)), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, says) in [
        ("m1 +", "it ends too early"),
        ("m1 m2", "unexpected `m2`"),
        ("(m1", "`)` is missing before `the end`"),
        ("ANOMALY_DETECTION_BAND(m1)", "the sandbox has no function ANOMALY_DETECTION_BAND"),
        ("FILL(m1)", "FILL takes 2 to 2 arguments, not 1"),
        ("m9", "there is no query `m9`"),
        ("SEARCH('x', 'Sum', 60)", "the sandbox searches within"),
        ("SEARCH('{x} y', 'Sum', 60)", "the sandbox searches by terms"),
        ("SEARCH('{x}', 'Some', 60)", "the sandbox has no statistic Some"),
        ("SEARCH('{x}', 'Sum', 61)", "the period of SEARCH must be"),
        ("SEARCH('{x}', 'Sum')", "`,` is missing before `)`"),
        ("SEARCH(", "SEARCH takes a search"),
        ("SUM('x", "a text does not end"),
        ("METRICS() / 2 + m1", "a list of time series is for"),
        ("REPEAT", "REPEAT is for FILL only"),
        ("1.2.3", "`1.2.3` is not a number"),
        ("m1 $ 2", "unexpected `$`"),
    ] {
        let error = answer(text).unwrap_err();
        assert!(error.starts_with(says), "{text}: {error}");
    }
    assert!(answer(&"(".repeat(2000)).unwrap_err().contains("nested"));
    assert!(answer(&"-".repeat(2000)).unwrap_err().contains("nested"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[m1-3SUMFIL(),\\[\\]+*/^<>=.é -]{0,40}") {
        let _ = answer(&text);
    }
}
