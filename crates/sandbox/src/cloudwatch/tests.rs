//! Metrics and alarms of a load balancer with two target groups, on a clock that stands still until it is moved.

use std::time::Duration;

use serde_json::{Value, json};
use shipit_scheduler::Time;

use crate::clock::Clock;
use crate::dispatch::{self, Service};
use crate::elb::metrics::Ending;
use crate::error::AwsError;
use crate::state::State;
use crate::wire::query::strings;

/// A full hour, epoch seconds.
const HOUR: u64 = 1_790_000_000 / 3600 * 3600;

struct World {
    state: State,
    balancer: String,
    candidate: String,
    stable: String,
}

fn suffix(arn: &str) -> String {
    arn.rsplit(':').next().unwrap().trim_start_matches("loadbalancer/").to_owned()
}

impl World {
    fn new() -> Self {
        let clock = Clock { wall0: 0, virtual0: HOUR * 1000, factor: 0.0 };
        let mut state = State::new("123456789012".to_owned(), "eu-west-1".to_owned(), clock, "x".into());
        let mut elb = |operation: &str, body: Value| {
            dispatch::call(&mut state, Service::Elb, operation, strings(body)).unwrap_or_else(|error| panic!("{error:?}"))
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let balancer = text(&elb("CreateLoadBalancer", json!({"Name": "shop"}))["LoadBalancers"][0]["LoadBalancerArn"]);
        let mut group = |name: &str| {
            let body = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip"});
            text(&elb("CreateTargetGroup", body)["TargetGroups"][0]["TargetGroupArn"])
        };
        let (candidate, stable) = (group("candidate"), group("stable"));
        let groups: Vec<Value> = [&candidate, &stable].iter().map(|arn| json!({"TargetGroupArn": arn, "Weight": 50})).collect();
        let actions = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]);
        elb("CreateListener", json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": actions}));
        Self { state, balancer: suffix(&balancer), candidate, stable }
    }

    fn at(&mut self, second: u64) {
        self.state.clock.virtual0 = (HOUR + second) * 1000;
    }

    /// So many requests to a group that end now.
    fn requests(&mut self, group: &str, count: u64, ending: Ending) {
        let now = self.state.clock.now();
        let metrics = &mut self.state.elb.groups.get_mut(group).unwrap().metrics;
        (0..count).for_each(|_| metrics.ended(now, ending));
    }

    fn call(&mut self, operation: &str, body: Value) -> Result<Value, AwsError> {
        dispatch::call(&mut self.state, Service::CloudWatch, operation, body)
    }

    fn dimensions(&self, group: &str) -> Value {
        json!([{"Name": "TargetGroup", "Value": suffix(group)}, {"Name": "LoadBalancer", "Value": self.balancer}])
    }

