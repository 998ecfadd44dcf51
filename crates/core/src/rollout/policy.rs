//! What the pipeline allows a rollout: how long, by whose word, until when.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Guards;
use super::guard::guards;
use crate::pipeline::{Share, Steps};
use crate::plan::{Driver, Roll, terminate_after};
use crate::release::Revision;
use crate::settled::{ShiftSeen, Stage};

/// What the pipeline allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Without progress for this long the rollout counts as stalled.
    pub patience: SignedDuration,
    /// What to do with a stalled rollout.
    pub on_stall: OnStall,
    /// The revision to go back to; none when this run creates the service.
    pub before: Option<Revision>,
    /// Who answers at which stage.
    pub guards: Guards,
    /// The longest time that the platform lets pass between two steps of the shift, or after the last.
    pub bake: SignedDuration,
    /// When the wait ends well.
    pub until: Until,
}

/// When the wait ends well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Nobody said: as [`Until::Deployed`], or, where CodeDeploy deploys and nothing is judged, as [`Until::TrafficShifted`].
    /// What is left then is the termination wait, which may last for days.
    #[default]
    Usual,
    /// When the deployment has succeeded.
    Deployed,
    /// When all traffic has moved and nothing is judged or asked any more: what is left is the platform's bake.
    TrafficShifted,
    /// When this stage is reached, or a later one.
    Stage(Stage),
}

/// What to do with a rollout that does not progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStall {
    /// Bring the earlier revision back.
    TurnBack,
    /// End the wait and leave it to AWS.
    Leave,
}

impl Until {
    /// The rollout is there, though not at its end.
    pub fn is_reached(&self, shift: &ShiftSeen) -> bool {
        match self {
            Until::Usual | Until::Deployed => false,
            // At its last hook the traffic may still go back.
            Until::TrafficShifted => {
                shift.production == Some(Share::ALL) && matches!(shift.stage, Stage::BakeTime | Stage::CleanUp)
            }
            Until::Stage(wanted) => shift.stage.is_at_or_after(wanted),
        }
    }
}

impl Until {
    fn of(self, roll: &Roll) -> Self {
        match (self, roll.driver, &roll.judge) {
            (Until::Usual, Driver::CodeDeploy, None) => Until::TrafficShifted,
            (Until::Usual, ..) => Until::Deployed,
            (said, ..) => said,
        }
    }
}

impl Policy {
    /// That of a planned rollout.
    pub fn of(roll: &Roll, until: Until) -> Self {
        Self {
            patience: SignedDuration::from_millis(i64::try_from(roll.patience_ms).unwrap_or(i64::MAX)),
            on_stall: OnStall::TurnBack,
            before: roll.before.clone(),
            guards: guards(roll),
            bake: bake(roll),
            until: until.of(roll),
        }
    }
}

/// The longest of a step's bake and the one after the last.
fn bake(roll: &Roll) -> SignedDuration {
    let Some(shift) = roll.shift() else { return SignedDuration::ZERO };
    let of_step = match shift.steps {
        Steps::AllAtOnce => 0,
        Steps::Canary { bake, .. } | Steps::Linear { bake, .. } => bake.0,
    };
    let last = terminate_after(shift, &roll.before_configuration).saturating_mul(60_000);
    SignedDuration::from_millis(i64::try_from(of_step.max(last)).unwrap_or(i64::MAX))
}
