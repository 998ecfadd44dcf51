//! AWS throttles, does not answer, or its answers are lost on the way.

use shipit::port::PortError;
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};
use shipit_core::settled::Status;
use shipit_scheduler::{Breaker, Span};

use crate::support::ecs::Happening;
use crate::support::faults::{Op, When, denied, unreachable};
use crate::support::revisions::Behaviour;
use crate::support::scenario::Scenario;

#[tokio::test(start_paused = true)]
async fn half_of_all_calls_throttled_delays_a_deploy_and_nothing_else() {
    for seed in 0..20 {
        let scenario = Scenario::storefront();
        scenario.world.lock().faults.throttle(50, seed);
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::Done, "seed {seed}: {:?} {:?}", run.refusals, run.outcome);
        let taken = run.calls(Op::UpdateService).iter().filter(|call| call.failed.is_none()).count();
        assert_eq!(taken, 2, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_all_calls_throttled_delays_the_way_back_too() {
    for seed in 0..10 {
        let scenario =
            Scenario::storefront().new_tasks("frontend", Behaviour::Crashes).breaker("frontend", Breaker::without_rollback());
        scenario.world.lock().faults.throttle(50, seed);
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::TurnedBack, "seed {seed}: {:?}", run.outcome);
        assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
        assert_eq!(scenario.serves("frontend"), Some("frontend:1".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_in_the_middle_is_never_called_a_refusal() {
    for operation in [Op::Push, Op::DescribeScan, Op::RegisterTaskDefinition, Op::UpdateService] {
        let scenario = Scenario::storefront();
        scenario.world.lock().faults.fail_next(operation, 99, When::Before, denied(operation));
        let run = scenario.deploy().await;
        assert_eq!((run.exit, run.code()), (Exit::Failed, Code::Denied), "{operation:?}: {:?}", run.outcome);
        assert!(run.words().contains("`backend` was not touched"), "{operation:?}: {}", run.words());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_may_not_be_asked_for_is_made_by_an_update() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::NeverStarts).breaker("backend", Breaker::Off);
    let stop = Op::StopServiceDeployment;
    scenario.world.lock().faults.fail_next(stop, 99, When::Before, denied(stop));
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?}", run.outcome);
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_ends_in_a_push_is_renewed_and_one_that_never_lasts_is_told() {
    let expired = || PortError::Expired { message: "Your authorization token has expired".into() };
    let scenario = Scenario::storefront();
    scenario.world.lock().faults.fail_next(Op::Push, 1, When::Before, expired());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(run.calls(Op::Push).len(), 3, "two images, one of them twice");
    let scenario = Scenario::storefront();
    scenario.world.lock().faults.fail_next(Op::Push, 99, When::Before, expired());
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Failed, Code::ExpiredCredentials), "{:?}", run.outcome);
    assert!(run.calls(Op::Push).len() <= 6, "{}", run.calls(Op::Push).len());
}

#[tokio::test(start_paused = true)]
async fn where_aws_is_not_reached_for_longer_than_the_patience_the_rollout_is_left_to_it() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Follow, 3, Happening::Outage(Span::seconds(7200)));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Running, Code::StillRunning), "{:?}", run.outcome);
    assert!(matches!(run.stands("backend"), ServiceOutcome::InProgress { revision } if revision.short() == "backend:2"));
    assert!(run.words().contains("shipit wait"), "{}", run.words());
    let taken: Vec<_> = run.touches().into_iter().collect();
    assert_eq!(taken, [(Op::UpdateService, "backend")]);
    assert_eq!(scenario.serves("backend"), Some("backend:2".into()), "AWS has gone on");
}

#[tokio::test(start_paused = true)]
async fn an_outage_within_the_patience_delays_a_deploy_and_nothing_else() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::Follow, 3, Happening::Outage(Span::seconds(200)));
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
}

#[tokio::test(start_paused = true)]
async fn an_outage_before_anything_has_begun_fails_at_once() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::DescribeRepository, 1, Happening::Outage(Span::seconds(7200)));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Failed, Code::Unreachable));
    assert!(run.took.as_secs() < 5, "{}", run.took);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_update_does_not_make_a_second_deployment() {
    let scenario = Scenario::storefront();
    scenario.world.lock().faults.fail_next(Op::UpdateService, 1, When::After, unreachable());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    run.deployed("backend", "backend:2");
    let made = scenario.ecs("backend", |service| service.deployments.len());
    assert_eq!(made, 2, "the placeholder's and ours");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_registration_does_not_make_a_second_revision() {
    let scenario = Scenario::storefront();
    scenario.world.lock().faults.fail_next(Op::RegisterTaskDefinition, 1, When::After, unreachable());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(run.calls(Op::RegisterTaskDefinition).len(), 2, "one for each service");
    run.deployed("backend", "backend:2");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_creation_does_not_create_a_second_service() {
    let scenario = Scenario::storefront().created("backend");
    scenario.world.lock().faults.fail_next(Op::CreateService, 1, When::After, unreachable());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done, "{:?}", run.outcome);
    assert_eq!(run.calls(Op::CreateService).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_whose_answer_never_comes_is_said_to_be_perhaps_under_way() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::UpdateService, 1, Happening::Outage(Span::seconds(7200)));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Running, Code::StillRunning), "{:?}", run.outcome);
    assert!(matches!(run.stands("backend"), ServiceOutcome::InProgress { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_stop_still_ends_in_one_rollback() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::NeverStarts).breaker("backend", Breaker::Off);
    scenario.world.lock().faults.fail_next(Op::StopServiceDeployment, 1, When::After, unreachable());
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?}", run.outcome);
    assert_eq!(scenario.newest_status("backend"), Status::RollbackSuccessful);
    assert_eq!(run.calls(Op::UpdateService).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_update_back_still_ends_in_one_way_back() {
    let scenario =
        Scenario::storefront().new_tasks("backend", Behaviour::Crashes).breaker("backend", Breaker::without_rollback());
    scenario.world.lock().on(Op::StopServiceDeployment, 1, Happening::LosesNext(Op::UpdateService));
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::TurnedBack, "{:?}", run.outcome);
    let made = scenario.ecs("backend", |service| service.deployments.len());
    assert_eq!(made, 3, "the placeholder's, ours, the one back");
}

#[tokio::test(start_paused = true)]
async fn an_outage_while_turning_back_ends_and_a_person_is_told() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::NeverStarts).breaker("backend", Breaker::Off);
    scenario.world.lock().on(Op::StopServiceDeployment, 1, Happening::Outage(Span::seconds(80_000)));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Stuck, Code::RolloutStuck), "{:?}", run.outcome);
    assert!(run.took.as_secs() < 7200, "{}", run.took);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_perhaps_under_way_decides_the_exit_though_another_service_failed_first() {
    let mut scenario = Scenario::empty();
    scenario.service("search", "search", &[]);
    scenario.service("mail", "mail", &[]);
    {
        let mut world = scenario.world.lock();
        world.faults.fail_next(Op::UpdateService, 1, When::Before, denied(Op::UpdateService));
        world.faults.fail_next(Op::UpdateService, 1, When::After, unreachable());
        world.on(Op::UpdateService, 2, Happening::Denies(Op::DescribeService));
    }
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Running, Code::Denied), "{:?}", run.outcome);
    let left = ["search", "mail"].iter().filter(|name| matches!(run.stands(name), ServiceOutcome::InProgress { .. })).count();
    assert_eq!(left, 1, "{:?}", run.outcome);
}
