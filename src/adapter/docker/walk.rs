//! The files of a context as `.dockerignore` leaves them: one walk by as many threads as there are cores.

use std::fs;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use shipit_core::failure::{Code, Failure};

use super::context::unreadable;
use super::ignore::Rules;
use crate::adapter::files;

/// One thing in the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative to the context, with `/`.
    pub(super) path: String,
    /// Permission bits with setuid, setgid and sticky.
    pub(super) mode: u32,
    /// Of the content, in nanoseconds since 1970; never part of the hash.
    pub(super) modified: i64,
    /// Of the file with its permissions, in nanoseconds since 1970; never part of the hash.
    pub(super) changed: i64,
    /// Never part of the hash.
    pub(super) inode: u64,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File { size: u64 },
    Link { target: String },
}

/// Everything that the build gets, sorted as one goes through folders: a folder, then what is in it.
pub(super) fn walk(root: &Path, rules: &Rules) -> Result<Vec<Entry>, Failure> {
    let walk =
        Walk { root, rules, state: Mutex::new(State { waiting: vec![String::new()], ..State::default() }), wake: Condvar::new() };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| walk.work());
        }
        walk.work();
    });
    let State { mut found, failed, .. } = walk.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = failed {
        return Err(failure);
    }
    found.sort_unstable_by(|one, other| in_order(&one.entry.path).cmp(in_order(&other.entry.path)));
    Ok(with_folders(found))
}

/// `/` before all other characters: `a/b` comes before `a.b`.
fn in_order(path: &str) -> impl Iterator<Item = u8> + '_ {
    path.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
}

/// Folders that are left out themselves stay where an exception keeps something in them.
fn with_folders(found: Vec<Found>) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(found.len());
    let mut waiting: Vec<Entry> = Vec::new();
    for Found { entry, left_out } in found {
        waiting.retain(|folder| entry.path.strip_prefix(&folder.path).is_some_and(|rest| rest.starts_with('/')));
        if left_out {
            waiting.push(entry);
        } else {
            entries.append(&mut waiting);
            entries.push(entry);
        }
    }
    entries
}

struct Found {
    entry: Entry,
    /// Only folders are kept that are left out.
    left_out: bool,
}

struct Walk<'a> {
    root: &'a Path,
    rules: &'a Rules,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// Folders that nobody has read yet.
    waiting: Vec<String>,
    /// Folders that are being read: more may come of them.
    busy: usize,
    found: Vec<Found>,
    failed: Option<Failure>,
}

impl Walk<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(folder) = state.waiting.pop().filter(|_| state.failed.is_none()) {
                state.busy += 1;
                drop(state);
                let read = self.read(&folder);
                state = self.state();
                state.busy -= 1;
                match read {
                    Ok((found, folders)) => {
                        state.found.extend(found);
                        state.waiting.extend(folders);
                    }
                    Err(failure) => state.failed = Some(failure),
                }
                self.wake.notify_all();
            } else if state.busy == 0 || state.failed.is_some() {
                return;
            } else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// What is in a folder, and which folders in it are worth a look.
    fn read(&self, folder: &str) -> Result<(Vec<Found>, Vec<String>), Failure> {
        let place = self.root.join(folder);
        let (mut found, mut folders) = (Vec::new(), Vec::new());
        for one in fs::read_dir(&place).map_err(|error| unreadable(&place, &error))? {
            let one = one.map_err(|error| unreadable(&place, &error))?;
            let name = one.file_name();
            // Our own state: it changes while we look.
            if name == files::FOLDER {
                continue;
            }
            let readable = name.to_string_lossy();
            let path = if folder.is_empty() { readable.clone().into_owned() } else { format!("{folder}/{readable}") };
            let left_out = self.rules.excludes(&path);
            let is_folder = one.file_type().is_ok_and(|kind| kind.is_dir());
            if left_out && !(is_folder && self.rules.may_keep_below(&path)) {
                continue;
            }
            let Some(entry) = Entry::of(path, &one.path())? else { continue };
            if !left_out && name.to_str().is_none() {
                return Err(Failure::new(Code::ContextUnreadable, format!("`{}` cannot go into an image", one.path().display()))
                    .because("its name is not UTF-8")
                    .next("rename it, or leave it out with `.dockerignore`"));
            }
            if entry.kind == Kind::Folder {
                folders.push(entry.path.clone());
            }
            found.push(Found { entry, left_out });
        }
        Ok((found, folders))
    }
}

impl Entry {
    fn of(path: String, place: &Path) -> Result<Option<Entry>, Failure> {
        let about = place.symlink_metadata().map_err(|error| unreadable(place, &error))?;
        let kind = match about.file_type() {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File { size: about.len() },
            kind if kind.is_symlink() => {
                let target = fs::read_link(place).map_err(|error| unreadable(place, &error))?;
                Kind::Link { target: target.to_string_lossy().into_owned() }
            }
            // Docker leaves sockets out too.
            kind if is_socket(kind) => return Ok(None),
            _ => {
                return Err(Failure::new(Code::ContextUnreadable, format!("`{}` is a device or a pipe", place.display()))
                    .next("leave it out with `.dockerignore`"));
            }
        };
        let Looks { mode, modified, changed, inode } = looks(&about);
        Ok(Some(Entry { path, mode, modified, changed, inode, kind }))
    }
}

/// What the system tells of a file beside its kind and size, as [`Entry`] has it.
struct Looks {
    mode: u32,
    modified: i64,
    changed: i64,
    inode: u64,
}

#[cfg(unix)]
fn looks(about: &fs::Metadata) -> Looks {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let time = |seconds: i64, nanoseconds: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
    Looks {
        mode: about.permissions().mode() & 0o7777,
        modified: time(about.mtime(), about.mtime_nsec()),
        changed: time(about.ctime(), about.ctime_nsec()),
        inode: about.ino(),
    }
}

/// Windows has no such permissions: all may be read and run, as Docker's own client sends them from there.
#[cfg(windows)]
fn looks(about: &fs::Metadata) -> Looks {
    let since = about.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let modified = since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0);
    Looks { mode: 0o755, modified, changed: 0, inode: 0 }
}

#[cfg(unix)]
fn is_socket(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&kind)
}

#[cfg(windows)]
fn is_socket(_: fs::FileType) -> bool {
    false
}
