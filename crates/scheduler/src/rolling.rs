//! Which tasks to start and stop: the rolling loop of aws.md 3.1, replacement of unhealthy tasks, scaling in.
//!
//! As in that loop old tasks are stopped as soon as the lower bound allows it, not only once replacements are healthy.

use crate::condition::Condition;
use crate::step::{Action, Cause, Note, Step};
use crate::tally::Tally;
use crate::{Bounds, DeploymentId, Health, Phase, Rollout, Service, Task, TaskId, Time};

/// Makes the first move there is to make, if any; `tally` is out of date afterwards.
pub(crate) fn moves(service: &mut Service, tally: &Tally, now: Time, step: &mut Step) -> bool {
    let bounds = service.percents.bounds(service.desired);
    if service.primary().rollout == Rollout::Failed {
        return stop_failing_of_the_failed(service, tally, now, step) || cut_to_desired(service, now, step);
    }
    stop_replaced_unhealthy(service, tally, now, step)
        || start(service, tally, bounds, now, step)
        || stop_old(service, tally, bounds, now, step)
        || stop_blocking_unhealthy(service, tally, bounds, now, step)
        || scale_in(service, tally, bounds, now, step)
}

/// Starts what is missing and fits. Unhealthy tasks do not count as there: their replacements start first.
fn start(service: &mut Service, tally: &Tally, bounds: Bounds, now: Time, step: &mut Step) -> bool {
    let count = tally.missing(service.desired).min(tally.room(bounds));
    if count == 0 {
        return false;
    }
    let primary = service.primary();
    let (deployment, failing) = (primary.id, !primary.reached_running && primary.failed_tasks >= INCONSISTENT_AFTER);
    let mut tasks = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let id = service.take_task_id();
        service.tasks.push(Task {
            id,
            deployment,
            phase: Phase::Pending,
            created_at: now,
            container: Health::Unknown,
            target: Health::Unknown,
        });
        step.actions.push(Action::Start { task: id, deployment });
        tasks.push(id);
    }
    if failing {
        step.notes.push(Note::UnableToStartConsistently { deployment });
    }
    step.notes.push(Note::StartedTasks { tasks });
    true
}

/// Failed starts in a row after which ECS complains of them; AWS publishes no number.
const INCONSISTENT_AFTER: u32 = 3;

/// Stops tasks of older deployments: those that are neither healthy nor RUNNING at once, those that mature as long as
/// enough are healthy, the healthy ones down to the lower bound.
fn stop_old(service: &mut Service, tally: &Tally, bounds: Bounds, now: Time, step: &mut Step) -> bool {
    if tally.old_alive() == 0 {
        return false;
    }
    let primary = service.primary().id;
    let enough = tally.healthy_total() >= bounds.lower;
    let mut spare = tally.spare(bounds);
    let mut chosen = candidates(service, now, |task| task.deployment != primary);
    chosen.retain(|candidate| match candidate.condition {
        Condition::Healthy => {
            let may = spare > 0;
            spare = spare.saturating_sub(1);
            may
        }
        Condition::Maturing => enough,
        Condition::Pending | Condition::Unhealthy(_) | Condition::Stopping => true,
    });
    stop(service, &chosen, Cause::Replaced, step)
}

/// Stops unhealthy tasks whose replacements are healthy, and those that are unhealthy beside an unhealthy replacement,
/// so that as many remain as are desired.
fn stop_replaced_unhealthy(service: &mut Service, tally: &Tally, now: Time, step: &mut Step) -> bool {
    let surplus = (tally.healthy + tally.unhealthy).saturating_sub(service.desired);
    stop_unhealthy(service, surplus.min(tally.unhealthy), now, step)
}

/// Stops unhealthy tasks that the upper bound leaves no room to replace first.
fn stop_blocking_unhealthy(service: &mut Service, tally: &Tally, bounds: Bounds, now: Time, step: &mut Step) -> bool {
    let short = tally.missing(service.desired).saturating_sub(tally.room(bounds));
    stop_unhealthy(service, short.min(tally.unhealthy), now, step)
}

/// What is left of a failed deployment is not replaced, but a task that fails its checks is stopped all the same.
fn stop_failing_of_the_failed(service: &mut Service, tally: &Tally, now: Time, step: &mut Step) -> bool {
    stop_unhealthy(service, tally.unhealthy, now, step)
}

