//! Whose deployment is it, and how did it end: by service deployments, and by the weaker rule where there are none.

use jiff::Timestamp;
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::settled::{
    Begun, DeploymentSeen, Evidence, RolloutState, ServiceDeployment, ServiceDeployments, Settled, Status, Strength, settled,
};

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

/// Seconds after our call, revision, status.
type Row<'a> = (i64, &'a str, Status);

/// Ours asks for `web:3` in place of `web:2` at second 10.
fn by_list(rows: &[Row<'_>], primary: &str) -> Settled {
    let at = |second: i64| Timestamp::from_second(second).expect("a time");
    let begun = Begun {
        service: "web".to_owned(),
        revision: Revision("web:3".to_owned()),
        deployment: DeploymentId("3".to_owned()),
        asked_at: at(10),
    };
    let list = rows.iter().rev().map(|(second, revision, status)| ServiceDeployment {
        arn: format!("{second}"),
        created_at: at(*second),
        revision: Revision((*revision).to_owned()),
        status: status.clone(),
        reason: Some("why".to_owned()),
        shift: None,
    });
    let evidence = Evidence {
        at: at(100),
        service_deployments: ServiceDeployments::Listed { list: list.collect() },
        deployments: vec![deployment(primary, "PRIMARY", RolloutState::InProgress, 1)],
        desired: 2,
        running: 2,
        pending: 0,
        events: Vec::new(),
    };
    settled(&begun, &evidence)
}

fn superseded(by: &str) -> Settled {
    Settled::Superseded { by: Revision(by.to_owned()) }
}

fn rolled_back(to: &str) -> Settled {
    Settled::RolledBack { to: Revision(to.to_owned()), reason: "why".to_owned() }
}

#[test]
fn whoever_called_later_has_taken_over_whatever_ours_is_called_by_then() {
    use Status::{
        InProgress, Other, Pending, RollbackFailed, RollbackInProgress, RollbackRequested, RollbackSuccessful, StopRequested,
        Stopped,
    };
    for ours in [
        Pending,
        InProgress,
        StopRequested,
        Stopped,
        RollbackRequested,
        RollbackInProgress,
        RollbackSuccessful,
        RollbackFailed,
        Other("HELD".to_owned()),
    ] {
        for (theirs, what) in
            [("theirs:1", "another revision"), ("web:3", "the same revision, by force"), ("web:2", "someone else's rollback")]
        {
            let rows = [(5, "web:2", Status::Successful), (10, "web:3", ours.clone()), (12, theirs, InProgress)];
            let primary = theirs.trim_start_matches("web:");
            assert_eq!(by_list(&rows, primary), superseded(theirs), "{what} over ours at {ours:?}");
        }
    }
}

#[test]
fn a_rollback_by_ecs_is_no_ones_takeover_also_when_it_ended_between_two_looks() {
    let rows = |ours| [(5, "web:2", Status::Successful), (10, "web:3", ours)];
    assert_eq!(by_list(&rows(Status::RollbackSuccessful), "2"), rolled_back("web:2"));
    // The word is there before the service's own list follows.
    assert_eq!(by_list(&rows(Status::RollbackSuccessful), "3"), Settled::RollingBack { reason: "why".to_owned() });
    assert_eq!(by_list(&rows(Status::RollbackInProgress), "2"), Settled::RollingBack { reason: "why".to_owned() });
    assert_eq!(by_list(&rows(Status::RollbackFailed), "2"), Settled::Failed { reason: "why".to_owned() });
}

#[test]
fn ours_that_succeeded_before_someone_called_has_succeeded() {
    let rows = [(10, "web:3", Status::Successful), (50, "theirs:1", Status::InProgress)];
    assert_eq!(by_list(&rows, "theirs:1"), Settled::Done { strength: Strength::ServiceDeployment });
}

#[test]
fn one_that_was_asked_for_just_before_ours_is_not_what_took_over() {
    let rows = [(10, "theirs:1", Status::Stopped), (11, "web:3", Status::InProgress)];
    assert_eq!(by_list(&rows, "3"), Settled::Pending);
}

#[test]
fn stopped_by_someone_without_a_rollback_is_a_failure_of_ours() {
    let rows = [(5, "web:2", Status::Successful), (10, "web:3", Status::Stopped)];
    assert_eq!(by_list(&rows, "3"), Settled::Failed { reason: "why".to_owned() });
    // Who took over shows in the service before it is listed: another one, or one of the same revision by force.
    assert_eq!(by_list(&rows, "3b"), superseded("web:3b"));
    assert_eq!(by_list(&rows, "2"), superseded("web:2"));
}

#[test]
fn what_took_over_shows_in_the_service_before_any_of_it_is_listed() {
    let judged = |deployments: Vec<DeploymentSeen>| {
        let begun = Begun {
            service: "web".to_owned(),
            revision: Revision("web:3".to_owned()),
            deployment: DeploymentId("3".to_owned()),
            asked_at: Timestamp::UNIX_EPOCH,
        };
        let evidence = Evidence {
            at: Timestamp::UNIX_EPOCH,
            service_deployments: ServiceDeployments::Listed { list: Vec::new() },
            deployments,
            desired: 2,
            running: 2,
            pending: 0,
            events: Vec::new(),
        };
        settled(&begun, &evidence)
    };
    let of = |id, role, rollout| deployment(id, role, rollout, 1);
    let ours = || of("3", "ACTIVE", RolloutState::InProgress);
    assert_eq!(judged(vec![of("4", "PRIMARY", RolloutState::InProgress), ours()]), superseded("web:4"));
    assert_eq!(judged(vec![of("2", "PRIMARY", RolloutState::Completed)]), Settled::Pending, "a read from before our call");
    assert_eq!(judged(vec![of("3", "PRIMARY", RolloutState::InProgress)]), Settled::Pending);
    let given_up = of("3", "ACTIVE", RolloutState::Failed);
    assert_eq!(judged(vec![of("2", "PRIMARY", RolloutState::InProgress), given_up]), Settled::Pending, "ECS goes back");
}
