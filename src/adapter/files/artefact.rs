//! Files that are there whole or not at all, below `artifacts/` and nowhere else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use shipit_core::failure::{Code, Failure};

use super::{FOLDER, is_plain, trouble};

const ARTIFACTS: &str = "artifacts";

/// Writes `root/artifacts/<path>`; answers the path relative to the pipeline's folder.
pub(super) fn write(root: &Path, path: &Path, content: &[u8]) -> Result<String, Failure> {
    let refused = |why: &str| Failure::new(Code::FileTrouble, format!("`{}` cannot be an artefact", path.display())).because(why);
    let Some(name) = path.to_str().filter(|_| is_plain(path)) else {
        return Err(refused("its path must be relative, readable as text, and without `..`"));
    };
    let below = root.join(ARTIFACTS);
    let target = below.join(path);
    let parent = target.parent().unwrap_or(&below);
    let refuse_links = || {
        // A link below `artifacts/` would lead a plain path out of it.
        let mut at = below.clone();
        let links = path.components().any(|part| {
            at.push(part);
            at.is_symlink() && at != target
        });
        if links || below.is_symlink() { Err(refused("a symbolic link stands in its way")) } else { Ok(()) }
    };
    refuse_links()?;
    fs::create_dir_all(parent).map_err(|error| trouble("made", parent, &error))?;
    write_whole(&target, content).map_err(|error| trouble("written", &target, &error))?;
    Ok(format!("{FOLDER}/{ARTIFACTS}/{name}"))
}

/// Writes beside the target, then renames over it: a reader sees the old file or the new one.
pub(super) fn write_whole(target: &Path, content: &[u8]) -> io::Result<()> {
    let parent = target.parent().ok_or_else(|| io::Error::other("the path has no folder"))?;
    let name = target.file_name().ok_or_else(|| io::Error::other("the path has no name"))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}-{:?}.part", std::process::id(), std::thread::current().id()));
    let beside = parent.join(beside);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&beside, target)).and_then(|()| sync_folder(parent));
    if done.is_err() {
        // The first error is the one to tell; a leftover part is named so that it can be seen.
        let _ = fs::remove_file(&beside);
    }
    done
}

/// Makes a new name in the folder outlive a crash.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows writes names down by itself, and opens no folder.
#[cfg(windows)]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