fn stop_unhealthy(service: &mut Service, count: u32, now: Time, step: &mut Step) -> bool {
    if count == 0 {
        return false;
    }
    let primary = service.primary().id;
    let mut chosen = candidates(service, now, |task| task.deployment == primary);
    chosen.retain(|candidate| matches!(candidate.condition, Condition::Unhealthy(_)));
    chosen.truncate(count as usize);
    stop(service, &chosen, Cause::ScaleIn, step)
}

/// Stops tasks of the PRIMARY beyond the desired count, the youngest and least healthy first.
fn scale_in(service: &mut Service, tally: &Tally, bounds: Bounds, now: Time, step: &mut Step) -> bool {
    let excess = (tally.healthy + tally.coming).saturating_sub(service.desired);
    if excess == 0 {
        return false;
    }
    let count = excess.min(tally.coming + tally.spare(bounds));
    let primary = service.primary().id;
    let chosen = surplus_of(service, primary, count, now);
    stop(service, &chosen, Cause::ScaleIn, step)
}

/// In a service that has stalled no deployment keeps more tasks than desired, and nothing else is done.
fn cut_to_desired(service: &mut Service, now: Time, step: &mut Step) -> bool {
    let ids: Vec<DeploymentId> = service.deployments.iter().map(|deployment| deployment.id).collect();
    let mut acted = false;
    for id in ids {
        let alive = service.tasks.iter().filter(|task| task.deployment == id && task.phase != Phase::Stopping);
        let excess = (alive.count() as u32).saturating_sub(service.desired);
        let chosen = surplus_of(service, id, excess, now);
        acted |= stop(service, &chosen, Cause::ScaleIn, step);
    }
    acted
}

fn surplus_of(service: &Service, deployment: DeploymentId, count: u32, now: Time) -> Vec<Candidate> {
    let mut chosen = candidates(service, now, |task| task.deployment == deployment);
    chosen.sort_by_key(|candidate| (candidate.rank, std::cmp::Reverse(candidate.task)));
    chosen.truncate(count as usize);
    chosen
}

/// A task that could be stopped.
struct Candidate {
    task: TaskId,
    index: usize,
    condition: Condition,
    rank: (u8, u8),
}

/// The tasks that `of` names and that are not stopping, least healthy first, those of failed deployments before others.
fn candidates(service: &Service, now: Time, of: impl Fn(&Task) -> bool) -> Vec<Candidate> {
    let failed = |id| service.deployment(id).is_none_or(|deployment| deployment.rollout == Rollout::Failed);
    let mut found: Vec<Candidate> = (service.tasks.iter().enumerate())
        .filter(|(_, task)| task.phase != Phase::Stopping && of(task))
        .map(|(index, task)| {
            let condition = service.condition(task, now);
            let health = match condition {
                Condition::Unhealthy(_) | Condition::Stopping => 0,
                Condition::Pending => 1,
                Condition::Maturing => 2,
                Condition::Healthy => 3,
            };
            let rank = (health, u8::from(!failed(task.deployment)));
            Candidate { task: task.id, index, condition, rank }
        })
        .collect();
    found.sort_by_key(|candidate| (candidate.rank, candidate.task));
    found
}

/// Stops them: the unhealthy for their checks, which is a failure of a deployment in progress, the others for `cause`.
fn stop(service: &mut Service, chosen: &[Candidate], cause: Cause, step: &mut Step) -> bool {
    if chosen.is_empty() {
        return false;
    }
    let primary = service.primary().id;
    let mut failures = 0_u32;
    for candidate in chosen {
        let task = &mut service.tasks[candidate.index];
        task.phase = Phase::Stopping;
        let cause = match candidate.condition {
            Condition::Unhealthy(cause) => {
                failures += u32::from(task.deployment == primary);
                step.notes.push(Note::Unhealthy { task: candidate.task, cause });
                cause
            }
            _ => cause,
        };
        step.actions.push(Action::Stop { task: candidate.task, cause });
    }
    step.notes.push(Note::StoppedTasks { tasks: chosen.iter().map(|candidate| candidate.task).collect() });
    let primary = service.primary_mut();
    if primary.rollout == Rollout::InProgress {
        primary.failed_tasks = primary.failed_tasks.saturating_add(failures);
    }
    true
}
