//! The files and folders that GitHub's runner gives a step (GitHub Docs, "Workflow commands for GitHub Actions").

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

/// GitHub takes so many bytes of a step's summary, and shows nothing of a longer one.
const SUMMARY: u64 = 1024 * 1024;

/// Where a step writes, and where its source tree lies.
#[derive(Debug)]
pub struct Place {
    pub(super) summary: Own,
    pub(super) outputs: Own,
    workspace: Option<PathBuf>,
    here: PathBuf,
}

impl Place {
    /// That of this process, where it is a step of GitHub's.
    pub fn of_process() -> Option<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if set("GITHUB_ACTIONS")? != "true" {
            return None;
        }
        let file = |name| Own::behind(set(name).map(PathBuf::from));
        Some(Self {
            summary: file("GITHUB_STEP_SUMMARY"),
            outputs: file("GITHUB_OUTPUT"),
            workspace: set("GITHUB_WORKSPACE").map(PathBuf::from),
            here: std::env::current_dir().unwrap_or_default(),
        })
    }

    #[cfg(test)]
    pub(in crate::report) fn below(folder: &Path) -> Self {
        Self {
            summary: Own::behind(Some(folder.join("summary"))),
            outputs: Own::behind(Some(folder.join("outputs"))),
            workspace: Some(PathBuf::from("/repo/shop")),
            here: PathBuf::from("/repo/shop/deploy"),
        }
    }

    /// A file as GitHub names it: from the root of the workspace. None for one outside.
    pub(super) fn in_workspace(&self, file: &str) -> Option<String> {
        let mut whole = PathBuf::new();
        for part in self.here.join(file).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    whole.pop();
                }
                part => whole.push(part),
            }
        }
        let inside = whole.strip_prefix(self.workspace.as_ref()?).ok()?;
        Some(inside.to_string_lossy().into_owned())
    }
}

/// The part of a file that is this process's: behind what others of the step wrote before.
#[derive(Debug)]
pub(super) struct Own {
    path: Option<PathBuf>,
    from: u64,
    /// What parts it from a last line that has no end.
    before: &'static str,
}

impl Own {
    fn behind(path: Option<PathBuf>) -> Self {
        let (from, before) = path.as_deref().map_or((0, ""), end_of);
        Self { path, from, before }
    }

    /// Bytes that GitHub still takes here.
    pub(super) fn room(&self) -> usize {
        usize::try_from(SUMMARY.saturating_sub(self.from + 1)).unwrap_or(usize::MAX)
    }

    /// Writes it anew. Where that fails the run goes on: nobody reads it there.
    pub(super) fn write(&mut self, text: &str) {
        let Some(path) = &self.path else { return };
        let text = format!("{}{text}", self.before);
        let written = OpenOptions::new().create(true).truncate(false).write(true).open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.from))?;
            file.write_all(text.as_bytes())?;
            file.set_len(self.from + text.len() as u64)
        });
        if written.is_err() {
            self.path = None;
        }
    }
}

/// How long a file is, and what is to come before the next line.
fn end_of(path: &Path) -> (u64, &'static str) {
    let Ok(mut file) = File::open(path) else { return (0, "") };
    let length = file.metadata().map_or(0, |data| data.len());
    let mut last = [b'\n'];
    let is_read = file.seek(SeekFrom::Start(length.saturating_sub(1))).and_then(|_| file.read(&mut last)).is_ok();
    (length, if length > 0 && is_read && last != *b"\n" { "\n" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_and_our_part_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        for (before, parted) in [("", ""), ("theirs\n", "theirs\n"), ("theirs", "theirs\n")] {
            let path = folder.path().join("file");
            std::fs::write(&path, before).unwrap();
            let mut own = Own::behind(Some(path.clone()));
            own.write("a long part of ours\n");
            own.write("ours\n");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{parted}ours\n"));
            assert_eq!(own.room() as u64, SUMMARY - before.len() as u64 - 1);
        }
        Own::behind(Some(folder.path().join("no/such"))).write("x");
        Own::behind(None).write("x");
    }

    #[test]
    fn a_file_is_named_from_the_root_of_the_workspace() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::below(folder.path());
        for (named, told) in [
            ("shipit.yaml", Some("deploy/shipit.yaml")),
            ("./../web/Dockerfile", Some("web/Dockerfile")),
            ("/repo/shop/web/Dockerfile", Some("web/Dockerfile")),
            ("../../etc/passwd", None),
            ("/etc/passwd", None),
        ] {
            assert_eq!(place.in_workspace(named).as_deref(), told, "{named}");
        }
    }
}
