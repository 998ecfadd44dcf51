//! How a deployment is to go: what its group, its configuration and its AppSpec say.

use std::collections::BTreeSet;

use shipit_scheduler::Span;

use super::lifecycle::Event;

/// How a deployment is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::codedeploy) struct Course {
    /// By which steps production traffic moves.
    pub routing: Routing,
    /// The events that have a hook.
    pub hooks: BTreeSet<Event>,
    /// What comes before production traffic moves.
    pub ready: Ready,
    /// What becomes of the original.
    pub termination: Termination,
    /// It takes an ended deployment back, and nothing else.
    pub takes_back: bool,
}

/// `trafficRoutingConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codedeploy) enum Routing {
    /// AllAtOnce.
    AllAtOnce,
    /// TimeBasedCanary: a share, an interval, the rest.
    Canary {
        /// `canaryPercentage`, 1 to 99.
        percent: u8,
        /// `canaryInterval`.
        interval: Span,
    },
    /// TimeBasedLinear: equal steps with an interval after each.
    Linear {
        /// `linearPercentage`, 1 to 99.
        percent: u8,
        /// `linearInterval`.
        interval: Span,
    },
}

/// `deploymentReadyOption`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codedeploy) enum Ready {
    /// CONTINUE_DEPLOYMENT: at once.
    GoesOn,
    /// STOP_DEPLOYMENT: when ContinueDeployment is called; stopped after so long.
    Waits(Span),
}

/// `terminateBlueInstancesOnDeploymentSuccess`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codedeploy) enum Termination {
    /// KEEP_ALIVE.
    Never,
    /// TERMINATE after so long.
    After(Span),
}

impl Routing {
    /// The replacement's percents of production traffic, one after the other, the last is 100.
    pub(in crate::codedeploy) fn steps(self) -> Vec<u8> {
        match self {
            Routing::AllAtOnce => vec![100],
            Routing::Canary { percent, .. } => vec![percent.clamp(1, 99), 100],
            Routing::Linear { percent, .. } => {
                let percent = percent.clamp(1, 100);
                (1..).map(|step: u8| percent.saturating_mul(step)).take_while(|share| *share < 100).chain([100]).collect()
            }
        }
    }

    /// How long a share but the last is kept.
    pub(in crate::codedeploy) fn interval(self) -> Span {
        match self {
            Routing::AllAtOnce => Span(0),
            Routing::Canary { interval, .. } | Routing::Linear { interval, .. } => interval,
        }
    }
}
