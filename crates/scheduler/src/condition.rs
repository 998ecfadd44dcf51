//! How a task counts at a moment: on its way, healthy, or failing its checks.

use crate::step::Cause;
use crate::{Health, Phase, Service, Span, Task, Time};

/// Without any health check a task counts as healthy after RUNNING for so long.
pub const MATURES_AFTER: Span = Span::seconds(40);

/// How a task counts for the bounds of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not RUNNING yet.
    Pending,
    /// RUNNING, and no verdict that counts: still unknown, or unhealthy within the grace period.
    Maturing,
    /// RUNNING, and every check there is passes.
    Healthy,
    /// RUNNING past the grace period and failing; the cause it will be stopped for.
    Unhealthy(Cause),
    /// Asked to stop.
    Stopping,
}

impl Service {
    /// How `task` counts at `now`.
    pub fn condition(&self, task: &Task, now: Time) -> Condition {
        let since = match task.phase {
            Phase::Pending => return Condition::Pending,
            Phase::Stopping => return Condition::Stopping,
            Phase::Running(since) => since,
        };
        let checks = self.health;
        let passes = |exists: bool, verdict: Health| !exists || verdict == Health::Healthy;
        if let Some(cause) = self.failing(task) {
            if now - since < self.grace { Condition::Maturing } else { Condition::Unhealthy(cause) }
        } else if !checks.container && !checks.target {
            if now - since < MATURES_AFTER { Condition::Maturing } else { Condition::Healthy }
        } else if passes(checks.container, task.container) && passes(checks.target, task.target) {
            Condition::Healthy
        } else {
            Condition::Maturing
        }
    }

    /// When time alone will change how `task` counts.
    pub(crate) fn changes_at(&self, task: &Task, now: Time) -> Option<Time> {
        let Phase::Running(since) = task.phase else {
            return None;
        };
        let at = if self.failing(task).is_some() {
            since + self.grace
        } else if !self.health.container && !self.health.target {
            since + MATURES_AFTER
        } else {
            return None;
        };
        (at > now).then_some(at)
    }

    fn failing(&self, task: &Task) -> Option<Cause> {
        if self.health.container && task.container == Health::Unhealthy {
            Some(Cause::FailedContainerHealth)
        } else if self.health.target && task.target == Health::Unhealthy {
            Some(Cause::FailedTargetHealth)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HealthSource;

    const START: Time = Time(1_000_000);

    fn one(container: bool, target: bool) -> Service {
        let mut service = Service::settled(1, 1, START);
        service.health = HealthSource { container, target };
        service.tasks[0].phase = Phase::Running(START);
        service.tasks[0].container = Health::Unknown;
        service.tasks[0].target = Health::Unknown;
        service
    }

    fn at(service: &Service, seconds: u64) -> Condition {
        service.condition(&service.tasks[0], START + Span::seconds(seconds))
    }

    #[test]
    fn without_checks_a_task_is_healthy_after_forty_seconds() {
        let service = one(false, false);
        assert_eq!(at(&service, 39), Condition::Maturing);
        assert_eq!(at(&service, 40), Condition::Healthy);
        assert_eq!(service.changes_at(&service.tasks[0], START), Some(START + Span::seconds(40)));
        assert_eq!(service.changes_at(&service.tasks[0], START + Span::seconds(40)), None);
    }

    #[test]
    fn with_both_checks_both_must_pass() {
        let mut service = one(true, true);
        assert_eq!(at(&service, 100), Condition::Maturing);
        service.tasks[0].container = Health::Healthy;
        assert_eq!(at(&service, 100), Condition::Maturing);
        service.tasks[0].target = Health::Healthy;
        assert_eq!(at(&service, 0), Condition::Healthy);
        service.tasks[0].target = Health::Unhealthy;
        assert_eq!(at(&service, 0), Condition::Unhealthy(Cause::FailedTargetHealth));
        service.tasks[0].container = Health::Unhealthy;
        assert_eq!(at(&service, 0), Condition::Unhealthy(Cause::FailedContainerHealth));
    }

    #[test]
    fn a_check_that_does_not_exist_says_nothing() {
        let mut service = one(true, false);
        service.tasks[0].target = Health::Unhealthy;
        assert_eq!(at(&service, 100), Condition::Maturing);
        service.tasks[0].container = Health::Healthy;
        assert_eq!(at(&service, 100), Condition::Healthy);
    }

    #[test]
    fn an_unhealthy_verdict_within_the_grace_period_is_ignored() {
        let mut service = one(false, true);
        service.grace = Span::seconds(60);
        service.tasks[0].target = Health::Unhealthy;
        assert_eq!(at(&service, 59), Condition::Maturing);
        assert_eq!(service.changes_at(&service.tasks[0], START), Some(START + Span::seconds(60)));
        assert_eq!(at(&service, 60), Condition::Unhealthy(Cause::FailedTargetHealth));
    }
}
