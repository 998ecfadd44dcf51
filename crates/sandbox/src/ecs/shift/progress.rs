//! Where a service deployment that shifts traffic stands, beyond the scheduler's view.

use serde_json::{Value, json};
use shipit_scheduler::{Share, Stage, Weights};

use super::hooks::Round;
use super::stage;

/// Where it stands. What is here stays when it has ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::ecs) struct Progress {
    /// `lifecycleStage`.
    pub stage: Option<Stage>,
    /// What the candidate has of the traffic.
    pub weights: Weights,
    /// The hooks that were asked last.
    pub round: Option<Round>,
    /// Why it goes back, once that is known.
    pub why: Option<String>,
    /// Whether its wiring has been looked at.
    pub wired: Wired,
}

/// Whether the wiring of a deployment has been looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ecs) enum Wired {
    /// It will be, before anything is started.
    #[default]
    NotYet,
    /// It has.
    Seen,
}

impl Progress {
    /// `lifecycleStage`.
    pub(in crate::ecs) fn stage_word(&self) -> Option<&'static str> {
        self.stage.map(stage::word)
    }

    /// `lifecycleHookDetails`.
    pub(in crate::ecs) fn hook_details(&self) -> Value {
        self.round.iter().flat_map(|round| &round.asked).map(super::hooks::Asked::show).collect()
    }
}

/// `requestedTestTrafficWeight` and `requestedProductionTrafficWeight`, in percent.
pub(in crate::ecs) fn weights(weights: Weights) -> [(String, Value); 2] {
    let percent = |share: Share| json!(f64::from(share.0) / 10.0);
    [
        ("requestedTestTrafficWeight".to_owned(), percent(weights.test)),
        ("requestedProductionTrafficWeight".to_owned(), percent(weights.production)),
    ]
}
