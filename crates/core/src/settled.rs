//! Has *our* deployment settled? Only its own service deployment says so; never task counts, never "stable".

mod shift;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::release::{DeploymentId, Revision};

pub use shift::{HookId, HookKind, HookSeen, HookStatus, ShiftSeen, Stage};

/// The handle of a change we asked for: what makes a deployment ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The ECS service's name.
    pub service: String,
    /// The revision we asked for.
    pub revision: Revision,
    /// The PRIMARY deployment in UpdateService's own reply.
    pub deployment: DeploymentId,
    /// AWS's time just before our call: our service deployment was created at or after it.
    pub asked_at: Timestamp,
}

/// What one look showed, facts only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When the look was made.
    pub at: Timestamp,
    /// Service deployments as ListServiceDeployments answers them, or why there are none to ask.
    pub service_deployments: ServiceDeployments,
    /// `deployments[]` of the service, PRIMARY first.
    pub deployments: Vec<DeploymentSeen>,
    /// `desiredCount`.
    pub desired: u32,
    /// `runningCount`.
    pub running: u32,
    /// `pendingCount`.
    pub pending: u32,
    /// Messages of service events since our call, newest first.
    pub events: Vec<String>,
}

/// What the platform says of service deployments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "snake_case")]
pub enum ServiceDeployments {
    /// The platform does not have them at all: the weaker rule decides.
    Unsupported,
    /// Those created at or after our call, newest first.
    Listed {
        /// They.
        list: Vec<ServiceDeployment>,
    },
}

/// One service deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The task definition of its target service revision.
    pub revision: Revision,
    /// Its status.
    pub status: Status,
    /// `statusReason`.
    pub reason: Option<String>,
    /// How traffic stands, where the deployment shifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftSeen>,
}

/// `status` of a service deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// PENDING.
    Pending,
    /// IN_PROGRESS.
    InProgress,
    /// SUCCESSFUL: the only success.
    Successful,
    /// STOP_REQUESTED.
    StopRequested,
    /// STOPPED: superseded, or failed without rollback.
    Stopped,
    /// ROLLBACK_REQUESTED.
    RollbackRequested,
    /// ROLLBACK_IN_PROGRESS.
    RollbackInProgress,
    /// ROLLBACK_SUCCESSFUL.
    RollbackSuccessful,
    /// ROLLBACK_FAILED.
    RollbackFailed,
    /// A word that shipit does not know: shown, waited on, never success.
    Other(String),
}

/// One of the service's `deployments[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSeen {
    /// Its id.
    pub id: DeploymentId,
    /// `PRIMARY`, `ACTIVE`, `INACTIVE`.
    pub role: String,
    /// Its revision.
    pub revision: Revision,
    /// `rolloutState`.
    pub rollout: RolloutState,
    /// `rolloutStateReason`.
    pub reason: Option<String>,
    /// `desiredCount` of the deployment.
    pub desired: u32,
    /// RUNNING tasks.
    pub running: u32,
    /// Tasks not yet RUNNING.
    pub pending: u32,
    /// `failedTasks`.
    pub failed: u32,
}

/// `rolloutState`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// IN_PROGRESS.
    InProgress,
    /// COMPLETED.
    Completed,
    /// FAILED.
    Failed,
    /// Absent (Classic Load Balancer) or unknown.
    Other(String),
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "settled", rename_all = "snake_case")]
pub enum Settled {
    /// Not yet.
    Pending,
    /// Our deployment succeeded.
    Done {
        /// How sure.
        strength: Strength,
    },
    /// ECS gave our deployment up and is bringing the earlier revision back.
    RollingBack {
        /// ECS's reason.
        reason: String,
    },
    /// ECS gave our deployment up and the earlier revision is back.
    RolledBack {
        /// The revision that serves.
        to: Revision,
        /// ECS's reason.
        reason: String,
    },
    /// ECS gave our deployment up and did nothing more.
    Failed {
        /// ECS's reason.
        reason: String,
    },
    /// Someone else's later deployment took over.
    Superseded {
        /// Its revision.
        by: Revision,
    },
}

