//! The first task of a deployment that failed: what ECS says of it, and its last words.

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use serde_json::{Value, json};
use shipit_core::release::DeploymentId;

use super::api::Api;
use super::reading::{items, text, time};
use crate::adapter::aws::operation;
use crate::port::{Evidence, FailedContainer, FailedTask, PortResult};

/// Lines of the log that are shown.
const LINES: i32 = 5;
/// Pages of stopped tasks that are read, of 100: ECS forgets them after about an hour.
const PAGES: usize = 10;

/// Stopped tasks of one cluster, and their logs.
pub struct StoppedTasks {
    api: Api,
    logs: aws_sdk_cloudwatchlogs::Client,
}

impl StoppedTasks {
    /// The cluster of that name or ARN.
    pub fn new(sdk: &SdkConfig, cluster: &str) -> Self {
        Self { api: Api::new(sdk, cluster), logs: aws_sdk_cloudwatchlogs::Client::new(sdk) }
    }

    /// Stopped tasks of a service; `startedBy` is no filter here, for ListTasks takes it only alone.
    async fn stopped(&self, service: &str) -> PortResult<Vec<Value>> {
        let mut tasks = Vec::new();
        let mut body = self.api.body(json!({"serviceName": service, "desiredStatus": "STOPPED", "maxResults": 100}));
        for _ in 0..PAGES {
            let mut listed = self.api.call(operation::LIST_TASKS, &body).await?;
            if items(&listed["taskArns"]).next().is_none() {
                break;
            }
            let named = self.api.body(json!({"tasks": listed["taskArns"]}));
            if let Value::Array(found) = self.api.call(operation::DESCRIBE_TASKS, &named).await?["tasks"].take() {
                tasks.extend(found);
            }
            match listed["nextToken"].take() {
                token @ Value::String(_) => body["nextToken"] = token,
                _ => break,
            }
        }
        Ok(tasks)
    }

    /// The container's last lines; a log that cannot be read is one that says nothing.
    async fn last_words(&self, task: &Value, container: &str) -> Vec<String> {
        let body = json!({"taskDefinition": task["taskDefinitionArn"]});
        let Ok(described) = self.api.call(operation::DESCRIBE_TASK_DEFINITION, &body).await else {
            return Vec::new();
        };
        let Some(stream) = stream(&described["taskDefinition"], task, container) else {
            return Vec::new();
        };
        let mut config = aws_sdk_cloudwatchlogs::config::Builder::new();
        config.set_region(stream.region.or_else(|| self.logs.config().region().map(ToString::to_string)).map(Region::new));
        let request = self.logs.get_log_events().log_group_name(stream.group).log_stream_name(stream.name);
        let request = request.start_from_head(false).limit(LINES).customize().config_override(config);
        let events = request.send().await.ok().and_then(|reply| reply.events).unwrap_or_default();
        events.into_iter().filter_map(|event| event.message).map(|line| line.trim_end().to_owned()).collect()
    }
}

#[async_trait]
impl Evidence for StoppedTasks {
    async fn first_failed_task(&self, service: &str, deployment: &DeploymentId) -> PortResult<Option<FailedTask>> {
        let tasks = self.stopped(service).await?;
        let Some(task) = first_failed(&tasks, deployment) else {
            return Ok(None);
        };
        let mut failed = failed_task(task);
        if let Some(container) = telling(task).and_then(|container| container["name"].as_str()) {
            failed.log = self.last_words(task, container).await;
        }
        Ok(Some(failed))
    }
}

/// The earliest task of this deployment that stopped by failing.
fn first_failed<'a>(tasks: &'a [Value], deployment: &DeploymentId) -> Option<&'a Value> {
    let ours = tasks.iter().filter(|task| task["startedBy"] == deployment.as_str() && has_failed(task));
    ours.min_by_key(|task| ["stoppedAt", "stoppingAt", "createdAt"].iter().find_map(|key| time(&task[*key])))
}

/// Stopped because something is wrong with it: not by scaling, a person, or the machine below it.
fn has_failed(task: &Value) -> bool {
    let reason = task["stoppedReason"].as_str().unwrap_or_default();
    match task["stopCode"].as_str().unwrap_or_default() {
        "ServiceSchedulerInitiated" => reason.contains("failed") && reason.contains("health check"),
        "UserInitiated" | "SpotInterruption" | "TerminationNotice" => false,
        _ => true,
    }
}

fn failed_task(task: &Value) -> FailedTask {
    let container = |container: &Value| {
        Some(FailedContainer {
            name: text(&container["name"])?,
            exit_code: container["exitCode"].as_i64(),
            reason: text(&container["reason"]),
        })
    };
    FailedTask {
        id: id(task),
        stop_code: text(&task["stopCode"]).unwrap_or_default(),
        reason: text(&task["stoppedReason"]).unwrap_or_default(),
        containers: items(&task["containers"]).filter_map(container).collect(),
        log: Vec::new(),
    }
}

/// The container that tells most: one that ended badly, else one that ECS gives a reason for, else the first.
fn telling(task: &Value) -> Option<&Value> {
    let containers = || items(&task["containers"]);
    let bad = containers().find(|container| container["exitCode"].as_i64().is_some_and(|code| code != 0));
    bad.or_else(|| containers().find(|container| container["reason"].is_string())).or_else(|| containers().next())
}

fn id(task: &Value) -> String {
    task["taskArn"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
}

/// A log stream in CloudWatch Logs.
#[derive(Debug, PartialEq, Eq)]
struct Stream {
    group: String,
    name: String,
    region: Option<String>,
}

/// Where the awslogs driver writes a container's output: `prefix/container/task`.
fn stream(definition: &Value, task: &Value, container: &str) -> Option<Stream> {
    let defined = items(&definition["containerDefinitions"]).find(|defined| defined["name"] == container)?;
    let log = &defined["logConfiguration"];
    let option = |name: &str| text(&log["options"][name]);
    if log["logDriver"] != "awslogs" {
        return None;
    }
    let name = format!("{}/{container}/{}", option("awslogs-stream-prefix")?, id(task));
    Some(Stream { group: option("awslogs-group")?, name, region: option("awslogs-region") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, stopped_at: f64, code: &str, reason: &str) -> Value {
        json!({"taskArn": format!("arn/{name}"), "startedBy": "ecs-svc/1", "stoppedAt": stopped_at, "stopCode": code, "stoppedReason": reason})
    }

    #[test]
    fn scaling_and_people_are_no_failures() {
        let tasks = [
            task("scaled", 1.0, "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
            task("moved", 2.0, "ServiceSchedulerInitiated", "Availability-zone rebalancing initiated by (deployment ecs-svc/1)"),
            task("killed", 3.0, "UserInitiated", "Task stopped by user"),
            task("late", 9.0, "TaskFailedToStart", "CannotPullContainerError: not found"),
            task("unhealthy", 8.0, "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group tg)"),
        ];
        let first = first_failed(&tasks, &DeploymentId("ecs-svc/1".to_owned())).unwrap();
        assert_eq!(id(first), "unhealthy");
        assert!(first_failed(&tasks[..3], &DeploymentId("ecs-svc/1".to_owned())).is_none());
    }

    #[test]
    fn the_container_that_ended_badly_tells_most() {
        let task = json!({"containers": [{"name": "sidecar", "exitCode": 0}, {"name": "web", "exitCode": 1}]});
        assert_eq!(telling(&task).unwrap()["name"], "web");
        let never_ran = json!({"containers": [{"name": "sidecar"}, {"name": "web", "reason": "CannotPullContainerError"}]});
        assert_eq!(telling(&never_ran).unwrap()["name"], "web");
    }
}
