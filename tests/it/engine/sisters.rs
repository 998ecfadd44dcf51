//! Sister properties of resume: whatever fails once, the world ends as it was, deployed, or the outcome says where it hangs.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::Exit;
use shipit_core::settled::Status;
use shipit_scheduler::{Breaker, Percents, Span};

use super::journals::acts_follow_their_facts;
use crate::support::ecs::Spans;
use crate::support::faults::{Op, When, denied, refused, throttled, unreachable};
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

const SERVICES: [&str; 2] = ["backend", "frontend"];

/// What the new version is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    Good,
    FrontendCrashes,
    FrontendCrashesWithoutRollback,
    BackendHangs,
    SmokeFails,
    CreatedAndGood,
}

impl Story {
    pub fn told(self) -> Scenario {
        match self {
            Story::Good => Scenario::storefront(),
            Story::FrontendCrashes => Scenario::storefront().new_tasks("frontend", Behaviour::Crashes),
            Story::FrontendCrashesWithoutRollback => {
                Scenario::storefront().new_tasks("frontend", Behaviour::Crashes).breaker("frontend", Breaker::without_rollback())
            }
            Story::BackendHangs => {
                Scenario::storefront().new_tasks("backend", Behaviour::NeverStarts).breaker("backend", Breaker::Off)
            }
            Story::SmokeFails => {
                let scenario = Scenario::storefront().smoked("frontend");
                scenario.world.lock().surroundings.answers = 503;
                scenario
            }
            Story::CreatedAndGood => Scenario::storefront().created("frontend"),
        }
    }
}

pub fn stories() -> impl Strategy<Value = Story> {
    use Story::{BackendHangs, CreatedAndGood, FrontendCrashes, FrontendCrashesWithoutRollback, Good, SmokeFails};
    proptest::sample::select(vec![
        Good,
        FrontendCrashes,
        FrontendCrashesWithoutRollback,
        BackendHangs,
        SmokeFails,
        CreatedAndGood,
    ])
}

/// How the call fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Throttled,
    Unreachable,
    Lost,
    Denied,
    Refused,
}

impl Fault {
    fn set(self, scenario: &Scenario, number: usize) {
        let operation = Op::UpdateService;
        let (when, error) = match self {
            Fault::Throttled => (When::Before, throttled(operation)),
            Fault::Unreachable => (When::Before, unreachable()),
            Fault::Lost => (When::After, unreachable()),
            Fault::Denied => (When::Before, denied(operation)),
            Fault::Refused => (When::Before, refused(operation)),
        };
        scenario.world.lock().faults.fail_number(number, when, error);
    }
}

fn faults() -> impl Strategy<Value = Fault> {
    proptest::sample::select(vec![Fault::Throttled, Fault::Unreachable, Fault::Lost, Fault::Denied, Fault::Refused])
}

