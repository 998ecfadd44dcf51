//! Which tasks to start and stop: the rolling loop, replacement of unhealthy tasks, scaling in.
//!
//! As in that loop old tasks are stopped as soon as the lower bound allows it, not only once replacements are healthy.

use crate::condition::Condition;
use crate::step::{Cause, Step};
use crate::tally::Tally;
use crate::{Bounds, Deployment, DeploymentId, Hold, Phase, Rollout, Service, Time, tasks};

/// Makes the first move there is to make, if any; `tally` is out of date afterwards.
pub(crate) fn moves(service: &mut Service, tally: &Tally, now: Time, step: &mut Step) -> bool {
    if service.primary().hold != Hold::Free {
        return false;
    }
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
    tasks::start(service, service.primary().id, count, now, step)
}

/// Stops tasks of older deployments: those that are neither healthy nor RUNNING at once, those that mature as long as
/// enough are healthy, the healthy ones down to the lower bound.
fn stop_old(service: &mut Service, tally: &Tally, bounds: Bounds, now: Time, step: &mut Step) -> bool {
    if tally.old_alive() == 0 {
        return false;
    }
    let primary = service.primary().id;
    let enough = tally.healthy_total() >= bounds.lower;
    let mut spare = tally.spare(bounds);
    let held = service.held();
    let mut chosen = tasks::candidates(service, now, |task| task.deployment != primary && !held.contains(&task.deployment));
    chosen.retain(|candidate| match candidate.condition {
        Condition::Healthy => {
            let may = spare > 0;
            spare = spare.saturating_sub(1);
            may
        }
        Condition::Maturing => enough,
        Condition::Pending | Condition::Unhealthy(_) | Condition::Stopping => true,
    });
    tasks::stop(service, &chosen, Cause::Replaced, step)
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
    tasks::stop_unhealthy(service, service.primary().id, count, now, step)
}

/// Stops tasks of the PRIMARY beyond the desired count, the youngest and least healthy first.
fn scale_in(service: &mut Service, tally: &Tally, bounds: Bounds, now: Time, step: &mut Step) -> bool {
    let excess = (tally.healthy + tally.coming).saturating_sub(service.desired);
    if excess == 0 {
        return false;
    }
    let count = excess.min(tally.coming + tally.spare(bounds));
    let primary = service.primary().id;
    tasks::stop_surplus(service, primary, count, now, step)
}

/// In a service that has stalled no deployment keeps more tasks than desired, and nothing else is done.
fn cut_to_desired(service: &mut Service, now: Time, step: &mut Step) -> bool {
    let free = |deployment: &&Deployment| deployment.hold == Hold::Free;
    let ids: Vec<DeploymentId> = service.deployments.iter().filter(free).map(|deployment| deployment.id).collect();
    let mut acted = false;
    for id in ids {
        let alive = service.tasks.iter().filter(|task| task.deployment == id && task.phase != Phase::Stopping);
        let excess = (alive.count() as u32).saturating_sub(service.desired);
        acted |= tasks::stop_surplus(service, id, excess, now, step);
    }
    acted
}