/// How sure a `Done` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// The service deployment itself says SUCCESSFUL.
    ServiceDeployment,
    /// The platform shows no service deployments: the rule of the PRIMARY id decides.
    Weaker,
}

impl Strength {
    /// For a person.
    pub fn word(self) -> &'static str {
        match self {
            Strength::ServiceDeployment => "service deployment",
            Strength::Weaker => "weaker evidence",
        }
    }
}

/// Judges a look.
///
/// The service deployment that is ours is the one that was created at or after our call and whose target service revision
/// carries our task definition; the first such, for a later one of the same revision is a repetition by someone else.
pub fn settled(begun: &Begun, evidence: &Evidence) -> Settled {
    match &evidence.service_deployments {
        ServiceDeployments::Unsupported => by_primary(begun, evidence),
        ServiceDeployments::Listed { list } => by_service_deployment(begun, evidence, list),
    }
}

/// Whose later deployment there is, whatever became of ours: someone else's, for ECS makes one only of someone's call.
pub fn taken_over(begun: &Begun, evidence: &Evidence) -> Option<Revision> {
    let ServiceDeployments::Listed { list } = &evidence.service_deployments else { return None };
    let (_, later) = ours_and_later(begun, list)?;
    later.map(|later| later.revision.clone())
}

/// Our service deployment, once it is listed.
pub fn service_deployment_of<'a>(begun: &Begun, evidence: &'a Evidence) -> Option<&'a ServiceDeployment> {
    let ServiceDeployments::Listed { list } = &evidence.service_deployments else { return None };
    Some(ours_and_later(begun, list)?.0)
}

/// How traffic stands in our deployment, where it shifts it.
pub fn shift_of<'a>(begun: &Begun, evidence: &'a Evidence) -> Option<&'a ShiftSeen> {
    service_deployment_of(begun, evidence)?.shift.as_ref()
}

/// Our service deployment, and the newest of those that came after it. ECS makes one only of someone's call, its own rollbacks
/// stay inside of it.
fn ours_and_later<'a>(
    begun: &Begun,
    list: &'a [ServiceDeployment],
) -> Option<(&'a ServiceDeployment, Option<&'a ServiceDeployment>)> {
    let since = || list.iter().filter(|sd| sd.created_at >= begun.asked_at);
    let ours = since().filter(|sd| sd.revision == begun.revision).min_by_key(|sd| sd.created_at)?;
    Some((ours, since().filter(|sd| sd.created_at > ours.created_at).max_by_key(|sd| sd.created_at)))
}

fn by_service_deployment(begun: &Begun, evidence: &Evidence, list: &[ServiceDeployment]) -> Settled {
    let Some((ours, later)) = ours_and_later(begun, list) else {
        return unlisted(begun, evidence);
    };
    // A later one has taken over whatever word ours stands at by now, even if ECS had given ours up before.
    let reason = || ours.reason.clone().unwrap_or_else(|| "ECS gives no reason".to_owned());
    match (&ours.status, later) {
        (Status::Successful, _) if contradicted(begun, evidence) => Settled::Pending,
        (Status::Successful, _) => Settled::Done { strength: Strength::ServiceDeployment },
        (_, Some(later)) => Settled::Superseded { by: later.revision.clone() },
        (Status::Pending | Status::InProgress | Status::StopRequested | Status::Other(_), None) => Settled::Pending,
        (Status::RollbackRequested | Status::RollbackInProgress, None) => Settled::RollingBack { reason: reason() },
        (Status::RollbackSuccessful, None) => match primary(evidence).filter(|primary| primary.revision != begun.revision) {
            Some(primary) => Settled::RolledBack { to: primary.revision.clone(), reason: reason() },
            None => Settled::RollingBack { reason: reason() },
        },
        (Status::RollbackFailed, None) => Settled::Failed { reason: reason() },
        (Status::Stopped, None) => stopped(begun, evidence, reason()),
    }
}

