//! Sister properties of resume: whatever fails once, the world ends as it was, deployed, or the outcome says where it hangs.

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::Exit;
use shipit_core::settled::Status;
use shipit_scheduler::Breaker;

use super::journals::acts_follow_their_facts;
use crate::support::faults::{Op, When, denied, refused, throttled, unreachable};
use crate::support::property::holds;
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

const SERVICES: [&str; 2] = ["backend", "frontend"];

/// What the new version is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
pub enum Fault {
    Throttled,
    Unreachable,
    Lost,
    Denied,
    Refused,
}

impl Fault {
    pub fn set(self, scenario: &Scenario, number: usize) {
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

pub fn faults() -> impl Strategy<Value = Fault> {
    proptest::sample::select(vec![Fault::Throttled, Fault::Unreachable, Fault::Lost, Fault::Denied, Fault::Refused])
}

/// Runs a test where time passes only when nothing else is left to do.
pub fn in_paused_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
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
            ServiceOutcome::Baking { .. } | ServiceOutcome::Paused { .. } => {
                prop_assert!(false, "tasks are replaced, no traffic is shifted: {:?}", outcome);
            }
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

/// A story in which calls fail: each by its number, from 0.
#[derive(Clone, Debug)]
struct Trouble {
    story: Story,
    faults: Vec<(usize, Fault)>,
}

fn troubles(count: usize) -> impl Strategy<Value = Trouble> {
    stories().prop_flat_map(move |story| {
        let faults = prop::collection::vec((0..calls(story), faults()), count);
        faults.prop_map(move |faults| Trouble { story, faults })
    })
}

/// How many calls the story takes when none fails; one that fails may make it more.
fn calls(story: Story) -> usize {
    static CALLS: Mutex<BTreeMap<Story, usize>> = Mutex::new(BTreeMap::new());
    let count = || in_paused_time(async { story.told().deploy().await.all_calls().count() });
    *CALLS.lock().unwrap().entry(story).or_insert_with(count)
}

async fn nothing_is_left_in_between_silently(trouble: &Trouble) -> Result<(), TestCaseError> {
    let scenario = trouble.story.told();
    for (number, fault) in &trouble.faults {
        fault.set(&scenario, *number);
    }
    let run = scenario.deploy().await;
    acts_follow_their_facts(&run);
    is_told(&scenario, &run)
}

#[test]
fn whatever_call_fails_once_nothing_is_left_in_between_silently() {
    holds(1, &troubles(1), |trouble| in_paused_time(nothing_is_left_in_between_silently(&trouble)));
}

#[test]
fn whatever_two_calls_fail_nothing_is_left_in_between_silently() {
    holds(1, &troubles(2), |trouble| in_paused_time(nothing_is_left_in_between_silently(&trouble)));
}
