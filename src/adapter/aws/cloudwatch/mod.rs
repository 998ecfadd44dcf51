//! Metrics of target groups and alarms: one GetMetricData a look.

mod collected;
mod queries;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::{AlarmType, MetricDataQuery, ScanBy, StateValue};
use aws_smithy_types::DateTime;
use futures_util::future::try_join_all;
use futures_util::try_join;
use shipit_core::analysis::{AlarmState, Samples};

use self::collected::Collected;
use self::queries::{Side, minute_of};
use super::error::{AwsError, named};
use super::operation;
use crate::port::{Metrics, PortError, PortResult, Watched};

/// Queries in a call, at most.
const QUERIES: usize = 500;
/// Names in a call of DescribeAlarms, at most.
const NAMES: usize = 100;

/// CloudWatch of one account and region.
pub struct CloudWatch {
    cloudwatch: aws_sdk_cloudwatch::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Load balancers of target groups, both by ARN. A target group has one at a time.
    balancers: Mutex<HashMap<String, String>>,
}

impl CloudWatch {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self {
            cloudwatch: aws_sdk_cloudwatch::Client::new(sdk),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(sdk),
            balancers: Mutex::default(),
        }
    }

    /// The load balancers of target groups; ELBv2 is asked for those that are not known yet.
    async fn balancers(&self, groups: [&str; 2]) -> PortResult<[Option<String>; 2]> {
        let known = || {
            let balancers = self.balancers.lock().unwrap_or_else(PoisonError::into_inner);
            groups.map(|group| balancers.get(group).cloned())
        };
        let unknown: Vec<String> =
            groups.into_iter().zip(known()).filter(|(_, known)| known.is_none()).map(|(group, _)| group.to_owned()).collect();
        if !unknown.is_empty() {
            let what = || format!("target group `{}`", unknown.join("` or `"));
            let reply = self.elb.describe_target_groups().set_target_group_arns(Some(unknown.clone())).send().await;
            let reply = reply.map_err(|error| named(AwsError::of(operation::DESCRIBE_TARGET_GROUPS, &error), what))?;
            let mut balancers = self.balancers.lock().unwrap_or_else(PoisonError::into_inner);
            for group in reply.target_groups.unwrap_or_default() {
                let of = group.load_balancer_arns.unwrap_or_default().into_iter().next();
                balancers.extend(group.target_group_arn.zip(of));
            }
        }
        Ok(known())
    }

    async fn collect(&self, queries: &[MetricDataQuery], watched: &Watched<'_>) -> PortResult<Collected> {
        let seconds = |at: jiff::Timestamp| DateTime::from_secs(at.as_second());
        let call = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.to_vec()))
            .start_time(seconds(minute_of(watched.since)))
            .end_time(seconds(watched.at))
            .scan_by(ScanBy::TimestampAscending);
        let mut collected = Collected::default();
        let mut token = None;
        loop {
            let reply = call.clone().set_next_token(token).send().await;
            let reply = reply.map_err(|error| PortError::from(AwsError::of(operation::GET_METRIC_DATA, &error)))?;
            for result in reply.metric_data_results.unwrap_or_default() {
                collected.take(&result)?;
            }
            token = reply.next_token;
            if token.is_none() {
                return Ok(collected);
            }
        }
    }
}

#[async_trait]
impl Metrics for CloudWatch {
    async fn look(&self, watched: &Watched<'_>) -> PortResult<Samples> {
        let minutes = async {
            let [candidate, stable] = self.balancers([watched.candidate, watched.stable]).await?;
            let sides = [
                Side::of('c', watched.candidate, candidate.as_deref(), watched.service),
                Side::of('s', watched.stable, stable.as_deref(), watched.service),
            ];
            let sides: Vec<Side> = sides.into_iter().flatten().collect();
            let queries: Vec<MetricDataQuery> = sides.iter().flat_map(|side| side.queries(watched.metrics)).collect();
            let calls = try_join_all(queries.chunks(QUERIES).map(|queries| self.collect(queries, watched))).await?;
            Ok::<_, PortError>(calls.into_iter().fold(Collected::default(), Collected::and))
        };
        let (collected, alarms) = try_join!(minutes, self.alarms(watched.alarms))?;
        Ok(Samples {
            candidate: collected.minutes('c'),
            stable: collected.minutes('s'),
            metrics: collected.metrics(watched.metrics)?,
            alarms,
            ..Samples::none(watched.at)
        })
    }

    async fn alarms(&self, names: &[String]) -> PortResult<BTreeMap<String, AlarmState>> {
        let mut states = BTreeMap::new();
        for names in names.chunks(NAMES) {
            let call = self.cloudwatch.describe_alarms().set_alarm_names(Some(names.to_vec()));
            // Without the types, composite alarms are not shown.
            let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
            let reply = call.send().await.map_err(|error| PortError::from(AwsError::of(operation::DESCRIBE_ALARMS, &error)))?;
            let metric = reply.metric_alarms.unwrap_or_default().into_iter();
            let composite = reply.composite_alarms.unwrap_or_default().into_iter();
            let all = metric.map(|alarm| (alarm.alarm_name, alarm.state_value));
            let all = all.chain(composite.map(|alarm| (alarm.alarm_name, alarm.state_value)));
            states.extend(all.filter_map(|(name, value)| Some((name?, state(&value?)))));
        }
        Ok(states)
    }
}

fn state(value: &StateValue) -> AlarmState {
    match value {
        StateValue::Ok => AlarmState::Ok,
        StateValue::Alarm => AlarmState::Alarm,
        StateValue::InsufficientData => AlarmState::InsufficientData,
        other => AlarmState::Other(other.as_str().to_owned()),
    }
}
