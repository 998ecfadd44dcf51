//! The targets of a service and how they are checked: ELBv2, read only.

use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription;
use futures_util::future::try_join_all;
use serde_json::Value;
use shipit_core::dossier::{Target, TargetGroup, TargetState};

use super::reading::{items, text};
use crate::adapter::aws::error::{AwsError, named};
use crate::adapter::aws::operation;
use crate::port::PortResult;

/// ELBv2.
pub struct Targets {
    elb: aws_sdk_elasticloadbalancingv2::Client,
}

impl Targets {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { elb: aws_sdk_elasticloadbalancingv2::Client::new(sdk) }
    }

    /// The target groups of a service, given its JSON.
    pub async fn look(&self, service: &Value) -> PortResult<Vec<TargetGroup>> {
        // Each task set of CodeDeploy has its own, the service those it was made with.
        let of_sets = items(&service["taskSets"]).flat_map(|set| items(&set["loadBalancers"]));
        let mut balancers: Vec<&Value> = Vec::new();
        for balancer in items(&service["loadBalancers"]).chain(of_sets).filter(|found| found["targetGroupArn"].is_string()) {
            if balancers.iter().all(|known| known["targetGroupArn"] != balancer["targetGroupArn"]) {
                balancers.push(balancer);
            }
        }
        try_join_all(balancers.into_iter().map(|balancer| self.group(balancer))).await
    }

    async fn group(&self, balancer: &Value) -> PortResult<TargetGroup> {
        let arn = text(&balancer["targetGroupArn"]).unwrap_or_default();
        let what = || format!("target group `{arn}`");
        let described = async {
            let reply = self.elb.describe_target_groups().target_group_arns(&arn).send().await;
            reply.map_err(|error| named(AwsError::of(operation::DESCRIBE_TARGET_GROUPS, &error), what))
        };
        let health = async {
            let reply = self.elb.describe_target_health().target_group_arn(&arn).send().await;
            reply.map_err(|error| named(AwsError::of(operation::DESCRIBE_TARGET_HEALTH, &error), what))
        };
        let (described, health) = futures_util::try_join!(described, health)?;
        let group = described.target_groups.unwrap_or_default().into_iter().next();
        let check = group.as_ref();
        let seconds = |seconds: Option<i32>, default| seconds.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(default);
        let matcher = check.and_then(|group| group.matcher());
        Ok(TargetGroup {
            path: check.and_then(|group| group.health_check_path()).map(str::to_owned),
            check_port: check.and_then(|group| group.health_check_port()).unwrap_or("traffic-port").to_owned(),
            timeout: seconds(check.and_then(|group| group.health_check_timeout_seconds()), 5),
            interval: seconds(check.and_then(|group| group.health_check_interval_seconds()), 30),
            expects: matcher.and_then(|matcher| matcher.http_code().or(matcher.grpc_code())).map(str::to_owned),
            container: text(&balancer["containerName"]).unwrap_or_default(),
            container_port: balancer["containerPort"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
            targets: health.target_health_descriptions.unwrap_or_default().iter().filter_map(target).collect(),
            arn: arn.clone(),
        })
    }
}

fn target(description: &TargetHealthDescription) -> Option<Target> {
    let target = description.target()?;
    let health = description.target_health()?;
    Some(Target {
        address: target.id()?.to_owned(),
        port: target.port().and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
        state: TargetState::of(health.state()?.as_str()),
        reason: health.reason().map(|reason| reason.as_str().to_owned()),
        description: health.description().map(str::to_owned),
    })
}