/// Ours is not listed yet. The service may tell already that another one took its place: then ours is there beside it and has
/// not been given up by ECS. Where ours is not there at all, the read is from before our call.
fn unlisted(begun: &Begun, evidence: &Evidence) -> Settled {
    let ours = evidence.deployments.iter().find(|deployment| deployment.id == begun.deployment);
    match (ours, primary(evidence)) {
        (Some(ours), Some(primary)) if primary.id != ours.id && ours.rollout == RolloutState::InProgress => {
            Settled::Superseded { by: primary.revision.clone() }
        }
        _ => Settled::Pending,
    }
}

/// Ours was stopped and no later one is listed: it failed if it is still the PRIMARY, else the one that took over is to be
/// listed any moment, and its revision is known already.
fn stopped(begun: &Begun, evidence: &Evidence, reason: String) -> Settled {
    match primary(evidence) {
        Some(primary) if primary.id != begun.deployment => Settled::Superseded { by: primary.revision.clone() },
        _ => Settled::Failed { reason },
    }
}

/// The service's own words speak against the service deployment: wait until both agree.
fn contradicted(begun: &Begun, evidence: &Evidence) -> bool {
    primary(evidence).is_some_and(|primary| primary.id == begun.deployment && matches!(primary.rollout, RolloutState::Failed))
}

/// The rule for platforms without service deployments, on the PRIMARY id of our own call.
fn by_primary(begun: &Begun, evidence: &Evidence) -> Settled {
    let Some(primary) = primary(evidence) else {
        return Settled::Pending;
    };
    let ours = evidence.deployments.iter().find(|deployment| deployment.id == begun.deployment);
    if primary.id == begun.deployment && primary.revision == begun.revision {
        let alone = evidence.deployments.iter().all(|other| other.id == primary.id || is_given_up(other));
        return match primary.rollout {
            RolloutState::Failed => Settled::Failed { reason: words(primary) },
            RolloutState::Completed if alone && evidence.running == evidence.desired && evidence.pending == 0 => {
                Settled::Done { strength: Strength::Weaker }
            }
            RolloutState::Completed | RolloutState::InProgress | RolloutState::Other(_) => Settled::Pending,
        };
    }
    match ours {
        Some(ours) if ours.rollout == RolloutState::Failed => {
            let reason = words(ours);
            if primary.rollout == RolloutState::Completed {
                Settled::RolledBack { to: primary.revision.clone(), reason }
            } else {
                Settled::RollingBack { reason }
            }
        }
        _ if rolled_back_by_ecs(evidence, primary) => match primary.rollout {
            RolloutState::Completed => Settled::RolledBack { to: primary.revision.clone(), reason: words(primary) },
            _ => Settled::RollingBack { reason: words(primary) },
        },
        // Our id is not PRIMARY (any more): either a stale read from before our call, or someone else's deployment.
        Some(_) => Settled::Superseded { by: primary.revision.clone() },
        None => Settled::Pending,
    }
}

/// Given up and without tasks. ECS lists it no more once another is COMPLETED; ministack lists it for ever.
fn is_given_up(deployment: &DeploymentSeen) -> bool {
    deployment.rollout == RolloutState::Failed && deployment.running == 0 && deployment.pending == 0
}

fn rolled_back_by_ecs(evidence: &Evidence, primary: &DeploymentSeen) -> bool {
    let breaker = |text: &str| text.contains("circuit breaker") || text.contains("rolling back to deployment");
    primary.reason.as_deref().is_some_and(breaker) || evidence.events.iter().any(|event| breaker(event))
}

fn primary(evidence: &Evidence) -> Option<&DeploymentSeen> {
    evidence.deployments.iter().find(|deployment| deployment.role == "PRIMARY")
}

fn words(deployment: &DeploymentSeen) -> String {
    deployment.reason.clone().unwrap_or_else(|| "ECS gives no reason".to_owned())
}
