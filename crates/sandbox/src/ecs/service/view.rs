//! A service as DescribeServices answers it, with its `deployments[]`.

use serde_json::{Map, Value, json};
use shipit_scheduler::{Deployment, DeploymentId, Role, Rollout as RolloutState};

use super::super::request::{list, object, text};
use super::super::task::{Owner, Task};
use super::{Revision, Service, Status, configuration, revision_of, task_sets};
use crate::clock::Clock;
use crate::state::State;

/// What `platformVersion` LATEST is on Fargate's Linux.
pub(in crate::ecs) const LATEST: &str = "1.4.0";

/// How many tasks of a deployment or service there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Wanted and not RUNNING yet.
    pub pending: usize,
    /// RUNNING.
    pub running: usize,
    /// Not asked to stop.
    pub wanted: usize,
}

/// The tasks of a service, or of one of its deployments.
pub(super) fn counts(state: &State, service: &Service, of: Option<DeploymentId>) -> Counts {
    let key = service.key();
    let belongs = |task: &&Task| match &task.owner {
        Owner::Service { key: other, deployment, .. } => *other == key && of.is_none_or(|of| of == *deployment),
        Owner::Caller => false,
    };
    let mut counts = Counts::default();
    for task in state.ecs.tasks.values().filter(belongs) {
        counts.pending += usize::from(task.is_pending());
        // One that is told to stop is not counted from then on, as the scheduler does not count it.
        counts.running += usize::from(task.is_running() && task.stop.is_none());
        counts.wanted += usize::from(task.stop.is_none());
    }
    counts
}

/// `launchType` of a revision; none when a capacity provider strategy decides.
pub(super) fn launch_type(revision: &Revision) -> Option<&str> {
    text(&revision.members, "launchType")
}

/// The alarms that a service watches.
pub(in crate::ecs) fn alarm_names(service: &Service) -> Vec<String> {
    configuration::alarms(&configuration::with_defaults(&service.sent))
}

/// The whole service, with these tags.
pub(super) fn service(state: &State, service: &Service, tags: &[Value]) -> Value {
    let Counts { pending, running, .. } = counts(state, service, None);
    let revision = service.current();
    let mut value = json!({
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": state.ecs.clusters.get(&service.cluster).map(|cluster| cluster.arn.as_str()),
        "loadBalancers": list(&revision.members, "loadBalancers"),
        "serviceRegistries": list(&revision.members, "serviceRegistries"),
        "status": match service.status {
            Status::Active => "ACTIVE",
            Status::Draining => "DRAINING",
            Status::Inactive => "INACTIVE",
        },
        "desiredCount": service.plan.desired,
        "runningCount": running,
        "pendingCount": pending,
    });
    let members = object(&mut value);
    members.extend(platform(revision));
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("taskDefinition", revision.definition.clone().into());
    let deployments = service.plan.deployments.iter().filter(|_| service.status != Status::Inactive && !service.is_code_deploy());
    put("deployments", deployments.map(|one| deployment(state, service, one)).collect());
    put("roleArn", format!("arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", state.account).into());
    put(
        "events",
        service
            .events
            .iter()
            .map(|event| json!({ "id": event.id, "createdAt": event.created_at, "message": event.message }))
            .collect(),
    );
    put("createdAt", service.created_at.into());
    put("createdBy", service.created_by.clone().into());
    put("placementConstraints", json!([]));
    put("placementStrategy", json!([]));
    if let Some(network) = revision.members.get("networkConfiguration") {
        put("networkConfiguration", network.clone());
    }
    put("healthCheckGracePeriodSeconds", json!(0));
    put("schedulingStrategy", "REPLICA".into());
    put("deploymentController", json!({ "type": "ECS" }));
    put("enableECSManagedTags", json!(false));
    put("propagateTags", "NONE".into());
    put("enableExecuteCommand", json!(false));
    put("availabilityZoneRebalancing", if service.is_daemon() { "DISABLED" } else { "ENABLED" }.into());
    if let Some(rollout) = service.rollouts.last().filter(|rollout| !rollout.status.is_final()) {
        put("currentServiceDeployment", rollout.arn.clone().into());
    }
    if service.is_code_deploy() {
        put("taskSets", task_sets::view(state, service).into());
    } else {
        put("currentServiceRevisions", service.plan.deployments.iter().map(|one| summary(state, service, one)).collect());
    }
    put("tags", tags.into());
    members.extend(service.sent.as_object().cloned().unwrap_or_default());
    let configuration = configuration::with_defaults(&service.sent);
    members.insert("deploymentConfiguration".into(), configuration);
    value
}

