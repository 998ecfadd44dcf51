//! What goes wrong in a cluster: stopped tasks, what their definition says, their targets, their last words. Read only.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use serde_json::{Value, json};
use shipit_core::dossier::{LogPlace, Stop, TargetGroup};
use shipit_core::release::{DeploymentId, Revision};

use super::api::Api;
use super::reading::{items, text};
use super::targets::Targets;
use super::{describe, stopped};
use crate::adapter::aws::error::AwsError;
use crate::adapter::aws::operation;
use crate::port::{Evidence, PortError, PortResult};

/// Lines of the log that are kept.
const LINES: i32 = 20;
/// Pages of stopped tasks that are listed, of 100: ECS forgets them after about an hour.
const PAGES: usize = 10;

/// Stopped tasks of one cluster, their targets and their logs.
pub struct StoppedTasks {
    api: Api,
    targets: Targets,
    logs: aws_sdk_cloudwatchlogs::Client,
}

impl StoppedTasks {
    /// The cluster of that name or ARN.
    pub fn new(sdk: &SdkConfig, cluster: &str) -> Self {
        Self { api: Api::new(sdk, cluster), targets: Targets::new(sdk), logs: aws_sdk_cloudwatchlogs::Client::new(sdk) }
    }
}

#[async_trait]
impl Evidence for StoppedTasks {
    /// `startedBy` is no filter here, for ListTasks takes it only alone.
    async fn stopped(&self, service: &str, deployment: &DeploymentId, known: &BTreeSet<String>) -> PortResult<Vec<Stop>> {
        let mut stops = Vec::new();
        let mut body = self.api.body(json!({"serviceName": service, "desiredStatus": "STOPPED", "maxResults": 100}));
        for _ in 0..PAGES {
            let mut listed = self.api.call(operation::LIST_TASKS, &body).await?;
            let arns = items(&listed["taskArns"]).filter_map(Value::as_str);
            let new: Vec<&str> = arns.filter(|arn| !known.contains(stopped::id(arn))).collect();
            if !new.is_empty() {
                let named = self.api.body(json!({"tasks": new}));
                let described = self.api.call(operation::DESCRIBE_TASKS, &named).await?;
                let ours = items(&described["tasks"]).filter(|task| task["startedBy"] == deployment.as_str());
                stops.extend(ours.map(stopped::stop));
            }
            match listed["nextToken"].take() {
                token @ Value::String(_) => body["nextToken"] = token,
                _ => break,
            }
        }
        Ok(stops)
    }

    async fn definition(&self, revision: &Revision) -> PortResult<Value> {
        let body = json!({"taskDefinition": revision.as_str()});
        let mut described = self.api.call(operation::DESCRIBE_TASK_DEFINITION, &body).await?;
        Ok(described["taskDefinition"].take())
    }

    async fn target_groups(&self, service: &str) -> PortResult<Vec<TargetGroup>> {
        let body = self.api.body(json!({"services": [service]}));
        let described = describe::service(self.api.call(operation::DESCRIBE_SERVICES, &body).await?)?;
        match described {
            Some(service) => self.targets.look(&service).await,
            None => Ok(Vec::new()),
        }
    }

    async fn log(&self, place: &LogPlace, stream: &str) -> PortResult<Vec<String>> {
        let mut config = aws_sdk_cloudwatchlogs::config::Builder::new();
        let region = place.region.clone().or_else(|| self.logs.config().region().map(ToString::to_string));
        config.set_region(region.map(Region::new));
        let request = self.logs.get_log_events().log_group_name(&place.group).log_stream_name(stream);
        let request = request.start_from_head(false).limit(LINES).customize().config_override(config);
        let reply = match request.send().await {
            Ok(reply) => reply,
            Err(error) => match AwsError::of(operation::GET_LOG_EVENTS, &error).into() {
                PortError::NotFound { .. } => return Ok(Vec::new()),
                error => return Err(error),
            },
        };
        let lines = reply.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
        Ok(lines.map(|line| line.trim_end().to_owned()).filter(|line| text(&json!(line)).is_some()).collect())
    }
}
