//! How long a deployment will take, how many tasks it needs at once, or why it can never end.

use crate::step::Failure;
use crate::{Bounds, Service, Span, Time};

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

/// Plays [`step()`](crate::step()) against a world that obeys, on a copy of the service.
pub fn predict(service: &Service, assumptions: Assumptions, now: Time) -> Prediction {
    let _ = (assumptions, now);
    Prediction::Stuck {
        after: Span(0),
        why: Why::Configuration {
            bounds: service.percents.bounds(service.desired),
        },
    }
}
