//! A run as a person sees it: a pure fold of its events, and its lines for a width.

mod block;
mod dossier;
mod gate;
mod message;
mod rollout;
mod rows;
mod sides;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use jiff::Timestamp;
use shipit_core::event::{Event, Outcome, PlannedStep, Progress, RolloutSeen, Stamped, StepResult, Work};
use shipit_core::failure::{Cause, Failure};
use shipit_core::plan::StepId;
use shipit_core::release::RunId;

use super::Colour;
use super::files::Kept;

pub(super) use block::{Extent, WIDEST, header, tag};
pub(super) use dossier::{cause_words, file};
pub(super) use rows::result_words;
pub(super) use sides::compared_words;

/// Lines of build output that are kept for the failing case.
const TAIL: usize = 12;

/// A run so far.
#[derive(Clone, Debug, Default)]
pub struct View {
    head: Option<Head>,
    pub(super) notes: Vec<String>,
    pub(super) steps: Vec<Seen>,
    pub(super) outcome: Option<Outcome>,
    /// What stands in its folder, once it has ended.
    pub(super) kept: Option<Kept>,
}

/// What a run is about.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) run: RunId,
    pub(super) pipeline: String,
    pub(super) environment: Option<String>,
    pub(super) tag: String,
    pub(super) subject: Option<String>,
    pub(super) cluster: String,
    pub(super) region: String,
    pub(super) resume: String,
}

/// A step so far.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) id: StepId,
    pub(super) verb: String,
    pub(super) subject: String,
    pub(super) because: String,
    pub(super) state: State,
    /// The last look at its rollout.
    pub(super) rollout: Option<RolloutSeen>,
    /// Why its rollout goes wrong, as far as is known.
    pub(super) cause: Option<Cause>,
    /// The last lines its build printed.
    pub(super) tail: VecDeque<String>,
}

/// Where a step is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Not begun.
    Waiting,
    /// Done before this run.
    Reused,
    /// Under way.
    Running { since: Timestamp, progress: Option<Progress> },
    /// Done.
    Done { result: StepResult, took_ms: u64 },
    /// Failed.
    Failed { failure: Failure, took_ms: u64 },
    /// Being undone.
    Undoing { doing: String, since: Timestamp },
    /// Undone.
    Undone { now: String },
    /// It could not be undone.
    NotUndone { failure: Failure },
    /// It waits for a person, and the run has ended.
    Paused { what: String, took_ms: u64 },
    /// The run ended while it was under way.
    GivenUp,
}

/// What a view is drawn for.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Columns.
    pub width: usize,
    /// Whether colour may be used.
    pub colour: Colour,
    /// The time by the clock that stamped the folded events.
    pub now: Timestamp,
    /// The sign of what is under way.
    pub pulse: char,
}

impl View {
    /// Takes an event in.
    pub fn apply(&mut self, stamped: &Stamped) {
        let at = stamped.at;
        match &stamped.event {
            Event::RunStarted { run, pipeline, environment, tag, subject, cluster, region, resume } => {
                self.head = Some(Head {
                    run: run.clone(),
                    pipeline: pipeline.clone(),
                    environment: environment.clone(),
                    tag: tag.clone(),
                    subject: subject.clone(),
                    cluster: cluster.clone(),
                    region: region.clone(),
                    resume: resume.clone(),
                });
            }
            Event::Planned { steps, notes } => {
                for step in steps {
                    self.planned(step);
                }
                self.notes.extend(notes.iter().cloned());
            }
            Event::StepStarted { step } => self.step(step).state = State::Running { since: at, progress: None },
            Event::StepProgress { step, progress } => self.step(step).progress(at, progress),
            Event::StepSucceeded { step, result, took_ms } => {
                self.step(step).state = State::Done { result: result.clone(), took_ms: *took_ms };
            }
            Event::StepFailed { step, failure, took_ms } => {
                self.step(step).state = State::Failed { failure: failure.clone(), took_ms: *took_ms };
            }
            Event::StepPaused { step, what, took_ms } => {
                self.step(step).state = State::Paused { what: what.clone(), took_ms: *took_ms };
            }
            Event::Dossier { step, cause, .. } => self.step(step).cause = Some(cause.clone()),
            Event::UndoStarted { step, doing } => self.step(step).state = State::Undoing { doing: doing.clone(), since: at },
            Event::Undone { step, now } => self.step(step).state = State::Undone { now: now.clone() },
            Event::UndoFailed { step, failure } => self.step(step).state = State::NotUndone { failure: failure.clone() },
            Event::Notice { message } => self.notes.push(message.clone()),
            Event::RunFinished { outcome } => {
                for step in self.steps.iter_mut().filter(|step| matches!(step.state, State::Running { .. })) {
                    step.state = State::GivenUp;
                }
                self.outcome = Some(outcome.clone());
            }
            // An event of a later version says nothing here.
            _ => {}
        }
    }

