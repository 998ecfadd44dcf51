//! How a deployment that shifts traffic stands: its stage, its shares, its hooks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pipeline::{PauseAt, Share};

/// What one look showed of a shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftSeen {
    /// `lifecycleStage`, or the CodeDeploy lifecycle event in progress.
    pub stage: Stage,
    /// The candidate's share of production traffic, as the platform says.
    pub production: Option<Share>,
    /// The candidate's share of test traffic.
    pub test: Option<Share>,
    /// Target groups that the candidate serves in, by ARN (`resolvedConfiguration`: roles swap at each deployment).
    pub candidate_groups: Vec<String>,
    /// Target groups that the stable version serves in.
    pub stable_groups: Vec<String>,
    /// Hooks of the stage.
    pub hooks: Vec<HookSeen>,
    /// Until when both versions are kept, about: once all traffic has moved and that is known.
    pub baking_until: Option<Timestamp>,
}

/// `lifecycleStage` in ECS's order; CodeDeploy's lifecycle events are put beside them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// RECONCILE_SERVICE.
    ReconcileService,
    /// PRE_SCALE_UP; BeforeInstall.
    PreScaleUp,
    /// SCALE_UP; Install.
    ScaleUp,
    /// POST_SCALE_UP; AfterInstall.
    PostScaleUp,
    /// TEST_TRAFFIC_SHIFT; AllowTestTraffic.
    TestTrafficShift,
    /// POST_TEST_TRAFFIC_SHIFT; AfterAllowTestTraffic.
    PostTestTrafficShift,
    /// PRE_PRODUCTION_TRAFFIC_SHIFT; BeforeAllowTraffic, Ready.
    PreProductionTrafficShift,
    /// PRODUCTION_TRAFFIC_SHIFT; AllowTraffic.
    ProductionTrafficShift,
    /// POST_PRODUCTION_TRAFFIC_SHIFT; AfterAllowTraffic.
    PostProductionTrafficShift,
    /// BAKE_TIME; the termination wait.
    BakeTime,
    /// CLEAN_UP.
    CleanUp,
    /// A word that shipit does not know: shown, waited on.
    Other(String),
}

/// The words of ECS, in its order.
const WORDS: [(Stage, &str); 11] = [
    (Stage::ReconcileService, "RECONCILE_SERVICE"),
    (Stage::PreScaleUp, "PRE_SCALE_UP"),
    (Stage::ScaleUp, "SCALE_UP"),
    (Stage::PostScaleUp, "POST_SCALE_UP"),
    (Stage::TestTrafficShift, "TEST_TRAFFIC_SHIFT"),
    (Stage::PostTestTrafficShift, "POST_TEST_TRAFFIC_SHIFT"),
    (Stage::PreProductionTrafficShift, "PRE_PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::ProductionTrafficShift, "PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::PostProductionTrafficShift, "POST_PRODUCTION_TRAFFIC_SHIFT"),
    (Stage::BakeTime, "BAKE_TIME"),
    (Stage::CleanUp, "CLEAN_UP"),
];

impl Stage {
    /// ECS's word.
    pub fn word(&self) -> &str {
        match self {
            Stage::Other(word) => word,
            known => WORDS.iter().find(|(stage, _)| stage == known).map_or("", |(_, word)| word),
        }
    }

    /// The stage of ECS's word; one that is not known is kept.
    pub fn of(word: &str) -> Self {
        let known = WORDS.iter().find(|(_, known)| *known == word);
        known.map_or_else(|| Stage::Other(word.to_owned()), |(stage, _)| stage.clone())
    }

    /// All that are known, in ECS's order.
    pub fn known() -> impl Iterator<Item = Stage> {
        WORDS.into_iter().map(|(stage, _)| stage)
    }

    /// Where a hook of this stage stands in `pause:`; none where it takes none.
    pub fn pause(&self) -> Option<PauseAt> {
        match self {
            Stage::PostScaleUp => Some(PauseAt::ScaledUp),
            Stage::PostTestTrafficShift => Some(PauseAt::TestTraffic),
            Stage::PreProductionTrafficShift => Some(PauseAt::BeforeProduction),
            Stage::PostProductionTrafficShift => Some(PauseAt::AfterProduction),
            _ => None,
        }
    }

    /// It is this stage, or a later one. Of a word that is not known only that it is itself can be said.
    pub fn is_at_or_after(&self, other: &Stage) -> bool {
        let place = |stage: &Stage| WORDS.iter().position(|(known, _)| known == stage);
        match (place(self), place(other)) {
            (Some(here), Some(there)) => here >= there,
            _ => self == other,
        }
    }
}

/// `hookId`: fresh at each stage and step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HookId(pub String);

/// One of `lifecycleHookDetails`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookSeen {
    /// Its id; CodeDeploy's Ready has the deployment's own.
    pub id: HookId,
    /// What answers it.
    pub kind: HookKind,
    /// Whether it is answered.
    pub status: HookStatus,
    /// When the platform stops waiting.
    pub expires_at: Option<Timestamp>,
    /// What the platform does then, in its word: `ROLLBACK`, `CONTINUE`.
    pub then: Option<String>,
}

impl HookSeen {
    /// It is a pause that waits for its answer.
    pub fn is_open_pause(&self) -> bool {
        self.kind == HookKind::Pause && self.status == HookStatus::AwaitingAction
    }
}

/// What answers a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookKind {
    /// PAUSE: an API call.
    Pause,
    /// AWS_LAMBDA: a function.
    Lambda,
    /// A word that shipit does not know.
    Other(String),
}

/// `status` of a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookStatus {
    /// AWAITING_ACTION: it can be answered now.
    AwaitingAction,
    /// IN_PROGRESS.
    InProgress,
    /// SUCCEEDED.
    Succeeded,
    /// FAILED.
    Failed,
    /// TIMED_OUT.
    TimedOut,
    /// A word that shipit does not know.
    Other(String),
}
