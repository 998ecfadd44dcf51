//! A whole run as a report shows it: a pure fold of its events, in the time of the clock that stamped them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shipit_core::event::{Event, Outcome, PlannedStep, Stamped, Work};
use shipit_core::plan::StepId;
use shipit_core::release::Digest;

use super::step::{Doing, Gate, State, Step};

/// A run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// What it is about; none before it has begun.
    pub head: Option<Head>,
    /// Its steps, in the order of the plan.
    pub steps: Vec<Step>,
    /// Things a person should know, each once.
    pub notes: Vec<String>,
    /// How it ended, and when; none while it goes on, or where it was cut off.
    pub ended: Option<(Timestamp, Outcome)>,
    /// The first event and the last.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// What a run is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Its name.
    pub run: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The environment, if any.
    pub environment: Option<String>,
    /// The image tag.
    pub tag: String,
    /// First line of the commit message.
    pub subject: Option<String>,
    /// The cluster.
    pub cluster: String,
    /// The region.
    pub region: String,
    /// The command that goes on with it, should it be cut off.
    pub resume: String,
}

impl Model {
    /// Of all events of a run.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Stamped>) -> Self {
        let mut model = Self::default();
        events.into_iter().for_each(|event| model.take(event));
        model
    }

    /// Images by name, with their digests, as far as they are known.
    pub fn images(&self) -> BTreeMap<&str, &Digest> {
        let ended = self.ended.iter().flat_map(|(_, outcome)| &outcome.images);
        ended.map(|(name, digest)| (name.as_str(), digest)).collect()
    }

    /// Rollouts that have begun, those that went wrong first.
    pub fn rollouts(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> =
            self.steps.iter().filter(|step| !step.course.looks.is_empty() || step.dossier.is_some()).collect();
        steps.sort_by_key(|step| step.rank());
        steps
    }

    /// Gates that have spoken, those that stop first.
    pub fn gates(&self) -> Vec<(&Step, &Gate)> {
        let mut gates: Vec<(&Step, &Gate)> =
            self.steps.iter().filter_map(|step| step.gate.as_ref().map(|gate| (step, gate))).collect();
        gates.sort_by_key(|(_, gate)| matches!(gate, Gate::Passed(_)));
        gates
    }

    /// Takes an event in.
    pub fn take(&mut self, Stamped { at, event }: &Stamped) {
        let at = *at;
        self.span = Some(self.span.map_or((at, at), |(first, _)| (first, at.max(first))));
        match event {
            Event::RunStarted { run, pipeline, environment, tag, subject, cluster, region, resume } => {
                self.head = Some(Head {
                    run: run.0.clone(),
                    pipeline: pipeline.clone(),
                    environment: environment.clone(),
                    tag: tag.clone(),
                    subject: subject.clone(),
                    cluster: cluster.clone(),
                    region: region.clone(),
                    resume: resume.clone(),
                });
                // It goes on after it was cut off.
                self.ended = None;
            }
            Event::Planned { steps, notes } => {
                steps.iter().for_each(|step| self.planned(step));
                notes.iter().for_each(|note| self.note(note));
            }
            Event::StepStarted { step } => self.step(step).begin(at, Doing::Forward),
            Event::StepProgress { step, progress } => self.step(step).progress(at, progress),
            Event::StepSucceeded { step, result, .. } => self.step(step).succeeded(at, result),
            Event::StepPaused { step, what, .. } => self.step(step).end(at, State::Paused, what.clone()),
            Event::StepFailed { step, failure, .. } => {
                self.step(step).end(at, State::Failed(Box::new(failure.clone())), failure.what.clone());
            }
            Event::Dossier { step, cause, dossier } => self.step(step).dossier = Some((cause.clone(), (**dossier).clone())),
            Event::UndoStarted { step, doing } => {
                let step = self.step(step);
                step.begin(at, Doing::Back);
                step.words.clone_from(doing);
            }
            Event::Undone { step, now } => self.step(step).end(at, State::Undone, now.clone()),
            Event::UndoFailed { step, failure } => {
                self.step(step).end(at, State::NotUndone(Box::new(failure.clone())), failure.what.clone());
            }
            Event::Notice { message } => self.note(message),
            Event::RunFinished { outcome } => {
                for step in self.steps.iter_mut().filter(|step| step.state == State::Running) {
                    let words = step.words.clone();
                    step.end(at, State::GivenUp, words);
                }
                self.ended = Some((at, outcome.clone()));
            }
            // An event of a later version says nothing here.
            _ => {}
        }
    }

    /// What was told of a step is told no more.
    pub fn forget(&mut self, step: &StepId) {
        self.steps.retain(|known| known.id != *step);
    }

    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    fn planned(&mut self, planned: &PlannedStep) {
        match self.steps.iter_mut().find(|step| step.id == planned.step) {
            Some(known) => known.because.clone_from(&planned.because),
            None => self.steps.push(Step::planned(planned)),
        }
    }

    /// The step of that name; one that no plan has named is taken as it comes.
    fn step(&mut self, id: &StepId) -> &mut Step {
        let at = self.steps.iter().position(|step| step.id == *id).unwrap_or_else(|| {
            let (verb, subject) = id.0.split_once(' ').unwrap_or((&id.0, ""));
            let (verb, subject) = (verb.to_owned(), subject.to_owned());
            self.planned(&PlannedStep { step: id.clone(), verb, subject, because: String::new(), work: Work::ToDo });
            self.steps.len() - 1
        });
        &mut self.steps[at]
    }
}
