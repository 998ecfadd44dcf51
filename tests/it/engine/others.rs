//! Others act in the same account: autoscalers, people, other pipelines. Nothing of theirs is undone.

use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};
use shipit_core::settled::Status;
use shipit_scheduler::Span;

use crate::support::ecs::Happening;
use crate::support::faults::Op;
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::{Scenario, revision};

/// Where nobody interferes any more, the service comes to serve what they deployed.
async fn is_theirs(scenario: &Scenario, run: &Run, service: &str) {
    let taken = matches!(run.stands(service), ServiceOutcome::Superseded { by } if by.short() == "theirs:1");
    assert!(taken, "{:?}", run.outcome);
    scenario.world.pass(Span::seconds(1200)).await;
    assert_eq!(scenario.serves(service), Some("theirs:1".into()));
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_that_changes_the_desired_count_in_the_middle_keeps_its_count() {
    for desired in [1, 7] {
        let scenario = Scenario::storefront();
        scenario.world.lock().on(Op::Follow, 4, Happening::Scales("backend".into(), desired));
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
        assert_eq!(scenario.serves("backend"), Some("backend:2".into()));
        assert_eq!(scenario.ecs("backend", |service| service.plan.desired), desired);
        for call in run.calls(Op::UpdateService) {
            assert!(!call.body.to_string().contains("desiredCount"), "{}", call.body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_takes_over_is_left_alone() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Follow, 5, Happening::Deploys("backend".into()));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Superseded, Code::Superseded), "{:?}", run.outcome);
    assert_eq!(run.touches(), [(Op::UpdateService, "backend")], "nothing of theirs is undone");
    is_theirs(&scenario, &run, "backend").await;
    assert_eq!(*run.stands("frontend"), ServiceOutcome::Untouched);
}

#[tokio::test(start_paused = true)]
async fn when_the_frontend_is_taken_over_only_our_own_backend_goes_back() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::UpdateService, 2, Happening::Interrupt);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Interrupted);

    let scenario = Scenario::storefront().new_tasks("frontend", Behaviour::NeverStarts);
    scenario.world.lock().on(Op::UpdateService, 2, Happening::Scales("frontend".into(), 3));
    scenario.world.lock().on(Op::StopServiceDeployment, 1, Happening::Deploys("frontend".into()));
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Superseded, "{:?}", run.outcome);
    run.turned_back("backend", "backend:1");
    is_theirs(&scenario, &run, "frontend").await;
}

#[tokio::test(start_paused = true)]
async fn what_someone_deployed_after_our_rollout_is_not_turned_back_when_a_later_step_fails() {
    let scenario = Scenario::storefront().smoked("frontend");
    {
        let mut world = scenario.world.lock();
        world.surroundings.answers = 503;
        world.on(Op::Probe, 2, Happening::Deploys("backend".into()));
    }
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Superseded, Code::SmokeFailed), "{:?}", run.outcome);
    run.turned_back("frontend", "frontend:1");
    is_theirs(&scenario, &run, "backend").await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_deployed_while_images_were_built_is_not_touched() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Push, 1, Happening::Deploys("backend".into()));
    let run = scenario.deploy().await;
    assert_eq!(run.code(), Code::DeploymentInProgress, "{:?}", run.outcome);
    assert_eq!(run.touches(), []);
    assert!(run.words().contains("theirs:1"), "{}", run.words());
    assert!(run.calls(Op::RegisterTaskDefinition).iter().all(|call| call.subject != "backend"));
}

#[tokio::test(start_paused = true)]
async fn a_frontend_that_was_deployed_while_the_backend_rolled_is_not_overwritten() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Follow, 6, Happening::Deploys("frontend".into()));
    let run = scenario.deploy().await;
    assert_ne!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert!(run.touches().iter().all(|(_, service)| *service == "backend"), "{:?}", run.touches());
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    scenario.world.pass(Span::seconds(1200)).await;
    assert_eq!(scenario.serves("frontend"), Some("theirs:1".into()));
}

