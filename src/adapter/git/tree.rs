//! What in the working tree differs from the commit: tracked files anywhere, untracked ones where an image is built from.

use std::fs;
use std::io;
use std::path::Path;

use git2::{Repository, Status, StatusOptions, SubmoduleIgnore, SubmoduleStatus};
use sha2::{Digest, Sha256};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Image;
use shipit_core::release::Commit;

use super::open::unreadable;
use crate::adapter::content::{hex, pour};
use crate::adapter::files;

/// Paths that a message names.
const NAMED: usize = 5;

/// One path that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    path: String,
    how: &'static str,
    /// The commit of a submodule as it is checked out.
    at: Option<String>,
}

impl Change {
    fn told(&self) -> String {
        format!("{} ({})", self.path, self.how)
    }
}

/// Everything that differs, sorted by path.
pub(super) fn changes_of(repository: &Repository, root: &Path, images: &[Image]) -> Result<Vec<Change>, Failure> {
    let failed = |error: git2::Error| unreadable(root, &error);
    let contexts: Vec<String> = images.iter().filter_map(|image| within(root, &image.context)).collect();
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true).include_ignored(false);
    let mut changes = Vec::new();
    for entry in repository.statuses(Some(&mut options)).map_err(failed)?.iter() {
        let path = String::from_utf8_lossy(entry.path_bytes()).into_owned();
        let status = entry.status();
        let untracked = status == Status::WT_NEW;
        if is_ours(&path) || (untracked && !contexts.iter().any(|context| is_below(&path, context))) {
            continue;
        }
        if !untracked && is_same_large_file(repository, root, &path, status) {
            continue;
        }
        changes.push(Change { path, how: told(status), at: None });
    }
    for submodule in repository.submodules().map_err(failed)? {
        let path = submodule.path().to_string_lossy().into_owned();
        let Some(name) = submodule.name().ok() else { continue };
        let status = repository.submodule_status(name, SubmoduleIgnore::None).map_err(failed)?;
        let concerns = contexts.iter().any(|context| is_below(&path, context) || is_below(context, &path));
        let at = submodule.workdir_id().map(|id| id.to_string());
        if status.contains(SubmoduleStatus::WD_UNINITIALIZED) {
            // Outside of every context nothing of it gets into an image, and a CI often leaves it out on purpose.
            if concerns {
                changes.push(Change { path, how: UNINITIALISED, at });
            }
            continue;
        }
        if status.intersects(SubmoduleStatus::INDEX_MODIFIED | SubmoduleStatus::WD_MODIFIED) {
            changes.push(Change { path: path.clone(), how: MOVED, at });
        }
        let inner = submodule.open().map_err(failed)?;
        let inside = changes_of(&inner, &root.join(&path), images)?;
        changes.extend(inside.into_iter().map(|change| Change { path: format!("{path}/{}", change.path), ..change }));
    }
    changes.sort();
    Ok(changes)
}

const UNINITIALISED: &str = "submodule not checked out";
const MOVED: &str = "submodule at another commit";

fn told(status: Status) -> &'static str {
    if status == Status::WT_NEW {
        "untracked"
    } else if status.contains(Status::CONFLICTED) {
        "in conflict"
    } else if status.contains(Status::WT_DELETED) || status == Status::INDEX_DELETED {
        "deleted"
    } else if status.contains(Status::INDEX_NEW) {
        "added"
    } else {
        "modified"
    }
}

/// The place relative to the root with `/`, empty when it covers the root; none when they have nothing in common.
fn within(root: &Path, place: &Path) -> Option<String> {
    let (root, place) = (root.canonicalize().ok()?, place.canonicalize().ok()?);
    if root.starts_with(&place) {
        return Some(String::new());
    }
    let relative = place.strip_prefix(root).ok()?;
    Some(relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_ours(path: &str) -> bool {
    path.split('/').any(|part| part == files::FOLDER)
}

/// A file kept by git-lfs is a pointer in the commit; libgit2 runs no filters and would call the checked-out content a change.
fn is_same_large_file(repository: &Repository, root: &Path, path: &str, status: Status) -> bool {
    let filtered = || {
        let filter = repository.get_attr(Path::new(path), "filter", git2::AttrCheckFlags::default()).ok()?;
        (status == Status::WT_MODIFIED && filter == Some("lfs")).then_some(())?;
        let id = repository.index().ok()?.get_path(Path::new(path), 0)?.id;
        let blob = repository.find_blob(id).ok()?;
        let pointer = std::str::from_utf8(blob.content()).ok()?;
        let wanted = pointer.lines().find_map(|line| line.strip_prefix("oid sha256:"))?.to_owned();
        let mut hash = Sha256::new();
        pour(fs::File::open(root.join(path)).ok()?, &mut hash).ok()?;
        Some(hex(&hash.finalize()) == wanted)
    };
    filtered().unwrap_or(false)
}

/// First 12 hex digits of the hash over what differs: path, kind, mode and content of each.
pub(super) fn fingerprint(root: &Path, changes: &[Change]) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    for change in changes {
        let path = root.join(&change.path);
        hash.update(format!("{}\0{}\0", change.path, change.how));
        if let Some(commit) = &change.at {
            hash.update(commit);
        }
        match path.symlink_metadata() {
            Ok(about) if about.is_symlink() => {
                let target = fs::read_link(&path).map_err(|error| unreadable_file(&path, &error))?;
                hash.update(format!("link\0{}\0", target.display()));
            }
            Ok(about) if about.is_file() => {
                hash.update(format!("file\0{:o}\0{}\0", permissions(&about), about.len()));
                let copied = fs::File::open(&path).and_then(|file| pour(file, &mut hash));
                copied.map_err(|error| unreadable_file(&path, &error))?;
            }
            Ok(_) => hash.update("folder\0"),
            Err(_) => hash.update("gone\0"),
        }
    }
    Ok(hex(&hash.finalize())[..12].to_owned())
}

#[cfg(unix)]
fn permissions(about: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777
}

#[cfg(windows)]
fn permissions(_: &fs::Metadata) -> u32 {
    0o755
}

fn unreadable_file(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::FileTrouble, format!("`{}` cannot be read", path.display())).because(error.to_string())
}

/// The first few, for the record.
pub(super) fn first(changes: &[Change]) -> Vec<String> {
    changes.iter().take(NAMED).map(Change::told).collect()
}

/// Why it is refused, and what to type.
pub(super) fn refusal(changes: &[Change], commit: &Commit) -> Failure {
    let mut failure = Failure::new(Code::DirtyTree, format!("the working tree differs from {}", commit.short()));
    for told in first(changes) {
        failure = failure.because(told);
    }
    if changes.len() > NAMED {
        failure = failure.because(format!("and {} more", changes.len() - NAMED));
    }
    if changes.iter().any(|change| change.how == UNINITIALISED) {
        failure = failure.next("git submodule update --init --recursive");
    }
    if changes.iter().any(|change| change.how == MOVED) {
        failure = failure.next("git submodule update --recursive, or commit where it is now");
    }
    failure
        .next("git status, then commit or `git stash -u`")
        .next(format!("or ship it as it is: shipit deploy --allow-dirty (tag `{}-dirty-…`)", commit.short()))
}
