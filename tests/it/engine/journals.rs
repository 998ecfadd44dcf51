//! The journal: an act follows its fact, and where facts cannot be written no act follows.

use serde_json::Value;
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::Exit;
use shipit_core::journal::{Entry, Fact, Undo};
use shipit_core::rollout::Phase;
use shipit_scheduler::Breaker;

use crate::support::ecs::Happening;
use crate::support::faults::Op;
use crate::support::revisions::Behaviour;
use crate::support::run::Run;
use crate::support::scenario::Scenario;
use crate::support::world::{Call, Line};

/// Everything that changed something was announced on disk before it was asked for.
#[track_caller]
pub fn acts_follow_their_facts(run: &Run) {
    let mut facts: Vec<&Entry> = Vec::new();
    for line in &run.lines {
        match line {
            Line::Fact(entry) => facts.push(entry),
            Line::Call(call) => {
                assert!(is_announced(call, &facts), "{:?} of {} without its fact", call.operation, call.subject);
            }
        }
    }
}

fn is_announced(call: &Call, facts: &[&Entry]) -> bool {
    let name = call.subject.trim_start_matches("shop/");
    let of = |step: String| facts.iter().filter(move |entry| entry.step.0 == step);
    let started = |verb: &str| of(format!("{verb} {name}")).any(|entry| matches!(entry.fact, Fact::Started { .. }));
    let rolls = || of(format!("roll {name}"));
    let way_back = || {
        rolls().rev().find_map(|entry| match &entry.fact {
            Fact::Decided { phase: Phase::TurningBack { .. } } => Some(true),
            Fact::Undone | Fact::UndoFailed { .. } => Some(false),
            _ => None,
        }) == Some(true)
    };
    let way_known = || {
        rolls().any(|entry| match &entry.fact {
            Fact::Started { undo: Undo::TurnBack { revision, configuration, .. } } => {
                revision.short() == format!("{name}:1") && *configuration != Value::Null
            }
            Fact::Started { undo: Undo::Created { .. } } => true,
            _ => false,
        })
    };
    match call.operation {
        Op::Build => started("build"),
        Op::Push => started("push"),
        Op::RegisterTaskDefinition => started("register"),
        Op::WriteArtefact => facts.iter().any(|entry| entry.step.0.starts_with("artefacts")),
        Op::CreateService => way_known(),
        Op::UpdateService if call.body["taskDefinition"].to_string().ends_with(":1\"") => way_known() && way_back(),
        Op::UpdateService => way_known(),
        Op::StopServiceDeployment => way_known() && way_back(),
        _ => true,
    }
}

#[tokio::test(start_paused = true)]
async fn every_act_follows_its_fact_when_all_goes_well() {
    let scenario = Scenario::storefront().created("frontend").smoked("backend");
    let run = scenario.deploy().await;
    assert_eq!(run.exit, Exit::Done);
    acts_follow_their_facts(&run);
    let ends = run.facts().iter().filter(|entry| matches!(entry.fact, Fact::Succeeded { .. })).count();
    let starts = run.facts().iter().filter(|entry| matches!(entry.fact, Fact::Started { .. })).count();
    assert_eq!((starts, ends), (13, 13), "every step has its two facts");
}

#[tokio::test(start_paused = true)]
async fn every_act_follows_its_fact_on_the_way_back() {
    for (behaviour, breaker) in [
        (Behaviour::Crashes, Breaker::with_rollback()),
        (Behaviour::Crashes, Breaker::without_rollback()),
        (Behaviour::NeverStarts, Breaker::Off),
    ] {
        let scenario = Scenario::storefront().new_tasks("frontend", behaviour).breaker("frontend", breaker);
        let run = scenario.deploy().await;
        assert_eq!(run.exit, Exit::TurnedBack);
        acts_follow_their_facts(&run);
        let undone: Vec<&str> =
            run.facts().iter().filter(|entry| entry.fact == Fact::Undone).map(|entry| entry.step.0.as_str()).collect();
        assert_eq!(undone, ["roll frontend", "roll backend"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_handle_of_a_deployment_is_written_down_before_it_is_followed() {
    let run = Scenario::storefront().deploy().await;
    let mut began = Vec::new();
    for line in &run.lines {
        match line {
            Line::Fact(Entry { fact: Fact::Began { begun }, .. }) => began.push(begun.service.clone()),
            Line::Call(call) if call.operation == Op::Follow => assert!(began.contains(&call.subject)),
            _ => {}
        }
    }
    assert_eq!(began, ["backend", "frontend"]);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_stops_the_run_before_the_next_act_and_nothing_is_left_unsaid() {
    let records = Scenario::storefront().deploy().await.calls(Op::Record).len();
    for full_from in 1..=records {
        let scenario = Scenario::storefront();
        scenario.world.lock().on(Op::Record, full_from, Happening::DiskFull);
        let run = scenario.deploy().await;
        acts_follow_their_facts(&run);
        let touched = !run.touches().is_empty();
        let expected = if touched { Exit::Stuck } else { Exit::Failed };
        assert_eq!(run.exit, expected, "full from record {full_from}: {:?}", run.outcome);
        for (_, service) in run.touches() {
            assert!(matches!(run.stands(service), ServiceOutcome::Stuck { .. }), "full from {full_from}: {:?}", run.outcome);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_fact_that_cannot_be_written_brings_everything_back() {
    let records = Scenario::storefront().deploy().await.calls(Op::Record).len();
    for number in 1..=records {
        let scenario = Scenario::storefront();
        scenario.world.lock().on(Op::Record, number, Happening::WriteFails);
        let run = scenario.deploy().await;
        acts_follow_their_facts(&run);
        let expected = if run.touches().is_empty() { Exit::Failed } else { Exit::TurnedBack };
        assert_eq!(run.exit, expected, "record {number} fails: {:?}", run.outcome);
        for service in ["backend", "frontend"] {
            assert_eq!(scenario.serves(service), Some(format!("{service}:1")), "record {number}: {:?}", run.outcome);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_be_opened_does_nothing() {
    let scenario = Scenario::storefront();
    scenario.world.lock().on(Op::OpenRun, 1, Happening::Denies(Op::OpenRun));
    let run = scenario.deploy().await;
    assert_eq!(run.writes(), []);
    assert_eq!(run.calls(Op::Build).len(), 0);
    assert_ne!(run.exit, Exit::Done);
}
