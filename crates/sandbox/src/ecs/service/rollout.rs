//! A service deployment: what became of one CreateService or UpdateService, its rollback included.

use serde_json::Value;
use shipit_scheduler::{DeploymentId, Failure};

use super::super::shift::progress::Progress;

/// One service deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// `serviceDeploymentArn`.
    pub arn: String,
    /// `status`.
    pub status: Status,
    /// `statusReason`.
    pub reason: Option<String>,
    /// The deployment it is about.
    pub deployment: DeploymentId,
    /// The revision that ran before: a place in `Service::revisions`.
    pub source: Option<usize>,
    /// The revision it moves to.
    pub target: usize,
    /// `deploymentConfiguration` as it was at the start.
    pub configuration: Value,
    /// How it goes back, if it does.
    pub rollback: Option<Rollback>,
    /// Where it stands, if it shifts traffic.
    pub(in crate::ecs) shift: Option<Progress>,
    /// How many failed tasks had tripped the breaker.
    pub tripped: Option<u32>,
    /// Alarms that were in ALARM when it failed.
    pub triggered: Vec<String>,
    /// `createdAt`, virtual epoch seconds.
    pub created_at: f64,
    /// `startedAt`.
    pub started_at: Option<f64>,
    /// `finishedAt`.
    pub finished_at: Option<f64>,
    /// `stoppedAt`.
    pub stopped_at: Option<f64>,
    /// `updatedAt`.
    pub updated_at: f64,
}

/// `rollback`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollback {
    /// `reason`.
    pub reason: String,
    /// `startedAt`, virtual epoch seconds.
    pub started_at: f64,
    /// The revision it goes back to.
    pub revision: usize,
}

/// `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The scheduler has not looked yet.
    Pending,
    /// On its way.
    InProgress,
    /// Reached.
    Successful,
    /// StopServiceDeployment ABORT was called.
    StopRequested,
    /// Superseded, stopped, or failed without a rollback wanted.
    Stopped,
    /// StopServiceDeployment ROLLBACK was called.
    RollbackRequested,
    /// On its way back.
    RollbackInProgress,
    /// Back.
    RollbackSuccessful,
    /// Neither there nor back.
    RollbackFailed,
}

impl Status {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pending => "PENDING",
            Status::InProgress => "IN_PROGRESS",
            Status::Successful => "SUCCESSFUL",
            Status::StopRequested => "STOP_REQUESTED",
            Status::Stopped => "STOPPED",
            Status::RollbackRequested => "ROLLBACK_REQUESTED",
            Status::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Status::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Status::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Nothing more will come of it.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Successful | Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed)
    }

    fn goes_back(self) -> bool {
        matches!(self, Status::RollbackRequested | Status::RollbackInProgress)
    }
}

/// What happens to a service deployment.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The scheduler has looked at it.
    Started,
    /// Its PRIMARY (its own, or the rollback's) has completed.
    Completed,
    /// A deployment of its own or of its rollback was given up, and nothing takes its place.
    Failed {
        /// Why.
        failure: Failure,
        /// A rollback was asked for by the configuration.
        rollback: Wanted,
    },
    /// A deployment of the old revision has taken over.
    RollingBack {
        /// Why.
        because: Because,
        /// The revision it goes back to.
        revision: usize,
    },
    /// Traffic goes back to the old revision, whose tasks are all there.
    TurningBack {
        /// `statusReason`.
        reason: String,
        /// The revision it goes back to.
        revision: usize,
    },
    /// StopServiceDeployment was called on one that shifts traffic: the next look carries it out.
    Asked(Stop),
    /// It has ended where it stood.
    Over {
        /// How.
        status: Status,
        /// `statusReason`.
        reason: String,
    },
    /// A newer UpdateService has taken over.
    Superseded,
}

/// `stopType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// ABORT.
    Abort,
    /// ROLLBACK.
    RollBack,
}

/// Whether the configuration wants a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It does, but there was nothing to go back to.
    Yes,
    /// It does not.
    No,
}

/// Why a service deployment goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The breaker or an alarm.
    Of(Failure),
    /// StopServiceDeployment.
    Asked,
}

impl Because {
    /// `statusReason`.
    pub fn text(self) -> &'static str {
        match self {
            Because::Of(Failure::TasksFailedToStart) => {
                "Service deployment rolled back because the circuit breaker threshold was exceeded."
            }
            Because::Of(Failure::Alarm) => "Service deployment rolled back because an alarm was detected.",
            Because::Asked => "Service deployment rolled back by user request.",
        }
    }
}

/// `statusReason` of one that has failed and does not go back.
pub(in crate::ecs) fn given_up(failure: Failure, then: &str) -> String {
    match failure {
        Failure::TasksFailedToStart => format!("The circuit breaker threshold was exceeded{then}."),
        Failure::Alarm => format!("An alarm was detected{then}."),
    }
}

