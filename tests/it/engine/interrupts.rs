//! A person interrupts: what has begun is brought back, and the exit says that it was a person.

use jiff::SignedDuration;
use shipit::engine::resume::{Foreign, Which};
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::{Code, Exit};
use shipit_core::pipeline::OnInterrupt;
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

fn with_policy(policy: OnInterrupt, operation: Op, nth: usize) -> Scenario {
    let mut scenario = interrupted_at(operation, nth);
    scenario.pipeline.on_interrupt = policy;
    scenario
}

/// Wherever the signal comes, AWS has been asked for every service that was moved within 2 seconds.
#[tokio::test(start_paused = true)]
async fn aws_is_asked_for_everything_within_two_seconds_of_the_signal() {
    let calls = Scenario::storefront().deploy().await.all_calls().count();
    let mut asked_for = 0;
    for number in 0..calls {
        let scenario = Scenario::storefront();
        scenario.world.lock().at_call(number, Happening::Interrupt);
        let run = scenario.deploy().await;
        if run.exit == Exit::Done {
            continue;
        }
        let signal = run.all_calls().nth(number).unwrap().at;
        let moved: Vec<&str> = run
            .all_calls()
            .filter(|call| call.operation == Op::UpdateService && call.at <= signal)
            .map(|call| call.subject.as_str())
            .collect();
        for service in moved {
            let back = run.all_calls().find(|call| {
                let way_back = match call.operation {
                    Op::StopServiceDeployment => true,
                    Op::UpdateService => call.body["taskDefinition"].to_string().ends_with(":1\""),
                    _ => false,
                };
                way_back && call.subject == service && call.at > signal
            });
            let back = back.unwrap_or_else(|| panic!("call {number}: `{service}` is not brought back: {:?}", run.outcome));
            let after = back.at.duration_since(signal);
            assert!(after <= SignedDuration::from_secs(2), "call {number}: `{service}` after {after}");
            asked_for += 1;
        }
    }
    assert!(asked_for > 20, "{asked_for}");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_and_a_call_that_is_throttled_do_not_keep_aws_from_being_asked() {
    let scenario = interrupted_at(Op::Follow, 3);
    scenario.world.lock().on(Op::Follow, 3, Happening::Throttles(Op::Follow));
    let run = scenario.deploy().await;
    let signal = run.calls(Op::Follow)[2].at;
    let asked = run.calls(Op::StopServiceDeployment)[0].at;
    assert!(asked.duration_since(signal) <= SignedDuration::from_secs(2), "{}", asked.duration_since(signal));
}

#[tokio::test(start_paused = true)]
async fn to_leave_lets_aws_go_on_and_the_run_can_be_resumed() {
    for (operation, nth) in [(Op::Follow, 4), (Op::UpdateService, 1), (Op::UpdateService, 2), (Op::Build, 1), (Op::Probe, 1)] {
        let scenario = with_policy(OnInterrupt::Leave, operation, nth);
        let run = scenario.deploy().await;
        assert_eq!((run.exit, run.code()), (Exit::Interrupted, Code::Interrupted), "{operation:?}: {:?}", run.outcome);
        assert_eq!(run.calls(Op::StopServiceDeployment).len(), 0, "{operation:?}");
        assert!(run.words().contains("shipit resume 20261120T0900"), "{}", run.words());
        if operation != Op::Build {
            let service = if nth == 2 || operation == Op::Probe { "frontend" } else { "backend" };
            let moving = matches!(run.stands(service), ServiceOutcome::InProgress { .. } | ServiceOutcome::Deployed { .. });
            assert!(moving, "{operation:?}: {:?}", run.outcome);
        }
        let resumed = scenario.resume(Which::Last, Foreign::Refuse).await;
        assert_eq!(resumed.exit, Exit::Done, "{operation:?}: {:?}", resumed.outcome);
        for service in ["backend", "frontend"] {
            assert_eq!(scenario.serves(service), Some(format!("{service}:2")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn to_stop_starts_nothing_new_brings_nothing_back_and_says_what_goes_on() {
    let scenario = with_policy(OnInterrupt::Stop, Op::UpdateService, 2);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::Interrupted, Code::Interrupted), "{:?}", run.outcome);
    run.deployed("backend", "backend:2");
    assert!(
        matches!(run.stands("frontend"), ServiceOutcome::InProgress { revision } if revision.short() == "frontend:2"),
        "{:?}",
        run.outcome
    );
    for words in ["ECS does not stop the deployment of `frontend`", "`backend` runs what this run has deployed", "shipit wait"] {
        assert!(run.words().contains(words), "{words} in {}", run.words());
    }
    let again = scenario.resume(Which::Last, Foreign::Refuse).await;
    assert_eq!((again.exit, again.writes().len()), (Exit::Interrupted, 0), "it is over: {:?}", again.outcome);
}

#[tokio::test(start_paused = true)]
async fn killed_while_it_was_going_back_after_a_signal_it_goes_on_going_back() {
    let scenario = interrupted_at(Op::Follow, 5);
    let whole = scenario.deploy().await;
    let calls = whole.all_calls().count();
    let signal = whole.all_calls().position(|call| call.operation == Op::StopServiceDeployment).unwrap();
    for number in signal - 1..calls {
        let scenario = interrupted_at(Op::Follow, 5);
        if scenario.killed_at(number, crate::support::faults::When::After).await.is_some() {
            continue;
        }
        let run = scenario.resume(Which::Last, Foreign::Refuse).await;
        assert_eq!(run.exit, Exit::Interrupted, "killed at {number}: {:?}", run.outcome);
        assert_eq!(scenario.serves("backend"), Some("backend:1".into()), "killed at {number}");
    }
}
