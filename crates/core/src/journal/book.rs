//! A journal as one thing that travels: its first line carries the run and its plan, each further line a fact.

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::plan::Plan;
use crate::release::RunId;

/// The first line: whose journal it is and what was planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Which run.
    pub run: RunId,
    /// Who started it.
    pub by: String,
    /// What it does.
    pub plan: Plan,
}

/// A journal that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// Its first line.
    pub head: Head,
    /// Its facts.
    pub entries: Vec<Entry>,
}

/// Why a journal cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The run was cut before its plan was written down: it has done nothing.
    #[error("it ends before its first line does")]
    NoPlan,
    /// A line is broken, and not by being the last.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Book {
    /// Reads a journal. A last line without its end was torn by a crash and was never confirmed: it is left out.
    ///
    /// # Errors
    /// There is no plan, or a line that is not the torn last one is broken.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let broken = |at: usize, error: serde_json::Error| Unreadable::Line { line: at + 1, why: error.to_string() };
        let mut lines = whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (at, first) = lines.next().ok_or(Unreadable::NoPlan)?;
        let head = serde_json::from_str(first).map_err(|error| broken(at, error))?;
        let entries = lines.map(|(at, line)| serde_json::from_str(line).map_err(|error| broken(at, error)));
        Ok(Self { head, entries: entries.collect::<Result<_, _>>()? })
    }
}
