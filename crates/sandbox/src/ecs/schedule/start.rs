//! Starting a task: it gets a place, or the service says why not and tries again.

use std::collections::BTreeMap;

use serde_json::Value;
use shipit_scheduler::{DeploymentId, Phase, Span, StopCause, TaskId, Time};

use super::super::request::{text, yes};
use super::super::seat::{self, Asked, NoSeat};
use super::super::service::configuration::overlay;
use super::super::service::events::{Manner, unplaced};
use super::super::service::{Retry, Revision, Unplaced, placing, revision_of};
use super::super::task::Owner;
use super::super::task::run::{Wanted, make};
use super::super::{Definition, Service, definition, ids};
use crate::state::State;

/// A task that cannot be placed counts as pending for so long before it counts as failed.
const PLACEMENT: Span = Span::seconds(15);

/// Starts a task of a deployment, or keeps it as one that cannot be placed.
pub(super) fn start(state: &mut State, service: &mut Service, task: TaskId, deployment: DeploymentId, now: Time) {
    let until = now + PLACEMENT;
    if let Some(reason) = state.faults.no_capacity(&service.name) {
        service.unplaced.insert(task, Unplaced { until, retry: Retry::Never });
        say(state, service, unplaced(&service.name, &reason));
        return;
    }
    match seated(state, service, task, deployment, now) {
        Ok(()) => {}
        Err(None) => {
            service.unplaced.insert(task, Unplaced { until, retry: Retry::Never });
        }
        Err(Some(why)) => {
            service.unplaced.insert(task, Unplaced { until, retry: Retry::EachLook });
            say(state, service, why.event(&service.name));
        }
    }
}

fn say(state: &mut State, service: &mut Service, message: String) {
    let id = ids::uuid(state);
    service.say(id, message, Manner::WhileUnplaced, state.now_seconds());
}

/// Tries again what could not be placed. Answers whether something was.
pub(super) fn again(state: &mut State, service: &mut Service, now: Time) -> bool {
    let waiting: Vec<TaskId> =
        (service.unplaced.iter()).filter(|(_, unplaced)| unplaced.retry == Retry::EachLook).map(|(task, _)| *task).collect();
    let mut started = Vec::new();
    for task in waiting {
        let Some(deployment) = service.plan.task(task).map(|task| task.deployment) else {
            continue;
        };
        if seated(state, service, task, deployment, now).is_ok() {
            service.unplaced.remove(&task);
            started.push(task);
        }
    }
    if started.is_empty() {
        return false;
    }
    let note = shipit_scheduler::Note::StartedTasks { tasks: started };
    for (message, manner) in service.messages(&note, &|_| Vec::new()) {
        let id = ids::uuid(state);
        service.say(id, message, manner, state.now_seconds());
    }
    true
}

/// Counts those as failed that could not be placed for long enough; not while the service's own tasks make room.
pub(super) fn give_up(service: &mut Service, now: Time) {
    let makes_room = service.plan.tasks.iter().any(|task| task.phase == Phase::Stopping);
    let due = |unplaced: &Unplaced| unplaced.until <= now && !(makes_room && unplaced.retry == Retry::EachLook);
    let due: Vec<TaskId> = service.unplaced.iter().filter(|(_, one)| due(one)).map(|(task, _)| *task).collect();
    for task in due {
        service.unplaced.remove(&task);
        service.plan.stopped(task, StopCause::FailedToStart, now);
    }
}

/// Makes the task where there is a place for it; nothing is the error when its definition is gone.
fn seated(
    state: &mut State,
    service: &mut Service,
    task: TaskId,
    deployment: DeploymentId,
    now: Time,
) -> Result<(), Option<NoSeat>> {
    let place = service.plan.deployment(deployment).map_or(0, revision_of);
    let revision = service.revisions[place].clone();
    let definition = definition::find(state, &revision.definition).cloned().ok_or(None)?;
    let from = members(service, &revision);
    let group = format!("service:{}", service.name);
    let (way, rules) = placing(state, service, &from, &definition).map_err(|_| None)?;
    let asked = Asked {
        cluster: &service.cluster,
        group: &group,
        definition: &definition,
        overrides: &Value::Null,
        rules: &rules,
        way: &way,
        running: &running(state, service, deployment),
    };
    let seat = seat::find(state, &asked)?;
    let wanted = Wanted {
        cluster: service.cluster.clone(),
        owner: Owner::Service { key: service.key(), task, deployment },
        started_by: Some(service.deployment_name(deployment).to_owned()),
        group,
        tags: tags(service, &definition),
        targets: revision.targets(),
        from,
        seat,
        not_before: now + backoff(service.failures_in_a_row),
    };
    let id = make(state, &definition, wanted);
    service.tasks.insert(task, id);
    service.placed_at = state.now_seconds();
    Ok(())
}

/// How many tasks of the deployment each capacity provider has.
fn running(state: &State, service: &Service, of: DeploymentId) -> BTreeMap<String, u64> {
    let mut running = BTreeMap::new();
    let wanted = service.tasks.values().filter_map(|id| state.ecs.tasks.get(id)).filter(|task| task.stop.is_none());
    for task in wanted {
        if let (Owner::Service { deployment, .. }, Some(provider)) = (&task.owner, text(&task.fixed, "capacityProviderName"))
            && *deployment == of
        {
            *running.entry(provider.to_owned()).or_default() += 1;
        }
    }
    running
}

fn members(service: &Service, revision: &Revision) -> Value {
    let mut members = service.sent.clone();
    overlay(&mut members, &revision.members);
    members
}

fn tags(service: &Service, definition: &Definition) -> Vec<Value> {
    let mut tags = match text(&service.sent, "propagateTags") {
        Some("SERVICE") => service.tags.clone(),
        Some("TASK_DEFINITION") => definition.tags.clone(),
        _ => Vec::new(),
    };
    if yes(&service.sent, "enableECSManagedTags") {
        tags.push(serde_json::json!({ "key": "aws:ecs:clusterName", "value": service.cluster }));
        tags.push(serde_json::json!({ "key": "aws:ecs:serviceName", "value": service.name }));
    }
    tags
}

/// How much later a task starts after so many that ended by themselves: nothing for three, then twice as long each
/// time, up to ECS's 15 minutes.
fn backoff(failures: u32) -> Span {
    match failures.checked_sub(3) {
        None => Span(0),
        Some(beyond) => Span::seconds((10_u64 << beyond.min(10)).min(900)),
    }
}
