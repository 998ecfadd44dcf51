//! Others act in the same account: autoscalers, people, other pipelines. Nothing of theirs is undone.

use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};
use shipit_scheduler::Span;

use crate::support::ecs::Happening;
use crate::support::faults::Op;
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

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
