//! Any legal course of facts has exactly one next set of steps, at every cut; what is undone is undone newest first.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Book, Entry, Fact, Head, Next, Output, Standing, Undo, given_up, next, standings, to_undo};
use shipit_core::pipeline::Strategy as Way;
use shipit_core::plan::{Driver, Plan, Roll, Step, StepId, StepKind};
use shipit_core::release::{Commit, DeploymentId, Revision, RunId, Source, Tree};
use shipit_core::settled::Begun;

fn revision(number: usize) -> Revision {
    Revision(format!("arn:aws:ecs:eu-west-1:1:task-definition/web:{number}"))
}

fn roll(number: usize, needs: &[usize]) -> Step {
    let name = format!("s{number}");
    let roll = Roll {
        service: name.clone(),
        ecs_service: name.clone(),
        driver: Driver::Ecs,
        strategy: Way::Rolling { minimum_percent: None, maximum_percent: None },
        pause: None,
        judge: None,
        alarms: Default::default(),
        wiring: Vec::new(),
        before: Some(revision(number)),
        before_configuration: Value::Null,
        before_load_balancers: Value::Null,
        create: None,
        desired: 2,
        expected_ms: None,
        patience_ms: 1,
    };
    let needs = needs.iter().map(|need| StepId::roll(&format!("s{need}"))).collect();
    Step { id: StepId::roll(&name), needs, kind: StepKind::Roll(Box::new(roll)), because: String::new() }
}

fn plan(needs: &[Vec<usize>]) -> Plan {
    let source = Source { commit: Commit("c".into()), subject: None, committed_at: None, origin: None, tree: Tree::Clean };
    Plan {
        pipeline: "shop".into(),
        cluster: "shop".into(),
        tag: source.tag(),
        source,
        reused: BTreeMap::new(),
        unchanged: BTreeMap::new(),
        steps: needs.iter().enumerate().map(|(number, needs)| roll(number, needs)).collect(),
        forced: None,
    }
}

/// Each step needs some of those before it.
fn plans() -> impl Strategy<Value = Plan> {
    prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..7).prop_map(|needs| {
        let needs: Vec<Vec<usize>> = needs
            .iter()
            .enumerate()
            .map(|(number, needs)| if number == 0 { Vec::new() } else { needs.iter().map(|need| need.index(number)).collect() })
            .collect();
        plan(&needs)
    })
}

fn failure() -> Failure {
    Failure::new(Code::RolloutStuck, "it failed")
}

/// Every fact that may come next, as the engine writes them.
fn legal(plan: &Plan, entries: &[Entry], started: &[StepId]) -> Vec<(StepId, Fact)> {
    let standings = standings(entries);
    let open = |id: &StepId| matches!(standings.get(id), Some(Standing::Started(_)));
    let has = |id: &StepId, wanted: fn(&Fact) -> bool| entries.iter().any(|entry| entry.step == *id && wanted(&entry.fact));
    let mut facts = Vec::new();
    for id in started.iter().filter(|id| open(id)) {
        if !has(id, |fact| matches!(fact, Fact::Began { .. })) {
            let begun = Begun {
                service: id.0.clone(),
                revision: revision(9),
                deployment: DeploymentId("ecs-svc/1".into()),
                asked_at: Timestamp::UNIX_EPOCH,
            };
            facts.push((id.clone(), Fact::Began { begun }));
        } else if !has(id, |fact| matches!(fact, Fact::UndoStarted)) {
            facts.push((id.clone(), Fact::Succeeded { output: Output::RolledOut { revision: revision(9) } }));
        }
        facts.push((id.clone(), Fact::Failed { failure: failure() }));
    }
    match next(plan, entries) {
        Next::Forward(steps) => {
            for step in steps.iter().filter(|step| !started.contains(&step.id)) {
                let StepKind::Roll(roll) = &step.kind else { continue };
                let undo = Undo::TurnBack {
                    service: roll.ecs_service.clone(),
                    revision: roll.before.clone().unwrap(),
                    configuration: Value::Null,
                };
                facts.push((step.id.clone(), Fact::Started { undo }));
            }
            if !started.is_empty() {
                facts.push((StepId::run(), Fact::GivenUp { failure: failure() }));
            }
        }
        Next::Back(steps) => {
            let (first, _) = &steps[0];
            if !has(first, |fact| matches!(fact, Fact::UndoStarted)) {
                facts.push((first.clone(), Fact::UndoStarted));
            }
            facts.push((first.clone(), Fact::Undone));
            facts.push((first.clone(), Fact::UndoFailed { failure: failure() }));
        }
        Next::Ended => {}
    }
    facts
}

