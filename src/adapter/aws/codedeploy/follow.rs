//! A look at a deployment of CodeDeploy in core's words: task sets are its `deployments[]`. Pure.

use jiff::Timestamp;
use serde_json::Value;
use shipit_core::pipeline::Share;
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::settled::{Begun, DeploymentSeen, Evidence, RolloutState, ServiceDeployment, ServiceDeployments};

use super::seen::{Deployment, Target};
use super::shift::shift;
use super::status::{Earlier, reason, status};
use crate::adapter::aws::ecs::reading::{count, items, text, time};

/// What was read of our deployment.
#[derive(Clone, Debug)]
pub struct Ours {
    /// It.
    pub deployment: Deployment,
    /// Its target, once it has started.
    pub target: Option<Target>,
    /// The deployment that takes it back.
    pub back: Option<Deployment>,
    /// Its target.
    pub back_target: Option<Target>,
    /// Deployments that others made after it, with what they bring.
    pub later: Vec<(Deployment, Revision)>,
}

/// What a look showed of the deployments of the group.
#[derive(Clone, Debug)]
pub enum Look {
    /// The task set was made by no deployment: its own id decides.
    NoDeployment,
    /// Ours does not show yet.
    NotYet,
    /// Ours shows.
    Ours(Box<Ours>),
}

/// A look at the service after our call.
pub fn evidence(begun: &Begun, service: &Value, look: &Look, now: Timestamp) -> Evidence {
    let ours = match look {
        Look::Ours(ours) => Some(&**ours),
        Look::NoDeployment | Look::NotYet => None,
    };
    let since = ours.map_or(begun.asked_at, |ours| ours.deployment.created);
    let events = items(&service["events"]).filter(|event| time(&event["createdAt"]).is_some_and(|at| at >= since));
    let events = events.filter_map(|event| text(&event["message"]));
    let listed = || ours.map(|ours| listed(begun, service, ours, now)).unwrap_or_default();
    Evidence {
        at: now,
        service_deployments: match look {
            Look::NoDeployment => ServiceDeployments::Unsupported,
            Look::NotYet | Look::Ours(_) => ServiceDeployments::Listed { list: listed() },
        },
        deployments: deployments(service, ours.map(|ours| &ours.deployment)),
        desired: count(&service["desiredCount"]),
        running: count(&service["runningCount"]),
        pending: count(&service["pendingCount"]),
        events: ours.map(own_words).unwrap_or_default().into_iter().chain(events).collect(),
    }
}

/// What CodeDeploy itself says of trouble, and of what it waits for.
fn own_words(ours: &Ours) -> Vec<String> {
    let events = ours.target.iter().flat_map(|target| &target.events);
    let failed = events.filter_map(|event| Some(format!("(CodeDeploy) {}: {}", event.name, event.trouble.as_ref()?)));
    failed.chain(ours.deployment.messages.iter().map(|message| format!("(CodeDeploy) {message}"))).collect()
}

/// Ours, and what came after it, newest first.
fn listed(begun: &Begun, service: &Value, ours: &Ours, now: Timestamp) -> Vec<ServiceDeployment> {
    let Ours { deployment, target, back, back_target, later } = ours;
    let moved = back_target.as_ref().or(target.as_ref());
    let earlier = earlier(service, moved, &begun.revision);
    // Our handle may be of a clock that goes ahead of AWS's: it names our deployment all the same.
    let created_at = deployment.created.max(begun.asked_at);
    let own = ServiceDeployment {
        arn: deployment.id.clone(),
        created_at,
        revision: begun.revision.clone(),
        status: status(deployment, back.as_ref(), earlier, now),
        reason: reason(deployment, target.as_ref(), back.as_ref()),
        shift: Some(shift(deployment, target.as_ref(), back_target.as_ref(), service)),
    };
    let of_others = later.iter().map(|(deployment, revision)| ServiceDeployment {
        arn: deployment.id.clone(),
        created_at: deployment.created.max(created_at.checked_add(jiff::SignedDuration::from_millis(1)).unwrap_or(created_at)),
        revision: revision.clone(),
        status: status(deployment, None, Earlier::DoesNot, now),
        reason: reason(deployment, None, None),
        shift: None,
    });
    let mut list: Vec<ServiceDeployment> = of_others.chain([own]).collect();
    list.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
    list
}

/// Whether another revision than ours is PRIMARY and has all traffic: by CodeDeploy's weights, else because it is alone.
fn earlier(service: &Value, moved: Option<&Target>, ours: &Revision) -> Earlier {
    let Some(primary) = primary(service).filter(|primary| primary["taskDefinition"] != ours.as_str()) else {
        return Earlier::DoesNot;
    };
    let alone = items(&service["taskSets"]).count() == 1;
    let id = primary["id"].as_str().unwrap_or_default();
    let weight = moved.and_then(|target| target.task_sets.iter().find(|set| set.id == id)).map(|set| set.weight);
    if alone || weight == Some(Share::ALL) { Earlier::ServesAll } else { Earlier::DoesNot }
}

/// The PRIMARY task set of a service.
pub fn primary(service: &Value) -> Option<&Value> {
    items(&service["taskSets"]).find(|set| set["status"] == "PRIMARY")
}

/// The handle of a task set: the deployment that made it, else the task set itself.
pub fn handle(task_set: &Value) -> Option<DeploymentId> {
    let made_by = text(&task_set["externalId"]).filter(|id| is_codedeploys(id));
    made_by.or_else(|| text(&task_set["id"])).map(DeploymentId)
}

/// The id is one of CodeDeploy's deployments.
pub fn is_codedeploys(id: &str) -> bool {
    id.starts_with("d-")
}

/// Task sets as deployments, PRIMARY first.
fn deployments(service: &Value, ours: Option<&Deployment>) -> Vec<DeploymentSeen> {
    let failed = ours.filter(|ours| ours.status == "Failed").map(|ours| ours.id.as_str());
    let one = |set: &Value| {
        let id = handle(set)?;
        let rollout = match set["stabilityStatus"].as_str() {
            _ if Some(id.as_str()) == failed => RolloutState::Failed,
            Some("STEADY_STATE") => RolloutState::Completed,
            Some("STABILIZING") => RolloutState::InProgress,
            other => RolloutState::Other(other.unwrap_or_default().to_owned()),
        };
        Some(DeploymentSeen {
            id,
            role: text(&set["status"]).unwrap_or_default(),
            revision: Revision(text(&set["taskDefinition"]).unwrap_or_default()),
            rollout,
            reason: None,
            desired: count(&set["computedDesiredCount"]),
            running: count(&set["runningCount"]),
            pending: count(&set["pendingCount"]),
            failed: 0,
        })
    };
    let mut all: Vec<DeploymentSeen> = items(&service["taskSets"]).filter_map(one).collect();
    all.sort_by_key(|deployment| deployment.role != "PRIMARY");
    all
}
