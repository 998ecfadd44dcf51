//! What a run leaves in its folder, beside its journal: `events.jsonl`, `junit.xml`, and a dossier for each rollout that went
//! wrong.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use shipit_core::event::{Event, Stamped};
use shipit_core::release::RunId;

use super::Reporter;
use super::json::Json;
use super::junit;
use super::view::file;

/// The files of a run. Where they cannot be written the run goes on: the journal is what counts.
pub struct Events {
    folder: PathBuf,
    events: Option<Json<File>>,
}

impl Events {
    /// Opens `.shipit/runs/<run>/events.jsonl` below the pipeline's folder.
    pub fn new(folder: &Path, run: &RunId) -> Self {
        let folder = folder.join(".shipit").join("runs").join(run.as_str());
        let events = std::fs::create_dir_all(&folder)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join("events.jsonl")));
        Self { folder, events: events.ok().map(Json::new) }
    }

    /// All that was told of this run, before it was cut and resumed too. A line that was cut off says nothing.
    fn told(&self) -> std::io::Result<Vec<Stamped>> {
        let text = std::fs::read_to_string(self.folder.join("events.jsonl"))?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// A file that is new whenever it is kept, whole or not at all: written beside, then renamed.
    fn keep(&self, name: &str, text: &[u8]) {
        let beside = self.folder.join(format!(".{name}.part"));
        let _kept = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, self.folder.join(name)));
    }
}

impl Reporter for Events {
    fn report(&mut self, event: &Stamped) {
        if let Some(events) = &mut self.events {
            events.report(event);
        }
        match &event.event {
            Event::Dossier { step, .. } => {
                if let Ok(text) = serde_json::to_vec_pretty(event) {
                    self.keep(&file(step), &text);
                }
            }
            Event::RunFinished { .. } => {
                if let Ok(text) = self.told().and_then(junit::of_run) {
                    self.keep("junit.xml", &text);
                }
            }
            _ => {}
        }
    }
}
