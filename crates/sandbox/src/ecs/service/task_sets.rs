//! Task sets: a service with the controller CODE_DEPLOY has two at most, which CodeDeploy makes, fills, promotes and empties.
//! A task set is a deployment of the scheduler that is held outside the percents; its PRIMARY is the one with the traffic.

use serde_json::{Value, json};
use shipit_scheduler::{DeploymentId, Hold};

use super::super::request::{invalid, list, object};
use super::super::{Key, definition, seat};
use super::view::{Counts, counts, platform, resolved};
use super::{Revision, Service, Status, check, configuration, create};
use crate::error::AwsError;
use crate::state::State;

/// A task set beyond the scheduler's view.
#[derive(Clone, Debug)]
pub struct TaskSet {
    /// The scheduler's deployment.
    deployment: DeploymentId,
    /// `externalId`: the CodeDeploy deployment that made it.
    external: Option<String>,
    /// `scale`.
    scale: Scale,
    /// `createdAt`, virtual epoch seconds.
    created_at: f64,
    /// `updatedAt`.
    updated_at: f64,
    /// `stabilityStatus`.
    stability: Stability,
    /// `stabilityStatusAt`.
    stability_at: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// The whole desired count.
    Full,
    /// Nothing.
    Zero,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stability {
    Stabilizing,
    SteadyState,
}

/// A task set as those who deploy name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The scheduler's number for it.
    pub id: DeploymentId,
    /// `ecs-svc/<19 digits>`.
    pub name: String,
    /// Its target group's ARN.
    pub group: String,
}

/// How many of its tasks a task set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// None at all.
    Absent,
    /// Not all that are wanted, or not all of them healthy.
    Short,
    /// All, healthy.
    Full,
}

/// A task set's counts, and its status while it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `desiredCount`.
    pub desired: u32,
    /// `pendingCount`.
    pub pending: usize,
    /// `runningCount`.
    pub running: usize,
    /// PRIMARY, ACTIVE or DRAINING.
    pub status: Option<&'static str>,
}

/// What a new task set shall run.
pub(crate) struct Wanted<'a> {
    /// The task definition, by any of its names.
    pub definition: &'a str,
    /// The members that differ from the PRIMARY's.
    pub members: Value,
    /// `externalId`.
    pub external: &'a str,
}

impl Service {
    fn task_set_mut(&mut self, id: DeploymentId) -> Option<&mut TaskSet> {
        self.task_sets.iter_mut().find(|set| set.deployment == id)
    }

    fn hold_task_set(&mut self, id: DeploymentId, external: Option<&str>, now: f64) {
        self.plan.hold(id, Hold::Full);
        self.task_sets.push(TaskSet {
            deployment: id,
            external: external.map(str::to_owned),
            scale: Scale::Full,
            created_at: now,
            updated_at: now,
            stability: Stability::Stabilizing,
            stability_at: now,
        });
    }

    fn task_set(&self, id: DeploymentId) -> Option<Named> {
        let group = self.revision(id)?.targets().into_iter().next()?.group;
        Some(Named { id, name: self.deployment_name(id).to_owned(), group })
    }

    fn revision(&self, id: DeploymentId) -> Option<&Revision> {
        self.revisions.get(self.deployments.get(&id)?.revision)
    }

    fn status_of(&self, set: &TaskSet) -> &'static str {
        match set.scale {
            _ if set.deployment == self.plan.primary().id => "PRIMARY",
            Scale::Full => "ACTIVE",
            Scale::Zero => "DRAINING",
        }
    }
}

/// The first task set of a new service.
pub(super) fn first(state: &State, service: &mut Service) {
    let first = service.plan.primary().id;
    service.hold_task_set(first, None, state.now_seconds());
}

/// The service is there and ACTIVE.
pub(crate) fn is_there(state: &State, key: &Key) -> bool {
    state.ecs.services.get(key).is_some_and(Service::is_active)
}

/// The task set with the traffic.
pub(crate) fn primary(state: &State, key: &Key) -> Option<Named> {
    let service = state.ecs.services.get(key).filter(|service| service.is_active())?;
    service.task_set(service.plan.primary().id)
}

/// Makes a task set at full count beside the PRIMARY.
///
/// # Errors
/// What ECS answers where it cannot.
pub(crate) fn make(state: &mut State, key: &Key, wanted: Wanted) -> Result<Named, AwsError> {
    let mut service = state.ecs.services.get(key).ok_or_else(super::not_found)?.clone();
    let mut members = service.current().members.clone();
    configuration::overlay(&mut members, &wanted.members);
    if !list(&wanted.members, "capacityProviderStrategy").is_empty() {
        object(&mut members).remove("launchType");
    }
    let way = seat::way(state, &service.cluster, &members)?;
    let definition = definition::runnable(state, wanted.definition)?.clone();
    check::fits(state, &definition, &way, &members)?;
    let primary = service.plan.primary().id;
    let place = create::add_revision(state, &mut service, &definition, members);
    let id = service.plan.update(place as u64, state.clock.now());
    service.plan.promote(primary);
    service.failures_in_a_row = 0;
    create::record(state, &mut service, id, place);
    service.hold_task_set(id, Some(wanted.external), state.now_seconds());
    let named = service.task_set(id).ok_or_else(|| invalid("The task set has no target group."));
    state.ecs.services.insert(key.clone(), service);
    named
}