#[tokio::test(start_paused = true)]
async fn whoever_took_over_is_noticed_at_the_next_look_and_named() {
    for nth in 1..9 {
        let scenario = Scenario::storefront();
        scenario.world.lock().on(Op::Follow, nth, Happening::Deploys("backend".into()));
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Superseded, "{:?}", run.outcome);
        assert_eq!(run.calls(Op::Follow).len(), nth, "within one look");
        assert!(run.words().contains("theirs:1 is of ben@desk (run r-7, commit 77c0ffe"), "{}", run.words());
        assert_eq!(run.touches(), [(Op::UpdateService, "backend")], "nothing of theirs is undone");
        is_theirs(&scenario, &run, "backend").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_deployment_of_the_very_same_revision_is_someone_elses_too() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Follow, 4, Happening::Forces("backend".into()));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Superseded, Code::Superseded), "{:?}", run.outcome);
    assert_eq!(run.calls(Op::Follow).len(), 4);
    assert!(run.words().contains("a new deployment of the same revision, backend:2"), "{}", run.words());
    assert_eq!(run.touches(), [(Op::UpdateService, "backend")]);
    scenario.world.pass(Span::seconds(1200)).await;
    assert_eq!(scenario.serves("backend"), Some("backend:2".into()), "theirs comes to its end");
}

#[tokio::test(start_paused = true)]
async fn someone_elses_way_back_is_theirs_and_not_a_turn_back_of_ours() {
    for without in [false, true] {
        let scenario = Scenario::storefront();
        scenario.world.lock().ecs.without_service_deployments = without;
        scenario.world.lock().on(Op::Follow, 4, Happening::GoesBack("backend".into(), revision("backend:1")));
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Superseded, "{:?}", run.outcome);
        assert_eq!(run.touches(), [(Op::UpdateService, "backend")]);
        scenario.world.pass(Span::seconds(1200)).await;
        assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_someone_stops_has_failed_and_the_service_is_back() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Follow, 4, Happening::Stops("backend".into()));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    assert!(run.words().contains("because it was stopped"), "{}", run.words());
    assert_eq!(run.touches(), [(Op::UpdateService, "backend")]);
    run.turned_back("backend", "backend:1");

    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Follow, 4, Happening::Aborts("backend".into()));
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?}", run.outcome);
    assert!(run.words().contains("stopped by user"), "{}", run.words());
    run.turned_back("backend", "backend:1");
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()), "what nobody rolled back is ours to bring back");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_ends_between_two_looks_is_exit_4_and_one_that_is_replaced_there_exit_7() {
    let crashing = || {
        let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes);
        scenario.world.lock().on(Op::Follow, 2, Happening::Outage(Span::seconds(280)));
        scenario
    };
    let scenario = crashing();
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    assert_eq!(scenario.newest_status("backend"), Status::RollbackSuccessful);
    run.turned_back("backend", "backend:1");
    let phases: Vec<String> = run.facts().iter().map(|entry| format!("{:?}", entry.fact)).collect();
    assert!(!phases.iter().any(|fact| fact.contains("Returning")), "it was never seen on its way: {phases:?}");

    let scenario = crashing();
    let at = scenario.world.lock().now() + Span::seconds(320);
    scenario.world.lock().later(at, Happening::Deploys("backend".into()));
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Superseded, "{:?}", run.outcome);
    is_theirs(&scenario, &run, "backend").await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_someone_else_that_is_in_progress_is_not_replaced_and_its_owner_is_named() {
    let scenario = Scenario::storefront();
    let now = scenario.world.lock().now();
    scenario.world.lock().happens(now, Happening::Deploys("backend".into()));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Refused, Code::DeploymentInProgress));
    assert!(run.words().contains("theirs:1 is of ben@desk (run r-7, commit 77c0ffe"), "{}", run.words());
    assert_eq!(run.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn what_someone_forced_anew_of_our_own_revision_is_not_turned_back_either() {
    let scenario = Scenario::storefront().smoked("frontend");
    {
        let mut world = scenario.world.lock();
        world.surroundings.answers = 503;
        world.on(Op::Probe, 2, Happening::Forces("backend".into()));
    }
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Superseded, Code::SmokeFailed), "{:?}", run.outcome);
    run.turned_back("frontend", "frontend:1");
    let backend: Vec<_> = run.touches().into_iter().filter(|(_, service)| *service == "backend").collect();
    assert_eq!(backend.iter().filter(|(operation, _)| *operation == Op::UpdateService).count(), 1, "{backend:?}");
    scenario.world.pass(Span::seconds(1200)).await;
    assert_eq!(scenario.serves("backend"), Some("backend:2".into()), "theirs comes to its end");
}
