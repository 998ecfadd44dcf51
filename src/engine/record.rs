//! The journal of a run: one writer, on disk before the act; a fact that cannot be written stops the run.

use std::sync::Mutex as StdMutex;

use shipit_core::failure::Failure;
use shipit_core::journal::{Entry, Fact};
use shipit_core::plan::StepId;
use shipit_core::release::RunId;
use tokio::sync::Mutex;

use crate::port::{Clock, Store};

/// The facts of a run, in memory as they are on disk.
pub struct Journal<'a> {
    store: &'a dyn Store,
    clock: Clock,
    /// Which run.
    pub run: RunId,
    entries: StdMutex<Vec<Entry>>,
    read: usize,
    writing: Mutex<()>,
}

impl<'a> Journal<'a> {
    /// A journal that goes on after `entries`; a fresh run is the case of none.
    pub fn new(store: &'a dyn Store, clock: Clock, run: RunId, entries: Vec<Entry>) -> Self {
        let read = entries.len();
        Self { store, clock, run, entries: StdMutex::new(entries), read, writing: Mutex::new(()) }
    }

    /// The step was begun by an earlier process, which may have lost facts when it ended.
    pub fn is_from_before(&self, step: &StepId) -> bool {
        self.entries().iter().take(self.read).any(|entry| entry.step == *step)
    }

    /// Writes a fact down. What has happened stays known to this run even when it could not be written.
    ///
    /// # Errors
    /// It could not be written: the act must not follow.
    pub async fn record(&self, step: &StepId, fact: Fact) -> Result<(), Failure> {
        let _one_at_a_time = self.writing.lock().await;
        let entry = Entry { at: self.clock.now(), step: step.clone(), fact };
        let written = self.store.record(&self.run, &entry).await;
        if written.is_ok() || has_happened(&entry.fact) {
            self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(entry);
        }
        Ok(written?)
    }

    /// All facts so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// The fact tells of something past; the others announce an act, which does not follow when they cannot be written.
fn has_happened(fact: &Fact) -> bool {
    match fact {
        Fact::Started { .. }
        | Fact::Decided { .. }
        | Fact::Answering { .. }
        | Fact::Clearing { .. }
        | Fact::GivenUp { .. }
        | Fact::UndoStarted => false,
        Fact::Succeeded { .. }
        | Fact::Failed { .. }
        | Fact::Began { .. }
        | Fact::Answered { .. }
        | Fact::Cleared
        | Fact::Kept
        | Fact::Undone
        | Fact::UndoFailed { .. } => true,
    }
}
