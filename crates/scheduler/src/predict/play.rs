//! A copy of a service in a world that obeys: tasks start, become healthy and drain as assumed, hooks pass at once.

use std::collections::BTreeMap;

use super::{Assumptions, Part, Prediction, Why};
use crate::{Action, Answer, Condition, Health, Hooks, Note, Phase, Rollout, Service, Span, Step, StopCause, TaskId, Time};

/// A copy of the service in a world that obeys, between two events.
pub(super) struct Play {
    service: Service,
    assumptions: Assumptions,
    began: Time,
    now: Time,
    due: BTreeMap<Time, Due>,
    peak_tasks: u32,
    starts: u32,
    pub(super) steps: u32,
    parts: Vec<Part>,
    part_began: Time,
}

/// What the world will tell at one moment.
#[derive(Default)]
struct Due {
    running: Vec<TaskId>,
    healthy: Vec<TaskId>,
    gone: Vec<TaskId>,
}

impl Play {
    pub(super) fn new(service: &Service, assumptions: Assumptions, now: Time) -> Self {
        let mut play = Self {
            service: service.clone(),
            assumptions,
            began: now,
            now,
            due: BTreeMap::new(),
            peak_tasks: 0,
            starts: 0,
            steps: 0,
            parts: Vec::new(),
            part_began: now,
        };
        if let Some(shifting) = service.shifting.as_ref().filter(|_| service.unsaid.is_empty()) {
            play.enters(Part { stage: shifting.stage, round: shifting.round, span: Span(0), hooks: shifting.hooks });
        }
        for task in &service.tasks {
            match task.phase {
                Phase::Pending => play.at(task.created_at + assumptions.start).running.push(task.id),
                Phase::Running(since) if service.condition(task, now) == Condition::Maturing => {
                    play.at(since + assumptions.healthy_after).healthy.push(task.id);
                }
                Phase::Running(_) => {}
                Phase::Stopping => play.at(now + assumptions.drain).gone.push(task.id),
            }
        }
        play
    }

    /// What is due at `time`, or now if that is past.
    fn at(&mut self, time: Time) -> &mut Due {
        self.due.entry(time.max(self.now)).or_default()
    }

    /// One step, and on to the next event; the prediction when there is none.
    pub(super) fn step(&mut self) -> Option<Prediction> {
        let step = crate::step(&mut self.service, self.now);
        self.steps += 1;
        for action in &step.actions {
            match *action {
                Action::Start { task, .. } => {
                    self.starts += 1;
                    self.at(self.now + self.assumptions.start).running.push(task);
                }
                Action::Stop { task, .. } => self.at(self.now + self.assumptions.drain).gone.push(task),
                Action::Route { .. } => {}
            }
        }
        for note in &step.notes {
            if let Note::StageEntered { stage, round, hooks, .. } = *note {
                self.enters(Part { stage, round, span: Span(0), hooks });
            }
        }
        self.peak_tasks = self.peak_tasks.max(u32::try_from(self.service.tasks.len()).unwrap_or(u32::MAX));
        if let Some(prediction) = self.ending(&step) {
            return Some(prediction);
        }
        if self.service.shifting.as_ref().is_some_and(|shifting| shifting.hooks == Hooks::Asked) {
            self.service.answer(Answer::Passed, self.now);
            return None;
        }
        let next = self.due.keys().next().copied().into_iter().chain(step.wake).min();
        let Some(next) = next else {
            let desired = self.service.desired;
            let why = if self.service.percents.stuck(desired) {
                Why::Configuration { bounds: self.service.percents.bounds(desired) }
            } else {
                Why::Waiting
            };
            return Some(self.stuck(why));
        };
        self.now = next;
        self.happens();
        None
    }

    fn ending(&self, step: &Step) -> Option<Prediction> {
        let failure = step.notes.iter().find_map(|note| match note {
            Note::DeploymentFailed { failure, .. } => Some(*failure),
            _ => None,
        });
        match (failure, self.service.primary().rollout) {
            (Some(failure), _) => Some(self.stuck(Why::Failed(failure))),
            (None, Rollout::Failed) => Some(self.stuck(Why::Stalled)),
            (None, Rollout::Completed) if self.service.steady => {
                Some(Prediction::Settles { after: self.now - self.began, peak_tasks: self.peak_tasks, starts: self.starts })
            }
            (None, Rollout::Completed | Rollout::InProgress) => None,
        }
    }

    /// The stages so far, the last one up to now.
    pub(super) fn parts(mut self) -> Vec<Part> {
        self.closes();
        self.parts
    }

    fn enters(&mut self, part: Part) {
        self.closes();
        self.parts.push(part);
        self.part_began = self.now;
    }

    fn closes(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            part.span = self.now - self.part_began;
        }
    }

    fn stuck(&self, why: Why) -> Prediction {
        Prediction::Stuck { after: self.now - self.began, why }
    }

    /// Tells the service all that is due now.
    fn happens(&mut self) {
        let now = self.now;
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() > now {
                break;
            }
            let Due { mut running, mut healthy, mut gone } = entry.remove();
            running.sort_unstable();
            healthy.sort_unstable();
            gone.sort_unstable();
            self.service.stopped_all(&gone, StopCause::Asked);
            self.service.running_all(&running, now);
            self.service.verdict(&healthy, now, |task| {
                task.container = Health::Healthy;
                task.target = Health::Healthy;
            });
            if !running.is_empty() {
                self.at(now + self.assumptions.healthy_after).healthy.extend(running);
            }
        }
    }
}
