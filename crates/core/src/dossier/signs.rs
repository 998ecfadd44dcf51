//! Signs of trouble in one look: whether it is worth asking what stopped. A healthy rollout shows none.

use crate::release::Revision;
use crate::settled::{Evidence, RolloutState, ServiceDeployments, Status};

/// What one look shows of trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    failed: u32,
    running: u32,
    /// Tasks that the service has started beyond those it wants: replacements.
    replaced: usize,
    telling: usize,
    given_up: bool,
}

impl Signs {
    /// Reads them off a look at a rollout to `candidate`.
    pub fn of(evidence: &Evidence, candidate: &Revision) -> Self {
        let ours = || evidence.deployments.iter().filter(|deployment| deployment.revision == *candidate);
        let started: usize = evidence
            .events
            .iter()
            .filter(|event| event.contains(" has started "))
            .map(|event| event.matches("(task ").count())
            .sum();
        let desired = usize::try_from(evidence.desired).unwrap_or(usize::MAX);
        Self {
            failed: ours().map(|deployment| deployment.failed).sum(),
            running: ours().map(|deployment| deployment.running).sum(),
            replaced: started.saturating_sub(desired),
            telling: evidence.events.iter().filter(|event| tells(event)).count(),
            given_up: ours().any(|deployment| deployment.rollout == RolloutState::Failed) || is_given_up(evidence),
        }
    }

    /// Something has become worse since the look before.
    pub fn worse_than(self, before: Signs) -> bool {
        self.failed > before.failed
            || self.running < before.running
            || self.replaced > before.replaced
            || self.telling > before.telling
            || (self.given_up && !before.given_up)
    }

    /// Tasks that ECS counts as failed.
    pub fn failed(self) -> u32 {
        self.failed
    }
}

fn is_given_up(evidence: &Evidence) -> bool {
    use Status::{RollbackFailed, RollbackInProgress, RollbackRequested, RollbackSuccessful};
    match &evidence.service_deployments {
        ServiceDeployments::Unsupported => false,
        ServiceDeployments::Listed { list } => list.iter().any(|deployment| {
            matches!(deployment.status, RollbackRequested | RollbackInProgress | RollbackSuccessful | RollbackFailed)
        }),
    }
}

/// What every service says when all is well.
const ROUTINE: &[&str] = &[
    " has started ",
    " has stopped ",
    " registered ",
    " deregistered ",
    "has begun draining connections",
    "deployment completed",
    "has reached a steady state",
    "AZ balanced",
    "rolling back to deployment",
];

/// The event says that something is wrong.
pub(super) fn tells(event: &str) -> bool {
    event.contains("failed to ") || !ROUTINE.iter().any(|routine| event.contains(routine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routine_events_tell_nothing() {
        for (event, expected) in [
            ("(service web) has started 2 tasks: (task a) (task b).", false),
            ("(service web) registered 1 targets in (target-group tg)", false),
            ("(service web) has reached a steady state.", false),
            ("(service web) (deployment ecs-svc/1) deployment completed.", false),
            ("(service web) was unable to place a task.", true),
            ("(service web) failed to register targets in (target-group tg) with (error x)", true),
            ("(service web) (task a) failed container health checks.", true),
            ("(service web) something new", true),
        ] {
            assert_eq!(tells(event), expected, "{event}");
        }
    }
}
