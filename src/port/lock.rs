//! Who works in a pipeline's folder.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shipit_core::release::{Commit, RunId};

/// Who holds the lock of a pipeline's folder, or held it when it died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// A person at a host, or the address of a CI's run.
    pub by: String,
    /// The command, e.g. `deploy`.
    pub doing: String,
    /// Since when.
    pub since: Timestamp,
    /// The process.
    pub process: Process,
    /// What it ships, once that is known.
    pub ships: Option<Ships>,
}

/// A process that cannot be taken for a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number on that host.
    pub pid: u32,
    /// Its start in clock ticks since that host's boot; 0 where the system does not tell.
    pub started: u64,
    /// The host's name.
    pub host: String,
}

/// What a run ships.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ships {
    /// The run.
    pub run: RunId,
    /// The commit.
    pub commit: Commit,
    /// The first line of its message.
    pub subject: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Process { pid, host, .. } = &self.process;
        match &self.ships {
            Some(Ships { run, commit, subject }) => {
                write!(f, "`{}` {run} ships {}", self.doing, commit.short())?;
                subject.iter().try_for_each(|subject| write!(f, " \"{subject}\""))?;
            }
            None => write!(f, "`{}`", self.doing)?,
        }
        write!(f, " (process {pid} on {host})")
    }
}

/// How the lock was got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was free.
    Free,
    /// We hold it already.
    Held,
    /// From a process that died without giving it back: a person should know.
    Over(Holder),
}