    fn query(&self, id: &str, group: &str, metric: &str, stat: &str) -> Value {
        let metric = json!({"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": self.dimensions(group)});
        json!({"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}})
    }

    /// Each query's points, as (seconds after the hour, value), oldest first.
    fn data(&mut self, from: u64, to: u64, queries: Value) -> Vec<Vec<(u64, f64)>> {
        let body = json!({"MetricDataQueries": queries, "StartTime": HOUR + from, "EndTime": HOUR + to,
                          "ScanBy": "TimestampAscending"});
        let reply = self.call("GetMetricData", body).unwrap();
        reply["MetricDataResults"].as_array().unwrap().iter().map(points).collect()
    }
}

fn points(result: &Value) -> Vec<(u64, f64)> {
    let times = result["Timestamps"].as_array().unwrap().iter().map(|at| at.as_f64().unwrap() as u64 - HOUR);
    times.zip(result["Values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap())).collect()
}

fn ok(millis: u64) -> Ending {
    Ending::Answered(200, Duration::from_millis(millis))
}

fn bad() -> Ending {
    Ending::Answered(500, Duration::from_millis(5))
}

/// Minute 0: 8 good, 2 bad to the candidate, 90 good to the stable one. Minute 1: nothing. Minute 2: one broken.
fn busy() -> World {
    let mut world = World::new();
    let (candidate, stable) = (world.candidate.clone(), world.stable.clone());
    world.at(10);
    world.requests(&candidate, 8, ok(10));
    world.requests(&candidate, 2, bad());
    world.requests(&stable, 90, ok(20));
    world.at(130);
    world.requests(&candidate, 1, Ending::Unconnected);
    world.at(190);
    world
}

#[test]
fn a_minute_in_which_nothing_happened_has_no_datapoint() {
    let mut world = busy();
    let (candidate, stable) = (world.candidate.clone(), world.stable.clone());
    let queries = json!([
        world.query("requests", &candidate, "RequestCount", "Sum"),
        world.query("errors", &candidate, "HTTPCode_Target_5XX_Count", "Sum"),
        world.query("unconnected", &candidate, "TargetConnectionErrorCount", "Sum"),
        world.query("p50", &candidate, "TargetResponseTime", "p50"),
        world.query("others", &stable, "HTTPCode_Target_5XX_Count", "Sum"),
        world.query("requests2", &stable, "RequestCount", "SampleCount"),
    ]);
    let found = world.data(0, 180, queries);
    assert_eq!(found[0], [(0, 10.0), (120, 1.0)]);
    assert_eq!(found[1], [(0, 2.0)]);
    assert_eq!(found[2], [(120, 1.0)]);
    assert!(found[3].len() == 1 && (found[3][0].1 / 0.01 - 1.0).abs() < 0.05, "{:?}", found[3]);
    assert_eq!(found[4], []);
    assert_eq!(found[5], [(0, 90.0)]);
}

#[test]
fn dimensions_are_those_under_which_the_load_balancer_publishes() {
    let mut world = busy();
    let of = |name: &str, dimensions: Value| {
        let metric = json!({"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions});
        json!([{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}])
    };
    let both = world.dimensions(&world.candidate);
    let (group, balancer) = (json!([both[0]]), json!([both[1]]));
    let other = json!([both[0], {"Name": "LoadBalancer", "Value": "app/other/0123456789abcdef"}]);
    for (name, dimensions, count) in [
        ("RequestCount", balancer.clone(), 101.0),
        ("RequestCount", both.clone(), 11.0),
        ("RequestCount", group, 0.0),
        ("RequestCount", json!([]), 0.0),
        ("RequestCount", other, 0.0),
        ("HTTPCode_ELB_5XX_Count", balancer, 1.0),
        ("HTTPCode_ELB_5XX_Count", both, 0.0),
    ] {
        let found = world.data(0, 180, of(name, dimensions.clone()));
        assert_eq!(found[0].iter().map(|(_, value)| value).sum::<f64>(), count, "{name} {dimensions}");
    }
}

#[test]
fn the_start_is_rounded_down_and_the_end_does_not_belong() {
    let mut world = busy();
    let queries = json!([world.query("m", &world.candidate, "RequestCount", "Sum")]);
    assert_eq!(world.data(59, 120, queries.clone())[0], [(0, 10.0)]);
    assert_eq!(world.data(60, 121, queries.clone())[0], [(120, 1.0)]);
    let mut wide = queries;
    wide[0]["MetricStat"]["Period"] = 180.into();
    assert_eq!(world.data(0, 600, wide.clone())[0], [(0, 11.0)]);
    assert_eq!(world.data(60, 600, wide)[0], [(60, 1.0)]);
}

#[test]
fn pages_are_cut_in_the_order_that_was_asked_for() {
    let mut world = busy();
    let queries = json!([
        world.query("a", &world.candidate, "RequestCount", "Sum"),
        world.query("b", &world.stable, "RequestCount", "Sum"),
    ]);
    let body = |token: &Value| json!({"MetricDataQueries": queries, "StartTime": HOUR, "EndTime": HOUR + 180, "MaxDatapoints": 1, "NextToken": token});
    let mut token = Value::Null;
    let mut pages = Vec::new();
    for _ in 0..4 {
        let reply = world.call("GetMetricData", body(&token)).unwrap();
        let shown = |result: &Value| (result["Id"].as_str().unwrap().to_owned(), points(result), result["StatusCode"].clone());
        pages.extend(reply["MetricDataResults"].as_array().unwrap().iter().map(shown));
        token = reply["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(
        pages,
        [
            ("a".to_owned(), vec![(120, 1.0)], json!("PartialData")),
            ("a".to_owned(), vec![(0, 10.0)], json!("Complete")),
            ("b".to_owned(), vec![(0, 90.0)], json!("Complete")),
        ],
        "newest first, unless asked otherwise"
    );
    let error = world.call("GetMetricData", body(&json!("none"))).unwrap_err();
    assert_eq!(error.code, "InvalidNextToken");
}

#[test]
fn expressions_see_other_queries_and_drop_what_is_no_number() {
    let mut world = busy();
    let hidden = |mut query: Value| {
        query["ReturnData"] = false.into();
        query
    };
    let queries = json!([
        {"Id": "rate", "Expression": "100 * FILL(errors, 0) / requests"},
        hidden(world.query("errors", &world.candidate, "HTTPCode_Target_5XX_Count", "Sum")),
        hidden(world.query("requests", &world.candidate, "RequestCount", "Sum")),
        {"Id": "half", "Expression": "rate / 2", "Label": "half of it"},
        {"Id": "nothing", "Expression": "requests / FILL(errors, 0)"},
    ]);
    let body = json!({"MetricDataQueries": queries, "StartTime": HOUR, "EndTime": HOUR + 180});
    let reply = world.call("GetMetricData", body).unwrap();
    let [rate, half, nothing] = reply["MetricDataResults"].as_array().unwrap().as_slice() else { panic!("{reply}") };
    assert_eq!(points(rate), [(120, 0.0), (0, 20.0)]);
    assert_eq!((points(half), &half["Label"]), (vec![(120, 0.0), (0, 10.0)], &json!("half of it")));
    assert_eq!((points(nothing), &nothing["Messages"][0]["Code"]), (vec![(0, 5.0)], &json!("ArithmeticError")));
}

#[test]
fn a_search_finds_metrics_by_what_they_are_called() {
    let mut world = busy();
    let group = suffix(&world.stable);
    let text = |terms: &str| {
        format!("SUM(SEARCH('{{AWS/ApplicationELB,LoadBalancer,TargetGroup}} MetricName=\"RequestCount\" {terms}', 'Sum', 60))")
    };
    let of_one = world.data(0, 180, json!([{"Id": "e", "Expression": text(&format!("TargetGroup=\"{group}\""))}]));
    assert_eq!(of_one[0], [(0, 90.0)]);
    let of_both = world.data(0, 180, json!([{"Id": "e", "Expression": text("")}]));
    assert_eq!(of_both[0], [(0, 100.0), (120, 1.0)]);
    let of_none = world.data(0, 180, json!([{"Id": "e", "Expression": text("TargetGroup=\"none\"")}]));
    assert_eq!(of_none[0], []);
}

#[test]
fn what_is_wrong_with_a_query_is_refused() {
    let mut world = busy();
    let good = world.query("m", &world.candidate, "RequestCount", "Sum");
    let with = |pointer: &str, value: Value| {
        let mut query = good.clone();
        *query.pointer_mut(pointer).unwrap() = value;
        json!([query])
    };
    let chain: Vec<Value> = (0..60).map(|at| json!({"Id": format!("e{at}"), "Expression": format!("e{} + 1", at + 1)})).collect();
    for (queries, says) in [
        (json!([]), "must not be empty"),
        (json!(vec![good.clone(); 501]), "must not have a size greater than 500"),
        (json!([good, good]), "are not unique: m."),
        (with("/Id", json!("M")), "^[a-z][a-zA-Z0-9_]*$"),
        (with("/MetricStat/Period", json!(90)), "multiple of 60"),
        (with("/MetricStat/Stat", json!("tm99")), "tm99"),
        (json!([{"Id": "e"}]), "Exactly one of MetricStat and Expression"),
        (json!([{"Id": "e", "Expression": "e + 1"}]), "it refers to itself"),
        (json!([{"Id": "e", "Expression": "m9 + 1"}]), "there is no query `m9`"),
        (json!([{"Id": "e", "Expression": "SELECT AVG(x)"}]), "Syntax error"),
        (json!([{"Id": "e", "Expression": "1 + 1"}]), "does not return a time series"),
        (json!(chain), "in a row"),
    ] {
        let body = json!({"MetricDataQueries": queries, "StartTime": HOUR, "EndTime": HOUR + 180});
        let error = world.call("GetMetricData", body).unwrap_err();
        assert_eq!(error.code, "ValidationError");
        assert!(error.message.contains(says), "{says}: {}", error.message);
    }
    for (member, value) in [("EndTime", json!(HOUR)), ("MaxDatapoints", json!(100_801)), ("ScanBy", json!("Any"))] {
        let mut body = json!({"MetricDataQueries": [good], "StartTime": HOUR, "EndTime": HOUR + 180});
        body[member] = value;
        assert_eq!(world.call("GetMetricData", body).unwrap_err().code, "ValidationError", "{member}");
    }
}

#[test]
fn hosts_are_told_every_minute_while_nothing_changes() {
    let mut world = busy();
    let candidate = world.candidate.clone();
    let now = Time((HOUR + 200) * 1000);
    world.state.elb.groups.get_mut(&candidate).unwrap().metrics.hosts(now, 2, 1);
    world.at(400);
    let queries = json!([
        world.query("h", &candidate, "HealthyHostCount", "Minimum"),
        world.query("u", &candidate, "UnHealthyHostCount", "Maximum"),
    ]);
    let found = world.data(0, 600, queries);
    assert_eq!(found[0], [(180, 0.0), (240, 2.0), (300, 2.0), (360, 2.0)]);
    assert_eq!(found[1], [(180, 1.0), (240, 1.0), (300, 1.0), (360, 1.0)]);
}

#[test]
fn a_group_that_no_rule_reaches_any_more_keeps_its_metrics() {
    let mut world = busy();
    let candidate = world.candidate.clone();
    let balancer = world.state.elb.balancers.keys().next().unwrap().clone();
    world.state.elb.groups.get_mut(&candidate).unwrap().metrics.behind(&balancer);
    world.state.elb.listeners.clear();
    let queries = json!([world.query("m", &candidate, "RequestCount", "Sum")]);
    assert_eq!(world.data(0, 180, queries)[0], [(0, 10.0), (120, 1.0)]);
}

#[test]
fn statistics_and_the_list_of_metrics_tell_the_same() {
    let mut world = busy();
    let body = json!({
        "Namespace": "AWS/ApplicationELB", "MetricName": "TargetResponseTime", "Dimensions": world.dimensions(&world.stable),
        "StartTime": HOUR, "EndTime": HOUR + 180, "Period": 60, "Statistics": ["SampleCount", "Average"],
        "ExtendedStatistics": ["p95"],
    });
    let reply = world.call("GetMetricStatistics", body.clone()).unwrap();
    let point = &reply["Datapoints"][0];
    assert_eq!((reply["Datapoints"].as_array().unwrap().len(), &point["Unit"]), (1, &json!("Seconds")));
    assert_eq!(point["SampleCount"], 90.0);
    assert!((point["Average"].as_f64().unwrap() - 0.02).abs() < 1e-9, "{point}");
    assert!((point["ExtendedStatistics"]["p95"].as_f64().unwrap() / 0.02 - 1.0).abs() < 0.05, "{point}");
    let query = strings(body.clone());
    assert_eq!(world.call("GetMetricStatistics", query).unwrap_err().code, "InvalidParameterValue", "epoch seconds as text");
    let mut long = body;
    long["EndTime"] = (HOUR + 60 * 1441).into();
    assert_eq!(world.call("GetMetricStatistics", long).unwrap_err().code, "InvalidParameterCombination");

    let listed = world.call("ListMetrics", json!({"MetricName": "HTTPCode_Target_5XX_Count"})).unwrap();
    assert_eq!(listed["Metrics"].as_array().unwrap().len(), 2, "of the candidate and of the load balancer: {listed}");
    let filter = json!({"Dimensions": [{"Name": "TargetGroup", "Value": suffix(&world.stable)}]});
    let listed = world.call("ListMetrics", filter).unwrap();
    let mut names: Vec<&str> =
        listed["Metrics"].as_array().unwrap().iter().map(|it| it["MetricName"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["HTTPCode_Target_2XX_Count", "RequestCount", "TargetResponseTime"]);
}

fn put(world: &mut World, change: impl FnOnce(&mut Value)) {
    let mut body = json!({
        "AlarmName": "errors", "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
        "Dimensions": world.dimensions(&world.candidate), "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
    });
    change(&mut body);
    world.call("PutMetricAlarm", body).unwrap();
}

fn alarm(world: &mut World) -> Value {
    world.call("DescribeAlarms", json!({"AlarmNames": ["errors"]})).unwrap()["MetricAlarms"][0].clone()
}

#[test]
fn an_alarm_goes_off_by_itself_after_the_minute_and_calms_down_again() {
    let mut world = World::new();
    let candidate = world.candidate.clone();
    world.at(5);
    put(&mut world, |_| ());
    world.requests(&candidate, 2, bad());
    world.at(59);
    assert_eq!(alarm(&mut world)["StateValue"], "INSUFFICIENT_DATA", "the minute is not over");
    world.at(61);
    let seen = alarm(&mut world);
    assert_eq!(seen["StateValue"], "ALARM");
    assert_eq!(
        (&seen["StateUpdatedTimestamp"], &seen["StateTransitionedTimestamp"]),
        (&json!((HOUR + 60) as f64), &json!((HOUR + 60) as f64))
    );
    let reason = seen["StateReason"].as_str().unwrap();
    assert!(reason.starts_with("Threshold Crossed: 1 out of the last 1 datapoints [2.0 ("), "{reason}");
    let data: Value = serde_json::from_str(seen["StateReasonData"].as_str().unwrap()).unwrap();
    assert_eq!((&data["period"], &data["recentDatapoints"]), (&json!(60), &json!([2.0])));
    world.at(300);
    let seen = alarm(&mut world);
    assert_eq!(seen["StateValue"], "OK");
    assert_eq!(seen["StateUpdatedTimestamp"], json!((HOUR + 240) as f64), "three periods are looked at");
}

#[test]
fn minutes_that_nobody_looked_at_are_caught_up_with() {
    let mut world = World::new();
    let candidate = world.candidate.clone();
    world.at(5);
    put(&mut world, |body| body["TreatMissingData"] = "ignore".into());
    world.requests(&candidate, 2, bad());
    world.at(3000);
    assert_eq!(alarm(&mut world)["StateValue"], "ALARM", "it went off long ago, and nothing has come since");
}

#[test]
fn a_state_that_is_set_stays_until_the_next_evaluation() {
    let mut world = World::new();
    world.at(5);
    put(&mut world, |_| ());
    let set = json!({"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "a try"});
    world.call("SetAlarmState", set).unwrap();
    world.at(59);
    assert_eq!(alarm(&mut world)["StateValue"], "ALARM");
    world.at(60);
    assert_eq!(alarm(&mut world)["StateValue"], "OK");
    assert!(alarm(&mut world)["StateReason"].as_str().unwrap().starts_with("Threshold Crossed: no datapoints were received"));
}

#[test]
fn datapoints_to_alarm_count_and_expressions_are_watched() {
    let mut world = World::new();
    let candidate = world.candidate.clone();
    world.at(1);
    let ratio = json!([
        {"Id": "rate", "Expression": "FILL(errors, 0) / requests"},
        {"Id": "errors", "ReturnData": false, "MetricStat": world.query("m", &candidate, "HTTPCode_Target_5XX_Count", "Sum")["MetricStat"]},
        {"Id": "requests", "ReturnData": false, "MetricStat": world.query("m", &candidate, "RequestCount", "Sum")["MetricStat"]},
    ]);
    put(&mut world, |body| {
        let body = body.as_object_mut().unwrap();
        body.retain(|member, _| !["MetricName", "Namespace", "Dimensions", "Statistic", "Period"].contains(&member.as_str()));
        body.insert("Metrics".to_owned(), ratio);
        body.insert("Threshold".to_owned(), json!(0.1));
        body.insert("EvaluationPeriods".to_owned(), json!(3));
        body.insert("DatapointsToAlarm".to_owned(), json!(2));
    });
    for (minute, errors, state) in [(0, 2, "OK"), (1, 0, "OK"), (2, 2, "ALARM"), (3, 1, "OK")] {
        world.at(minute * 60 + 30);
        world.requests(&candidate, 10 - errors, ok(5));
        world.requests(&candidate, errors, bad());
        world.at(minute * 60 + 61);
        assert_eq!(alarm(&mut world)["StateValue"], state, "after minute {minute}");
    }
}
