//! A stopped task of DescribeTasks, in core's words. Pure.

use serde_json::Value;
use shipit_core::dossier::{ContainerEnd, ContainerHealth, Stop};

use super::reading::{items, text, time};

/// A task's id: the end of its ARN.
pub fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// A task that has stopped or is stopping.
pub fn stop(task: &Value) -> Stop {
    Stop {
        task: id(task["taskArn"].as_str().unwrap_or_default()).to_owned(),
        stopped_at: time(&task["stoppedAt"]),
        code: text(&task["stopCode"]).unwrap_or_default().into(),
        reason: text(&task["stoppedReason"]).unwrap_or_default(),
        containers: items(&task["containers"]).filter_map(container).collect(),
    }
}

fn container(container: &Value) -> Option<ContainerEnd> {
    Some(ContainerEnd {
        name: text(&container["name"])?,
        image: text(&container["image"]).unwrap_or_default(),
        exit_code: container["exitCode"].as_i64(),
        reason: text(&container["reason"]),
        health: match container["healthStatus"].as_str() {
            Some("HEALTHY") => ContainerHealth::Healthy,
            Some("UNHEALTHY") => ContainerHealth::Unhealthy,
            _ => ContainerHealth::Unknown,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shipit_core::dossier::StopCode;

    use super::*;

    #[test]
    fn a_task_that_is_still_stopping_has_no_end_yet_and_strange_members_do_no_harm() {
        let stop = stop(&json!({"taskArn": "arn:aws:ecs:eu-west-1:1:task/prod/3f2a", "stopCode": "SomethingNew", "containers": [
            {"name": "web", "image": "web:1", "healthStatus": "UNHEALTHY", "exitCode": "1"}, {"exitCode": 3}]}));
        assert_eq!((stop.task.as_str(), stop.stopped_at), ("3f2a", None));
        assert_eq!(stop.code, StopCode::Other("SomethingNew".to_owned()));
        assert_eq!(stop.containers.len(), 1);
        assert_eq!((stop.containers[0].exit_code, stop.containers[0].health), (None, ContainerHealth::Unhealthy));
    }
}
