//! What git knows of the files below a folder without anyone reading them: which are tracked, and the content of clean ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use git2::{Index, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag, IndexTime, Oid, Repository};

use super::open;

/// A tracked file as it was when git last looked: whoever finds the same times, size and inode has the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    /// Hash of `blob <length>\0` and the content.
    pub(crate) id: [u8; 20],
    /// Bytes, modulo 2³².
    pub(crate) size: u32,
    /// Nanoseconds since 1970.
    pub(crate) modified: i64,
    /// Nanoseconds since 1970.
    pub(crate) changed: i64,
    /// Modulo 2³².
    pub(crate) inode: u32,
}

/// What git knows of a tracked file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracked {
    /// Its mode as git has it: it may be run, or not.
    pub(crate) mode: u32,
    /// Its content, where git's word can be taken for it.
    pub(crate) blob: Option<Blob>,
}

/// Tracked files by their path relative to the folder. Nothing where no repository holds the folder, or one that cannot be read:
/// then everything is read.
pub(crate) fn below(folder: &Path) -> HashMap<String, Tracked> {
    tracked(folder).unwrap_or_default()
}

fn tracked(folder: &Path) -> Option<HashMap<String, Tracked>> {
    let folder = folder.canonicalize().ok()?;
    let repository = open::discover(&folder).ok()??;
    let root = repository.workdir()?.canonicalize().ok()?;
    let inside = folder.strip_prefix(&root).ok()?.iter().map(|part| part.to_str()).collect::<Option<Vec<_>>>()?.join("/");
    let prefix = if inside.is_empty() { String::new() } else { format!("{inside}/") };
    let index = repository.index().ok()?;
    let written = written(index.path()?);
    let as_stored = is_as_stored(&repository, &root, &index, &folder);
    let mut files = HashMap::new();
    for entry in index.iter() {
        let Some(path) = std::str::from_utf8(&entry.path).ok().and_then(|path| path.strip_prefix(&prefix)) else { continue };
        // A merge that is not done has stages; submodules and links have no file's mode.
        if (entry.flags >> 12) & 3 == 0 && entry.mode & 0o170_000 == 0o100_000 {
            let blob =
                blob(&entry).filter(|blob| as_stored && written.is_some_and(|at| blob.modified < at) && is_looked_after(&entry));
            files.insert(path.to_owned(), Tracked { mode: entry.mode & 0o777, blob });
        }
    }
    Some(files)
}

/// When the index was written, in nanoseconds since 1970.
#[cfg(unix)]
fn written(index: &Path) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    let about = index.metadata().ok()?;
    Some(nanoseconds(about.mtime(), about.mtime_nsec()))
}

/// Windows tells too little of a file to see that it is the one git has looked at: git's word is not taken there.
#[cfg(windows)]
fn written(_: &Path) -> Option<i64> {
    None
}

fn blob(entry: &IndexEntry) -> Option<Blob> {
    let time = |time: IndexTime| nanoseconds(i64::from(time.seconds()), i64::from(time.nanoseconds()));
    Some(Blob {
        id: entry.id.as_bytes().try_into().ok()?,
        size: entry.file_size,
        modified: time(entry.mtime),
        changed: time(entry.ctime),
        inode: entry.ino,
    })
}

/// Git itself looks whether such a file has changed. One that someone told it to take as it is (assume-unchanged, sparse), or that
/// is only meant to be added, it does not.
fn is_looked_after(entry: &IndexEntry) -> bool {
    let left_alone = IndexEntryExtendedFlag::SKIP_WORKTREE | IndexEntryExtendedFlag::INTENT_TO_ADD;
    entry.flags & IndexEntryFlag::VALID.bits() == 0 && entry.flags_extended & left_alone.bits() == 0
}

/// Whether each of these lies in the repository, below which the folder is, with as many bytes as the file has: else something
/// changed it on its way, which the settings of today need not tell any more, or git is not sure, which it marks by a size of zero.
pub(crate) fn stored_as_they_lie<'b>(folder: &Path, blobs: impl Iterator<Item = &'b Blob>) -> Vec<bool> {
    let repository = open::discover(folder).ok().flatten();
    let store = repository.as_ref().and_then(|repository| repository.odb().ok());
    let size = |blob: &Blob| store.as_ref()?.read_header(Oid::from_bytes(&blob.id).ok()?).ok().map(|(size, _)| size);
    blobs.map(|blob| size(blob).and_then(|size| u32::try_from(size).ok()) == Some(blob.size)).collect()
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// Nothing changes files on their way between repository and folder: no filter, no line ends, no encoding. Where anything may,
/// what git has stored is not what lies in the folder.
fn is_as_stored(repository: &Repository, root: &Path, index: &Index, folder: &Path) -> bool {
    let Ok(config) = repository.config().and_then(|mut config| config.snapshot()) else { return false };
    if !matches!(config.get_str("core.autocrlf"), Err(_) | Ok("false" | "no" | "off" | "0")) {
        return false;
    }
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let user = || std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home).map(|place| place.join("git/attributes"));
    let mut anywhere = vec![PathBuf::from("/etc/gitattributes"), repository.commondir().join("info/attributes")];
    anywhere.extend(config.get_path("core.attributesfile").ok().or_else(user));
    anywhere.extend(folder.ancestors().take_while(|place| place.starts_with(root)).map(|place| place.join(".gitattributes")));
    let kept = index.iter().filter_map(|entry| {
        let path = String::from_utf8(entry.path).ok()?;
        (path == ".gitattributes" || path.ends_with("/.gitattributes")).then(|| root.join(path))
    });
    let changes = |path: PathBuf, missing: bool| match std::fs::read(path) {
        Ok(text) => String::from_utf8_lossy(&text).lines().any(converts),
        Err(error) => missing || error.kind() != std::io::ErrorKind::NotFound,
    };
    !anywhere.into_iter().any(|path| changes(path, false)) && !kept.into_iter().any(|path| changes(path, true))
}

/// A line of `.gitattributes` that sets something by which files are converted.
fn converts(line: &str) -> bool {
    let line = line.trim();
    let sets = |word: &str| {
        let name = word.split('=').next().unwrap_or_default();
        matches!(name, "filter" | "ident" | "text" | "eol" | "crlf" | "working-tree-encoding")
    };
    !line.starts_with('#') && line.split_whitespace().skip(1).any(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_that_convert_are_known() {
        for line in [
            "* text=auto",
            "*.bin filter=lfs diff=lfs merge=lfs -text",
            "*.c ident",
            "[attr]x eol=crlf",
            "a working-tree-encoding=UTF-16",
        ] {
            assert!(converts(line), "{line}");
        }
        for line in ["", "# * text", "*.png -text", "*.png binary", "*.rs diff=rust", "filter", "docs linguist-vendored"] {
            assert!(!converts(line), "{line}");
        }
    }
}
