//! A run where GitHub's readers look: the job's summary, annotations at the line at fault, the outputs of the step. What is
//! written is up to date at every moment: a step that is killed leaves what was known.

mod annotations;
mod outputs;
mod place;
mod summary;

use shipit_core::event::{Event, Stamped};
use shipit_core::failure::Failure;
use shipit_core::release::Revision;

use super::Reporter;
use super::view::View;

pub use place::Place;

/// GitHub's face of a run.
pub struct Github {
    place: Place,
    view: View,
    say: Say,
}

/// Writes a line where the runner reads workflow commands.
pub type Say = Box<dyn Fn(&str) + Send>;

impl Github {
    /// Writes to the files of `place`.
    pub fn new(place: Place, say: Say) -> Self {
        Self { place, view: View::default(), say }
    }
}

impl Reporter for Github {
    fn report(&mut self, event: &Stamped) {
        self.view.apply(event);
        if matches!(event.event, Event::StepProgress { .. }) {
            return;
        }
        self.place.outputs.write(&outputs::of_run(&self.view));
        self.place.summary.write(&summary::of_run(&self.view, self.place.summary.room()));
        if let Event::RunFinished { outcome } = &event.event {
            for line in annotations::of_run(&self.view, outcome, &self.place) {
                (self.say)(&line);
            }
        }
    }
}

/// A task definition that was registered, or was there already, in that word.
pub fn registered(word: &str, revision: &Revision, mut place: Place) {
    place.outputs.write(&outputs::of_revision(word, revision));
    place.summary.write(&summary::of_revision(word, revision));
}

/// What ended before there was a run, in the same places.
pub fn refused(failures: &[Failure], mut place: Place, say: &Say) {
    place.outputs.write(&outputs::of_refusal(failures));
    place.summary.write(&summary::of_refusal(failures, place.summary.room()));
    for line in annotations::of_refusal(failures, &place) {
        say(&line);
    }
}
