//! Events -> view (a pure fold) -> terminal, lines, JSON lines, files. stdout is data, stderr is for people.

pub mod catalogue;
pub mod failure;
pub mod files;
pub mod github;
pub mod ink;
pub mod json;
pub mod junit;
pub mod lines;
pub mod listing;
pub mod markdown;
pub mod page;
#[cfg(test)]
mod payloads;
pub mod planned;
pub mod safe;
pub mod sarif;
pub mod scanned;
#[cfg(test)]
mod stories;
pub mod tail;
pub mod terminal;
pub mod view;
pub mod watch;
pub mod webhook;
pub mod words;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;

use jiff::Timestamp;
use shipit_core::event::{Event, Stamped};
use shipit_core::failure::Failure;
use shipit_core::release::{Revision, RunId};

/// Something that shows events. It cannot fail and does not block.
pub trait Reporter: Send {
    /// Shows one event.
    fn report(&mut self, event: &Stamped);

    /// Hears, before the run's end, what stands in its folder.
    fn kept(&mut self, _kept: &files::Kept) {}
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// A block that redraws, where there is a terminal; plain lines elsewhere.
    #[default]
    Auto,
    /// Plain lines.
    Lines,
    /// JSON lines on stdout.
    Json,
}

/// Whether colour may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// A terminal that wants it.
    Yes,
    /// A file, a pipe, or `NO_COLOR`.
    No,
}

impl Colour {
    /// What stderr wants.
    pub fn of_stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    /// What stdout wants.
    pub fn of_stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && stream.is_terminal() { Colour::Yes } else { Colour::No }
    }
}

/// All reporters of a run behind one function.
pub struct Reports {
    told: Mutex<Told>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Who is told, the files first: what they keep, the others name.
struct Told {
    files: files::Events,
    reporters: Vec<Box<dyn Reporter>>,
}

impl Reports {
    /// The reporters that fit `output` and where stderr goes, `events.jsonl` in the run's folder, and where this is a step of
    /// GitHub's its summary, annotations and outputs.
    pub fn new(output: Output, folder: &Path, run: &RunId, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let face: Box<dyn Reporter> = match output {
            Output::Json => Box::new(json::Json::new(std::io::stdout())),
            Output::Auto if std::io::stderr().is_terminal() => Box::new(terminal::Terminal::new(Colour::of_stderr())),
            Output::Auto | Output::Lines => Box::new(lines::Lines::new(std::io::stderr(), Colour::of_stderr())),
        };
        let mut reporters = vec![face];
        if let Some(place) = github::Place::of_process() {
            reporters.push(Box::new(github::Github::new(place, Box::new(say))));
        }
        let told = Told { files: files::Events::new(folder, run), reporters };
        Self { told: Mutex::new(told), now: Box::new(now) }
    }

    /// Tells an event to all of them.
    pub fn tell(&self, event: Event) {
        let stamped = Stamped { at: (self.now)(), event };
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Told { files, reporters } = &mut *told;
        files.report(&stamped);
        let kept = matches!(stamped.event, Event::RunFinished { .. }).then(|| files.standing());
        for reporter in reporters {
            if let Some(kept) = &kept {
                reporter.kept(kept);
            }
            reporter.report(&stamped);
        }
    }
}

/// What ended without a run, for whoever reads something else than what a person was told.
pub fn refused(failures: &[Failure]) {
    if let Some(place) = github::Place::of_process().filter(|_| !failures.is_empty()) {
        let say: github::Say = Box::new(say);
        github::refused(failures, place, &say);
    }
}

/// A task definition that was registered, or was there already, in that word.
pub fn registered(word: &str, revision: &Revision) {
    if let Some(place) = github::Place::of_process() {
        github::registered(word, revision, place);
    }
}

/// Writes data to stdout. A closed pipe is the reader's wish, not an error.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
}

/// Writes a line for a person to stderr.
pub fn say(text: &str) {
    terminal::beside(|| {
        let mut err = std::io::stderr().lock();
        let _closed = err.write_all(text.as_bytes()).and_then(|()| err.write_all(b"\n"));
    });
}
