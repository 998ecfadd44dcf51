//! What a run leaves in its folder, beside its journal: `events.jsonl`, a dossier for each rollout that went wrong, and at its end
//! `junit.xml` and `report.html`, made of the events.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use shipit_core::event::{Event, Stamped};
use shipit_core::release::RunId;

use super::Reporter;
use super::json::Json;
use super::junit;
use super::page::page;
use super::view::file;

/// The events of a run.
pub const EVENTS: &str = "events.jsonl";
/// Its report.
pub const REPORT: &str = "report.html";

/// What stands in the folder of a run, for a person.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The folder, as one names it from here.
    pub folder: String,
    /// Its report, if that could be written.
    pub report: Option<&'static str>,
}

/// The files of a run. Where they cannot be written the run goes on: the journal is what counts.
pub struct Events {
    folder: PathBuf,
    events: Option<Json<File>>,
    /// The report has been written whole.
    report: Option<&'static str>,
}

impl Events {
    /// Opens `.shipit/runs/<run>/events.jsonl` below the pipeline's folder.
    pub fn new(folder: &Path, run: &RunId) -> Self {
        let folder = runs(folder).join(run.as_str());
        let events = std::fs::create_dir_all(&folder)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join(EVENTS)));
        Self { folder, events: events.ok().map(Json::new), report: None }
    }

    /// What stands there.
    pub fn standing(&self) -> Kept {
        let here = std::env::current_dir().ok();
        let folder = here.as_ref().and_then(|here| self.folder.strip_prefix(here).ok()).unwrap_or(&self.folder);
        Kept { folder: folder.display().to_string(), report: self.report }
    }

    /// All that was told of this run, before it was cut and resumed too.
    fn told(&self) -> io::Result<String> {
        std::fs::read_to_string(self.folder.join(EVENTS))
    }

    /// What is made of all that was told.
    fn close(&mut self) {
        let Ok(told) = self.told() else { return };
        // A line that was cut off says nothing.
        let events = told.lines().filter_map(|line| serde_json::from_str(line).ok());
        if let Ok(text) = junit::of_run(events) {
            let _kept = self.keep("junit.xml", &text);
        }
        if let Some(page) = page(&told) {
            self.report = self.keep(REPORT, page.as_bytes()).is_ok().then_some(REPORT);
        }
    }

    /// A file that is new whenever it is kept.
    fn keep(&self, name: &str, text: &[u8]) -> io::Result<()> {
        whole(&self.folder.join(name), text)
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
                    let _kept = self.keep(&file(step), &text);
                }
            }
            Event::RunFinished { .. } => self.close(),
            _ => {}
        }
    }
}

/// Where the runs of a pipeline's folder are.
pub fn runs(folder: &Path) -> PathBuf {
    folder.join(".shipit").join("runs")
}

/// The runs of a pipeline's folder that have told anything, oldest first.
pub fn told(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(runs(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join(EVENTS).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Writes a file whole or not at all: beside, then renamed.
///
/// # Errors
/// It cannot be written.
pub fn whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.part"));
    std::fs::write(&beside, content).and_then(|()| std::fs::rename(&beside, path))
}
