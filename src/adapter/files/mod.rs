//! The `Store` port on disk: `<pipeline folder>/.shipit/` with runs, artefacts and the lock.

mod artefact;
mod journal;
mod lock;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Book, Entry, Head, Unreadable};
use shipit_core::release::RunId;

use crate::port::{PortResult, Ships, Store, Taken};
use journal::Journal;
pub use lock::{Force, Standing, noted, release, standing};

/// The folder beside the pipeline file that holds everything shipit writes.
pub const FOLDER: &str = ".shipit";

/// The lock's file in it.
pub const LOCK: &str = "lock";

/// What `build`, `push` and `scan` hand over.
const HANDED_OVER: &str = "build.json";

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

    /// Where runs remember what any of them may forget: everything in it can be made again.
    pub fn cache(folder: &Path) -> PathBuf {
        folder.join(FOLDER).join("cache")
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
    fn lock(&self, head: &Head) -> Result<(), Failure> {
        let source = &head.plan.source;
        let ships = Ships { run: head.run.clone(), commit: source.commit.clone(), subject: source.subject.clone() };
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

    fn open(&self, head: &Head) -> Result<(), Failure> {
        self.lock(head)?;
        let folder = self.run_folder(&head.run)?;
        fs::create_dir_all(&folder).map_err(|error| trouble("made", &folder, &error))?;
        let mut journal = Journal::open(&folder)?;
        journal.begin(head)?;
        self.hold(&head.run, journal);
        Ok(())
    }

    fn hold(&self, run: &RunId, journal: Journal) {
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = Some((run.clone(), journal));
    }

    fn reopen(&self, run: &RunId) -> Result<Book, Failure> {
        // Read for the lock's note, and again under the lock: until then another process may have written.
        self.lock(&self.read(run)?.head)?;
        let journal = Journal::open(&self.run_folder(run)?)?;
        self.hold(run, journal);
        self.read(run)
    }

    fn read(&self, run: &RunId) -> Result<Book, Failure> {
        let path = self.run_folder(run)?.join(journal::NAME);
        let text = match fs::read(&path) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.no_such_run(run)),
            Err(error) => return Err(trouble("read", &path, &error)),
        };
        Book::read(&text).map_err(|why| unreadable(run, &why))
    }

    fn no_such_run(&self, run: &RunId) -> Failure {
        let known = self.runs().unwrap_or_default();
        let failure = Failure::new(Code::NoJournal, format!("there is no journal of run `{run}`"))
            .because(format!("`{}` does not hold it", self.root.join("runs").display()));
        match known.first() {
            Some(newest) => failure.next(format!("shipit resume {newest}")),
            None => failure.next("shipit resume --journal FILE, with the journal from where the run was started"),
        }
    }

    fn runs(&self) -> Result<Vec<RunId>, Failure> {
        let folder = self.root.join("runs");
        let listed = match fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(trouble("read", &folder, &error)),
        };
        let named = listed.filter_map(|entry| entry.ok().and_then(|entry| entry.file_name().into_string().ok()));
        let mut runs: Vec<RunId> = named.filter(|name| folder.join(name).join(journal::NAME).is_file()).map(RunId).collect();
        // A run's name begins with its time.
        runs.sort_by(|a, b| b.cmp(a));
        Ok(runs)
    }

    fn adopt(&self, text: &str) -> Result<RunId, Failure> {
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let book = Book::read(whole).map_err(|why| {
            Failure::new(Code::NoJournal, "the file is not a journal that can be read").because(why.to_string())
        })?;
        self.lock(&book.head)?;
        let run = book.head.run;
        let folder = self.run_folder(&run)?;
        fs::create_dir_all(&folder).map_err(|error| trouble("made", &folder, &error))?;
        let path = folder.join(journal::NAME);
        let here = match fs::read(&path) {
            Ok(here) => here,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(trouble("read", &path, &error)),
        };
        if here.starts_with(whole.as_bytes()) {
            return Ok(run);
        }
        if !whole.as_bytes().starts_with(&here) {
            return Err(Failure::new(Code::NoJournal, format!("run `{run}` has another journal here already"))
                .because(format!("`{}` is not the beginning of the file", path.display()))
                .next(format!("shipit resume {run}, which goes on with the one that is here")));
        }
        artefact::write_whole(&path, whole.as_bytes()).map_err(|error| trouble("written", &path, &error))?;
        Ok(run)
    }

    fn record(&self, run: &RunId, entry: &Entry) -> Result<(), Failure> {
        let mut open = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let journal = match &mut *open {
            Some((held, journal)) if held == run => journal,
            other => &mut other.insert((run.clone(), Journal::open(&self.run_folder(run)?)?)).1,
        };
        journal.append(entry)
    }

    fn handed_over(&self) -> Result<Option<String>, Failure> {
        let path = self.root.join(HANDED_OVER);
        match fs::read(&path) {
            Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(trouble("read", &path, &error)),
        }
    }

    fn hand_over(&self, text: &str) -> Result<(), Failure> {
        let path = self.root.join(HANDED_OVER);
        artefact::write_whole(&path, text.as_bytes()).map_err(|error| trouble("written", &path, &error))
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

    async fn open(&self, head: &Head) -> PortResult<()> {
        let (inner, head) = (self.inner.clone(), head.clone());
        on_disk(move || inner.open(&head)).await
    }

    async fn reopen(&self, run: &RunId) -> PortResult<Book> {
        let (inner, run) = (self.inner.clone(), run.clone());
        on_disk(move || inner.reopen(&run)).await
    }

    async fn read(&self, run: &RunId) -> PortResult<Book> {
        let (inner, run) = (self.inner.clone(), run.clone());
        on_disk(move || inner.read(&run)).await
    }

    async fn runs(&self) -> PortResult<Vec<RunId>> {
        let inner = self.inner.clone();
        on_disk(move || inner.runs()).await
    }

    async fn adopt(&self, journal: &str) -> PortResult<RunId> {
        let (inner, journal) = (self.inner.clone(), journal.to_owned());
        on_disk(move || inner.adopt(&journal)).await
    }

    async fn record(&self, run: &RunId, entry: &Entry) -> PortResult<()> {
        let (inner, run, entry) = (self.inner.clone(), run.clone(), entry.clone());
        on_disk(move || inner.record(&run, &entry)).await
    }

    async fn handed_over(&self) -> PortResult<Option<String>> {
        let inner = self.inner.clone();
        on_disk(move || inner.handed_over()).await
    }

    async fn hand_over(&self, text: &str) -> PortResult<()> {
        let (inner, text) = (self.inner.clone(), text.to_owned());
        on_disk(move || inner.hand_over(&text)).await
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

fn unreadable(run: &RunId, why: &Unreadable) -> Failure {
    let failure = Failure::new(Code::NoJournal, format!("the journal of run `{run}` cannot be read")).because(why.to_string());
    match why {
        Unreadable::NoPlan => failure.now("the run was cut before it did anything").next("shipit deploy"),
        Unreadable::Line { .. } => failure.next("shipit status, and deploy anew what should run"),
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