impl Rollout {
    /// Takes in a fact; one that comes after the end changes nothing.
    pub fn take(&mut self, fact: Fact, now: f64) {
        if self.status.is_final() {
            return;
        }
        match fact {
            Fact::Started if self.status == Status::Pending => {
                self.status = Status::InProgress;
                self.started_at = Some(now);
            }
            Fact::Started => {}
            Fact::Completed if self.status.goes_back() => self.end(Status::RollbackSuccessful, now),
            Fact::Completed => self.end(Status::Successful, now),
            Fact::Failed { .. } if self.status.goes_back() => self.end(Status::RollbackFailed, now),
            Fact::Failed { failure, rollback: Wanted::Yes } => {
                self.reason = Some(given_up(failure, ", but there was no rollback candidate"));
                self.end(Status::RollbackFailed, now);
            }
            Fact::Failed { failure, rollback: Wanted::No } => {
                self.reason = Some(given_up(failure, " and no rollback is configured"));
                self.stopped_at = Some(now);
                self.end(Status::Stopped, now);
            }
            Fact::RollingBack { because, revision } => self.goes(because.text().to_owned(), revision, now),
            Fact::TurningBack { reason, revision } => self.goes(reason, revision, now),
            Fact::Asked(Stop::Abort) => self.status = Status::StopRequested,
            Fact::Asked(Stop::RollBack) => self.status = Status::RollbackRequested,
            Fact::Over { status, reason } => {
                self.reason = Some(reason);
                if status == Status::Stopped {
                    self.stopped_at = Some(now);
                }
                self.end(status, now);
            }
            Fact::Superseded => {
                self.reason = Some("Service deployment superseded by a newer service deployment.".to_owned());
                self.stopped_at = Some(now);
                self.end(Status::Stopped, now);
            }
        }
        self.updated_at = now;
    }

    fn goes(&mut self, reason: String, revision: usize, now: f64) {
        self.status = Status::RollbackInProgress;
        self.reason = Some(reason.clone());
        self.rollback = Some(Rollback { reason, started_at: now, revision });
    }

    fn end(&mut self, status: Status, now: f64) {
        self.status = status;
        self.finished_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rollout() -> Rollout {
        Rollout {
            arn: "arn".into(),
            status: Status::Pending,
            reason: None,
            deployment: DeploymentId(1),
            source: Some(0),
            target: 1,
            configuration: json!({}),
            rollback: None,
            shift: None,
            tripped: None,
            triggered: Vec::new(),
            created_at: 1.0,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: 1.0,
        }
    }

    fn after(facts: &[Fact]) -> Rollout {
        let mut rollout = rollout();
        for (time, fact) in (2_u32..).zip(facts) {
            rollout.take(fact.clone(), f64::from(time));
        }
        rollout
    }

    fn turning_back() -> Fact {
        Fact::TurningBack { reason: "a hook".into(), revision: 0 }
    }

    fn over(status: Status) -> Fact {
        Fact::Over { status, reason: "so".into() }
    }

    const FAILED: Failure = Failure::TasksFailedToStart;

    #[test]
    fn every_way_a_service_deployment_can_go() {
        let back = Fact::RollingBack { because: Because::Of(FAILED), revision: 0 };
        let failed = |rollback| Fact::Failed { failure: FAILED, rollback };
        let cases = [
            (vec![], "PENDING"),
            (vec![Fact::Started], "IN_PROGRESS"),
            (vec![Fact::Started, Fact::Completed], "SUCCESSFUL"),
            (vec![Fact::Started, back.clone()], "ROLLBACK_IN_PROGRESS"),
            (vec![Fact::Started, back.clone(), Fact::Completed], "ROLLBACK_SUCCESSFUL"),
            (vec![Fact::Started, back, failed(Wanted::Yes)], "ROLLBACK_FAILED"),
            (vec![Fact::Started, failed(Wanted::Yes)], "ROLLBACK_FAILED"),
            (vec![Fact::Started, failed(Wanted::No)], "STOPPED"),
            (vec![Fact::Started, Fact::Superseded], "STOPPED"),
            (vec![Fact::Started, Fact::Asked(Stop::RollBack)], "ROLLBACK_REQUESTED"),
            (vec![Fact::Started, Fact::Asked(Stop::RollBack), turning_back(), Fact::Completed], "ROLLBACK_SUCCESSFUL"),
            (vec![Fact::Started, Fact::Asked(Stop::Abort)], "STOP_REQUESTED"),
            (vec![Fact::Started, over(Status::RollbackFailed), Fact::Completed], "ROLLBACK_FAILED"),
            (vec![Fact::Superseded, Fact::Started, Fact::Completed], "STOPPED"),
            (vec![Fact::Started, Fact::Completed, Fact::Superseded], "SUCCESSFUL"),
        ];
        for (facts, status) in cases {
            assert_eq!(after(&facts).status.word(), status, "{facts:?}");
        }
    }

    #[test]
    fn a_rollback_says_why_and_where_to() {
        let back = Fact::RollingBack { because: Because::Of(FAILED), revision: 0 };
        let rollout = after(&[Fact::Started, back, Fact::Completed]);
        let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
        assert_eq!(rollout.reason.as_deref(), Some(reason));
        assert_eq!(rollout.rollback, Some(Rollback { reason: reason.into(), started_at: 3.0, revision: 0 }));
        assert_eq!((rollout.started_at, rollout.finished_at), (Some(2.0), Some(4.0)));
    }
}
