//! The `Store` port on disk: `<pipeline folder>/.shipit/` with runs, artefacts and the lock.

mod artefact;
mod journal;
mod lock;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::Entry;
use shipit_core::release::{Commit, RunId};

use crate::port::{PortResult, Ships, Store, Taken};
use journal::Journal;
pub use lock::{Force, Standing, release, standing};

/// The folder beside the pipeline file that holds everything shipit writes.
pub const FOLDER: &str = ".shipit";

/// The lock's file in it.
pub const LOCK: &str = "lock";

/// Runs, artefacts and the lock of one pipeline folder.
pub struct Files {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    journal: Mutex<Option<(RunId, Journal)>>,
    lock: Mutex<Option<lock::Lock>>,
}

impl Files {
    /// Opens `<folder>/.shipit`, made when it is missing, with a `.gitignore` that keeps it out of the repository.
    ///
    /// # Errors
    /// The folder cannot be made or written (`SHIP601`).
    pub fn open(folder: &Path) -> Result<Files, Failure> {
        let root = folder.join(FOLDER);
        fs::create_dir_all(&root).map_err(|error| trouble("made", &root, &error))?;
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            artefact::write_whole(&ignore, b"*\n").map_err(|error| trouble("written", &ignore, &error))?;
        }
        Ok(Files { inner: Arc::new(Inner { root, journal: Mutex::new(None), lock: Mutex::new(None) }) })
    }

    /// The folder of a run: `runs/<run>`.
    ///
    /// # Errors
    /// The id is not one path component of letters, digits, `-`, `_` and `.` (`SHIP601`).
    pub fn run_folder(&self, run: &RunId) -> Result<PathBuf, Failure> {
        self.inner.run_folder(run)
    }
}

impl Inner {
    /// Takes the lock, held until these files are dropped.
    fn claim(&self, by: &str, doing: &str) -> Result<Taken, Failure> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(Taken::Held);
        }
        let (lock, taken) = lock::Lock::take(&self.root.join(LOCK), by, doing)?;
        *held = Some(lock);
        Ok(taken)
    }

    /// The lock is held, and tells what for.
    fn lock(&self, ships: Ships) -> Result<(), Failure> {
        self.claim("someone", "run")?;
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.root.join(LOCK);
        held.as_mut().map_or(Ok(()), |lock| lock.ships(ships)).map_err(|error| trouble("locked", &path, &error))
    }

    fn run_folder(&self, run: &RunId) -> Result<PathBuf, Failure> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if run.0.is_empty() || run.0.starts_with('.') || !run.0.chars().all(plain) {
            return Err(Failure::new(Code::FileTrouble, format!("`{run}` cannot name a run's folder"))
                .because("only letters, digits, `-`, `_` and `.` may be in it"));
        }
        Ok(self.root.join("runs").join(&run.0))
    }

    fn open(&self, run: &RunId, plan: &Value) -> Result<(), Failure> {
        let text = |path: &str| plan.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let commit = Commit(text("/source/commit").unwrap_or_default());
        self.lock(Ships { run: run.clone(), commit, subject: text("/source/subject") })?;
        let folder = self.run_folder(run)?;
        fs::create_dir_all(&folder).map_err(|error| trouble("made", &folder, &error))?;
        let path = folder.join("plan.json");
        let mut text = serde_json::to_vec_pretty(plan).map_err(|error| trouble("written", &path, &error.into()))?;
        text.push(b'\n');
        artefact::write_whole(&path, &text).map_err(|error| trouble("written", &path, &error))?;
        let journal = Journal::open(&folder)?;
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = Some((run.clone(), journal));
        Ok(())
    }

    fn record(&self, run: &RunId, entry: &Entry) -> Result<(), Failure> {
        let mut open = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let journal = match &mut *open {
            Some((held, journal)) if held == run => journal,
            other => &mut other.insert((run.clone(), Journal::open(&self.run_folder(run)?)?)).1,
        };
        journal.append(entry)
    }

    fn artefact(&self, path: &Path, content: &[u8]) -> Result<String, Failure> {
        artefact::write(&self.root, path, content)
    }
}

#[async_trait]
impl Store for Files {
    async fn claim(&self, by: &str, doing: &str) -> PortResult<Taken> {
        let (inner, by, doing) = (self.inner.clone(), by.to_owned(), doing.to_owned());
        on_disk(move || inner.claim(&by, &doing)).await
    }

    async fn open(&self, run: &RunId, plan: &Value) -> PortResult<()> {
        let (inner, run, plan) = (self.inner.clone(), run.clone(), plan.clone());
        on_disk(move || inner.open(&run, &plan)).await
    }

    async fn record(&self, run: &RunId, entry: &Entry) -> PortResult<()> {
        let (inner, run, entry) = (self.inner.clone(), run.clone(), entry.clone());
        on_disk(move || inner.record(&run, &entry)).await
    }

    async fn artefact(&self, path: &Path, content: &[u8]) -> PortResult<String> {
        let (inner, path, content) = (self.inner.clone(), path.to_owned(), content.to_vec());
        on_disk(move || inner.artefact(&path, &content)).await
    }
}

/// Runs file work where it may block.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> PortResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(Failure::new(Code::Unexpected, "writing a file ended early").because(error.to_string()).into()),
    }
}

/// A path that stays where it is put: relative, and only plain names.
fn is_plain(path: &Path) -> bool {
    path.file_name().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn trouble(done: &str, path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(Code::FileTrouble, format!("`{}` cannot be {done}", path.display())).because(error.to_string());
    match error.kind() {
        io::ErrorKind::PermissionDenied => failure.next("make the folder of the pipeline file writable for this user"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            failure.next("make room on that disk, then run the same command again")
        }
        io::ErrorKind::ReadOnlyFilesystem => failure.next("run from a checkout on a disk that can be written"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests;
