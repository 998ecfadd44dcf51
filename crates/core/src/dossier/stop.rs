//! A stopped task, as DescribeTasks has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A task that stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Its id (32 hex digits).
    pub task: String,
    /// When it was STOPPED; none while it is still stopping.
    pub stopped_at: Option<Timestamp>,
    /// `stopCode`.
    pub code: StopCode,
    /// `stoppedReason`.
    pub reason: String,
    /// Its containers.
    pub containers: Vec<ContainerEnd>,
}

/// `stopCode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum StopCode {
    /// It never ran.
    TaskFailedToStart,
    /// An essential container ended.
    EssentialContainerExited,
    /// A person asked for it.
    UserInitiated,
    /// The service's scheduler: scaling, or a health check.
    ServiceSchedulerInitiated,
    /// Its Spot capacity was taken back.
    SpotInterruption,
    /// The machine below it is maintained.
    TerminationNotice,
    /// A word that shipit does not know, or none.
    Other(String),
}

impl From<String> for StopCode {
    fn from(word: String) -> Self {
        match word.as_str() {
            "TaskFailedToStart" => StopCode::TaskFailedToStart,
            "EssentialContainerExited" => StopCode::EssentialContainerExited,
            "UserInitiated" => StopCode::UserInitiated,
            "ServiceSchedulerInitiated" => StopCode::ServiceSchedulerInitiated,
            "SpotInterruption" => StopCode::SpotInterruption,
            "TerminationNotice" => StopCode::TerminationNotice,
            _ => StopCode::Other(word),
        }
    }
}

impl From<StopCode> for String {
    fn from(code: StopCode) -> Self {
        match code {
            StopCode::TaskFailedToStart => "TaskFailedToStart".to_owned(),
            StopCode::EssentialContainerExited => "EssentialContainerExited".to_owned(),
            StopCode::UserInitiated => "UserInitiated".to_owned(),
            StopCode::ServiceSchedulerInitiated => "ServiceSchedulerInitiated".to_owned(),
            StopCode::SpotInterruption => "SpotInterruption".to_owned(),
            StopCode::TerminationNotice => "TerminationNotice".to_owned(),
            StopCode::Other(word) => word,
        }
    }
}

/// A container of a stopped task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerEnd {
    /// Its name.
    pub name: String,
    /// Its image, as the definition names it.
    pub image: String,
    /// Its exit code, if it ever ran and has ended.
    pub exit_code: Option<i64>,
    /// The reason ECS gives, if any.
    pub reason: Option<String>,
    /// The last verdict of its own health check.
    pub health: ContainerHealth,
}

/// `healthStatus` of a container. ECS publishes the verdict, never what the check printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerHealth {
    /// HEALTHY.
    Healthy,
    /// UNHEALTHY.
    Unhealthy,
    /// No check, none finished, or the task is over.
    #[default]
    Unknown,
}

impl Stop {
    /// It stopped because something is wrong with it: not by scaling, a person, or the machine below it.
    pub fn has_failed(&self) -> bool {
        match self.code {
            StopCode::ServiceSchedulerInitiated => self.reason.contains("failed") && self.reason.contains("health check"),
            StopCode::UserInitiated | StopCode::SpotInterruption | StopCode::TerminationNotice => false,
            StopCode::TaskFailedToStart | StopCode::EssentialContainerExited | StopCode::Other(_) => true,
        }
    }

    /// The first eight digits, as people say it.
    pub fn short(&self) -> &str {
        self.task.get(..8).unwrap_or(&self.task)
    }

    /// The container that tells most: one that ended badly, else one that ECS gives a reason for, else one that ended, else
    /// the first.
    pub fn telling(&self) -> Option<&ContainerEnd> {
        let find = |wanted: fn(&ContainerEnd) -> bool| self.containers.iter().find(|container| wanted(container));
        find(|container| container.exit_code.is_some_and(|code| code != 0))
            .or_else(|| find(|container| container.reason.is_some()))
            .or_else(|| find(|container| container.exit_code.is_some()))
            .or_else(|| self.containers.first())
    }

    /// How its containers ended, in words; empty where none tells anything.
    pub fn ends(&self) -> String {
        let told = self.containers.iter().filter_map(|container| match (&container.reason, container.exit_code) {
            (Some(reason), Some(code)) => Some(format!("{} exited with {code}, {reason}", container.name)),
            (Some(reason), None) if *reason == self.reason => None,
            (Some(reason), None) => Some(format!("{}: {reason}", container.name)),
            (None, Some(code)) => Some(format!("{} exited with {code}", container.name)),
            (None, None) => None,
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(code: &str, reason: &str) -> Stop {
        Stop { task: "t".into(), stopped_at: None, code: code.to_owned().into(), reason: reason.into(), containers: Vec::new() }
    }

    #[test]
    fn scaling_people_and_machines_are_no_failures() {
        for (code, reason, failed) in [
            ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", false),
            ("ServiceSchedulerInitiated", "Availability-zone rebalancing initiated by (deployment ecs-svc/1)", false),
            ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group tg)", true),
            ("ServiceSchedulerInitiated", "Task failed container health checks", true),
            ("UserInitiated", "Task stopped by user", false),
            ("SpotInterruption", "Your Spot Task was interrupted.", false),
            ("TerminationNotice", "ECS is performing maintenance", false),
            ("TaskFailedToStart", "CannotPullContainerError: not found", true),
            ("", "", true),
        ] {
            assert_eq!(stop(code, reason).has_failed(), failed, "{code} {reason}");
        }
    }

    #[test]
    fn the_container_that_ended_badly_tells_most() {
        let end = |name: &str, exit_code, reason: Option<&str>| ContainerEnd {
            name: name.into(),
            image: String::new(),
            exit_code,
            reason: reason.map(str::to_owned),
            health: ContainerHealth::Unknown,
        };
        let with = |containers| Stop { containers, ..stop("EssentialContainerExited", "") };
        let telling = |stop: &Stop| stop.telling().map(|container| container.name.clone());
        assert_eq!(telling(&with(vec![end("sidecar", Some(0), None), end("web", Some(1), None)])), Some("web".into()));
        assert_eq!(telling(&with(vec![end("sidecar", None, None), end("web", None, Some("CannotPull"))])), Some("web".into()));
        assert_eq!(telling(&with(vec![end("sidecar", None, None), end("web", Some(0), None)])), Some("web".into()));
        assert_eq!(telling(&with(Vec::new())), None);
    }
}
