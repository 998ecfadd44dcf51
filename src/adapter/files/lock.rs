//! One run at a time in a pipeline's folder: a file lock of the system, with a note in it of who holds it.
//!
//! The system gives the lock back when its process dies, so it alone decides who holds it; the note is for people.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use same_file::Handle;
use shipit_core::failure::{Code, Failure};

use super::trouble;
use crate::port::{Holder, Process, Ships, Taken};

/// How long the note of one who has just taken the lock is waited for, on the wall, and how often it is looked for.
const NOTE_WITHIN: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

/// How the lock of a folder stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody holds it.
    Free,
    /// A living process holds it; who, if it has written that yet.
    Held(Option<Holder>),
    /// Its process has ended without giving it back: the next run takes it over.
    Left(Holder),
}

/// Whether a lock is taken from a living process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It is not.
    No,
    /// A person says that nothing goes on there any more.
    Yes,
}

/// The lock, given back when dropped.
pub(super) struct Lock {
    file: File,
    holder: Holder,
}

/// What an attempt to lock the file came to.
enum Attempt {
    Ours(File, Option<Holder>),
    Theirs(Option<Holder>),
}

impl Lock {
    pub(super) fn take(path: &Path, by: &str, doing: &str) -> Result<(Lock, Taken), Failure> {
        let failed = |error: &io::Error| trouble("locked", path, error);
        let asked = Instant::now();
        let mut found = attempt(path).map_err(|error| failed(&error))?;
        // It was taken a moment ago: its holder is just writing who it is.
        while matches!(found, Attempt::Theirs(None)) && asked.elapsed() < NOTE_WITHIN {
            std::thread::sleep(LOOK);
            found = attempt(path).map_err(|error| failed(&error))?;
        }
        let (file, before) = match found {
            Attempt::Ours(file, before) => (file, before),
            Attempt::Theirs(holder) => return Err(held(path, holder)),
        };
        let (by, doing) = (by.to_owned(), doing.to_owned());
        let holder = Holder { by, doing, since: Timestamp::now(), process: this_process(), ships: None };
        let mut lock = Lock { file, holder };
        lock.write().map_err(|error| failed(&error))?;
        Ok((lock, before.map_or(Taken::Free, Taken::Over)))
    }

    /// Adds what the run ships to the note.
    pub(super) fn ships(&mut self, ships: Ships) -> io::Result<()> {
        self.holder.ships = Some(ships);
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        let text = serde_json::to_string(&self.holder)?;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The note goes first: whoever comes next must not read it as that of a run that died.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// How the lock stands.
///
/// # Errors
/// The file cannot be read (`SHIP601`).
pub fn standing(path: &Path) -> Result<Standing, Failure> {
    if !path.exists() {
        return Ok(Standing::Free);
    }
    match attempt(path).map_err(|error| trouble("read", path, &error))? {
        Attempt::Ours(_, None) => Ok(Standing::Free),
        Attempt::Ours(_, Some(holder)) => Ok(Standing::Left(holder)),
        Attempt::Theirs(holder) => Ok(Standing::Held(holder)),
    }
}

/// The same by the note alone, as often as one likes: whoever comes to take the lock meanwhile is not in its way. Of a process on
/// another host nothing more is known than that it has not given the lock back.
pub fn noted(path: &Path) -> Standing {
    let note = fs::read_to_string(path).unwrap_or_default();
    let Ok(holder) = serde_json::from_str::<Holder>(&note) else { return Standing::Free };
    let Process { pid, started: then, host: at } = &holder.process;
    if *at == host() && *then != started(*pid) { Standing::Left(holder) } else { Standing::Held(Some(holder)) }
}

/// Gives the lock back in place of its holder; answers how it stood.
///
/// # Errors
/// Its process lives, and nobody forces it (`SHIP603`), or the file cannot be removed (`SHIP601`).
pub fn release(path: &Path, force: Force) -> Result<Standing, Failure> {
    let found = standing(path)?;
    match (&found, force) {
        (Standing::Free, _) => return Ok(found),
        (Standing::Held(holder), Force::No) => return Err(living(path, holder.as_ref())),
        (Standing::Held(_), Force::Yes) | (Standing::Left(_), _) => {}
    }
    // A file of its own for whoever comes next: the one that is removed stays locked by whoever has it open.
    fs::remove_file(path).map_err(|error| trouble("removed", path, &error))?;
    Ok(found)
}

fn attempt(path: &Path) -> io::Result<Attempt> {
    loop {
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let locked = file.try_lock();
        let mut note = String::new();
        // A note that cannot be read only costs the name of the holder.
        let _ = file.read_to_string(&mut note);
        let holder = serde_json::from_str::<Holder>(&note).ok();
        match locked {
            // Between opening and locking it may have been removed: then it locks nothing.
            Ok(()) if !is_at(path, &file)? => {}
            Ok(()) => return Ok(Attempt::Ours(file, holder)),
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Theirs(holder)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    let here = Handle::from_file(file.try_clone()?)?;
    match Handle::from_path(path) {
        Ok(there) => Ok(here == there),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn this_process() -> Process {
    let pid = std::process::id();
    Process { pid, started: started(pid), host: host() }
}

fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// `/proc/PID/stat`, field 22. The name before it may hold blanks and brackets.
fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    after.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

fn held(path: &Path, holder: Option<Holder>) -> Failure {
    let failure = match &holder {
        Some(holder) => {
            Failure::new(Code::Locked, format!("{} holds the lock of this pipeline since {:.0}", holder.by, holder.since))
                .because(holder.to_string())
        }
        None => Failure::new(Code::Locked, "another run holds the lock of this pipeline")
            .because(format!("`{}` is locked by a process that has not written who it is yet", path.display())),
    };
    failure.now("nothing was touched").next("wait until it has ended, then run the same command again").next("shipit lock status")
}

fn living(path: &Path, holder: Option<&Holder>) -> Failure {
    let what = match holder {
        Some(holder) => format!("the lock is held by {}, whose process lives", holder.by),
        None => format!("`{}` is locked by a process that lives", path.display()),
    };
    let mut failure = Failure::new(Code::Locked, what).now("the lock stays as it is");
    if let Some(holder) = holder {
        failure = failure.because(holder.to_string());
        let Process { pid, started: then, host: at } = &holder.process;
        if *at == host() && *then == started(*pid) {
            failure = failure.next(format!("kill {pid} lets it turn back and give the lock back by itself"));
        }
    }
    failure.next("shipit lock release --force, if nothing goes on there any more")
}
