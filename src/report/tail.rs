//! The events of a run as they are written, by whichever process.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use shipit_core::event::Stamped;
use shipit_core::release::RunId;

use super::files::{EVENTS, runs};

/// A reader that goes on where it stopped.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// Bytes taken.
    at: u64,
    /// The beginning of a line whose end is still to be written.
    begun: Vec<u8>,
}

impl Tail {
    /// Of a run in a pipeline's folder, from its first event on.
    pub fn of(folder: &Path, run: &RunId) -> Self {
        Self { path: runs(folder).join(run.as_str()).join(EVENTS), at: 0, begun: Vec::new() }
    }

    /// What has been written since; nothing where there is no file yet, or it cannot be read now.
    pub fn news(&mut self) -> Vec<Stamped> {
        let mut new = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.at))?;
            file.read_to_end(&mut new)
        });
        let Ok(count) = read else { return Vec::new() };
        self.at += count as u64;
        self.begun.extend(new);
        let whole = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.begun.drain(..whole).collect();
        // A line that a killed process left says nothing.
        lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::stories::Story;
    use super::*;

    #[test]
    fn events_are_taken_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId("20261118T084640-abc0".into());
        let mut tail = Tail::of(folder.path(), &run);
        assert_eq!(tail.news(), [], "there is no file yet");
        let path = runs(folder.path()).join(run.as_str()).join(EVENTS);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = File::create(path).unwrap();
        let events = Story::success().events;
        let lines: Vec<String> = events.iter().map(|event| format!("{}\n", serde_json::to_string(event).unwrap())).collect();
        let (begin, end) = lines[1].split_at(lines[1].len() / 2);
        file.write_all(format!("{}{begin}", lines[0]).as_bytes()).unwrap();
        assert_eq!(tail.news(), events[..1]);
        assert_eq!(tail.news(), [], "the second is not whole");
        file.write_all(format!("{end}no event\n{}", lines[2]).as_bytes()).unwrap();
        assert_eq!(tail.news(), events[1..3]);
    }
}
