//! What a rollout has put into its service's configuration does not stay there once it has ended, whoever brought it back.

use serde_json::{Value, json};
use shipit::engine::resume::{Foreign, Which};
use shipit_core::event::Event;
use shipit_core::failure::{Code, Exit};
use shipit_core::journal::Fact;
use shipit_core::pipeline::Strategy;
use shipit_scheduler::Span;

use crate::support::ecs::Happening;
use crate::support::faults::{Op, When, denied};
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

/// A backend that is rolled with percents of the file's own, and its configuration from before.
fn storefront() -> (Scenario, Value) {
    let mut scenario = Scenario::storefront();
    scenario.wanted("backend").strategy = Strategy::Rolling { minimum_percent: Some(50), maximum_percent: Some(150) };
    let before = configuration(&scenario);
    (scenario, before)
}

fn configuration(scenario: &Scenario) -> Value {
    scenario.ecs("backend", |service| service.configuration.clone())
}

fn notices(run: &Run) -> Vec<&str> {
    let notices = run.events.iter().filter_map(|event| match event {
        Event::Notice { message } => Some(message.as_str()),
        _ => None,
    });
    notices.collect()
}

#[tokio::test(start_paused = true)]
async fn when_ecs_turns_back_by_itself_the_configuration_is_put_back_once_and_written_down_before() {
    let (scenario, before) = storefront();
    let scenario = scenario.new_tasks("backend", Behaviour::Crashes);
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    assert_eq!(configuration(&scenario), before);
    let sent: Vec<&Value> = run.calls(Op::Configure).iter().map(|call| &call.body).collect();
    assert_eq!(sent, [&json!({"deploymentConfiguration": before})], "once, and nothing but the configuration");
    let facts = run.facts();
    let place = |wanted: &dyn Fn(&Fact) -> bool| facts.iter().position(|entry| wanted(&entry.fact)).unwrap();
    let clearing = place(&|fact| matches!(fact, Fact::Clearing { .. }));
    assert!(clearing < place(&|fact| *fact == Fact::Cleared));
    assert!(
        notices(&run).iter().any(|notice| notice.contains("`maximumPercent`, `minimumHealthyPercent`")),
        "{run:?}",
        run = notices(&run)
    );
    assert_eq!(run.touches().len(), 1, "it deploys nothing: {:?}", run.touches());
}

#[tokio::test(start_paused = true)]
async fn that_it_cannot_be_put_back_is_a_remark_and_the_end_is_the_same() {
    let (scenario, before) = storefront();
    let scenario = scenario.new_tasks("backend", Behaviour::Crashes);
    scenario.world.lock().faults.fail_next(Op::Configure, 1, When::Before, denied(Op::Configure));
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.code()), (Exit::TurnedBack, Code::RolloutTurnedBack), "{:?}", run.outcome);
    run.turned_back("backend", "backend:1");
    assert_ne!(configuration(&scenario), before);
    let told = notices(&run);
    assert!(told.iter().any(|notice| notice.contains("aws ecs update-service --cluster shop --service backend")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn cut_before_or_after_it_was_sent_whoever_goes_on_leaves_nothing() {
    let (scenario, _) = storefront();
    let whole = scenario.new_tasks("backend", Behaviour::Crashes).deploy().await;
    let number = whole.all_calls().position(|call| call.operation == Op::Configure).unwrap();
    for (cut, when) in [(number - 1, When::After), (number, When::Before), (number, When::After)] {
        let (scenario, before) = storefront();
        let scenario = scenario.new_tasks("backend", Behaviour::Crashes);
        assert!(scenario.killed_at(cut, when).await.is_none(), "{cut} {when:?}");
        let run = scenario.resume(Which::Last, Foreign::Refuse).await;
        assert_eq!(run.exit, Exit::TurnedBack, "{cut} {when:?}: {:?}", run.outcome);
        assert_eq!(configuration(&scenario), before, "{cut} {when:?}");
        let again = usize::from((cut, when) != (number, When::After));
        assert_eq!(run.calls(Op::Configure).len(), again, "{cut} {when:?}: it is sent again only where it is not there");
    }
}

#[tokio::test(start_paused = true)]
async fn what_someone_else_has_deployed_meanwhile_is_left_alone() {
    let (scenario, _) = storefront();
    let whole = scenario.new_tasks("backend", Behaviour::Crashes).deploy().await;
    let calls: Vec<Op> = whole.all_calls().map(|call| call.operation).collect();
    let sent = calls.iter().position(|call| *call == Op::Configure).unwrap();
    let looks = calls[..sent].iter().filter(|call| **call == Op::DescribeService).count();
    let (scenario, before) = storefront();
    let scenario = scenario.new_tasks("backend", Behaviour::Crashes);
    {
        let mut world = scenario.world.lock();
        world.ecs.spans.stale = Span::seconds(0);
        world.on(Op::DescribeService, looks, Happening::Deploys("backend".into()));
    }
    let run = scenario.deploy().await;
    assert_eq!(run.calls(Op::Configure).len(), 0, "{:?}", run.outcome);
    assert_ne!(configuration(&scenario), before);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_succeeds_keeps_the_percents_of_its_file_and_one_that_changes_nothing_asks_nothing() {
    let (scenario, before) = storefront();
    let run = scenario.deploy().await;
    assert_eq!((run.exit, run.calls(Op::Configure).len()), (Exit::Done, 0));
    assert_ne!(configuration(&scenario), before);
    let scenario = Scenario::storefront().new_tasks("backend", Behaviour::Crashes);
    assert_eq!(scenario.deploy().await.calls(Op::Configure).len(), 0);
}
