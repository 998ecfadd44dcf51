//! What `status --watch` shows: the run of this folder as its events tell it, deployments that nobody here tells of as AWS shows
//! them, and the services as they are. A pure fold.

mod curves;
mod draw;
mod faces;
mod services;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::Value;
use shipit_core::dossier::TargetGroup;
use shipit_core::event::{Event, Stamped};
use shipit_core::plan::StepId;
use shipit_core::snapshot::ServiceSeen;

use super::page::model::Model;
use super::page::step::{State, Step};
use super::view::View;

pub use faces::{Face, Json, Log, Screen};

/// What is watched.
#[derive(Clone, Debug)]
pub struct About {
    /// The pipeline's name.
    pub pipeline: String,
    /// The environment, if any.
    pub environment: Option<String>,
    /// The cluster.
    pub cluster: String,
    /// The region.
    pub region: String,
}

/// Who works in the pipeline's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nobody.
    #[default]
    Free,
    /// Someone who has not told what is shipped yet, in words.
    Begins(String),
    /// A run, of whom.
    Runs(String),
    /// The process of a run has ended without its last word.
    Cut,
}

/// A service as AWS told it last.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its name in the pipeline file.
    pub name: String,
    /// How it stands.
    pub seen: ServiceSeen,
    /// The health of its targets.
    pub targets: Vec<TargetGroup>,
    /// Where its traffic is and what it waits for, in words for a person.
    pub words: Vec<String>,
    /// The same for a program.
    pub told: Value,
}

/// An event, and when that was on the clock of the person who watches: the sandbox's runs faster.
#[derive(Clone, Debug)]
pub struct Moment {
    /// As it was told.
    pub event: Stamped,
    /// When that was.
    pub wall: Timestamp,
}

/// All that is known.
#[derive(Clone, Debug)]
pub struct Watch {
    about: About,
    place: Place,
    run: Option<Story>,
    /// Deployments as looks at AWS show them.
    seen: Story,
    services: Vec<Standing>,
    /// Since when AWS does not answer, and why.
    silent: Option<(Timestamp, String)>,
}

/// Events folded twice: into rows, and into what a report shows.
#[derive(Clone, Debug, Default)]
struct Story {
    view: View,
    model: Model,
}

impl Story {
    fn take(&mut self, moment: &Moment) {
        self.view.apply(&Stamped { at: moment.wall, event: moment.event.event.clone() });
        self.model.take(&moment.event);
    }

    fn forget(&mut self, step: &StepId) {
        self.view.forget(step);
        self.model.forget(step);
    }
}

impl Watch {
    /// Nothing is known yet.
    pub fn new(about: About) -> Self {
        let (place, seen) = (Place::default(), Story::default());
        Self { about, place, run: None, seen, services: Vec::new(), silent: None }
    }

    /// Who works here now.
    pub fn place(&mut self, place: Place) {
        self.place = place;
    }

    /// An event of the run of this folder; of another run than before, if it begins one.
    pub fn run(&mut self, moment: &Moment) {
        if let Event::RunStarted { run, .. } = &moment.event.event
            && self.run.as_ref().and_then(|known| known.view.head()).is_none_or(|head| head.run != *run)
        {
            self.run = None;
        }
        self.run.get_or_insert_default().take(moment);
    }

    /// What a look at AWS showed of a service, and of its deployment.
    pub fn service(&mut self, standing: Standing, moments: &[Moment]) {
        for moment in moments {
            if let Event::StepStarted { step } = &moment.event.event {
                self.seen.forget(step);
            }
            self.seen.take(moment);
        }
        self.silent = None;
        match self.services.iter_mut().find(|known| known.name == standing.name) {
            Some(known) => *known = standing,
            None => self.services.push(standing),
        }
    }

    /// A look that was not answered.
    pub fn silent(&mut self, since: Timestamp, why: &str) {
        let since = self.silent.as_ref().map_or(since, |(since, _)| *since);
        self.silent = Some((since, why.to_owned()));
    }

    /// The run that is under way.
    fn live(&self) -> Option<&Story> {
        self.run.as_ref().filter(|run| self.place != Place::Cut && !run.view.is_finished())
    }

    /// The run tells of this step itself.
    fn is_told(&self, step: &StepId) -> bool {
        let begun = |known: &Step| known.id == *step && !matches!(known.state, State::Waiting | State::Reused);
        self.live().is_some_and(|run| run.model.steps.iter().any(begun))
    }

    /// What looks showed that no run tells: beside a run only what moves.
    fn beside(&self) -> Story {
        let mut seen = self.seen.clone();
        let known: Vec<(StepId, bool)> =
            seen.model.steps.iter().map(|step| (step.id.clone(), step.state == State::Running)).collect();
        for (step, moves) in known {
            if self.is_told(&step) || (self.run.is_some() && !moves) {
                seen.forget(&step);
            }
        }
        seen
    }
}
