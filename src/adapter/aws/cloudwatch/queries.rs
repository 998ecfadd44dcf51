//! What is asked of a side: five metrics of its target group, and the queries of the pipeline file. Pure.

use aws_sdk_cloudwatch::types::{Dimension, Metric as CloudWatchMetric, MetricDataQuery, MetricStat};
use jiff::Timestamp;
use shipit_core::analysis::{MINUTE, Metric};

/// Id, metric and statistic of what every side is asked.
pub const ASKED: &[(&str, &str, &str)] = &[
    ("requests", "RequestCount", "Sum"),
    ("errors", "HTTPCode_Target_5XX_Count", "Sum"),
    ("unconnected", "TargetConnectionErrorCount", "Sum"),
    ("p50", "TargetResponseTime", "p50"),
    ("p95", "TargetResponseTime", "p95"),
];

/// One side, behind an Application Load Balancer.
pub struct Side<'a> {
    letter: char,
    /// `targetgroup/name/0123456789abcdef`
    group: &'a str,
    /// `app/name/0123456789abcdef`
    balancer: &'a str,
    service: &'a str,
}

impl<'a> Side<'a> {
    /// The side of a target group; none when there are no metrics of it.
    pub fn of(letter: char, group: &'a str, balancer: Option<&'a str>, service: &'a str) -> Option<Self> {
        let (_, balancer) = balancer?.split_once(":loadbalancer/")?;
        let (_, group) = group.rsplit_once(':')?;
        balancer.starts_with("app/").then_some(Self { letter, group, balancer, service })
    }

    /// Everything that is asked of this side.
    pub fn queries(&self, metrics: &[Metric]) -> impl Iterator<Item = MetricDataQuery> {
        let fixed = ASKED.iter().map(|(id, metric, stat)| self.stat(&id_of(self.letter, id), metric, stat));
        let further = metrics.iter().enumerate().map(|(place, metric)| self.expression(place, metric));
        fixed.chain(further).collect::<Vec<_>>().into_iter()
    }

    fn stat(&self, id: &str, name: &str, stat: &str) -> MetricDataQuery {
        let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let metric = CloudWatchMetric::builder()
            .namespace("AWS/ApplicationELB")
            .metric_name(name)
            .dimensions(dimension("TargetGroup", self.group))
            .dimensions(dimension("LoadBalancer", self.balancer))
            .build();
        let stat = MetricStat::builder().metric(metric).period(period()).stat(stat).build();
        MetricDataQuery::builder().id(id).metric_stat(stat).build()
    }

    fn expression(&self, place: usize, metric: &Metric) -> MetricDataQuery {
        let text = metric.query.replace("{target_group}", self.group);
        let text = text.replace("{load_balancer}", self.balancer).replace("{service}", self.service);
        // A query in SQL has no period of its own.
        let sql = text.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"));
        let query = MetricDataQuery::builder().id(further(self.letter, place)).expression(text);
        query.set_period(sql.then(period)).build()
    }
}

/// The id of a side's fixed query.
pub fn id_of(letter: char, id: &str) -> String {
    format!("{letter}_{id}")
}

/// The id of a side's query for the metric of this place in the pipeline file.
pub fn further(letter: char, place: usize) -> String {
    format!("{letter}_further{place}")
}

/// The minute that a moment lies in.
pub fn minute_of(at: Timestamp) -> Timestamp {
    let seconds = MINUTE.as_secs();
    Timestamp::from_second(at.as_second().div_euclid(seconds) * seconds).unwrap_or(at)
}

fn period() -> i32 {
    i32::try_from(MINUTE.as_secs()).unwrap_or(60)
}
