//! `journal.jsonl`: the run and its plan, then one fact a line, on disk before the act that it announces.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use shipit_core::failure::Failure;
use shipit_core::journal::{Entry, Head};

use super::artefact::sync_folder;
use super::trouble;

/// Its name in the run's folder.
pub(super) const NAME: &str = "journal.jsonl";

/// An open journal; `length` ends at a line's end.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    /// Opens the journal of a run's folder. A last line without its end was torn by a crash: it is cut off, for it was never
    /// confirmed and would spoil the next line.
    pub(super) fn open(folder: &Path) -> Result<Journal, Failure> {
        let path = folder.join(NAME);
        let opened = || {
            let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            if whole < text.len() {
                file.set_len(whole as u64)?;
                file.sync_all()?;
            }
            sync_folder(folder)?;
            Ok((file, whole as u64))
        };
        let (file, length) = opened().map_err(|error| trouble("opened", &path, &error))?;
        Ok(Journal { path, file, length })
    }

    /// Writes the first line, where there is none yet.
    pub(super) fn begin(&mut self, head: &Head) -> Result<(), Failure> {
        if self.length == 0 { self.line(head) } else { Ok(()) }
    }

    /// Appends one fact and waits until it is on disk.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), Failure> {
        self.line(entry)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(line).map_err(|error| trouble("written", &self.path, &error.into()))?;
        line.push(b'\n');
        let mut write = || {
            self.file.seek(SeekFrom::Start(self.length))?;
            self.file.write_all(&line)?;
            self.file.sync_data()
        };
        match write() {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Whatever part of the line got out is taken back, or it would be read as a fact later.
                let _ = self.file.set_len(self.length);
                Err(trouble("written", &self.path, &error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shipit_core::failure::Code;
    use shipit_core::journal::{Fact, Undo};
    use shipit_core::plan::StepId;

    use super::*;

    #[test]
    fn a_write_error_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let entry =
            Entry { at: jiff::Timestamp::UNIX_EPOCH, step: StepId("one".into()), fact: Fact::Started { undo: Undo::Nothing } };
        // A disk that takes nothing.
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let told = Journal { path: path.clone(), file, length: 0 }.append(&entry).unwrap_err();
        assert_eq!(told.code, Code::FileTrouble);
        assert!(told.what.contains("journal.jsonl"), "{told:?}");
        assert!(!told.because.is_empty() && !told.next.is_empty(), "{told:?}");
        std::fs::create_dir(&path).unwrap();
        assert_eq!(Journal::open(folder.path()).err().unwrap().code, Code::FileTrouble);
    }
}
