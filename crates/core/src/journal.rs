//! What was done, one fact a line, written before and after each act; what is ready next, purely from plan and facts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;
use crate::pipeline::Name;
use crate::plan::{Plan, Step, StepId};
use crate::release::{Digest, Revision};
use crate::rollout::Phase;
use crate::settled::Begun;

/// One line of `journal.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The step it is about.
    pub step: StepId,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// A fact about a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// It is about to be done; this is how to undo it, captured from the world as it is now.
    Started {
        /// How to undo it.
        undo: Undo,
    },
    /// It is done.
    Succeeded {
        /// What came of it.
        output: Output,
    },
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The rollout decided something: recorded before it is acted upon.
    Decided {
        /// The phase from now on.
        phase: Phase,
    },
    /// A deployment was asked for; this is its handle.
    Began {
        /// The handle.
        begun: Begun,
    },
    /// Undoing it begins.
    UndoStarted,
    /// It is undone.
    Undone,
    /// It could not be undone.
    UndoFailed {
        /// Why.
        failure: Failure,
    },
}

/// How to undo a step: traffic first, then capacity, then registrations; nothing else is ever undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "undo", rename_all = "snake_case")]
pub enum Undo {
    /// There is nothing to undo.
    Nothing,
    /// The service goes back to the revision and configuration it had.
    TurnBack {
        /// The ECS service's name.
        service: String,
        /// The revision it had.
        revision: Revision,
        /// The `deploymentConfiguration` it had.
        configuration: Value,
    },
    /// The service was created by this run: it has nothing to go back to.
    Created {
        /// The ECS service's name.
        service: String,
    },
}

/// What came of a step; later steps read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum Output {
    /// Built: the image lies in the Engine.
    Built,
    /// Pushed.
    Pushed {
        /// The digest in the registry.
        digest: Digest,
    },
    /// The gate was passed.
    Passed,
    /// Artefacts were written.
    Written {
        /// Paths relative to the pipeline's folder.
        files: Vec<String>,
    },
    /// A revision was registered.
    Registered {
        /// It.
        revision: Revision,
    },
    /// The running revision is the wanted one.
    Unchanged {
        /// It.
        revision: Revision,
    },
    /// The service runs the revision.
    RolledOut {
        /// Which.
        revision: Revision,
    },
    /// The smoke request was answered.
    Smoked,
}

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
            Standing::Untouched | Standing::Undone | Standing::UndoFailed(_) => Undo::Nothing,
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
            Fact::Decided { .. } | Fact::Began { .. } | Fact::UndoStarted => self,
            Fact::Undone => Standing::Undone,
            Fact::UndoFailed { failure } => Standing::UndoFailed(failure.clone()),
        }
    }
}

/// Steps that can be done now: everything they need is done, and nothing has failed.
pub fn ready<'a>(plan: &'a Plan, entries: &[Entry]) -> Vec<&'a Step> {
    let standings = standings(entries);
    let failed =
        standings.values().any(|standing| matches!(standing, Standing::Failed(..) | Standing::Undone | Standing::UndoFailed(_)));
    if failed {
        return Vec::new();
    }
    let done: BTreeSet<&StepId> =
        standings.iter().filter(|(_, standing)| matches!(standing, Standing::Done(..))).map(|(id, _)| id).collect();
    plan.steps.iter().filter(|step| !done.contains(&step.id) && step.needs.iter().all(|need| done.contains(need))).collect()
}

/// Steps to undo after a failure or an interrupt, in the order in which to undo them: newest start first.
/// A step that started without an end is undone too.
pub fn to_undo(entries: &[Entry]) -> Vec<(StepId, Undo)> {
    let standings = standings(entries);
    let mut started: Vec<&StepId> = Vec::new();
    for entry in entries {
        if matches!(entry.fact, Fact::Started { .. }) && !started.contains(&&entry.step) {
            started.push(&entry.step);
        }
    }
    started
        .into_iter()
        .rev()
        .filter_map(|id| standings.get(id).map(|standing| (id.clone(), standing.undo())))
        .filter(|(_, undo)| *undo != Undo::Nothing)
        .collect()
}

/// The digest of each image that this run knows: reused ones and pushed ones.
pub fn digests(plan: &Plan, entries: &[Entry]) -> BTreeMap<Name, Digest> {
    let mut digests: BTreeMap<Name, Digest> =
        plan.reused.iter().map(|(name, image)| (name.clone(), image.digest.clone())).collect();
    for entry in entries {
        if let Fact::Succeeded { output: Output::Pushed { digest } } = &entry.fact
            && let Some(step) = plan.steps.iter().find(|step| step.id == entry.step)
        {
            digests.insert(step.kind.subject().to_owned(), digest.clone());
        }
    }
    digests
}

/// The revision that a service's register step came to.
pub fn revision(entries: &[Entry], step: &StepId) -> Option<(Revision, Registered)> {
    entries.iter().rev().filter(|entry| entry.step == *step).find_map(|entry| match &entry.fact {
        Fact::Succeeded { output: Output::Registered { revision } } => Some((revision.clone(), Registered::New)),
        Fact::Succeeded { output: Output::Unchanged { revision } } => Some((revision.clone(), Registered::Unchanged)),
        _ => None,
    })
}

/// Whether a register step made a new revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It made one.
    New,
    /// The running one is the wanted one.
    Unchanged,
}

/// Reads a journal: a last line without its end is dropped, a broken line elsewhere is an error.
///
/// # Errors
/// The number of the broken line (from 1) and what is wrong with it.
pub fn read(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    whole
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| serde_json::from_str(line).map_err(|error| (at + 1, error.to_string())))
        .collect()
}
