//! How a deployment ends, in CodeDeploy's words.

use super::lifecycle::Event;

/// How a deployment has ended.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::codedeploy) enum End {
    /// `Succeeded`.
    Succeeded,
    /// `Failed`.
    Failed(Cause),
    /// `Stopped`.
    Stopped(Cause),
}

/// Why a deployment has ended before its time.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::codedeploy) enum Cause {
    /// The replacement was not healthy within [`super::INSTALL_LIMIT`].
    NeverHealthy,
    /// The replacement lost healthy tasks and did not get them back within [`super::STEADY_LIMIT`].
    LostHealth,
    /// A hook said so.
    HookFailed(Event),
    /// A hook said nothing within [`super::HOOK_LIMIT`].
    HookSilent(Event),
    /// A hook's function could not be invoked.
    HookUnreachable(Event, String),
    /// These alarms are in ALARM.
    Alarms(Vec<String>),
    /// StopDeployment.
    Asked,
    /// Nobody has called ContinueDeployment in time.
    NotContinued,
    /// The service cannot take it.
    Service(String),
    /// The load balancer cannot take it.
    Balancer(String),
}

/// What an end asks of `autoRollbackConfiguration.events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codedeploy) enum RollbackOn {
    /// DEPLOYMENT_FAILURE.
    Failure,
    /// DEPLOYMENT_STOP_ON_ALARM.
    Alarm,
    /// DEPLOYMENT_STOP_ON_REQUEST.
    Request,
}

impl RollbackOn {
    /// The word on the wire.
    pub(in crate::codedeploy) fn word(self) -> &'static str {
        match self {
            RollbackOn::Failure => "DEPLOYMENT_FAILURE",
            RollbackOn::Alarm => "DEPLOYMENT_STOP_ON_ALARM",
            RollbackOn::Request => "DEPLOYMENT_STOP_ON_REQUEST",
        }
    }
}

impl End {
    /// Alarms, people and a wait that nobody ended stop a deployment; everything else fails it.
    pub(super) fn of(cause: Cause) -> Self {
        match cause {
            Cause::Alarms(_) | Cause::Asked | Cause::NotContinued => End::Stopped(cause),
            _ => End::Failed(cause),
        }
    }

    /// Why, if it was before its time.
    pub(in crate::codedeploy) fn cause(&self) -> Option<&Cause> {
        match self {
            End::Succeeded => None,
            End::Failed(cause) | End::Stopped(cause) => Some(cause),
        }
    }
}

impl Cause {
    /// `errorInformation.code`.
    pub(in crate::codedeploy) fn code(&self) -> &'static str {
        match self {
            Cause::NeverHealthy | Cause::NotContinued => "TIMEOUT",
            Cause::LostHealth => "HEALTH_CONSTRAINTS",
            Cause::HookFailed(_) | Cause::HookSilent(_) | Cause::HookUnreachable(..) => "HOOK_EXECUTION_FAILURE",
            Cause::Alarms(_) => "ALARM_ACTIVE",
            Cause::Asked => "MANUAL_STOP",
            Cause::Service(_) => "ECS_UPDATE_ERROR",
            Cause::Balancer(_) => "ELASTIC_LOAD_BALANCING_INVALID",
        }
    }

    /// `errorInformation.message`: CodeDeploy's own words for the replacement that never gets healthy, for alarms and for
    /// the service; the others are not published.
    pub(in crate::codedeploy) fn message(&self) -> String {
        match self {
            Cause::NeverHealthy => {
                "The deployment timed out while waiting for the replacement task set to become healthy. This time out period is 60 minutes.".to_owned()
            }
            Cause::LostHealth => {
                "The deployment failed because the replacement task set did not return to a steady state within 5 minutes while traffic was shifted.".to_owned()
            }
            Cause::HookFailed(event) => {
                format!("The deployment failed because the lifecycle event hook {} reported the status Failed.", event.word())
            }
            Cause::HookSilent(event) => format!(
                "The deployment failed because no status was received for the lifecycle event hook {} within one hour.",
                event.word()
            ),
            Cause::HookUnreachable(event, why) => {
                format!("The deployment failed because the lifecycle event hook {} could not be run: {why}", event.word())
            }
            Cause::Alarms(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
                format!(
                    "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: {}",
                    names.join(" ")
                )
            }
            Cause::Asked => "The deployment was stopped by user request.".to_owned(),
            Cause::NotContinued => {
                "The deployment was stopped because traffic was not rerouted manually within the wait time.".to_owned()
            }
            Cause::Service(why) => format!("The ECS service cannot be updated due to an unexpected error: {why}"),
            Cause::Balancer(why) => format!("The load balancer cannot be updated: {why}"),
        }
    }

    /// Which event of `autoRollbackConfiguration` it is.
    pub(in crate::codedeploy) fn rollback_on(&self) -> RollbackOn {
        match self {
            Cause::Alarms(_) => RollbackOn::Alarm,
            Cause::Asked => RollbackOn::Request,
            _ => RollbackOn::Failure,
        }
    }
}