/// A legal course of facts to its end.
fn course(plan: &Plan, choices: &[prop::sample::Index]) -> Vec<Entry> {
    let (mut entries, mut started): (Vec<Entry>, Vec<StepId>) = (Vec::new(), Vec::new());
    for choice in choices {
        let facts = legal(plan, &entries, &started);
        if facts.is_empty() {
            break;
        }
        let (step, fact) = facts[choice.index(facts.len())].clone();
        if matches!(fact, Fact::Started { .. }) {
            started.push(step.clone());
        }
        entries.push(Entry { at: Timestamp::UNIX_EPOCH, step, fact });
    }
    entries
}

proptest! {
    #[test]
    fn every_cut_has_exactly_one_next_set(plan in plans(), choices in prop::collection::vec(any::<prop::sample::Index>(), 0..60)) {
        let entries = course(&plan, &choices);
        let mut back = false;
        for cut in 0..=entries.len() {
            let known = &entries[..cut];
            let standings = standings(known);
            let done = |id: &StepId| matches!(standings.get(id), Some(Standing::Done(..)));
            let found = next(&plan, known);
            prop_assert_eq!(&found, &next(&plan, known));
            match &found {
                Next::Forward(steps) => {
                    prop_assert!(!back, "a run that went back goes forward after {} facts", cut);
                    prop_assert!(given_up(known).is_none());
                    for step in &plan.steps {
                        let wanted = !done(&step.id) && step.needs.iter().all(&done);
                        prop_assert_eq!(steps.iter().any(|one| one.id == step.id), wanted, "{}", step.id);
                    }
                }
                Next::Back(steps) => {
                    back = true;
                    let started: Vec<&StepId> = known
                        .iter()
                        .filter(|entry| matches!(entry.fact, Fact::Started { .. }))
                        .map(|entry| &entry.step)
                        .collect();
                    let places: Vec<usize> =
                        steps.iter().map(|(id, _)| started.iter().position(|one| *one == id).unwrap()).collect();
                    prop_assert!(places.is_sorted_by(|a, b| a > b), "newest first: {:?}", places);
                    for (id, undo) in steps {
                        let ended = matches!(standings.get(id), Some(Standing::Undone | Standing::UndoFailed(_)));
                        prop_assert!(!ended && *undo != Undo::Nothing, "{} is undone twice", id);
                    }
                    prop_assert_eq!(steps, &to_undo(known));
                }
                Next::Ended if given_up(known).is_some() => {
                    back = true;
                    for (id, standing) in &standings {
                        let left = matches!(standing, Standing::Started(undo) | Standing::Failed(undo, _) if *undo != Undo::Nothing);
                        prop_assert!(!left, "{} is left behind", id);
                    }
                }
                Next::Ended => prop_assert!(back || plan.steps.iter().all(|step| done(&step.id)), "it ends too early"),
            }
        }
    }

    #[test]
    fn every_cut_of_the_file_reads_to_a_prefix(plan in plans(), choices in prop::collection::vec(any::<prop::sample::Index>(), 0..12), at in any::<prop::sample::Index>()) {
        let entries = course(&plan, &choices);
        let head = Head { run: RunId("r".into()), by: "ana@laptop".into(), plan };
        let mut text = serde_json::to_string(&head).unwrap() + "\n";
        for entry in &entries {
            text += &(serde_json::to_string(entry).unwrap() + "\n");
        }
        let cut = &text[..at.index(text.len() + 1)];
        match Book::read(cut) {
            Ok(book) => {
                prop_assert_eq!(&book.head, &head);
                prop_assert_eq!(book.entries.len() + 1, cut.matches('\n').count());
                prop_assert!(entries.starts_with(&book.entries));
            }
            Err(_) => prop_assert!(!cut.contains('\n')),
        }
    }
}
