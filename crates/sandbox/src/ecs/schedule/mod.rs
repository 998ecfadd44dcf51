//! One look at every service: what is known of its tasks is told to the scheduler, and its decision becomes tasks,
//! stops, events and statuses. No waiting, no Docker.

mod instances;
mod start;

use shipit_scheduler::{Action, Cause, DeploymentId, Failure, Health, Note, Phase, StopCause, TaskId, Time, step};

use super::service::Status;
use super::service::rollback::{Taken, explain, take_back};
use super::service::rollout::{Because, Fact, Wanted as RollbackWanted};
use super::task::StopCode;
use super::{Service, alarms, ids, shift, task_sets};
use crate::state::State;

/// Stopped tasks can be described for so long, in virtual seconds.
const KEPT: f64 = 3600.0;

/// What a look has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// When to look again though nothing has changed.
    pub wake: Option<Time>,
    /// Something has changed that others may wait for.
    pub acted: bool,
}

/// Looks at every service.
pub(super) fn look(state: &mut State) -> Looked {
    let now = state.now_seconds();
    state.ecs.tasks.retain(|_, task| task.times.get("stoppedAt").is_none_or(|stopped| now - stopped < KEPT));
    let keys: Vec<_> = state.ecs.services.keys().cloned().collect();
    let mut looked = Looked::default();
    for key in keys {
        let Some(mut service) = state.ecs.services.remove(&key) else {
            continue;
        };
        if service.status != Status::Inactive {
            let one = look_at(state, &mut service);
            looked.wake = [looked.wake, one.wake].into_iter().flatten().min();
            looked.acted |= one.acted;
        }
        state.ecs.services.insert(key, service);
    }
    looked
}

/// What was seen right before the scheduler's step.
struct Seen {
    /// The service's alarms that are in ALARM.
    triggered: Vec<String>,
    /// `failedTasks` of the PRIMARY.
    failed_tasks: u32,
}

fn look_at(state: &mut State, service: &mut Service) -> Looked {
    let now = state.clock.now();
    let mut seen = Seen { triggered: alarms::watch(state, service), failed_tasks: 0 };
    let placed = start::again(state, service, now);
    start::give_up(service, now);
    instances::follow(state, service);
    instances::drain(state, service);
    tell_health(state, service, now);
    shift::before(state, service, now);
    seen.failed_tasks = service.plan.primary().failed_tasks;
    let step = step(&mut service.plan, now);

    let seconds = state.now_seconds();
    if let Some(open) = service.open_rollout() {
        open.take(Fact::Started, seconds);
    }
    take_notes(state, service, &step.notes, &seen);
    shift::after(state, service, &step);
    for action in &step.actions {
        match *action {
            Action::Start { task, deployment } => start::start(state, service, task, deployment, now),
            Action::Stop { task, cause } => stop(state, service, task, cause, now),
            // Traffic has moved already, before any task goes.
            Action::Route { .. } => {}
        }
    }
    for note in &step.notes {
        let unhealthy = |task: TaskId| unhealthy_targets(state, service, task);
        for (message, manner) in service.messages(note, &unhealthy) {
            let id = ids::uuid(state);
            service.say(id, message, manner, seconds);
        }
    }
    if service.status == Status::Draining && service.plan.tasks.is_empty() {
        service.status = Status::Inactive;
    }
    let followed = task_sets::follow(state, service);
    Looked {
        wake: step
            .wake
            .into_iter()
            .chain(shift::wake(service))
            .chain(service.unplaced.values().map(|unplaced| unplaced.until).filter(|until| *until > now))
            .min(),
        acted: placed || followed || !step.actions.is_empty() || !step.notes.is_empty(),
    }
}

/// Tells the scheduler the verdicts that have changed.
fn tell_health(state: &State, service: &mut Service, now: Time) {
    let injected = state.faults.unhealthy(&service.name).is_some();
    let running = |task: &&shipit_scheduler::Task| matches!(task.phase, Phase::Running(_));
    let tasks: Vec<_> = service.plan.tasks.iter().filter(running).cloned().collect();
    for known in tasks {
        let Some(task) = service.tasks.get(&known.id).and_then(|id| state.ecs.tasks.get(id)) else {
            continue;
        };
        let checked = task.containers.iter().any(|container| container.essential && container.health.is_some());
        // A task of a revision without the check that the PRIMARY's has is not held against it.
        let container = match (checked, injected) {
            (false, _) => Health::Healthy,
            (true, true) => Health::Unhealthy,
            (true, false) => task.health(),
        };
        let target = target_verdict(task.targets.iter().map(|target| {
            let (id, port) = task.registered_as(target)?;
            state.target_health(&target.group, &id, port).map(|health| health.state)
        }));
        if service.plan.health.container && container != known.container {
            service.plan.container_health(known.id, container, now);
        }
        if service.plan.health.target && target != known.target {
            service.plan.target_health(known.id, target, now);
        }
    }
}

