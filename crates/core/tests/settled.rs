//! The weaker rule, for platforms that show no service deployments.

use jiff::Timestamp;
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::settled::{Begun, DeploymentSeen, Evidence, RolloutState, ServiceDeployments, Settled, Strength, settled};

fn deployment(id: &str, role: &str, rollout: RolloutState, running: u32) -> DeploymentSeen {
    DeploymentSeen {
        id: DeploymentId(id.to_owned()),
        role: role.to_owned(),
        revision: Revision(format!("web:{id}")),
        rollout,
        reason: None,
        desired: running,
        running,
        pending: 0,
        failed: 0,
    }
}

fn judged(others: &[DeploymentSeen]) -> Settled {
    let ours = deployment("3", "PRIMARY", RolloutState::Completed, 2);
    let begun = Begun {
        service: "web".to_owned(),
        revision: ours.revision.clone(),
        deployment: ours.id.clone(),
        asked_at: Timestamp::UNIX_EPOCH,
    };
    let evidence = Evidence {
        at: Timestamp::UNIX_EPOCH,
        service_deployments: ServiceDeployments::Unsupported,
        deployments: [std::slice::from_ref(&ours), others].concat(),
        desired: 2,
        running: 2,
        pending: 0,
        events: Vec::new(),
    };
    settled(&begun, &evidence)
}

const DONE: Settled = Settled::Done { strength: Strength::Weaker };

#[test]
fn a_completed_primary_is_done_once_the_others_have_gone() {
    assert_eq!(judged(&[]), DONE);
    assert_eq!(judged(&[deployment("2", "ACTIVE", RolloutState::Completed, 1)]), Settled::Pending);
    assert_eq!(judged(&[deployment("2", "ACTIVE", RolloutState::Completed, 0)]), Settled::Pending);
}

/// ministack lists a deployment that its circuit breaker gave up for ever: it must not keep every later one from its end.
#[test]
fn what_was_given_up_before_does_not_hold_up_what_comes_after() {
    let given_up = deployment("1", "ACTIVE", RolloutState::Failed, 0);
    assert_eq!(judged(std::slice::from_ref(&given_up)), DONE);
    assert_eq!(judged(&[given_up, deployment("2", "ACTIVE", RolloutState::Completed, 1)]), Settled::Pending);
    assert_eq!(judged(&[deployment("1", "ACTIVE", RolloutState::Failed, 1)]), Settled::Pending);
}
