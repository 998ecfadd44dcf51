//! One deployment to ECS, pure: given where it is, what is seen and the time, what would CodeDeploy do next?
//!
//! `course` (how it is to go), `lifecycle` (its events), `over` (how it ends), `step` (one decision), `stages` (each stage's part in it).

pub(super) mod course;
pub(super) mod lifecycle;
pub(super) mod over;
mod stages;
mod step;
#[cfg(test)]
mod tests;

use shipit_scheduler::{Span, Time};

use self::course::Course;
use self::lifecycle::{Event, Lifecycle};
use self::over::{Cause, End};
pub(super) use crate::ecs::task_sets::Standing;

/// The replacement may take so long until it is healthy (CodeDeploy's own text).
pub(super) const INSTALL_LIMIT: Span = Span::seconds(60 * 60);
/// A hook may take so long until it says how it went.
pub(super) const HOOK_LIMIT: Span = Span::seconds(60 * 60);
/// The replacement may be short of healthy tasks for so long while traffic moves.
pub(super) const STEADY_LIMIT: Span = Span::seconds(5 * 60);

/// A deployment in progress.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Machine {
    /// How it is to go.
    pub course: Course,
    /// Where it is.
    pub stage: Stage,
    /// Since when.
    pub since: Time,
    /// Its lifecycle events.
    pub lifecycle: Lifecycle,
    /// What it has made of the world.
    pub done: Done,
    /// Which step of the production traffic comes next, from 0.
    round: usize,
    /// When production traffic was last moved.
    moved_at: Time,
    /// Since when the replacement has been short of healthy tasks where it must not be.
    short_since: Option<Time>,
    /// What was said and has not been looked at yet.
    said: Said,
}

/// Where a deployment is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    /// Created, not looked at yet.
    Created,
    /// In a lifecycle event.
    In(Event),
    /// Waits for ContinueDeployment with READY_WAIT.
    Ready,
    /// All traffic has moved; the original is kept for a while.
    TerminationWait,
    /// The original is going.
    Terminating,
    /// It has ended.
    Over(End),
}

/// What a deployment has made of the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// There is a replacement.
    pub installed: bool,
    /// Percent of the production traffic that the replacement has.
    pub production: u8,
}

/// What people and hooks have said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    stop: bool,
    go_on: bool,
    answer: Option<Answer>,
}

/// How a hook went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// `Succeeded`.
    Passed,
    /// `Failed`.
    Failed,
}

/// One of the two task sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The task set that had the traffic: blue.
    Original,
    /// The new one: green.
    Replacement,
}

/// Something for the owner of the task sets and listeners to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Invoke the function of this event's hook.
    Ask(Event),
    /// Let the production listener give so many percent to the replacement's target group, the rest to the original's.
    Production(u8),
    /// Let the test listener, if there is one, lead to this side.
    Test(Side),
    /// Remove what earlier deployments have left beside the original.
    ClearLeftovers,
    /// Make the replacement, at full count.
    Install,
    /// Make this side the service's PRIMARY.
    Promote(Side),
    /// Take this side to zero.
    Remove(Side),
}

/// What is seen of the world.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// The original.
    pub original: Standing,
    /// The replacement.
    pub replacement: Standing,
    /// The alarms that are watched and in ALARM.
    pub alarms: Vec<String>,
}

/// What a step did to the deployment, for the owner to carry out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Step {
    /// To carry out, in this order.
    pub acts: Vec<Act>,
    /// When to step again though nothing is seen or said.
    pub wake: Option<Time>,
}

impl Machine {
    /// A new deployment.
    pub(super) fn new(course: Course, now: Time) -> Self {
        Self {
            course,
            stage: Stage::Created,
            since: now,
            lifecycle: Lifecycle::default(),
            done: Done::default(),
            round: 0,
            moved_at: now,
            short_since: None,
            said: Said::default(),
        }
    }

    /// A deployment that takes an ended one back: traffic goes to the original, then the replacement goes. It has
    /// no course of its own.
    pub(super) fn taking_back(ended: &Machine, now: Time) -> Self {
        let course = Course { takes_back: true, ..ended.course.clone() };
        Self { done: ended.done, ..Self::new(course, now) }
    }

    /// It has ended.
    pub(super) fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Over(end) => Some(end),
            _ => None,
        }
    }

    /// StopDeployment. Answers whether it still can be stopped: not any more when the original is going.
    pub(super) fn stop(&mut self) -> bool {
        let can = !self.course.takes_back && !matches!(self.stage, Stage::Terminating | Stage::Over(_));
        self.said.stop |= can;
        can
    }

    /// ContinueDeployment, where it waits for that.
    pub(super) fn go_on(&mut self) {
        self.said.go_on |= matches!(self.stage, Stage::Ready | Stage::TerminationWait);
    }

    /// What the hook of the event in progress has said. Answers whether it was still waited for.
    pub(super) fn answer(&mut self, event: Event, answer: Answer) -> bool {
        let waits = self.stage == Stage::In(event) && self.course.hooks.contains(&event) && self.said.answer.is_none();
        if waits {
            self.said.answer = Some(answer);
        }
        waits
    }

    /// Something in the world cannot be done: it ends.
    pub(super) fn break_off(&mut self, cause: Cause, now: Time) {
        if self.end().is_none() {
            self.finish(End::of(cause), now);
        }
    }
}
