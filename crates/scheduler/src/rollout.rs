//! What becomes of a deployment: it fails, is rolled back, completes, or cannot go on.

use crate::breaker::{Reset, Rollback};
use crate::step::{Failure, Note, Step};
use crate::tally::Tally;
use crate::{Deployment, DeploymentId, Hold, Role, Rollout, Service, Time, Way, shift};

/// Gives the PRIMARY up if the breaker or an alarm says so, and rolls back if that is wanted and there is a COMPLETED
/// deployment. A rollback that fails itself is not rolled back again: the service stalls.
pub(crate) fn fails(service: &mut Service, now: Time, step: &mut Step) -> bool {
    let primary = service.primary();
    let goes_back = service.shifting.as_ref().is_some_and(|shifting| shifting.way != Way::Forward);
    if primary.rollout != Rollout::InProgress || goes_back {
        return false;
    }
    let (failure, wanted) = if service.alarmed && !primary.ignores_alarms {
        (Failure::Alarm, if service.alarm_rollback { Rollback::ToLastCompleted } else { Rollback::Stay })
    } else if service.breaker.trips(primary.failed_tasks, service.desired) && shift::is_watched_by_breaker(service) {
        (Failure::TasksFailedToStart, service.breaker.rollback())
    } else {
        return false;
    };
    let failed = primary.id;
    let is_rollback = primary.rolls_back.is_some();
    let primary = service.primary_mut();
    primary.rollout = Rollout::Failed;
    primary.steady_since = None;
    step.notes.push(Note::DeploymentFailed { deployment: failed, failure });
    if service.shifting.is_some() {
        shift::fails(service, failure, wanted, now);
        return true;
    }
    let target = newest_completed(service).map(|deployment| (deployment.id, deployment.revision));
    if let Some((to, revision)) = target
        && wanted == Rollback::ToLastCompleted
        && !is_rollback
    {
        let primary = service.deploy(revision, now, Some(failed));
        step.notes.push(Note::RollingBack { failed, to, primary });
    }
    true
}

/// Says what there is to say when nothing is left to start or stop: completed, steady, or stuck.
pub(crate) fn settles(service: &mut Service, tally: &Tally, now: Time, step: &mut Step) {
    clear_failures(service, tally);
    drop_empty(service);
    if !step.actions.is_empty() {
        service.stuck = false;
    }
    if service.shifting.as_ref().is_some_and(|shifting| !matches!(shifting.way, Way::Halted(_))) {
        service.steady = false;
        return;
    }
    let in_progress = match service.primary().rollout {
        Rollout::Failed => {
            service.steady = false;
            return;
        }
        Rollout::InProgress => true,
        Rollout::Completed => false,
    };
    let primary = service.primary().id;
    let kept = |deployment: &Deployment| deployment.id != primary && deployment.hold == Hold::Full;
    if !tally.is_as_wanted(service.desired) || service.deployments.iter().any(kept) {
        service.steady = false;
        service.primary_mut().steady_since = None;
        if in_progress && step.actions.is_empty() && !tally.in_transit() && !service.stuck && service.held().is_empty() {
            service.stuck = true;
            step.notes.push(Note::StuckByConfiguration { deployment: service.primary().id });
        }
        return;
    }
    if in_progress {
        completes(service, now, step);
    }
    if !service.steady {
        service.steady = true;
        step.notes.push(Note::SteadyState);
    }
}

/// The PRIMARY is as wanted: COMPLETED once it has been so for the alarms' bake time, and then it is the only one.
fn completes(service: &mut Service, now: Time, step: &mut Step) {
    let bake = service.alarm_bake;
    let primary = service.primary_mut();
    let due = *primary.steady_since.get_or_insert(now) + bake;
    if now < due {
        step.wake = Some(due);
        return;
    }
    primary.rollout = Rollout::Completed;
    primary.steady_since = None;
    step.notes.push(Note::DeploymentCompleted { deployment: primary.id });
    service.deployments.retain(|deployment| deployment.role == Role::Primary);
}

/// Without checks nothing tells that a task has become healthy: it is seen here. With checks the verdict clears the count.
fn clear_failures(service: &mut Service, tally: &Tally) {
    let unchecked = !service.health.container && !service.health.target;
    if unchecked && tally.healthy > 0 && service.breaker.reset() == Reset::OnHealthyTask {
        let primary = service.primary_mut();
        if primary.rollout == Rollout::InProgress {
            primary.failed_tasks = 0;
        }
    }
}

/// Forgets older deployments without tasks, but not the one to go back to nor the one that is being rolled back.
fn drop_empty(service: &mut Service) {
    if service.deployments.len() < 2 {
        return;
    }
    let refuge = newest_completed(service).map(|deployment| deployment.id);
    let rolled_back = service.primary().rolls_back;
    let sides: Vec<DeploymentId> = service.serving().into_iter().map(|(id, _)| id).collect();
    let tasks = &service.tasks;
    service.deployments.retain(|deployment| {
        let has_tasks = |id: DeploymentId| tasks.iter().any(|task| task.deployment == id);
        deployment.role == Role::Primary
            || Some(deployment.id) == refuge
            || Some(deployment.id) == rolled_back
            || has_tasks(deployment.id)
            || deployment.hold == Hold::Full
            || sides.contains(&deployment.id)
    });
}

fn newest_completed(service: &Service) -> Option<&Deployment> {
    service.deployments.iter().find(|deployment| deployment.rollout == Rollout::Completed)
}
