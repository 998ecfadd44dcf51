//! A person interrupts: what has begun is brought back, and the exit says that it was a person.

use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};
use shipit_core::settled::Status;

use crate::support::ecs::Happening;
use crate::support::faults::Op;
use crate::support::revisions::Behaviour;
use crate::support::scenario::Scenario;

fn interrupted_at(operation: Op, nth: usize) -> Scenario {
    let scenario = Scenario::storefront().smoked("frontend");
    scenario.world.lock().on(operation, nth, Happening::Interrupt);
    scenario
}

#[tokio::test(start_paused = true)]
async fn while_images_are_built_nothing_is_touched() {
    let scenario = interrupted_at(Op::Build, 2);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Interrupted, Code::Interrupted));
    assert_eq!(run.writes(), []);
    assert_eq!(*run.stands("backend"), ServiceOutcome::Untouched);
    assert!(run.took.as_secs() < 10, "a running build is dropped: {}", run.took);
}

#[tokio::test(start_paused = true)]
async fn while_the_backend_rolls_it_is_turned_back_and_the_frontend_is_never_touched() {
    let scenario = interrupted_at(Op::Follow, 5);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Interrupted, Code::Interrupted), "{:?}", run.outcome);
    run.turned_back("backend", "backend:1");
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    assert_eq!(scenario.newest_status("backend"), Status::RollbackSuccessful);
    assert_eq!(run.touches(), [(Op::UpdateService, "backend"), (Op::StopServiceDeployment, "backend")]);
}

#[tokio::test(start_paused = true)]
async fn while_the_frontend_rolls_both_are_turned_back() {
    let scenario = interrupted_at(Op::UpdateService, 2);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Interrupted, "{:?}", run.outcome);
    for service in ["backend", "frontend"] {
        run.turned_back(service, &format!("{service}:1"));
        assert_eq!(scenario.serves(service), Some(format!("{service}:1")));
    }
}

#[tokio::test(start_paused = true)]
async fn while_smoke_is_asked_both_are_turned_back() {
    let scenario = interrupted_at(Op::Probe, 1);
    scenario.world.lock().surroundings.answers = 503;
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Interrupted, "{:?}", run.outcome);
    assert_eq!(scenario.serves("frontend"), Some("frontend:1".into()));
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
}

#[tokio::test(start_paused = true)]
async fn while_ecs_rolls_back_itself_it_is_waited_for_and_not_stopped_again() {
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes);
    scenario.world.lock().on(Op::DescribeStoppedTasks, 1, Happening::Interrupt);
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Interrupted, "{:?}", run.outcome);
    assert_eq!(scenario.serves("backend"), Some("backend:1".into()));
    run.turned_back("backend", "backend:1");
}

#[tokio::test(start_paused = true)]
async fn at_any_call_every_service_ends_where_it_began_or_where_it_was_to_go() {
    let calls = Scenario::storefront().deploy().await.all_calls().count();
    for number in (0..calls).step_by(3) {
        let scenario = Scenario::storefront();
        scenario.world.lock().at_call(number, Happening::Interrupt);
        let run = scenario.deploy().await;
        if run.exit == Exit::Done {
            assert!(number >= calls - 3, "an interrupt at call {number} of {calls} was not heeded");
        } else {
            assert_eq!(run.exit, Exit::Interrupted, "at call {number}: {:?}", run.outcome);
            for service in ["backend", "frontend"] {
                assert_eq!(scenario.serves(service), Some(format!("{service}:1")), "at call {number}: {:?}", run.outcome);
            }
        }
    }
}
