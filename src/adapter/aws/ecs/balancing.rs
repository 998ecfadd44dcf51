//! What a service's load balancer adds to its timing: ELBv2, read only.

use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
use futures_util::future::try_join_all;
use serde_json::Value;
use shipit_core::snapshot::TargetGroupSeen;
use shipit_scheduler::Span;

use super::describe::Balancers;
use super::reading::{items, text};
use crate::adapter::aws::error::{AwsError, named};
use crate::adapter::aws::operation;
use crate::port::PortResult;

/// ELBv2.
pub struct Balancing {
    elb: aws_sdk_elasticloadbalancingv2::Client,
}

/// Deregistration delay of a target group that names none.
const DRAIN: Span = Span::seconds(300);

impl Balancing {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { elb: aws_sdk_elasticloadbalancingv2::Client::new(sdk) }
    }

    /// What stands before a service, given its JSON.
    pub async fn look(&self, service: &Value) -> PortResult<Balancers> {
        let arns: Vec<String> = items(&service["loadBalancers"]).filter_map(|found| text(&found["targetGroupArn"])).collect();
        if arns.is_empty() {
            return Ok(Balancers::default());
        }
        let groups = self.described(&arns).await?;
        // Behind a Network Load Balancer only the live one of the two target groups is on a listener.
        let alternates: Vec<String> = items(&service["loadBalancers"])
            .filter_map(|found| text(&found["advancedConfiguration"]["alternateTargetGroupArn"]))
            .collect();
        let lonely = groups.iter().all(|group| group.load_balancer_arns().is_empty()) && !alternates.is_empty();
        let others = if lonely { self.described(&alternates).await? } else { Vec::new() };
        let balancers = groups.iter().chain(&others).flat_map(|group| group.load_balancer_arns()).next();
        let (target_groups, dns) =
            futures_util::try_join!(try_join_all(groups.iter().map(|group| self.group(group))), self.dns(balancers))?;
        Ok(Balancers { target_groups, dns })
    }

    async fn described(&self, arns: &[String]) -> PortResult<Vec<TargetGroup>> {
        let reply = self.elb.describe_target_groups().set_target_group_arns(Some(arns.to_vec())).send().await;
        let reply = reply.map_err(|error| {
            named(AwsError::of(operation::DESCRIBE_TARGET_GROUPS, &error), || format!("target group `{}`", arns.join("`, `")))
        })?;
        Ok(reply.target_groups.unwrap_or_default())
    }

    async fn group(&self, group: &TargetGroup) -> PortResult<TargetGroupSeen> {
        let arn = group.target_group_arn().unwrap_or_default();
        let reply = self.elb.describe_target_group_attributes().target_group_arn(arn).send().await;
        let reply = reply.map_err(|error| {
            named(AwsError::of(operation::DESCRIBE_TARGET_GROUP_ATTRIBUTES, &error), || format!("target group `{arn}`"))
        })?;
        let attributes = reply.attributes.unwrap_or_default();
        let delay = attributes.iter().find(|attribute| attribute.key() == Some("deregistration_delay.timeout_seconds"));
        let delay = delay.and_then(|delay| delay.value()).and_then(|value| value.parse().ok()).map(Span::seconds);
        let positive = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
        Ok(TargetGroupSeen {
            arn: arn.to_owned(),
            drain: delay.unwrap_or(DRAIN),
            interval: Span::seconds(positive(group.health_check_interval_seconds).unwrap_or(30).into()),
            healthy_threshold: positive(group.healthy_threshold_count).unwrap_or(5),
        })
    }

    async fn dns(&self, arn: Option<&String>) -> PortResult<Option<String>> {
        let Some(arn) = arn else {
            return Ok(None);
        };
        let reply = self.elb.describe_load_balancers().load_balancer_arns(arn).send().await;
        let reply = reply.map_err(|error| {
            named(AwsError::of(operation::DESCRIBE_LOAD_BALANCERS, &error), || format!("load balancer `{arn}`"))
        })?;
        Ok(reply.load_balancers.unwrap_or_default().into_iter().find_map(|found| found.dns_name))
    }
}
