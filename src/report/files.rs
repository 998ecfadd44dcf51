//! `events.jsonl`: the events of a run, kept beside its journal.

use std::fs::{File, OpenOptions};
use std::path::Path;

use shipit_core::event::Stamped;
use shipit_core::release::RunId;

use super::Reporter;
use super::json::Json;

/// The event file of a run. Where it cannot be written the run goes on: the journal is what counts.
pub struct Events(Option<Json<File>>);

impl Events {
    /// Opens `.shipit/runs/<run>/events.jsonl` below the pipeline's folder.
    pub fn new(folder: &Path, run: &RunId) -> Self {
        let folder = folder.join(".shipit").join("runs").join(run.as_str());
        let file = std::fs::create_dir_all(&folder)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join("events.jsonl")));
        Self(file.ok().map(Json::new))
    }
}

impl Reporter for Events {
    fn report(&mut self, event: &Stamped) {
        if let Some(file) = &mut self.0 {
            file.report(event);
        }
    }
}
