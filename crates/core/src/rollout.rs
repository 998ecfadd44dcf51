//! One decision of a rollout: from what was decided before and what is seen now, what next? Time is a value.
//!
//! The platform moves the tasks; shipit begins, turns back, or lets be. A decision is recorded before it is acted upon,
//! and an act whose handle was never recorded is decided again: a crash between the two is harmless.

mod decide;
mod guard;
mod patience;
mod policy;
mod progress;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{Kind, Stops};
use crate::release::Revision;
use crate::settled::{Begun, HookId, Settled, ShiftSeen, Stage, Strength};

pub use decide::decide;
pub use guard::{Answer, Guard, Guards, Judged, Person, to_ask, wished};
pub use policy::{OnStall, Policy, Until};
pub use progress::Progress;

/// All that is kept between looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Where the rollout is.
    pub phase: Phase,
    /// The furthest it has been in this phase.
    pub best: Progress,
    /// When it last got further; none before the first look.
    pub moved_at: Option<Timestamp>,
    /// Hooks that were answered, each once.
    pub answered: BTreeSet<HookId>,
}

impl Rollout {
    /// Before the first look.
    pub fn new() -> Self {
        Self::in_phase(Phase::Beginning)
    }

    /// Continues in a phase; the patience begins anew.
    pub fn in_phase(phase: Phase) -> Self {
        Self { phase, best: Progress::default(), moved_at: None, answered: BTreeSet::new() }
    }

    /// The same rollout in another phase; the patience begins anew.
    #[must_use]
    pub fn to(self, phase: Phase) -> Self {
        Self { answered: self.answered, ..Self::in_phase(phase) }
    }

    /// Where whoever goes on with it begins: a pause is looked at again.
    #[must_use]
    pub fn again(self) -> Self {
        match self.phase.clone() {
            Phase::Paused { begun, .. } => self.to(Phase::Rolling { begun }),
            _ => self,
        }
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
    /// The wait has ended well before the rollout did: the stage that was wanted is reached, and the platform goes on.
    Reached {
        /// Our deployment.
        begun: Begun,
        /// The stage.
        stage: Stage,
        /// Until when both versions are kept, if that is known.
        baking_until: Option<Timestamp>,
    },
    /// A person is asked, and none is here: the wait has ended, the platform waits.
    Paused {
        /// Our deployment.
        begun: Begun,
        /// The stage.
        stage: Stage,
        /// What is to be answered.
        hook: HookId,
        /// When the platform stops waiting.
        expires_at: Option<Timestamp>,
        /// What it does then, in its word.
        then: Option<String>,
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
                | Phase::Reached { .. }
                | Phase::Paused { .. }
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
    /// The candidate is worse than the version beside it.
    Worse {
        /// What was found, in words for a person.
        found: String,
    },
    /// Whether the candidate is worse could not be told within the patience.
    Inconclusive {
        /// What was found, in words for a person.
        found: String,
    },
    /// A person answered the pause so.
    Answered,
    /// The platform does not take the answer to its pause.
    Unanswerable {
        /// What it says.
        reason: String,
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
            Why::Hopeless { .. }
            | Why::Worse { .. }
            | Why::Inconclusive { .. }
            | Why::Answered
            | Why::Unanswerable { .. }
            | Why::Stalled
            | Why::Aborted
            | Why::Blind
            | Why::ReturnFailed { .. } => None,
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
    /// What the analysis says of the candidate.
    pub judged: Judged,
    /// What a person says at a pause.
    pub person: Person,
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
        /// How traffic stands, where it is shifted.
        shift: Option<Box<ShiftSeen>>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Ask for the change.
    Begin,
    /// Answer an open hook, so that the platform goes on.
    Proceed {
        /// Which.
        hook: HookId,
    },
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
pub fn acted(mut rollout: Rollout, handle: Handle) -> Rollout {
    match (rollout.phase.clone(), handle) {
        (Phase::Beginning, Handle::Begun(begun)) => rollout.to(Phase::Rolling { begun }),
        (Phase::TurningBack { begun, why }, Handle::Stopping) => {
            rollout.to(Phase::Returning { begun, route: Route::Inside, why })
        }
        (Phase::TurningBack { why, .. }, Handle::Begun(back)) => {
            rollout.to(Phase::Returning { begun: back, route: Route::Anew, why })
        }
        (_, Handle::Answered(hook)) => {
            rollout.answered.insert(hook);
            rollout
        }
        (_, Handle::Begun(_) | Handle::Stopping) => rollout,
    }
}

/// How an act was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handle {
    /// A deployment was asked for.
    Begun(Begun),
    /// ECS was asked to roll our service deployment back.
    Stopping,
    /// The hook is answered.
    Answered(HookId),
}
