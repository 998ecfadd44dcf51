//! What is captured of a rollout that goes wrong, and what a hopeless one is spared.

use shipit_core::dossier::Dossier;
use shipit_core::event::Event;
use shipit_core::failure::{Cause, Code, Exit, Kind};
use shipit_core::settled::Status;
use shipit_scheduler::Breaker;

use crate::support::faults::{Op, When, denied, unreachable};
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

const NOT_FOUND: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
     registry/shop/backend@sha256:0: registry/shop/backend@sha256:0: not found";
const NO_MEMORY: &str = "(service backend) was unable to place a task because no container instance met all of its requirements. \
     The closest matching (container-instance 0a1b) has insufficient memory available.";

fn missing_image() -> Scenario {
    Scenario::storefront().new_tasks("backend", Behaviour::Crashes).dying_of("backend", "TaskFailedToStart", NOT_FOUND)
}

/// The dossiers that were told, in order.
fn dossiers(run: &Run) -> Vec<(&Cause, &Dossier)> {
    let told = run.events.iter().filter_map(|event| match event {
        Event::Dossier { cause, dossier, .. } => Some((cause, dossier.as_ref())),
        _ => None,
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn while_nothing_fails_nothing_more_is_asked() {
    let run = Scenario::storefront().deploy().await;
    assert_eq!(run.exit, Exit::Done);
    let asked = [Op::DescribeStoppedTasks, Op::DescribeTaskDefinition, Op::DescribeTargetHealth, Op::GetLogEvents];
    assert!(asked.iter().all(|operation| run.calls(*operation).is_empty()), "{:?}", run.lines);
    assert!(dossiers(&run).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_second_task_without_an_image_turns_the_rollout_back_before_the_breaker_does() {
    let scenario = missing_image();
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    assert_eq!(run.touches(), [(Op::UpdateService, "backend"), (Op::StopServiceDeployment, "backend")]);
    assert_eq!(scenario.newest_status("backend"), Status::RollbackSuccessful);
    let failed = scenario.ecs("backend", |service| service.failed.len());
    assert_eq!(failed, 2, "the breaker would have waited for three");
    let words = run.words();
    for word in ["image missing: 2 tasks", "registry/shop/backend@sha256:0", "which no further task would escape", "push it"] {
        assert!(words.contains(word), "{word} in {words}");
    }
    run.turned_back("backend", "backend:1");
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
}

#[tokio::test(start_paused = true)]
async fn a_cause_that_may_go_away_is_left_to_the_breaker() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes);
    let run = scenario.deploy().await;
    assert_eq!(run.touches(), [(Op::UpdateService, "backend")]);
    let (cause, dossier) = *dossiers(&run).last().unwrap();
    assert_eq!(cause.cause, Kind::Crash);
    assert!(cause.because.contains("\"panic: connect ECONNREFUSED db:5432\""), "{cause:?}");
    assert_eq!(dossier.log.as_ref().unwrap().group, "/ecs/backend");
    assert!(dossier.said.as_ref().unwrap().contains("circuit breaker"), "{dossier:?}");
    assert_eq!(dossier.change.difference.as_deref(), Some("image"));
    assert!(dossier.stops.len() >= 3);
    assert!(run.failure().next[0].contains("aws logs tail /ecs/backend"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn stopped_tasks_are_asked_for_when_something_became_worse_and_not_at_every_look() {
    let run = Scenario::storefront().new_tasks("backend", Behaviour::Crashes).deploy().await;
    let (looks, asked) = (run.calls(Op::Follow).len(), run.calls(Op::DescribeStoppedTasks).len());
    assert!(asked <= 6 && asked * 4 < looks, "{asked} at {looks} looks");
    assert_eq!(run.calls(Op::GetLogEvents).len(), 1, "the first task's last words are kept");
    assert_eq!(run.calls(Op::DescribeTaskDefinition).len(), 2, "before and after, once");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_never_placed_says_why_instead_of_only_stalled() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::NeverStarts).breaker("backend", Breaker::Off);
    let later = scenario.world.lock().now() + shipit_scheduler::Span::seconds(60);
    scenario.ecs("backend", |service| service.events.push((later, NO_MEMORY.into())));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutStalled), "{:?}", run.outcome);
    assert_eq!(dossiers(&run).last().unwrap().0.cause, Kind::NoMemory);
    for word in
        ["no memory: no task of `backend` is started", "the 512 MiB that a task asks for", "no progress within the patience"]
    {
        assert!(run.words().contains(word), "{word} in {}", run.words());
    }
    assert!(run.failure().next[0].contains("lower `memory`"), "{}", run.words());
}

#[tokio::test(start_paused = true)]
async fn failed_health_checks_come_with_what_the_load_balancer_got() {
    let run = Scenario::storefront().new_tasks("backend", Behaviour::FailsChecks).deploy().await;
    let (cause, dossier) = *dossiers(&run).last().unwrap();
    assert_eq!(cause.cause, Kind::TargetCode);
    assert!(cause.because.contains("`/health` on port 3333 answers 503, the load balancer expects 200"), "{cause:?}");
    assert_eq!(dossier.target_groups.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_that_fails_is_stuck_and_says_why() {
    for (scenario, kind, word) in [
        (Scenario::storefront().created("backend").new_tasks("backend", Behaviour::Crashes), Kind::Crash, "ECS: "),
        (Scenario::storefront().created("backend").new_tasks("backend", Behaviour::NeverStarts), Kind::Unknown, "no progress"),
    ] {
        let run = scenario.deploy().await;
        assert_eq!((run.exit, run.code()), (Exit::Stuck, Code::RolloutStuck), "{:?}", run.outcome);
        assert_eq!(dossiers(&run).last().unwrap().0.cause, kind);
        for word in [word, "there is no earlier revision to go back to"] {
            assert!(run.words().contains(word), "{word} in {}", run.words());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_that_may_not_be_read_is_named_with_its_permission_and_fails_nothing() {
    for operation in [Op::DescribeStoppedTasks, Op::DescribeTaskDefinition, Op::DescribeTargetHealth, Op::GetLogEvents] {
        let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes);
        scenario.world.lock().faults.fail_next(operation, usize::MAX, When::Before, denied(operation));
        let run = scenario.deploy().await;
        assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{operation:?}: {:?}", run.outcome);
        let (_, dossier) = *dossiers(&run).last().unwrap();
        let unread: Vec<_> = dossier.unread.iter().filter_map(|unread| unread.permission.clone()).collect();
        assert!(unread.contains(&format!("{operation:?}")), "{operation:?}: {:?}", dossier.unread);
        assert!(run.words().contains(&format!("allow `{operation:?}` to see it")), "{}", run.words());
        assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_that_is_not_answered_once_is_asked_for_again() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes);
    scenario.world.lock().faults.fail_next(Op::DescribeStoppedTasks, 1, When::Before, unreachable());
    let run = scenario.deploy().await;
    let (cause, dossier) = *dossiers(&run).last().unwrap();
    assert_eq!(cause.cause, Kind::Crash);
    assert_eq!(dossier.unread, []);
}
