//! How each step stands, and the one thing that comes next: forward, back, or nothing more.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Fact, Output, Undo};
use crate::failure::Failure;
use crate::plan::{Plan, Step, StepId};

/// How a step stands by the facts about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Nothing is known of it.
    Untouched,
    /// It was begun and has no end: it is done again, by looking first.
    Started(Undo),
    /// It is done.
    Done(Undo, Output),
    /// It failed; whatever it left is undone too.
    Failed(Undo, Failure),
    /// It stays as it is on a person's wish, with what came of it if it was done.
    Kept(Option<Output>),
    /// It is undone.
    Undone,
    /// It could not be undone.
    UndoFailed(Failure),
}

/// How every step of the plan stands.
pub fn standings(entries: &[Entry]) -> BTreeMap<StepId, Standing> {
    let mut all: BTreeMap<StepId, Standing> = BTreeMap::new();
    for entry in entries {
        let before = all.remove(&entry.step).unwrap_or(Standing::Untouched);
        all.insert(entry.step.clone(), before.after(&entry.fact));
    }
    all
}

impl Standing {
    fn undo(&self) -> Undo {
        match self {
            Standing::Started(undo) | Standing::Done(undo, _) | Standing::Failed(undo, _) => undo.clone(),
            Standing::Untouched | Standing::Kept(_) | Standing::Undone | Standing::UndoFailed(_) => Undo::Nothing,
        }
    }

    fn after(self, fact: &Fact) -> Standing {
        match fact {
            Fact::Started { undo } => match self {
                // A repeated start keeps what was captured first: the world before any act of ours.
                Standing::Started(first) => Standing::Started(first),
                _ => Standing::Started(undo.clone()),
            },
            Fact::Succeeded { output } => Standing::Done(self.undo(), output.clone()),
            Fact::Failed { failure } => Standing::Failed(self.undo(), failure.clone()),
            Fact::Decided { .. }
            | Fact::Answering { .. }
            | Fact::Answered { .. }
            | Fact::Clearing { .. }
            | Fact::Cleared
            | Fact::Began { .. }
            | Fact::GivenUp { .. }
            | Fact::UndoStarted => self,
            Fact::Kept => match self {
                Standing::Done(_, output) => Standing::Kept(Some(output)),
                _ => Standing::Kept(None),
            },
            Fact::Undone => Standing::Undone,
            Fact::UndoFailed { failure } => Standing::UndoFailed(failure.clone()),
        }
    }
}

/// What comes next in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Next<'a> {
    /// These steps can be done now, side by side.
    Forward(Vec<&'a Step>),
    /// The run is given up: these steps are to be undone, in this order.
    Back(Vec<(StepId, Undo)>),
    /// Nothing more.
    Ended,
}

/// The one thing that comes next. Once a run is given up it only ever goes back, whoever goes on with it.
pub fn next<'a>(plan: &'a Plan, entries: &[Entry]) -> Next<'a> {
    if is_given_up(entries) {
        return match to_undo(entries) {
            steps if steps.is_empty() => Next::Ended,
            steps => Next::Back(steps),
        };
    }
    match ready(plan, entries) {
        steps if steps.is_empty() => Next::Ended,
        steps => Next::Forward(steps),
    }
}

/// Why the run was given up, if it was.
pub fn given_up(entries: &[Entry]) -> Option<&Failure> {
    entries.iter().find_map(|entry| match &entry.fact {
        Fact::GivenUp { failure } | Fact::Failed { failure } | Fact::UndoFailed { failure } => Some(failure),
        _ => None,
    })
}

fn is_given_up(entries: &[Entry]) -> bool {
    given_up(entries).is_some() || entries.iter().any(|entry| matches!(entry.fact, Fact::UndoStarted | Fact::Undone))
}

/// Steps that can be done now: everything they need is done, and the run is not given up.
pub fn ready<'a>(plan: &'a Plan, entries: &[Entry]) -> Vec<&'a Step> {
    if is_given_up(entries) {
        return Vec::new();
    }
    let standings = standings(entries);
    let done: BTreeSet<&StepId> =
        standings.iter().filter(|(_, standing)| matches!(standing, Standing::Done(..))).map(|(id, _)| id).collect();
    plan.steps.iter().filter(|step| !done.contains(&step.id) && step.needs.iter().all(|need| done.contains(need))).collect()
}

/// Steps to undo after a failure or an interrupt, in the order in which to undo them: newest start first.
/// A step that started without an end is undone too; one that found everything as wanted has nothing to undo.
pub fn to_undo(entries: &[Entry]) -> Vec<(StepId, Undo)> {
    let standings = standings(entries);
    let mut started: Vec<&StepId> = Vec::new();
    for entry in entries {
        if matches!(entry.fact, Fact::Started { .. }) && !started.contains(&&entry.step) {
            started.push(&entry.step);
        }
    }
    let begun = |id: &StepId| entries.iter().any(|entry| entry.step == *id && matches!(entry.fact, Fact::Began { .. }));
    started
        .into_iter()
        .rev()
        .filter_map(|id| standings.get(id).map(|standing| (id, standing)))
        .filter(|(id, standing)| !matches!(standing, Standing::Done(_, Output::RolledOut { .. })) || begun(id))
        .map(|(id, standing)| (id.clone(), standing.undo()))
        .filter(|(_, undo)| *undo != Undo::Nothing)
        .collect()
}
