//! What is asked, and what is made of the answers; the wire itself is tested against the sandbox.

use aws_sdk_cloudwatch::types::{MessageData, MetricDataQuery, MetricDataResult, StatusCode};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use shipit_core::analysis::{Limit, Metric, Minute, Ratio};

use super::*;

const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web-b/0123456789abcdef";
const BALANCER: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/fedcba9876543210";

fn metric(query: &str) -> Metric {
    Metric { name: "carts".to_owned(), query: query.to_owned(), limit: Limit::WorseBy(Ratio::percent(1)) }
}

fn asked(metrics: &[Metric]) -> Vec<MetricDataQuery> {
    Side::of('c', GROUP, Some(BALANCER), "web").unwrap().queries(metrics).collect()
}

#[test]
fn a_side_is_asked_for_by_the_names_that_cloudwatch_has() {
    let queries = asked(&[]);
    let ids: Vec<&str> = queries.iter().filter_map(|query| query.id()).collect();
    assert_eq!(ids, ["c_requests", "c_errors", "c_unconnected", "c_p50", "c_p95"]);
    for query in &queries {
        let stat = query.metric_stat().unwrap();
        assert_eq!(stat.period(), Some(60));
        let dimensions = stat.metric().unwrap().dimensions().iter();
        let dimensions: Vec<_> = dimensions.map(|it| (it.name().unwrap(), it.value().unwrap())).collect();
        let expected = [("TargetGroup", "targetgroup/web-b/0123456789abcdef"), ("LoadBalancer", "app/shop/fedcba9876543210")];
        assert_eq!(dimensions, expected);
    }
    let network = BALANCER.replace("/app/", "/net/");
    assert!(Side::of('c', GROUP, Some(&network), "web").is_none(), "it publishes other metrics");
    assert!(Side::of('c', GROUP, None, "web").is_none());
}

#[test]
fn a_query_of_the_file_names_each_side_s_own() {
    let queries = asked(&[
        metric("SUM(SEARCH('{Shop,Group} Group=\"{target_group}\" Of=\"{load_balancer}\" By=\"{service}\"', 'Sum', 60))"),
        metric("select AVG(Carts) FROM Shop"),
    ]);
    assert_eq!((queries[5].id(), queries[6].id()), (Some("c_further0"), Some("c_further1")));
    let text = queries[5].expression().unwrap();
    let named = "Group=\"targetgroup/web-b/0123456789abcdef\" Of=\"app/shop/fedcba9876543210\" By=\"web\"";
    assert!(text.contains(named), "{text}");
    assert_eq!((queries[5].period(), queries[6].period()), (None, Some(60)), "only a query in SQL has its period here");
}

fn result(id: &str, points: &[(i64, f64)]) -> MetricDataResult {
    let result = MetricDataResult::builder().id(id).status_code(StatusCode::Complete);
    let result = points
        .iter()
        .fold(result, |result, (at, value)| result.timestamps(DateTime::from_secs(1_790_000_040 + at * 60)).values(*value));
    result.build()
}

#[test]
fn datapoints_become_minutes_and_no_datapoint_is_none() {
    let at = |minute: i64| Timestamp::from_second(1_790_000_040 + minute * 60).unwrap();
    let mut collected = Collected::default();
    for result in [
        result("c_requests", &[(0, 100.0), (2, 90.0)]),
        result("c_requests", &[(3, 80.0)]),
        result("c_errors", &[(2, 3.0)]),
        result("c_unconnected", &[(4, 1.0)]),
        result("c_p95", &[(0, 0.25)]),
        result("s_requests", &[(0, 900.0)]),
    ] {
        collected.take(&result).unwrap();
    }
    let minutes = collected.minutes('c');
    let expected = [
        Minute { requests: Some(100), p95: Some(0.25), ..Minute::empty(at(0)) },
        Minute { requests: Some(90), server_errors: Some(3), ..Minute::empty(at(2)) },
        Minute { requests: Some(80), ..Minute::empty(at(3)) },
        Minute { connection_errors: Some(1), ..Minute::empty(at(4)) },
    ];
    assert_eq!(minutes, expected);
    assert_eq!(collected.minutes('s').len(), 1);
}

#[test]
fn a_query_that_finds_several_series_is_refused_by_its_name() {
    let metrics = [metric("SEARCH(…)")];
    let mut collected = Collected::default();
    collected.take(&result("c_further0", &[(0, 1.0)])).unwrap();
    collected.take(&result("s_further0", &[(0, 2.0)])).unwrap();
    let measured = &collected.metrics(&metrics).unwrap()["carts"];
    assert_eq!((measured.candidate[0].value, measured.stable[0].value), (1.0, 2.0));
    collected.take(&result("s_further0", &[(0, 3.0)])).unwrap();
    let error = collected.metrics(&metrics).unwrap_err().to_string();
    assert!(error.contains("`carts` finds several time series"), "{error}");
}

#[test]
fn what_cloudwatch_could_not_read_is_no_missing_datapoint() {
    let with = |status: StatusCode| {
        let message = MessageData::builder().code("InternalError").value("try again").build();
        let result = MetricDataResult::builder().id("c_requests").status_code(status).messages(message).build();
        Collected::default().take(&result)
    };
    assert!(with(StatusCode::PartialData).is_ok());
    let error = with(StatusCode::InternalError).unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("InternalError: try again"), "{error}");
    assert!(matches!(with(StatusCode::Forbidden), Err(PortError::Denied { action, .. }) if action == "cloudwatch:GetMetricData"));
}
