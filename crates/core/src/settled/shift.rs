//! How a deployment that shifts traffic stands: its stage, its shares, its hooks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::pipeline::Share;

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
    /// Until when both versions are kept, once all traffic has moved and that is known.
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
