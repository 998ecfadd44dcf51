//! One run at a time in a pipeline's folder: a file lock of the system, with a note in it of who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shipit_core::failure::{Code, Failure};
use shipit_core::release::RunId;

use super::trouble;

/// Who holds the lock, or held it when it died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id on that host.
    pub pid: u32,
    /// The host's name.
    pub host: String,
    /// Since when.
    pub since: Timestamp,
    /// The run.
    pub run: String,
    /// The commit that it ships.
    pub commit: String,
}

/// How the lock was got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was free.
    Free,
    /// We hold it already.
    Held,
    /// A run that died without giving it back had it: a person should know, and may `shipit resume` it.
    Over(Holder),
}

/// The lock, given back when dropped. The system gives it back when the process dies, whatever the note says.
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(path: &Path, run: &RunId, commit: &str) -> Result<(Lock, Taken), Failure> {
        let failed = |error: &std::io::Error| trouble("locked", path, error);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(|error| failed(&error))?;
        let locked = file.try_lock();
        let mut note = String::new();
        // A note that cannot be read only costs the name of the holder.
        let _ = file.read_to_string(&mut note);
        let before = serde_json::from_str::<Holder>(&note).ok();
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(path, before)),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let holder = Holder {
            pid: std::process::id(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            since: Timestamp::now(),
            run: run.0.clone(),
            commit: commit.to_owned(),
        };
        let mut write = || {
            let text = serde_json::to_string(&holder)?;
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| failed(&error))?;
        Ok((Lock(file), before.map_or(Taken::Free, Taken::Over)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The note goes first: whoever comes next must not read it as that of a run that died.
        let _ = self.0.set_len(0);
        let _ = self.0.unlock();
    }
}

fn held(path: &Path, holder: Option<Holder>) -> Failure {
    let next = "wait until it has ended, then run the same command again";
    match holder {
        Some(Holder { pid, host, since, run, commit }) => {
            let commit = commit.get(..7).unwrap_or(&commit);
            Failure::new(Code::Locked, format!("run {run} holds the lock since {since:.0}"))
                .because(format!("process {pid} on {host} ships {commit}"))
                .next(next)
        }
        None => Failure::new(Code::Locked, "another run holds the lock")
            .because(format!("`{}` is locked by a process that has not written who it is yet", path.display()))
            .next(next),
    }
}