/// Makes a task set the PRIMARY.
pub(crate) fn promote(state: &mut State, key: &Key, id: DeploymentId) {
    let now = state.now_seconds();
    if let Some(service) = state.ecs.services.get_mut(key) {
        service.plan.promote(id);
        if let Some(set) = service.task_set_mut(id) {
            set.updated_at = now;
        }
    }
}

/// Takes a task set to zero.
pub(crate) fn empty(state: &mut State, key: &Key, id: DeploymentId) {
    let now = state.now_seconds();
    if let Some(service) = state.ecs.services.get_mut(key) {
        service.plan.hold(id, Hold::Empty);
        if let Some(set) = service.task_set_mut(id) {
            set.scale = Scale::Zero;
            set.updated_at = now;
        }
    }
}

/// Takes every task set but one to zero.
pub(crate) fn clear_beside(state: &mut State, key: &Key, kept: DeploymentId) {
    let sets = state.ecs.services.get(key).map(|service| service.task_sets.clone()).unwrap_or_default();
    for set in sets.iter().filter(|set| set.deployment != kept && set.scale == Scale::Full) {
        empty(state, key, set.deployment);
    }
}

/// How a task set stands.
pub(crate) fn standing(state: &State, key: &Key, id: DeploymentId) -> Standing {
    let Some(service) = state.ecs.services.get(key) else {
        return Standing::Absent;
    };
    let scale = service.task_sets.iter().find(|set| set.deployment == id).map(|set| set.scale);
    let has_tasks = service.plan.tasks.iter().any(|task| task.deployment == id);
    match scale {
        Some(Scale::Full) if service.plan.is_full(id, state.clock.now()) => Standing::Full,
        _ if has_tasks => Standing::Short,
        Some(Scale::Full) => Standing::Short,
        Some(Scale::Zero) | None => Standing::Absent,
    }
}

/// A task set's counts and status.
pub(crate) fn seen(state: &State, key: &Key, id: DeploymentId) -> Seen {
    let service = state.ecs.services.get(key);
    let Some((service, set)) = service.and_then(|it| Some((it, it.task_sets.iter().find(|set| set.deployment == id)?))) else {
        return Seen::default();
    };
    let Counts { pending, running, .. } = counts(state, service, Some(id));
    Seen { desired: desired(service, set), pending, running, status: Some(service.status_of(set)) }
}

fn desired(service: &Service, set: &TaskSet) -> u32 {
    match set.scale {
        Scale::Full => service.plan.desired,
        Scale::Zero => 0,
    }
}

/// Writes down which task sets are steady, and forgets those that have gone. Answers whether there was any such change,
/// for CodeDeploy waits for it.
pub(in crate::ecs) fn follow(state: &State, service: &mut Service) -> bool {
    let before = service.task_sets.len();
    let (now, seconds) = (state.clock.now(), state.now_seconds());
    let gone = service.status == Status::Inactive;
    let plan = &service.plan;
    service
        .task_sets
        .retain(|set| !gone && (set.scale == Scale::Full || plan.tasks.iter().any(|task| task.deployment == set.deployment)));
    let mut changed = service.task_sets.len() != before;
    for set in &mut service.task_sets {
        let steady = match set.scale {
            Scale::Full => plan.is_full(set.deployment, now),
            Scale::Zero => false,
        };
        let stability = if steady { Stability::SteadyState } else { Stability::Stabilizing };
        if set.stability != stability {
            set.stability = stability;
            set.stability_at = seconds;
            changed = true;
        }
    }
    changed
}

/// `taskSets`, newest first.
pub(super) fn view(state: &State, service: &Service) -> Vec<Value> {
    service.task_sets.iter().rev().filter_map(|set| view_one(state, service, set)).collect()
}

fn view_one(state: &State, service: &Service, set: &TaskSet) -> Option<Value> {
    let revision = service.revision(set.deployment)?;
    let name = service.deployment_name(set.deployment);
    let Counts { pending, running, .. } = counts(state, service, Some(set.deployment));
    let mut value = json!({
        "id": name,
        "taskSetArn": state.arn("ecs", &format!("task-set/{}/{}/{name}", service.cluster, service.name)),
        "serviceArn": service.arn,
        "clusterArn": state.ecs.clusters.get(&service.cluster).map(|cluster| cluster.arn.as_str()),
        "startedBy": "CODE_DEPLOY",
        "externalId": set.external,
        "status": service.status_of(set),
        "taskDefinition": revision.definition,
        "computedDesiredCount": desired(service, set),
        "pendingCount": pending,
        "runningCount": running,
        "createdAt": set.created_at,
        "updatedAt": set.updated_at,
        "loadBalancers": list(&revision.members, "loadBalancers"),
        "serviceRegistries": list(&revision.members, "serviceRegistries"),
        "scale": { "value": if set.scale == Scale::Full { 100.0 } else { 0.0 }, "unit": "PERCENT" },
        "stabilityStatus": match set.stability {
            Stability::Stabilizing => "STABILIZING",
            Stability::SteadyState => "STEADY_STATE",
        },
        "stabilityStatusAt": set.stability_at,
        "tags": [],
    });
    let members = object(&mut value);
    members.extend(resolved(platform(revision)));
    if let Some(network) = revision.members.get("networkConfiguration") {
        members.insert("networkConfiguration".into(), network.clone());
    }
    Some(value)
}