pub fn in_paused_time(future: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// How a service stands in the world is what the outcome says, and whatever hangs has its exit.
pub fn is_told(scenario: &Scenario, run: &Run) -> Result<(), TestCaseError> {
    let Some(outcome) = &run.outcome else {
        prop_assert_eq!(run.touches(), []);
        return Ok(());
    };
    for name in SERVICES {
        let exists = scenario.world.lock().ecs.services.contains_key(name);
        let serves = if exists { scenario.serves(name) } else { Some("nothing".into()) };
        let before = if exists && outcome_is_old(scenario, name) { format!("{name}:1") } else { "nothing".into() };
        let newest = exists.then(|| scenario.newest_status(name));
        match &outcome.services[name] {
            ServiceOutcome::Deployed { revision, .. } => {
                prop_assert_eq!(serves.as_deref(), Some(revision.short()), "{}: {:?}", name, outcome);
                prop_assert_eq!(newest, Some(Status::Successful));
            }
            ServiceOutcome::Untouched | ServiceOutcome::Unchanged { .. } => {
                prop_assert_eq!(serves.as_deref(), Some(before.as_str()), "{}: {:?}", name, outcome);
            }
            ServiceOutcome::TurnedBack { to } => {
                prop_assert_eq!(serves.as_deref(), Some(to.short()), "{}: {:?}", name, outcome);
                prop_assert_eq!(to.short(), format!("{name}:1"));
            }
            ServiceOutcome::InProgress { .. } => prop_assert_eq!(outcome.exit, Exit::Running, "{:?}", outcome),
            ServiceOutcome::Stuck { .. } => prop_assert_eq!(outcome.exit, Exit::Stuck, "{:?}", outcome),
            ServiceOutcome::Superseded { .. } => prop_assert!(false, "nobody else is here: {:?}", outcome),
        }
        if outcome.exit == Exit::Done {
            prop_assert!(matches!(outcome.services[name], ServiceOutcome::Deployed { .. }), "{:?}", outcome);
        }
    }
    Ok(())
}

/// The service was there before this run.
fn outcome_is_old(scenario: &Scenario, name: &str) -> bool {
    scenario.ecs(name, |service| service.deployments[0].status == Status::Successful)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn whatever_call_fails_once_nothing_is_left_in_between_silently(
        story in stories(), fault in faults(), place in any::<prop::sample::Index>()
    ) {
        in_paused_time(async {
            let calls = story.told().deploy().await.all_calls().count();
            let number = place.index(calls);
            let scenario = story.told();
            fault.set(&scenario, number);
            let run = scenario.deploy().await;
            is_told(&scenario, &run)?;
            acts_follow_their_facts(&run);
            Ok(())
        })?;
    }

    #[test]
    fn whatever_two_calls_fail_nothing_is_left_in_between_silently(
        story in stories(), first in faults(), second in faults(), places in any::<[prop::sample::Index; 2]>()
    ) {
        in_paused_time(async {
            let calls = story.told().deploy().await.all_calls().count();
            let scenario = story.told();
            first.set(&scenario, places[0].index(calls));
            second.set(&scenario, places[1].index(calls));
            let run = scenario.deploy().await;
            is_told(&scenario, &run)?;
            acts_follow_their_facts(&run);
            Ok(())
        })?;
    }

    #[test]
    fn a_good_version_arrives_and_a_bad_one_goes_back_whatever_the_service_is_like(
        desired in 1_u32..12, minimum in 0_u32..=100, extra in 1_u32..=100,
        start in 5_u64..120, verdict in 5_u64..60, drain in 1_u64..120, bad in any::<bool>()
    ) {
        let percents = Percents::new(minimum, 100 + extra);
        prop_assume!(!percents.stuck(desired));
        in_paused_time(async {
            let mut scenario = Scenario::storefront();
            if bad {
                scenario = scenario.new_tasks("backend", Behaviour::FailsChecks);
            }
            let seconds = Span::seconds;
            scenario.world.lock().ecs.spans =
                Spans { start: seconds(start), verdict: seconds(verdict), drain: seconds(drain), ..Spans::default() };
            let now = scenario.world.lock().now();
            scenario.ecs("backend", |service| {
                let mut plan = shipit_scheduler::Service::settled(desired, service.plan.primary().revision, now);
                (plan.percents, plan.breaker, plan.health) = (percents, service.plan.breaker, service.plan.health);
                service.plan = plan;
            });
            let run = scenario.deploy().await;
            let (exit, revision) = if bad { (Exit::TurnedBack, "backend:1") } else { (Exit::Done, "backend:2") };
            prop_assert_eq!(run.exit, exit, "{:?}", run.outcome);
            prop_assert_eq!(scenario.serves("backend"), Some(revision.to_owned()));
            Ok(())
        })?;
    }
}

/// Few, and the same in every run: a case is a whole deploy, and a red run must be red again. `SISTER_CASES` asks for more.
pub fn cases() -> ProptestConfig {
    let cases = std::env::var("SISTER_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64);
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(20_261_121), ..ProptestConfig::default() }
}
