//! Rollouts that go wrong: by which way the service comes back, and what is said.

use shipit_core::event::{Event, ServiceOutcome};
use shipit_core::failure::{Code, Exit};
use shipit_core::settled::Status;
use shipit_scheduler::{Breaker, Percents, Span};

use crate::support::ecs::Happening;
use crate::support::faults::{Op, When, denied};
use crate::support::revisions::Behaviour;
use crate::support::scenario::{Scenario, revision};

#[tokio::test(start_paused = true)]
async fn new_tasks_that_crash_trip_the_breaker_and_ecs_turns_back() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    for word in ["Essential container in task exited", "exited with 1", "ECONNREFUSED", "circuit breaker threshold"] {
        assert!(run.words().contains(word), "{word} in {}", run.words());
    }
    run.turned_back("backend", "backend:1");
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    assert_eq!(scenario.newest_status("backend"), Status::RollbackSuccessful);
    assert_eq!(run.touches(), [(Op::UpdateService, "backend")], "ECS does it alone, and the frontend is never touched");
    assert_eq!(*run.stands("frontend"), ServiceOutcome::Untouched);
}

#[tokio::test(start_paused = true)]
async fn new_tasks_that_fail_their_checks_are_turned_back_with_the_reason() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::FailsChecks);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::TurnedBack);
    assert!(run.words().contains("Task failed ELB health checks"), "{}", run.words());
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
}

#[tokio::test(start_paused = true)]
async fn where_the_breaker_does_not_roll_back_shipit_does() {
    let scenario =
        Scenario::storefront().new_tasks("backend", Behaviour::Crashes).breaker("backend", Breaker::without_rollback());
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    let sent: Vec<_> = run.calls(Op::UpdateService).iter().map(|call| call.body["taskDefinition"].clone()).collect();
    assert_eq!(sent, [revision("backend:2").0, revision("backend:1").0]);
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_tasks_that_never_start_stall_and_ecs_is_asked_to_roll_back() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::NeverStarts).breaker("backend", Breaker::Off);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutStalled), "{:?}", run.outcome);
    assert_eq!(run.touches(), [(Op::UpdateService, "backend"), (Op::StopServiceDeployment, "backend")]);
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    assert_eq!(scenario.newest_status("backend"), Status::RollbackSuccessful);
}

#[tokio::test(start_paused = true)]
async fn a_stall_on_a_platform_without_service_deployments_is_turned_back_by_an_update() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::NeverStarts).breaker("backend", Breaker::Off);
    scenario.world.lock().ecs.without_service_deployments = true;
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?}", run.outcome);
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
}

