//! Whatever one or two calls of a shift fail, nothing is left in between silently, and no bad version gets further than its
//! first share.

use proptest::prelude::*;
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::Exit;
use shipit_core::settled::Status;
use shipit_scheduler::Span;

use super::super::journals::acts_follow_their_facts;
use super::super::sisters::{Fault, faults, in_paused_time};
use super::stories::{By, MINUTE, WEB, calls, had, nothing_is_left, told};
use super::tales::Tale;
use crate::support::property::holds;
use crate::support::run::Run;
use crate::support::scenario::Scenario;

/// How the service stands in the world is what the outcome says, and whatever hangs has its exit.
async fn is_told(scenario: &Scenario, run: &Run, (by, tale): (By, Tale)) -> Result<(), TestCaseError> {
    let Some(outcome) = &run.outcome else {
        prop_assert_eq!(run.touches(), []);
        return Ok(());
    };
    let serves = scenario.serves(WEB);
    match &outcome.services[WEB] {
        ServiceOutcome::Deployed { revision, .. } => {
            prop_assert_eq!(revision.short(), "web:2");
            prop_assert_eq!(serves.as_deref(), Some("web:2"), "{}", told(run));
            prop_assert_eq!((outcome.exit, tale), (Exit::Done, Tale::Good), "{}", told(run));
            prop_assert_eq!(scenario.newest_status(WEB), Status::Successful);
        }
        ServiceOutcome::TurnedBack { to } => {
            prop_assert_eq!(serves.as_deref(), Some(to.short()), "{}", told(run));
            prop_assert_eq!(to.short(), "web:1");
        }
        ServiceOutcome::Untouched | ServiceOutcome::Unchanged { .. } => {
            prop_assert_eq!(serves.as_deref(), Some("web:1"), "{}", told(run));
        }
        ServiceOutcome::InProgress { .. } => prop_assert_eq!(outcome.exit, Exit::Running, "{}", told(run)),
        ServiceOutcome::Stuck { .. } => prop_assert_eq!(outcome.exit, Exit::Stuck, "{}", told(run)),
        other => prop_assert!(false, "{:?}: {}", other, told(run)),
    }
    let reached = had(scenario).map(|(shares, _)| shares).unwrap_or_default();
    let most = if tale == Tale::Good { 1000 } else { by.shares()[1] };
    prop_assert!(reached.iter().all(|share| *share <= most), "{:?}: {}", reached, told(run));
    // Nothing depends on a process that stays alive: AWS brings to an end what was left.
    scenario.world.pass(Span(300 * MINUTE.0)).await;
    prop_assert!(scenario.serves(WEB).is_some(), "{}", told(run));
    if matches!(outcome.exit, Exit::Done | Exit::TurnedBack) {
        nothing_is_left_but_what_is_said(scenario, run);
    }
    Ok(())
}

/// A hook that could not be taken away is named.
#[track_caller]
fn nothing_is_left_but_what_is_said(scenario: &Scenario, run: &Run) {
    let said = format!("{:?}", run.events).contains("takes all hooks off");
    if !said {
        nothing_is_left(scenario, &told(run));
    }
}

fn shifts() -> impl Strategy<Value = (By, Tale)> {
    proptest::sample::select(Tale::with_strategies())
}

async fn troubled(shift: (By, Tale), places: &[(prop::sample::Index, Fault)]) -> Result<(), TestCaseError> {
    let count = calls(shift.0, shift.1).await;
    let scenario = shift.1.told(shift.0);
    for (place, fault) in places {
        fault.set(&scenario, place.index(count));
    }
    let run = scenario.deploy().await;
    acts_follow_their_facts(&run);
    is_told(&scenario, &run, shift).await
}

#[test]
fn whatever_call_of_a_shift_fails_once_nothing_is_left_in_between_silently() {
    let troubles = (shifts(), any::<prop::sample::Index>(), faults());
    holds(50, &troubles, |(shift, place, fault)| in_paused_time(troubled(shift, &[(place, fault)])));
}

#[test]
fn whatever_two_calls_of_a_shift_fail_nothing_is_left_in_between_silently() {
    let troubles = (shifts(), any::<[prop::sample::Index; 2]>(), faults(), faults());
    holds(50, &troubles, |(shift, places, one, other)| in_paused_time(troubled(shift, &[(places[0], one), (places[1], other)])));
}