/// The verdict of several target groups: all healthy, one unhealthy, or not known yet.
fn target_verdict(states: impl Iterator<Item = Option<String>>) -> Health {
    let mut verdict = Health::Healthy;
    for state in states {
        match state.as_deref() {
            Some("healthy") => {}
            Some("unhealthy") => return Health::Unhealthy,
            _ => verdict = Health::Unknown,
        }
    }
    verdict
}

/// What the notes change in the service, before the actions are carried out under the new names.
fn take_notes(state: &mut State, service: &mut Service, notes: &[Note], seen: &Seen) {
    let now = state.now_seconds();
    for (place, note) in notes.iter().enumerate() {
        match note {
            Note::DeploymentCompleted { deployment } => {
                service.failures_in_a_row = 0;
                let reason = format!("ECS deployment {} completed.", service.deployment_name(*deployment));
                explain(service, *deployment, reason, now);
                if let Some(open) = service.open_rollout() {
                    open.take(Fact::Completed, now);
                }
            }
            Note::DeploymentFailed { deployment, failure } => {
                // What becomes of a shift that has failed, its own notes say.
                let told = |note: &Note| match note {
                    Note::RollingBack { failed, .. } => failed == deployment,
                    Note::TurningBack { deployment: of, .. } | Note::Halted { deployment: of, .. } => of == deployment,
                    _ => false,
                };
                fail(service, *deployment, *failure, notes[place..].iter().any(told), seen, now);
            }
            Note::RollingBack { failed, to, primary } => {
                let failure = notes.iter().find_map(|note| match note {
                    Note::DeploymentFailed { deployment, failure } if deployment == failed => Some(*failure),
                    _ => None,
                });
                let because = Because::Of(failure.unwrap_or(Failure::TasksFailedToStart));
                take_back(state, service, Taken { failed: *failed, to: *to, primary: *primary, because });
            }
            Note::SteadyState => service.failures_in_a_row = 0,
            _ => {}
        }
    }
}

fn fail(service: &mut Service, deployment: DeploymentId, failure: Failure, told: bool, seen: &Seen, now: f64) {
    let reason = match failure {
        Failure::TasksFailedToStart => "ECS deployment circuit breaker: tasks failed to start.",
        Failure::Alarm => "ECS deployment failed: alarm detected.",
    };
    explain(service, deployment, reason.to_owned(), now);
    // A shift that goes back with no task left is gone from the list already, with what had failed before the step.
    let failed_tasks = service.plan.deployment(deployment).map_or(seen.failed_tasks, |deployment| deployment.failed_tasks);
    let wanted = match failure {
        Failure::TasksFailedToStart => service.plan.breaker.rollback() == shipit_scheduler::Rollback::ToLastCompleted,
        Failure::Alarm => service.plan.alarm_rollback,
    };
    let Some(open) = service.open_rollout() else {
        return;
    };
    match failure {
        Failure::TasksFailedToStart => open.tripped = Some(failed_tasks),
        Failure::Alarm => open.triggered = seen.triggered.clone(),
    }
    if !told {
        let rollback = if wanted { RollbackWanted::Yes } else { RollbackWanted::No };
        open.take(Fact::Failed { failure, rollback }, now);
    }
}

fn stop(state: &mut State, service: &mut Service, task: TaskId, cause: Cause, now: Time) {
    if service.unplaced.remove(&task).is_some() {
        service.plan.stopped(task, StopCause::Asked, now);
        return;
    }
    let own = service.plan.task(task).map(|task| task.deployment);
    let primary = service.plan.primary().id;
    let seconds = state.now_seconds();
    let name = |deployment: DeploymentId| service.deployment_name(deployment);
    let Some(record) = service.tasks.get(&task).and_then(|id| state.ecs.tasks.get_mut(id)) else {
        return;
    };
    let reason = match cause {
        Cause::Replaced => format!("Scaling activity initiated by (deployment {})", name(primary)),
        Cause::ScaleIn => format!("Scaling activity initiated by (deployment {})", name(own.unwrap_or(primary))),
        Cause::FailedContainerHealth => "Task failed container health checks".to_owned(),
        Cause::FailedTargetHealth => {
            let group = record.targets.first().map_or("", |target| target.group.as_str());
            format!("Task failed ELB health checks in (target-group {group})")
        }
    };
    record.ask_to_stop(StopCode::ServiceSchedulerInitiated, reason, seconds);
}

/// What the load balancer says of a task's unhealthy targets, as it follows the task's name in an event.
fn unhealthy_targets(state: &State, service: &Service, task: TaskId) -> Vec<String> {
    let Some(task) = service.tasks.get(&task).and_then(|id| state.ecs.tasks.get(id)) else {
        return Vec::new();
    };
    let unhealthy = task.targets.iter().filter_map(|target| {
        let (id, port) = task.registered_as(target)?;
        let health = state.target_health(&target.group, &id, port)?;
        let reason = health.description.unwrap_or_else(|| "Health checks failed".to_owned());
        // A target that is an instance is named beside its port.
        let instance = if id.starts_with("i-") { format!("(instance {id}) ") } else { String::new() };
        (health.state == "unhealthy")
            .then(|| format!("{instance}(port {port}) is unhealthy in (target-group {}) due to (reason {reason}).", target.group))
    });
    unhealthy.collect()
}
