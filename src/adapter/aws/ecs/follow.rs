//! How a deployment stands, in core's words. Pure.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::settled::{Begun, DeploymentSeen, Evidence, RolloutState, ServiceDeployment, ServiceDeployments, Status};

use super::reading::{count, items, text, time};

/// How long a service deployment may take to show after our call.
const LAG: SignedDuration = SignedDuration::from_secs(30);

/// Statuses of a service deployment that has not ended.
pub const IN_PROGRESS: [&str; 5] = ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];

/// Service deployments of ListServiceDeployments, newest first. One whose revision is not known yet is left for the next look.
pub fn list(briefs: &[Value], revisions: &HashMap<String, Revision>) -> Vec<ServiceDeployment> {
    let one = |brief: &Value| {
        Some(ServiceDeployment {
            arn: text(&brief["serviceDeploymentArn"])?,
            created_at: time(&brief["createdAt"])?,
            revision: revisions.get(brief["targetServiceRevisionArn"].as_str()?)?.clone(),
            status: status(brief["status"].as_str().unwrap_or_default()),
            reason: text(&brief["statusReason"]),
            shift: None,
        })
    };
    let mut list: Vec<ServiceDeployment> = briefs.iter().filter_map(one).collect();
    list.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
    list
}

/// The service deployment of our call: the first with our revision since then.
pub fn ours<'a>(begun: &Begun, list: &'a [ServiceDeployment]) -> Option<&'a ServiceDeployment> {
    let since = list.iter().filter(|found| found.created_at >= begun.asked_at && found.revision == begun.revision);
    since.min_by_key(|found| found.created_at)
}

/// The same, to be completed.
pub fn ours_mut<'a>(begun: &Begun, list: &'a mut [ServiceDeployment]) -> Option<&'a mut ServiceDeployment> {
    let arn = ours(begun, list)?.arn.clone();
    list.iter_mut().find(|found| found.arn == arn)
}

/// A look at the service after our call.
pub fn evidence(begun: &Begun, service: &Value, listed: ServiceDeployments, now: Timestamp) -> Evidence {
    let mut deployments: Vec<DeploymentSeen> = items(&service["deployments"]).map(deployment).collect();
    deployments.sort_by_key(|deployment| deployment.role != "PRIMARY");
    let events = items(&service["events"]).filter(|event| time(&event["createdAt"]).is_some_and(|at| at >= begun.asked_at));
    Evidence {
        at: now,
        service_deployments: believed(begun, service, listed, now),
        deployments,
        desired: count(&service["desiredCount"]),
        running: count(&service["runningCount"]),
        pending: count(&service["pendingCount"]),
        events: events.filter_map(|event| text(&event["message"])).collect(),
    }
}

/// ministack knows ListServiceDeployments and always answers an empty list. On AWS every deployment shows there within
/// seconds; so an empty list long after our PRIMARY was created is a platform without service deployments.
fn believed(begun: &Begun, service: &Value, listed: ServiceDeployments, now: Timestamp) -> ServiceDeployments {
    let empty = matches!(&listed, ServiceDeployments::Listed { list } if list.is_empty());
    let ours = items(&service["deployments"]).find(|deployment| deployment["id"] == begun.deployment.as_str());
    let created = ours.and_then(|ours| time(&ours["createdAt"]));
    match created {
        Some(created) if empty && now.duration_since(created) > LAG => ServiceDeployments::Unsupported,
        _ => listed,
    }
}

fn deployment(json: &Value) -> DeploymentSeen {
    DeploymentSeen {
        id: DeploymentId(text(&json["id"]).unwrap_or_default()),
        role: text(&json["status"]).unwrap_or_default(),
        revision: Revision(text(&json["taskDefinition"]).unwrap_or_default()),
        rollout: match json["rolloutState"].as_str() {
            Some("IN_PROGRESS") => RolloutState::InProgress,
            Some("COMPLETED") => RolloutState::Completed,
            Some("FAILED") => RolloutState::Failed,
            other => RolloutState::Other(other.unwrap_or_default().to_owned()),
        },
        reason: text(&json["rolloutStateReason"]),
        desired: count(&json["desiredCount"]),
        running: count(&json["runningCount"]),
        pending: count(&json["pendingCount"]),
        failed: count(&json["failedTasks"]),
    }
}

fn status(word: &str) -> Status {
    match word {
        "PENDING" => Status::Pending,
        "IN_PROGRESS" => Status::InProgress,
        "SUCCESSFUL" => Status::Successful,
        "STOP_REQUESTED" => Status::StopRequested,
        "STOPPED" => Status::Stopped,
        "ROLLBACK_REQUESTED" => Status::RollbackRequested,
        "ROLLBACK_IN_PROGRESS" => Status::RollbackInProgress,
        "ROLLBACK_SUCCESSFUL" => Status::RollbackSuccessful,
        "ROLLBACK_FAILED" => Status::RollbackFailed,
        other => Status::Other(other.to_owned()),
    }
}
