//! How long a deployment will take, part by part, how many tasks it needs at once, or why it can never end.

mod play;
#[cfg(test)]
mod tests;

use play::Play;

use crate::step::Failure;
use crate::{Bounds, Hooks, Service, Span, Stage, Time};

/// How long things take in the predicted world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assumptions {
    /// From the start of a task to RUNNING.
    pub start: Span,
    /// From RUNNING to the health checks' first healthy verdict. Without any check the 40 s rule holds instead.
    pub healthy_after: Span,
    /// From the stop of a task to its being gone (deregistration delay and SIGTERM).
    pub drain: Span,
}

/// What will become of the service if nothing fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The PRIMARY deployment completes and the service is steady.
    Settles {
        /// From now.
        after: Span,
        /// The most tasks there will be at once, those that drain included, for they hold capacity too.
        peak_tasks: u32,
        /// Tasks that will be started.
        starts: u32,
    },
    /// It never settles on what it moves to.
    Stuck {
        /// From now until nothing moves.
        after: Span,
        /// Why.
        why: Why,
    },
}

/// Why a service will not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The percents leave no room at this desired count.
    Configuration {
        /// The bounds at the desired count.
        bounds: Bounds,
    },
    /// The deployment has failed, or will at the next look.
    Failed(Failure),
    /// The deployment has failed before, and starts nothing more.
    Stalled,
    /// Tasks wait for a verdict that the assumptions do not bring.
    Waiting,
}

/// What will become of a shift, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The end, with every hook answered at once.
    pub end: Prediction,
    /// The stages in the order in which they will be entered, from the current one on; none of a rolling deployment.
    pub parts: Vec<Part>,
}

/// One stage of a shift, one step of it where it comes with each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The stage.
    pub stage: Stage,
    /// Which step of the production shift, from 0; the share is [`crate::Pattern::share`] of it.
    pub round: u32,
    /// How long it takes, bake included; what its hooks take comes on top.
    pub span: Span,
    /// Whether its hooks are asked: it takes as long as they do.
    pub hooks: Hooks,
}

/// Plays [`step()`](crate::step()) against a world that obeys and answers every hook at once, on a copy of the service.
pub fn predict(service: &Service, assumptions: Assumptions, now: Time) -> Prediction {
    timeline(service, assumptions, now).end
}

/// As [`predict`], with the stages of a shift.
pub fn timeline(service: &Service, assumptions: Assumptions, now: Time) -> Timeline {
    let mut play = Play::new(service, assumptions, now);
    loop {
        if let Some(end) = play.step() {
            return Timeline { end, parts: play.parts() };
        }
    }
}
