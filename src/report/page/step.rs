//! A step of a run as a report shows it: when it was under way, where it is, what it found.

use jiff::Timestamp;
use shipit_core::dossier::Dossier;
use shipit_core::event::{PlannedStep, Progress, RolloutSeen, StepResult, Work};
use shipit_core::failure::{Cause, Failure};
use shipit_core::gate::{Record, Verdict};
use shipit_core::plan::StepId;
use shipit_core::release::Revision;
use shipit_core::taskdef::Difference;

use super::super::view::result_words;
use super::course::Course;

/// Lines of build output that are kept for a build that fails.
const TAIL: usize = 40;

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name in the plan.
    pub id: StepId,
    /// E.g. `build`.
    pub verb: String,
    /// The image or service.
    pub subject: String,
    /// Why it is here.
    pub because: String,
    /// When it was under way: once, or again where the run was cut off and went on.
    pub spans: Vec<Span>,
    /// Where it is.
    pub state: State,
    /// What came of it, or how far it is, in words.
    pub words: String,
    /// Its rollout, if it is one that has begun.
    pub course: Course,
    /// What the gate has said, if it is one that has judged.
    pub gate: Option<Gate>,
    /// Why its rollout went wrong, as far as is known.
    pub dossier: Option<(Cause, Dossier)>,
    /// How what it registered differs from what ran.
    pub differences: Vec<Difference>,
    /// The last lines its build printed.
    pub tail: Vec<String>,
}

/// A time in which a step was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Since when.
    pub from: Timestamp,
    /// Until when; none while it is.
    pub to: Option<Timestamp>,
    /// What was done in it.
    pub doing: Doing,
}

/// What is done in a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// The step.
    Forward,
    /// Its undoing.
    Back,
}

/// Where a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Not begun.
    Waiting,
    /// Done before this run.
    Reused,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// Failed.
    Failed(Box<Failure>),
    /// Undone.
    Undone,
    /// It could not be undone.
    NotUndone(Box<Failure>),
    /// It waits for a person, and the run has ended.
    Paused,
    /// The run ended while it was under way.
    GivenUp,
}

/// What a gate has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It lets pass, with this on record.
    Passed(Box<Record>),
    /// It stops.
    Stopped(Box<Verdict>),
}

impl Step {
    /// As the plan lists it.
    pub(super) fn planned(planned: &PlannedStep) -> Self {
        let state = match planned.work {
            Work::ToDo => State::Waiting,
            Work::Reused => State::Reused,
        };
        Self {
            id: planned.step.clone(),
            verb: planned.verb.clone(),
            subject: planned.subject.clone(),
            because: planned.because.clone(),
            spans: Vec::new(),
            state,
            words: planned.because.clone(),
            course: Course::default(),
            gate: None,
            dossier: None,
            differences: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// It failed, or could not be undone, or was undone.
    pub fn went_wrong(&self) -> bool {
        matches!(self.state, State::Failed(_) | State::NotUndone(_) | State::Undone) || self.dossier.is_some()
    }

    /// The worst first: what is stuck, what failed, what was in trouble, what was undone for another's failure.
    pub(super) fn rank(&self) -> u8 {
        match (&self.state, &self.dossier) {
            (State::NotUndone(_), _) => 0,
            (State::Failed(_), _) => 1,
            (_, Some(_)) => 2,
            (State::Undone, None) => 3,
            (_, None) => 4,
        }
    }

    /// The revisions of its rollout: the candidate's and the one it replaces.
    pub fn revisions(&self) -> Option<(&Revision, Option<&Revision>)> {
        match (self.course.revisions(), &self.dossier) {
            (Some(revisions), _) => Some(revisions),
            (None, Some((_, dossier))) => Some((&dossier.revision, dossier.change.before.as_ref())),
            (None, None) => None,
        }
    }

    pub(super) fn begin(&mut self, at: Timestamp, doing: Doing) {
        self.close(at);
        if doing == Doing::Forward {
            self.course.begin();
        }
        self.spans.push(Span { from: at, to: None, doing });
        self.state = State::Running;
    }

    pub(super) fn end(&mut self, at: Timestamp, state: State, words: String) {
        self.close(at);
        (self.state, self.words) = (state, words);
    }

    fn close(&mut self, at: Timestamp) {
        self.spans.iter_mut().filter(|span| span.to.is_none()).for_each(|span| span.to = Some(at));
    }

    pub(super) fn succeeded(&mut self, at: Timestamp, result: &StepResult) {
        match result {
            StepResult::Gate { record } => self.gate = Some(Gate::Passed(record.clone())),
            StepResult::Registered { differences, .. } => self.differences.clone_from(differences),
            _ => {}
        }
        self.end(at, State::Done, result_words(result));
    }

    pub(super) fn progress(&mut self, at: Timestamp, progress: &Progress) {
        match progress {
            Progress::BuildOutput { line } => {
                if !line.trim().is_empty() {
                    self.tail.push(line.clone());
                }
                if self.tail.len() > TAIL {
                    self.tail.remove(0);
                }
            }
            Progress::Judged { verdict } => self.gate = Some(Gate::Stopped(verdict.clone())),
            Progress::Served { minutes } => self.course.serve(minutes),
            Progress::Rollout(seen) => self.look(at, seen),
            Progress::Smoke { last } => self.words.clone_from(last),
            Progress::Scan { status } => self.words.clone_from(status),
            _ => {}
        }
    }

    fn look(&mut self, at: Timestamp, seen: &RolloutSeen) {
        self.words = format!("waits for {}", seen.waiting_for);
        self.course.look(at, seen);
    }
}
