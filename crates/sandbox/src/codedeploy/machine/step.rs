//! One decision: a step goes on until there is nothing to do but to wait.

use shipit_scheduler::Time;

use super::lifecycle::Event;
use super::over::{Cause, End};
use super::{Machine, Seen, Stage, Step};

impl Machine {
    /// Decides. What was seen is older than the step's own acts: nothing that has just been done is taken for seen.
    pub(in crate::codedeploy) fn step(&mut self, seen: &Seen, now: Time) -> Step {
        let mut step = Step::default();
        while self.moves(seen, now, &mut step) {}
        step.wake = self.due().filter(|due| *due > now);
        step
    }

    /// Makes the next move, if there is one.
    fn moves(&mut self, seen: &Seen, now: Time, step: &mut Step) -> bool {
        if matches!(self.stage, Stage::Over(_)) {
            return false;
        }
        if self.course.takes_back {
            self.takes_back(now, step);
            return true;
        }
        if let Some(cause) = self.interrupted(seen) {
            self.finish(End::of(cause), now);
            return true;
        }
        match self.stage {
            Stage::Created => {
                self.enter(Event::BeforeInstall, now, step);
                true
            }
            Stage::In(event) => self.event(event, seen, now, step),
            Stage::Ready => self.ready(now, step),
            Stage::TerminationWait => self.termination_wait(now, step),
            Stage::Terminating => self.terminating(seen, now),
            Stage::Over(_) => false,
        }
    }

    /// A person or an alarm ends it; not once the original is going, for there is no way back then.
    fn interrupted(&self, seen: &Seen) -> Option<Cause> {
        if self.stage == Stage::Terminating {
            return None;
        }
        match self.said.stop {
            true => Some(Cause::Asked),
            false => (!seen.alarms.is_empty()).then(|| Cause::Alarms(seen.alarms.clone())),
        }
    }

    /// It is over.
    pub(super) fn finish(&mut self, end: End, now: Time) {
        self.lifecycle.cut(now);
        self.go_to(Stage::Over(end), now);
    }

    pub(super) fn go_to(&mut self, stage: Stage, now: Time) {
        self.stage = stage;
        self.since = now;
        self.short_since = None;
        self.said = super::Said::default();
    }
}