    /// The run has ended.
    pub fn is_finished(&self) -> bool {
        self.outcome.is_some()
    }

    /// What was told of a step is told no more.
    pub(super) fn forget(&mut self, step: &StepId) {
        self.steps.retain(|seen| seen.id != *step);
    }

    /// The subject and the verb of a step, as the plan said.
    pub fn names(&self, step: &StepId) -> (String, String) {
        match self.steps.iter().find(|seen| seen.id == *step) {
            Some(seen) => (seen.subject.clone(), seen.verb.clone()),
            None => split(step),
        }
    }

    /// What the run is about, once it has begun.
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The last lines a failed build printed, unless its failure quotes them already.
    pub(super) fn output(&self, step: &StepId) -> Vec<String> {
        self.steps.iter().find(|seen| seen.id == *step).map(Seen::output).unwrap_or_default()
    }

    fn planned(&mut self, planned: &PlannedStep) {
        let state = match planned.work {
            Work::ToDo => State::Waiting,
            Work::Reused => State::Reused,
        };
        let seen = Seen {
            id: planned.step.clone(),
            verb: planned.verb.clone(),
            subject: planned.subject.clone(),
            because: planned.because.clone(),
            state,
            rollout: None,
            cause: None,
            tail: VecDeque::new(),
        };
        match self.steps.iter_mut().find(|step| step.id == planned.step) {
            Some(known) => *known = seen,
            None => self.steps.push(seen),
        }
    }

    /// The step of that name; one that no plan has named is taken as it comes.
    fn step(&mut self, id: &StepId) -> &mut Seen {
        let at = self.steps.iter().position(|step| step.id == *id).unwrap_or_else(|| {
            let (subject, verb) = split(id);
            self.planned(&PlannedStep { step: id.clone(), verb, subject, because: String::new(), work: Work::ToDo });
            self.steps.len() - 1
        });
        &mut self.steps[at]
    }
}

/// `build backend` -> `backend`, `build`.
fn split(id: &StepId) -> (String, String) {
    let (verb, subject) = id.0.split_once(' ').unwrap_or((&id.0, ""));
    (subject.to_owned(), verb.to_owned())
}

impl Head {
    /// The pipeline's name.
    pub(super) fn pipeline(&self) -> &str {
        &self.pipeline
    }
}

impl Seen {
    fn output(&self) -> Vec<String> {
        let State::Failed { failure, .. } = &self.state else { return Vec::new() };
        let quoted = |line: &String| failure.because.iter().any(|because| because.contains(line.trim()));
        if self.tail.back().is_none_or(quoted) { Vec::new() } else { self.tail.iter().cloned().collect() }
    }

    fn progress(&mut self, at: Timestamp, progress: &Progress) {
        match progress {
            Progress::BuildOutput { line } => {
                if !line.trim().is_empty() {
                    self.tail.push_back(line.clone());
                }
                if self.tail.len() > TAIL {
                    self.tail.pop_front();
                }
                return;
            }
            // Numbers for a chart, and what the failure of the step says in words.
            Progress::Served { .. } | Progress::Judged { .. } => return,
            Progress::Rollout(seen) => {
                // The first deployment is the run's own; the one after it is the way back.
                let first = self.rollout.take().and_then(|before| before.deployment);
                let deployment = first.or_else(|| seen.deployment.clone());
                self.rollout = Some(RolloutSeen { deployment, ..seen.clone() });
            }
            _ => {}
        }
        match &mut self.state {
            State::Running { progress: last, .. } => *last = Some(progress.clone()),
            State::Undoing { .. } => {}
            state => *state = State::Running { since: at, progress: Some(progress.clone()) },
        }
    }
}
