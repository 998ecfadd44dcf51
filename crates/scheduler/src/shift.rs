//! A deployment that shifts traffic: BLUE_GREEN, CANARY and LINEAR in ECS's words (aws.md 4).
//!
//! The candidate is brought to full capacity beside the source, then traffic moves by shares, then the source goes. The
//! owner of the state moves the weights ([`crate::Action::Route`]) and asks the hooks; the scheduler says when.

use std::collections::BTreeSet;

use crate::{DeploymentId, Span, Time};

/// A share of the traffic in tenths of a percent: 0 to 1000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(1000);

    /// Whole percents.
    pub const fn percent(percent: u32) -> Self {
        Self(percent * 10)
    }
}

/// `deploymentConfiguration` of a strategy that shifts traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// By which steps production traffic moves.
    pub pattern: Pattern,
    /// `bakeTimeInMinutes`: both versions are kept for so long after all traffic has moved.
    pub bake: Span,
    /// Stages at which hooks are asked; each time the stage is entered, on the way back too where ECS asks there.
    pub hooks: BTreeSet<Stage>,
    /// There is a test listener: its traffic moves at [`Stage::TestTrafficShift`].
    pub test_listener: bool,
}

/// By which steps production traffic moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// BLUE_GREEN: all at once.
    AllAtOnce,
    /// CANARY: one share, a bake, the rest.
    Canary {
        /// `canaryPercent`.
        share: Share,
        /// `canaryBakeTimeInMinutes`.
        bake: Span,
    },
    /// LINEAR: equal steps with a bake after each but the last.
    Linear {
        /// `stepPercent`.
        step: Share,
        /// `stepBakeTimeInMinutes`.
        bake: Span,
    },
}

/// `lifecycleStage`, in ECS's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// RECONCILE_SERVICE: only with more than one active revision.
    ReconcileService,
    /// PRE_SCALE_UP.
    PreScaleUp,
    /// SCALE_UP: the candidate is brought to full capacity.
    ScaleUp,
    /// POST_SCALE_UP.
    PostScaleUp,
    /// TEST_TRAFFIC_SHIFT.
    TestTrafficShift,
    /// POST_TEST_TRAFFIC_SHIFT.
    PostTestTrafficShift,
    /// PRE_PRODUCTION_TRAFFIC_SHIFT: at every step of a canary or linear shift.
    PreProductionTrafficShift,
    /// PRODUCTION_TRAFFIC_SHIFT: at every step; the bake of a step belongs to it.
    ProductionTrafficShift,
    /// POST_PRODUCTION_TRAFFIC_SHIFT.
    PostProductionTrafficShift,
    /// BAKE_TIME.
    BakeTime,
    /// CLEAN_UP: the side without traffic goes.
    CleanUp,
}

/// How traffic stands: what the candidate gets, the source gets the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// On the test listener.
    pub test: Share,
    /// On the production listener.
    pub production: Share,
}

/// Which way a shift goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the candidate.
    Forward,
    /// Back to the source.
    Back(Reason),
}

/// Why a shift goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The circuit breaker, or an alarm.
    Failed(crate::Failure),
    /// A hook at this stage failed, timed out with ROLLBACK, or was answered so.
    Hook(Stage),
    /// StopServiceDeployment.
    Asked,
    /// A stage took longer than 24 hours.
    TimedOut(Stage),
}

/// Where the hooks of the current stage stand. The owner counts time-outs and turns them into an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// There are none here, or they have all passed.
    Clear,
    /// Asked and not answered yet.
    Asked,
}

/// How the hooks of the current stage were answered, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All passed, or timed out with CONTINUE.
    Passed,
    /// One did not.
    Failed,
}

/// A shift in progress: [`crate::Service::shifting`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shifting {
    /// How it goes.
    pub shift: Shift,
    /// The new deployment: the service's PRIMARY.
    pub candidate: DeploymentId,
    /// The one that had the traffic; none at the first deployment of a service.
    pub source: Option<DeploymentId>,
    /// Where it is.
    pub stage: Stage,
    /// Since when.
    pub since: Time,
    /// Which step of the production shift it is, from 0.
    pub round: u32,
    /// The weights in force.
    pub weights: Weights,
    /// Whether hooks hold it up.
    pub hooks: Hooks,
    /// Which way it goes.
    pub way: Way,
}
