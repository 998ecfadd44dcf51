//! One decision of a rollout: from what was decided before and what is seen now, what next? Time is a value.
//!
//! The platform moves the tasks; shipit begins, turns back, or lets be. A decision is recorded before it is acted upon,
//! and an act whose handle was never recorded is decided again: a crash between the two is harmless.

mod decide;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::{Kind, Stops};
use crate::release::Revision;
use crate::settled::{Begun, Evidence, Settled, Strength};

pub use decide::decide;

/// What the pipeline allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Without progress for this long the rollout counts as stalled.
    pub patience: SignedDuration,
    /// What to do with a stalled rollout.
    pub on_stall: OnStall,
    /// The revision to go back to; none when this run creates the service.
    pub before: Option<Revision>,
}

/// What to do with a rollout that does not progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStall {
    /// Bring the earlier revision back.
    TurnBack,
    /// End the wait and leave it to AWS.
    Leave,
}

/// All that is kept between looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Where the rollout is.
    pub phase: Phase,
    /// The furthest it has been in this phase.
    pub best: Progress,
    /// When it last got further; none before the first look.
    pub moved_at: Option<Timestamp>,
}

impl Rollout {
    /// Before the first look.
    pub fn new() -> Self {
        Self::in_phase(Phase::Beginning)
    }

    /// Continues in a phase; the patience begins anew.
    pub fn in_phase(phase: Phase) -> Self {
        Self { phase, best: Progress::default(), moved_at: None }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a rollout is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The change is to be asked for; there is no handle yet.
    Beginning,
    /// Our deployment is in progress.
    Rolling {
        /// Its handle.
        begun: Begun,
    },
    /// Going back is to be asked for.
    TurningBack {
        /// Our deployment.
        begun: Begun,
        /// Why.
        why: Why,
    },
    /// The earlier revision is coming back.
    Returning {
        /// The deployment to follow: ours while ECS rolls it back, else the one we asked for.
        begun: Begun,
        /// How that is known.
        route: Route,
        /// Why.
        why: Why,
    },
    /// The new revision is deployed.
    Promoted {
        /// How sure.
        strength: Strength,
    },
    /// The earlier revision is back.
    TurnedBack {
        /// That revision.
        to: Revision,
        /// Why.
        why: Why,
    },
    /// Someone else's deployment took over.
    Superseded {
        /// Its revision.
        by: Revision,
    },
    /// The wait has ended before the rollout did.
    Left {
        /// Why.
        why: Why,
    },
    /// A person is needed.
    Stuck {
        /// Why.
        why: Why,
    },
}

impl Phase {
    /// Nothing more will be decided.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Phase::Promoted { .. }
                | Phase::TurnedBack { .. }
                | Phase::Superseded { .. }
                | Phase::Left { .. }
                | Phase::Stuck { .. }
        )
    }
}

/// By which way the earlier revision comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Inside our service deployment: ECS rolls it back.
    Inside,
    /// As a deployment of its own.
    Anew,
}

/// Why a rollout does not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// ECS gave it up, with this reason.
    Ecs {
        /// ECS's text.
        reason: String,
    },
    /// Enough tasks stopped for a cause that no later task escapes.
    Hopeless {
        /// That cause.
        cause: Kind,
        /// How many tasks had stopped for it.
        stops: usize,
    },
    /// No progress within the patience.
    Stalled,
    /// Asked to stop.
    Aborted,
    /// AWS could not be asked for longer than the patience.
    Blind,
    /// It failed, and there is no earlier revision.
    NothingBefore {
        /// Why it failed.
        failed: Box<Why>,
    },
    /// Going back failed or stalled.
    ReturnFailed {
        /// What ECS said, or that it stalled.
        reason: String,
    },
}

impl Why {
    /// Why ECS gave the deployment up, in its own words; none when ECS did not.
    pub fn said(&self) -> Option<String> {
        match self {
            Why::Ecs { reason } => Some(reason.clone()),
            Why::NothingBefore { failed } => failed.said(),
            Why::Hopeless { .. } | Why::Stalled | Why::Aborted | Why::Blind | Why::ReturnFailed { .. } => None,
        }
    }
}

/// How far a rollout is: more of the candidate, fewer of the others, is further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Most RUNNING tasks of the followed deployment seen so far.
    pub arrived: u32,
    /// Fewest tasks of other deployments seen so far; none before the first look.
    pub leaving: Option<u32>,
}

impl Progress {
    /// Reads it off a look. Tasks of the followed revision count as arrived only in the PRIMARY deployment: on the way back
    /// the tasks that never left belong to an earlier deployment of the same revision, and are replaced as well.
    pub fn of(evidence: &Evidence, followed: &Revision) -> Self {
        let (ours, others): (Vec<_>, Vec<_>) =
            evidence.deployments.iter().partition(|deployment| deployment.role == "PRIMARY" && deployment.revision == *followed);
        Self {
            arrived: ours.iter().map(|deployment| deployment.running).sum(),
            leaving: Some(others.iter().map(|deployment| deployment.running + deployment.pending).sum()),
        }
    }

    fn best(self, other: Progress) -> Progress {
        Progress {
            arrived: self.arrived.max(other.arrived),
            leaving: match (self.leaving, other.leaving) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }
}

/// What one look showed, and what a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// AWS's time of the look.
    pub at: Timestamp,
    /// What was seen.
    pub sight: Sight,
    /// Whether the run is to be given up.
    pub wish: Wish,
    /// What tasks of our deployment have stopped for so far.
    pub stops: Stops,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// AWS could not be asked.
    Nothing,
    /// The verdict and the progress of the followed deployment.
    Deployment {
        /// Has it settled?
        settled: Settled,
        /// How far is it?
        progress: Progress,
    },
}

/// Whether the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    GoOn,
    /// Give up: another step failed, or a person interrupted.
    Abort,
}

/// At most one act a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Ask for the change.
    Begin,
    /// Answer a pause. Rolling has none.
    Proceed,
    /// Ask for the earlier revision.
    TurnBack,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rollout from now on.
    pub rollout: Rollout,
    /// What to do now, if anything.
    pub act: Option<Act>,
}

/// What the engine tells after an act: the handle under which the deployment is followed from now on.
#[must_use]
pub fn acted(rollout: Rollout, handle: Handle) -> Rollout {
    match (rollout.phase, handle) {
        (Phase::Beginning, Handle::Begun(begun)) => Rollout::in_phase(Phase::Rolling { begun }),
        (Phase::TurningBack { begun, why }, Handle::Stopping) => {
            Rollout::in_phase(Phase::Returning { begun, route: Route::Inside, why })
        }
        (Phase::TurningBack { why, .. }, Handle::Begun(back)) => {
            Rollout::in_phase(Phase::Returning { begun: back, route: Route::Anew, why })
        }
        (phase, _) => Rollout { phase, best: rollout.best, moved_at: rollout.moved_at },
    }
}

/// How an act was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle {
    /// A deployment was asked for.
    Begun(Begun),
    /// ECS was asked to roll our service deployment back.
    Stopping,
}
