//! What happens to tasks in the world, written down and told to the scheduler.

use shipit_scheduler::StopCause;

use super::ids;
use super::service::events::Manner;
use super::task::{Owner, Status, StopCode};
use crate::state::State;

/// A task has become RUNNING.
pub(super) fn running(state: &mut State, id: &str) {
    let (now, seconds) = (state.clock.now(), state.now_seconds());
    let Some(task) = state.ecs.tasks.get_mut(id) else {
        return;
    };
    task.enter(Status::Running);
    task.times.insert("startedAt", seconds);
    if let Owner::Service { key, task, .. } = task.owner.clone()
        && let Some(service) = state.ecs.services.get_mut(&key)
    {
        service.plan.running(task, now);
    }
}

/// A task is over: STOPPED.
pub(super) fn stopped(state: &mut State, id: &str) {
    let (now, seconds) = (state.clock.now(), state.now_seconds());
    let Some(task) = state.ecs.tasks.get_mut(id) else {
        return;
    };
    task.enter(Status::Stopped);
    task.times.insert("stoppedAt", seconds);
    let cause = match (task.stop.as_ref().map(|stop| stop.code), task.has_run()) {
        (Some(StopCode::ServiceSchedulerInitiated), _) => StopCause::Asked,
        (_, true) => StopCause::Exited,
        (_, false) => StopCause::FailedToStart,
    };
    if let Owner::Service { key, task, .. } = task.owner.clone()
        && let Some(service) = state.ecs.services.get_mut(&key)
    {
        if cause != StopCause::Asked {
            service.failures_in_a_row += 1;
        }
        service.plan.stopped(task, cause, now);
    }
}

/// Targets of a service's task have been registered or deregistered: the event that says so.
pub(super) fn say_targets(state: &mut State, id: &str, verb: &str) {
    let Some(task) = state.ecs.tasks.get(id) else {
        return;
    };
    let (owner, targets) = (task.owner.clone(), task.targets.clone());
    let seconds = state.now_seconds();
    let Owner::Service { key, .. } = owner else {
        return;
    };
    for target in targets {
        let id = ids::uuid(state);
        if let Some(service) = state.ecs.services.get_mut(&key) {
            let message = format!("(service {}) {verb} 1 targets in (target-group {})", service.name, target.group);
            service.say(id, message, Manner::Always, seconds);
        }
    }
}
