//! What was done, one fact a line, written before and after each act; what comes next, purely from plan and facts.

mod book;
mod sight;
mod standing;
mod takeover;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::content::Bases;
use crate::failure::Failure;
use crate::gate::Record;
use crate::pipeline::Name;
use crate::plan::{Plan, StepId};
use crate::release::{Digest, Revision};
use crate::rollout::Phase;
use crate::settled::{Begun, HookId};

pub use book::{Book, Head, Unreadable};
pub use sight::{Rebuilt, from_sight};
pub use standing::{Next, Standing, given_up, next, ready, standings, to_undo};
pub use takeover::{Meanwhile, meanwhile, taken_over};

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

impl Entry {
    /// It tells that this revision was registered.
    pub fn registered(&self, wanted: &Revision) -> bool {
        matches!(&self.fact, Fact::Succeeded { output: Output::Registered { revision } } if revision == wanted)
    }
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
    /// An open hook of the rollout is about to be answered, so that the platform goes on.
    Answering {
        /// Which.
        hook: HookId,
    },
    /// The hook is answered.
    Answered {
        /// Which.
        hook: HookId,
    },
    /// What the rollout left in the service's configuration is about to be taken out of it, after its end.
    Clearing {
        /// The `deploymentConfiguration` that is sent.
        configuration: Value,
    },
    /// Nothing of it is there any more.
    Cleared,
    /// A deployment was asked for; this is its handle.
    Began {
        /// The handle.
        begun: Begun,
    },
    /// The run is given up: nothing new is started from here on. It is about the run, [`StepId::run`].
    GivenUp {
        /// Why.
        failure: Failure,
    },
    /// It stays as it is, because a person interrupted the run and wants it so.
    Kept,
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
    Built {
        /// What it was built on.
        bases: Bases,
    },
    /// Pushed.
    Pushed {
        /// The digest in the registry.
        digest: Digest,
    },
    /// The tag was added to an image that the registry has.
    Tagged,
    /// What is told about it is attached.
    Attested,
    /// It has what is required of it.
    Verified,
    /// The gate was passed.
    Passed {
        /// By this image.
        digest: Digest,
        /// What it was signed off with: findings, waivers with their lines, the time of the database.
        record: Box<Record>,
    },
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

/// The digest of each image that this run knows: reused ones and pushed ones.
pub fn digests(plan: &Plan, entries: &[Entry]) -> BTreeMap<Name, Digest> {
    let mut digests: BTreeMap<Name, Digest> =
        plan.reused.iter().map(|(name, reused)| (name.clone(), reused.image.digest.clone())).collect();
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
