//! Which metrics there are: those of AWS/ApplicationELB that the data plane counts, with the dimensions under which an
//! Application Load Balancer publishes each
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>).

use serde_json::{Value, json};

use super::params::{items, required};
use super::samples::Samples;
use crate::elb::Elb;
use crate::elb::check::Speech;
use crate::elb::groups::Group;
use crate::elb::metrics::Minute;
use crate::error::AwsError;

/// The namespace of an Application Load Balancer's metrics.
pub(super) const NAMESPACE: &str = "AWS/ApplicationELB";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Requests,
    /// The targets' answers of this class: 2 is 2XX.
    Answers(usize),
    Failed,
    Unconnected,
    Times,
    Healthy,
    Unhealthy,
}

/// Under which dimensions a metric is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// `LoadBalancer`; and `TargetGroup, LoadBalancer`.
    Both,
    /// `LoadBalancer` alone.
    Balancer,
    /// `TargetGroup, LoadBalancer`.
    Group,
}

/// Name, what is measured, unit, dimensions.
const METRICS: &[(&str, Measure, &str, Of)] = &[
    ("RequestCount", Measure::Requests, "Count", Of::Both),
    ("HTTPCode_Target_2XX_Count", Measure::Answers(2), "Count", Of::Both),
    ("HTTPCode_Target_3XX_Count", Measure::Answers(3), "Count", Of::Both),
    ("HTTPCode_Target_4XX_Count", Measure::Answers(4), "Count", Of::Both),
    ("HTTPCode_Target_5XX_Count", Measure::Answers(5), "Count", Of::Both),
    ("HTTPCode_ELB_5XX_Count", Measure::Failed, "Count", Of::Balancer),
    ("TargetConnectionErrorCount", Measure::Unconnected, "Count", Of::Both),
    ("TargetResponseTime", Measure::Times, "Seconds", Of::Both),
    ("HealthyHostCount", Measure::Healthy, "Count", Of::Group),
    ("UnHealthyHostCount", Measure::Unhealthy, "Count", Of::Group),
];

/// A metric that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Names and values, by name.
    pub(super) dimensions: Vec<(String, String)>,
}

impl Metric {
    /// Of members `Namespace`, `MetricName`, `Dimensions`.
    ///
    /// # Errors
    /// `MissingParameter`.
    pub(super) fn read(body: &Value) -> Result<Self, AwsError> {
        let mut dimensions = Vec::new();
        for dimension in items(&body["Dimensions"]) {
            dimensions.push((required(dimension, "Name")?.to_owned(), required(dimension, "Value")?.to_owned()));
        }
        dimensions.sort();
        Ok(Self {
            namespace: required(body, "Namespace")?.to_owned(),
            name: required(body, "MetricName")?.to_owned(),
            dimensions,
        })
    }

    /// What it measures, when it is published under these dimensions.
    pub(super) fn measure(&self) -> Option<Measure> {
        let names: Vec<&str> = self.dimensions.iter().map(|(name, _)| name.as_str()).collect();
        let found = METRICS.iter().find(|(name, ..)| self.namespace == NAMESPACE && *name == self.name)?;
        let published = match found.3 {
            Of::Both => names == ["LoadBalancer"] || names == ["LoadBalancer", "TargetGroup"],
            Of::Balancer => names == ["LoadBalancer"],
            Of::Group => names == ["LoadBalancer", "TargetGroup"],
        };
        published.then_some(found.1)
    }

    /// Its unit, when there is such a metric.
    pub(super) fn unit(&self) -> Option<&'static str> {
        METRICS.iter().find(|(name, ..)| self.namespace == NAMESPACE && *name == self.name).map(|(_, _, unit, _)| *unit)
    }

    /// The target groups whose minutes it sums up.
    pub(super) fn groups<'a>(&'a self, elb: &'a Elb) -> impl Iterator<Item = &'a Group> {
        elb.groups.values().filter(|group| group.nature.speech == Speech::Http).filter(|group| {
            let balancer = elb.balancer_of(group);
            self.dimensions.iter().all(|(name, value)| match name.as_str() {
                "LoadBalancer" => balancer.as_deref().and_then(balancer_suffix) == Some(value),
                "TargetGroup" => group_suffix(&group.arn) == Some(value),
                _ => false,
            })
        })
    }

    /// As CloudWatch shows it.
    pub(super) fn shown(&self) -> Value {
        let dimensions: Vec<Value> = self.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        json!({"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions})
    }
}

/// All metrics of the load balancers and their target groups that there are.
pub(super) fn all(elb: &Elb) -> Vec<Metric> {
    let mut all = Vec::new();
    for group in elb.groups.values().filter(|group| group.nature.speech == Speech::Http) {
        let balancer = elb.balancer_of(group);
        let (Some(balancer), Some(group)) = (balancer.as_deref().and_then(balancer_suffix), group_suffix(&group.arn)) else {
            continue;
        };
        for (name, _, _, of) in METRICS {
            let mut push = |dimensions: &[(&str, &str)]| {
                let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
                let metric = Metric { namespace: NAMESPACE.to_owned(), name: (*name).to_owned(), dimensions };
                if !all.contains(&metric) {
                    all.push(metric);
                }
            };
            if *of != Of::Group {
                push(&[("LoadBalancer", balancer)]);
            }
            if *of != Of::Balancer {
                push(&[("LoadBalancer", balancer), ("TargetGroup", group)]);
            }
        }
    }
    all
}

/// `app/name/0123456789abcdef` of a load balancer's ARN.
fn balancer_suffix(arn: &str) -> Option<&str> {
    arn.split_once(":loadbalancer/").map(|(_, suffix)| suffix)
}

/// `targetgroup/name/0123456789abcdef` of a target group's ARN.
fn group_suffix(arn: &str) -> Option<&str> {
    arn.rsplit(':').next().filter(|suffix| suffix.starts_with("targetgroup/"))
}

/// What was measured in a minute; empty where a load balancer publishes nothing.
pub(super) fn samples(measure: Measure, minute: &Minute) -> Samples {
    let counts = &minute.counts;
    match measure {
        Measure::Requests => Samples::requests(counts.requests),
        Measure::Answers(class) => Samples::requests(counts.codes[class - 1]),
        Measure::Failed => Samples::requests(counts.failed),
        Measure::Unconnected => Samples::requests(counts.unconnected),
        Measure::Times => Samples::times(&minute.times),
        // Published while there are registered targets.
        Measure::Healthy | Measure::Unhealthy if minute.healthy.most + minute.unhealthy.most == 0 => Samples::default(),
        Measure::Healthy => Samples::hosts(minute.healthy),
        Measure::Unhealthy => Samples::hosts(minute.unhealthy),
    }
}