/// Where a revision's tasks run, as service, deployment and revision show it.
pub(super) fn platform(revision: &Revision) -> Map<String, Value> {
    let mut members = Map::new();
    let providers = list(&revision.members, "capacityProviderStrategy");
    let launch_type = launch_type(revision);
    if let Some(launch_type) = launch_type {
        members.insert("launchType".into(), launch_type.into());
    } else if providers.is_empty() {
        members.insert("launchType".into(), "EC2".into());
    } else {
        members.insert("capacityProviderStrategy".into(), providers.into());
    }
    let provider = providers.first().and_then(|provider| text(provider, "capacityProvider")).unwrap_or_default();
    if launch_type == Some("FARGATE") || provider.starts_with("FARGATE") {
        let version = text(&revision.members, "platformVersion").unwrap_or("LATEST");
        members.insert("platformVersion".into(), version.into());
        members.insert("platformFamily".into(), "Linux".into());
    }
    members
}

/// The same where tasks run already: LATEST is a version there.
pub(super) fn resolved(mut platform: Map<String, Value>) -> Map<String, Value> {
    if let Some(version) = platform.get_mut("platformVersion").filter(|version| *version == "LATEST") {
        *version = LATEST.into();
    }
    platform
}

/// How many tasks a deployment is to have: the PRIMARY what is desired once the scheduler has looked, others what they have.
fn wanted(service: &Service, one: &Deployment, has: Counts) -> usize {
    let looked = service.rollouts.last().is_none_or(|rollout| rollout.started_at.is_some());
    match (one.role, one.rollout) {
        (Role::Primary, RolloutState::InProgress | RolloutState::Completed) if looked => service.plan.desired as usize,
        (Role::Primary, _) => 0,
        (Role::Active, _) => has.wanted,
    }
}

fn deployment(state: &State, service: &Service, one: &Deployment) -> Value {
    let has = counts(state, service, Some(one.id));
    let record = &service.deployments[&one.id];
    let revision = &service.revisions[record.revision];
    let mut value = json!({
        "id": record.name,
        "status": match one.role {
            Role::Primary => "PRIMARY",
            Role::Active => "ACTIVE",
        },
        "taskDefinition": revision.definition,
        "desiredCount": wanted(service, one, has),
        "pendingCount": has.pending,
        "runningCount": has.running,
        "failedTasks": one.failed_tasks,
        "createdAt": Clock::seconds(one.created_at),
        "updatedAt": record.updated_at,
    });
    let members = object(&mut value);
    members.extend(resolved(platform(revision)));
    let kept = ["networkConfiguration", "serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];
    for name in kept {
        if let Some(member) = revision.members.get(name) {
            members.insert(name.into(), member.clone());
        }
    }
    let rollout = match one.rollout {
        RolloutState::InProgress => "IN_PROGRESS",
        RolloutState::Completed => "COMPLETED",
        RolloutState::Failed => "FAILED",
    };
    members.insert("rolloutState".into(), rollout.into());
    members.insert("rolloutStateReason".into(), record.reason.clone().into());
    value
}

fn summary(state: &State, service: &Service, one: &Deployment) -> Value {
    let has = counts(state, service, Some(one.id));
    let arn = service.revisions.get(revision_of(one)).map(|revision| revision.arn.as_str());
    json!({
        "arn": arn,
        "requestedTaskCount": wanted(service, one, has),
        "runningTaskCount": has.running,
        "pendingTaskCount": has.pending,
    })
}
