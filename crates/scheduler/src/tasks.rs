//! Starting and stopping tasks: which go first, and what is said and counted of them.

use crate::condition::Condition;
use crate::step::{Action, Cause, Note, Step};
use crate::{DeploymentId, Health, Phase, Rollout, Service, Task, TaskId, Time};

/// Failed starts in a row after which ECS complains of them; AWS publishes no number.
const INCONSISTENT_AFTER: u32 = 3;

/// Starts `count` tasks of a deployment.
pub(crate) fn start(service: &mut Service, deployment: DeploymentId, count: u32, now: Time, step: &mut Step) -> bool {
    if count == 0 {
        return false;
    }
    let inconsistent = service
        .deployment(deployment)
        .is_some_and(|deployment| !deployment.reached_running && deployment.failed_tasks >= INCONSISTENT_AFTER);
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
    if inconsistent {
        step.notes.push(Note::UnableToStartConsistently { deployment });
    }
    step.notes.push(Note::StartedTasks { tasks });
    true
}

/// Stops `count` of a deployment's unhealthy tasks.
pub(crate) fn stop_unhealthy(service: &mut Service, of: DeploymentId, count: u32, now: Time, step: &mut Step) -> bool {
    if count == 0 {
        return false;
    }
    let mut chosen = candidates(service, now, |task| task.deployment == of);
    chosen.retain(|candidate| matches!(candidate.condition, Condition::Unhealthy(_)));
    chosen.truncate(count as usize);
    stop(service, &chosen, Cause::ScaleIn, step)
}

/// Stops `count` of a deployment's tasks, the youngest and least healthy first.
pub(crate) fn stop_surplus(service: &mut Service, of: DeploymentId, count: u32, now: Time, step: &mut Step) -> bool {
    if count == 0 {
        return false;
    }
    let mut chosen = candidates(service, now, |task| task.deployment == of);
    chosen.sort_by_key(|candidate| (candidate.rank, std::cmp::Reverse(candidate.task)));
    chosen.truncate(count as usize);
    stop(service, &chosen, Cause::ScaleIn, step)
}

/// A task that could be stopped.
pub(crate) struct Candidate {
    task: TaskId,
    index: usize,
    pub(crate) condition: Condition,
    rank: (u8, u8),
}

/// The tasks that `of` names and that are not stopping, least healthy first, those of failed deployments before others.
pub(crate) fn candidates(service: &Service, now: Time, of: impl Fn(&Task) -> bool) -> Vec<Candidate> {
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
pub(crate) fn stop(service: &mut Service, chosen: &[Candidate], cause: Cause, step: &mut Step) -> bool {
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
