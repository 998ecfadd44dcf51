//! A service's tasks in numbers, at one moment.

use crate::{Bounds, Condition, DeploymentId, Service, Time};

/// How many tasks count how; "own" are those of the PRIMARY, "old" those of others that the percents decide on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Own, healthy.
    pub(crate) healthy: u32,
    /// Own, Pending or maturing.
    pub(crate) coming: u32,
    /// Own, unhealthy.
    pub(crate) unhealthy: u32,
    /// Own, stopping.
    pub(crate) stopping: u32,
    /// Old, healthy.
    pub(crate) old_healthy: u32,
    /// Old, Pending or maturing.
    pub(crate) old_coming: u32,
    /// Old, unhealthy.
    pub(crate) old_unhealthy: u32,
    /// Old, stopping.
    pub(crate) old_stopping: u32,
    /// Of others that are held: outside the percents.
    pub(crate) apart: u32,
}

impl Tally {
    pub(crate) fn of(service: &Service, now: Time) -> Self {
        let primary = service.primary().id;
        let held = service.held();
        let mut tally = Self::default();
        for task in &service.tasks {
            let own = task.deployment == primary;
            if !own && held.contains(&task.deployment) {
                tally.apart += 1;
                continue;
            }
            let count = match service.condition(task, now) {
                Condition::Healthy if own => &mut tally.healthy,
                Condition::Pending | Condition::Maturing if own => &mut tally.coming,
                Condition::Unhealthy(_) if own => &mut tally.unhealthy,
                Condition::Stopping if own => &mut tally.stopping,
                Condition::Healthy => &mut tally.old_healthy,
                Condition::Pending | Condition::Maturing => &mut tally.old_coming,
                Condition::Unhealthy(_) => &mut tally.old_unhealthy,
                Condition::Stopping => &mut tally.old_stopping,
            };
            *count += 1;
        }
        tally
    }

    /// The tasks of one deployment, as its own.
    pub(crate) fn of_one(service: &Service, id: DeploymentId, now: Time) -> Self {
        let mut tally = Self::default();
        for task in service.tasks.iter().filter(|task| task.deployment == id) {
            let count = match service.condition(task, now) {
                Condition::Healthy => &mut tally.healthy,
                Condition::Pending | Condition::Maturing => &mut tally.coming,
                Condition::Unhealthy(_) => &mut tally.unhealthy,
                Condition::Stopping => &mut tally.stopping,
            };
            *count += 1;
        }
        tally
    }

    /// RUNNING and PENDING tasks: what the upper bound is about.
    pub(crate) fn alive(self) -> u32 {
        self.healthy + self.coming + self.unhealthy + self.old_alive()
    }

    /// RUNNING and PENDING tasks of older deployments.
    pub(crate) fn old_alive(self) -> u32 {
        self.old_healthy + self.old_coming + self.old_unhealthy
    }

    /// Healthy tasks: what the lower bound is about.
    pub(crate) fn healthy_total(self) -> u32 {
        self.healthy + self.old_healthy
    }

    /// Healthy tasks that may be stopped.
    pub(crate) fn spare(self, bounds: Bounds) -> u32 {
        self.healthy_total().saturating_sub(bounds.lower)
    }

    /// Own tasks that are missing; unhealthy ones do not count as there.
    pub(crate) fn missing(self, desired: u32) -> u32 {
        desired.saturating_sub(self.healthy + self.coming)
    }

    /// Tasks that may be started.
    pub(crate) fn room(self, bounds: Bounds) -> u32 {
        bounds.upper.saturating_sub(self.alive())
    }

    /// Whether some task has yet to run, to mature or to go.
    pub(crate) fn in_transit(self) -> bool {
        self.coming + self.stopping + self.old_coming + self.old_stopping > 0
    }

    /// Whether there is what is wanted and nothing else: `desired` healthy tasks of the PRIMARY.
    pub(crate) fn is_as_wanted(self, desired: u32) -> bool {
        self.healthy == desired && self.coming + self.unhealthy + self.old_alive() + self.old_stopping + self.apart == 0
    }
}
