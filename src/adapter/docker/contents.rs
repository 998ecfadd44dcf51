//! The content of each file of a context as one kind of hash, git's own: from an earlier run where nothing about it has changed,
//! from git's index where the file is clean, and else read, by as many threads as there are cores.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use shipit_core::failure::{Code, Failure};

use super::context::unreadable;
use super::walk::{Entry, Kind};
use crate::adapter::content::hex;
use crate::adapter::git::{self, Blob, Tracked};

/// Hash of `blob <length>\0` and the content.
pub(super) type Id = [u8; 20];

/// A file that was changed so shortly before is read again: a later change may leave its times as they are.
const YOUNG: i64 = 2_000_000_000;
const PIECE: usize = 64 * 1024;
/// The first line of what is remembered.
const VERSION: &str = "shipit contents 1";

/// The hash of each file's content, in the order of the entries; none for what is no file.
pub(super) fn of(
    root: &Path,
    entries: &[Entry],
    tracked: &HashMap<String, Tracked>,
    cache: Option<&Path>,
) -> Result<Vec<Option<Id>>, Failure> {
    // Windows tells no time that changes with every change: there everything is read.
    let place = cache.filter(|_| cfg!(unix)).map(|folder| memory(folder, root));
    let known = place.as_deref().map(recall).unwrap_or_default();
    let by_us = |entry: &Entry| known.get(entry.path.as_str()).filter(|known| known.stamp == Stamp::of(entry));
    let mut ids: Vec<Option<Id>> = entries.iter().map(|entry| by_us(entry).map(|known| known.id)).collect();
    let left = |ids: &[Option<Id>]| -> Vec<usize> {
        let is_left = |at: &usize| ids[*at].is_none() && matches!(entries[*at].kind, Kind::File { .. });
        (0..entries.len()).filter(is_left).collect()
    };
    let unknown = left(&ids);
    if unknown.is_empty() {
        return Ok(ids);
    }
    let began = SystemTime::now();
    let by_git = |at: &usize| {
        let blob =
            tracked.get(&entries[*at].path).and_then(|tracked| tracked.blob).filter(|blob| is_same(blob, &entries[*at]))?;
        Some((*at, blob))
    };
    let clean: Vec<(usize, Blob)> = unknown.iter().filter_map(by_git).collect();
    for ((at, blob), is_whole) in clean.iter().zip(git::stored_as_they_lie(root, clean.iter().map(|(_, blob)| blob))) {
        ids[*at] = is_whole.then_some(blob.id);
    }
    let to_read = left(&ids);
    for (at, id) in to_read.iter().zip(read(root, entries, &to_read)?) {
        ids[*at] = Some(id);
    }
    if let Some(place) = place {
        let kept = entries.iter().zip(&ids).filter_map(|(entry, id)| Some((entry, (*id)?)));
        // What cannot be remembered is read again the next time.
        let _ = remember(&place, kept, began);
    }
    Ok(ids)
}

fn is_same(blob: &Blob, entry: &Entry) -> bool {
    let Kind::File { size } = entry.kind else { return false };
    let low = |value: u64| (value & u64::from(u32::MAX)) as u32;
    u64::from(blob.size) == size && (blob.modified, blob.changed, blob.inode) == (entry.modified, entry.changed, low(entry.inode))
}

/// What of a file changes when its content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: i64,
    changed: i64,
    inode: u64,
}

impl Stamp {
    fn of(entry: &Entry) -> Stamp {
        let size = if let Kind::File { size } = entry.kind { size } else { 0 };
        Stamp { size, modified: entry.modified, changed: entry.changed, inode: entry.inode }
    }
}

struct Known {
    stamp: Stamp,
    id: Id,
}

/// The file in which what lies below a root is remembered.
pub(super) fn memory(folder: &Path, root: &Path) -> PathBuf {
    let root = hex(&<Sha256 as sha2::Digest>::digest(root.as_os_str().as_encoded_bytes()));
    folder.join(format!("contents-{}", &root[..16]))
}

/// What an earlier run has read; nothing where that is unreadable or of another version.
fn recall(place: &Path) -> HashMap<String, Known> {
    let text = fs::read_to_string(place).unwrap_or_default();
    let mut lines = text.lines();
    if lines.next() != Some(VERSION) {
        return HashMap::new();
    }
    let line = |line: &str| {
        let mut words = line.splitn(6, ' ');
        let id = unhex(words.next()?)?;
        let mut number = || words.next()?.parse::<i128>().ok();
        let stamp = Stamp {
            size: number()?.try_into().ok()?,
            modified: number()?.try_into().ok()?,
            changed: number()?.try_into().ok()?,
            inode: number()?.try_into().ok()?,
        };
        Some((words.next()?.to_owned(), Known { stamp, id }))
    };
    lines.filter_map(line).collect()
}

/// Remembers all but what is young at that time.
pub(super) fn remember<'a>(place: &Path, kept: impl Iterator<Item = (&'a Entry, Id)>, began: SystemTime) -> io::Result<()> {
    let now = began.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    let mut text = format!("{VERSION}\n");
    for (entry, id) in kept {
        let Stamp { size, modified, changed, inode } = Stamp::of(entry);
        if modified.max(changed) < now - YOUNG && !entry.path.contains('\n') {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {size} {modified} {changed} {inode} {}", hex(&id), entry.path);
        }
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unfinished: PathBuf = place.with_extension(format!("{}", std::process::id()));
    let done = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, place));
    if done.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    done
}

fn unhex(text: &str) -> Option<Id> {
    let mut id = [0; 20];
    if text.len() != 40 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in id.iter_mut().zip((0..40).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(id)
}

/// Reads these entries, side by side.
fn read(root: &Path, entries: &[Entry], wanted: &[usize]) -> Result<Vec<Id>, Failure> {
    let ids: Vec<OnceLock<Id>> = wanted.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), Failure> {
        let mut piece = vec![0; PIECE];
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = wanted.get(at).map(|at| &entries[*at]) else { return Ok(()) };
            let path = root.join(&entry.path);
            let id = hash(&path, Stamp::of(entry).size, &mut piece).map_err(|error| unreadable(&path, &error))?;
            let _ = ids[at].set(id);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(wanted.len());
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let first = work();
        others.into_iter().fold(first, |all, other| match other.join() {
            Ok(result) => all.and(result),
            Err(_) => Err(Failure::new(Code::Unexpected, "hashing the build context ended early")),
        })
    })?;
    ids.into_iter()
        .map(|id| id.into_inner().ok_or_else(|| Failure::new(Code::Unexpected, "a file of the build context was not hashed")))
        .collect()
}

/// The hash of a content of so many bytes, before the first of them.
pub(super) fn begin(size: u64) -> Sha1 {
    let mut hash = Sha1::new();
    hash.update(format!("blob {size}\0"));
    hash
}

fn hash(path: &Path, size: u64, piece: &mut [u8]) -> io::Result<Id> {
    let mut file = File::open(path)?;
    let mut hash = begin(size);
    let mut left = size;
    loop {
        match file.read(piece) {
            Ok(0) if left == 0 => return Ok(hash.finalize().into()),
            Ok(length) if length > 0 && length as u64 <= left => {
                hash.update(&piece[..length]);
                left -= length as u64;
            }
            Ok(_) => return Err(io::Error::other("it changed while it was read")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