#[tokio::test(start_paused = true)]
async fn a_service_created_by_this_run_has_nothing_to_go_back_to() {
    for behaviour in [Behaviour::Crashes, Behaviour::NeverStarts] {
        let scenario = Scenario::storefront().created("backend").new_tasks("backend", behaviour);
        let run = scenario.deploy().await;
        assert_eq!((run.exit, run.code()), (Exit::Stuck, Code::RolloutStuck), "{:?}", run.outcome);
        assert!(matches!(run.stands("backend"), ServiceOutcome::Stuck { .. }));
        assert_eq!(run.touches(), [(Op::CreateService, "backend")]);
        assert_eq!(scenario.serves("frontend"), Some("frontend:1".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_frontend_fails_the_backend_goes_back_too_newest_first() {
    let scenario = Scenario::storefront().new_tasks("frontend", Behaviour::Crashes);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    run.turned_back("frontend", "frontend:1");
    run.turned_back("backend", "backend:1");
    assert_eq!(scenario.serves("frontend"), Some("frontend:1".into()));
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    let last = run.calls(Op::UpdateService).last().map(|call| call.body["taskDefinition"].clone());
    assert_eq!(last, Some(revision("backend:1").0.into()));
}

#[tokio::test(start_paused = true)]
async fn when_the_last_smoke_fails_both_services_go_back_newest_first() {
    let scenario = Scenario::storefront().smoked("frontend");
    scenario.world.lock().surroundings.answers = 503;
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::SmokeFailed), "{:?}", run.outcome);
    assert!(run.words().contains("it answered 503"), "{}", run.words());
    let updates: Vec<_> = run.calls(Op::UpdateService).iter().map(|call| call.body["taskDefinition"].clone()).collect();
    let expected = ["backend:2", "frontend:2", "frontend:1", "backend:1"].map(|short| revision(short).0);
    assert_eq!(updates, expected);
    for service in ["backend", "frontend"] {
        assert_eq!(scenario.serves(service), Some(format!("{service}:1")));
        run.turned_back(service, &format!("{service}:1"));
    }
    assert_eq!(run.events.iter().filter(|event| matches!(event, Event::Undone { .. })).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_percents_that_were_changed_for_the_rollout_are_put_back() {
    let mut scenario = Scenario::storefront().smoked("backend");
    let strategy = shipit_core::pipeline::Strategy::Rolling { minimum_percent: Some(50), maximum_percent: Some(100) };
    scenario.wanted("backend").strategy = strategy;
    scenario.world.lock().surroundings.answers = 500;
    let before = scenario.ecs("backend", |service| (service.configuration.clone(), service.plan.percents));
    assert_eq!(scenario.deploy().await.exit, Exit::TurnedBack);
    assert_eq!(scenario.ecs("backend", |service| (service.configuration.clone(), service.plan.percents)), before);
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_fails_too_needs_a_person() {
    // With one of two tasks gone the way back must start one, and that crashes as well.
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes).sized("backend", 2, Percents::new(50, 100));
    let former = Happening::FormerBehaves(revision("backend:1"), Behaviour::Crashes);
    scenario.world.lock().on(Op::UpdateService, 1, former);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Stuck, Code::RolloutStuck), "{:?}", run.outcome);
    assert!(matches!(run.stands("backend"), ServiceOutcome::Stuck { .. }));
    assert_eq!(scenario.serves("backend"), None);
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_is_denied_needs_a_person() {
    let scenario = Scenario::storefront().smoked("backend");
    {
        let mut world = scenario.world.lock();
        world.surroundings.answers = 503;
        world.on(Op::Probe, 1, Happening::Denies(Op::UpdateService));
    }
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Stuck, Code::SmokeFailed), "{:?}", run.outcome);
    let told = run.events.iter().any(|event| matches!(event, Event::UndoFailed { failure, .. } if failure.next.iter().any(|next| next.contains("--task-definition backend:1"))));
    assert!(told, "the command a person can run is told");
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_leaves_every_service_as_it_is() {
    let scenario = Scenario::storefront();
    scenario.world.lock().faults.fail_next(Op::Push, 1, When::Before, denied(Op::Push));
    let run = scenario.deploy().await;
    assert_eq!(run.touches(), []);
    assert_eq!(*run.stands("backend"), ServiceOutcome::Untouched);
    assert_eq!(run.code(), Code::Denied);
}

#[tokio::test(start_paused = true)]
async fn a_way_back_one_task_at_a_time_is_waited_for_though_the_revision_never_left() {
    let scenario =
        Scenario::storefront().new_tasks("backend", Behaviour::FailsChecks).sized("backend", 4, Percents::new(51, 101));
    scenario.world.lock().ecs.spans.start = Span::seconds(90);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?}", run.outcome);
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
}

#[tokio::test(start_paused = true)]
async fn when_one_of_two_rollouts_fails_the_other_is_stopped_in_its_middle() {
    let mut scenario = Scenario::empty();
    scenario.service("search", "search", &[]);
    scenario.service("mail", "mail", &[]);
    let scenario = scenario.new_tasks("search", Behaviour::Crashes).sized("mail", 6, Percents::new(80, 100));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    let of_mail: Vec<Op> =
        run.touches().into_iter().filter(|(_, name)| *name == "mail").map(|(operation, _)| operation).collect();
    assert_eq!(of_mail, [Op::UpdateService, Op::StopServiceDeployment], "it is not waited for until it has ended");
    for service in ["search", "mail"] {
        run.turned_back(service, &format!("{service}:1"));
        assert_eq!(scenario.serves(service), Some(format!("{service}:1")));
    }
    assert!(run.words().contains("search"), "the first failure is the run's: {}", run.words());
}
