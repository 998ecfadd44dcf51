//! A deployment: what it was asked to do, how far it is, and which deployment it takes back or is taken back by.

use std::collections::BTreeMap;

use serde_json::Value;
use shipit_scheduler::DeploymentId;

use super::appspec::AppSpec;
use super::group::Pair;
use super::machine::lifecycle::{Event, Progress};
use super::machine::over::{End, RollbackOn};
use super::machine::{Machine, Side, Stage};
use crate::clock::Clock;
use crate::ecs::Key;

/// A deployment.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    /// `deploymentId`.
    pub id: String,
    /// `applicationName`.
    pub application: String,
    /// `deploymentGroupName`.
    pub group: String,
    /// `deploymentConfigName`.
    pub config: String,
    /// The SHA-256 of its revision.
    pub sha256: String,
    /// What its revision says.
    pub appspec: AppSpec,
    /// The SHA-256 of the revision before it in its group.
    pub previous: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// Who made it.
    pub creator: Creator,
    /// The deployment that takes it back.
    pub taken_back_by: Option<String>,
    /// `createTime`, virtual epoch seconds.
    pub created_at: f64,
    /// `lastUpdatedAt` of its target.
    pub updated_at: f64,
    /// The settings that it was made with, as they are answered.
    pub settings: Settings,
    /// The service.
    pub service: Key,
    /// The target groups and listeners.
    pub pair: Pair,
    /// The original task set with its target group.
    pub original: Half,
    /// The replacement, once there is one.
    pub replacement: Option<Half>,
    /// The hooks that were asked, by the id of their execution.
    pub executions: BTreeMap<String, Event>,
    /// How far it is.
    pub machine: Machine,
    /// It has ended, and what follows from that has been done.
    pub settled: bool,
    /// With StopDeployment's `autoRollbackEnabled`: whether to take it back then, whatever the configuration says.
    pub rollback_asked: Option<bool>,
}

/// One of the two task sets, with what is kept to show it when it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Half {
    /// The scheduler's number for the task set.
    pub id: DeploymentId,
    /// `ecs-svc/<19 digits>`.
    pub name: String,
    /// Its target group's ARN.
    pub group: String,
}

/// Who made a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Creator {
    /// CreateDeployment.
    User,
    /// It takes this deployment back.
    Rollback(String),
}

/// The settings of a deployment.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// What it is taken back on.
    pub rollback_on: Vec<RollbackOn>,
    /// The alarms that it watches.
    pub alarms: Vec<String>,
    /// `autoRollbackConfiguration`, `deploymentStyle`, `blueGreenDeploymentConfiguration`, `loadBalancerInfo` and
    /// `overrideAlarmConfiguration` as they are answered.
    pub shown: Value,
}

impl Deployment {
    /// It belongs to this group.
    pub(super) fn is_of(&self, application: &str, group: &str) -> bool {
        self.application == application && self.group == group
    }

    /// It has ended.
    pub(super) fn is_over(&self) -> bool {
        self.machine.end().is_some()
    }

    /// It has ended well.
    pub(super) fn has_succeeded(&self) -> bool {
        self.machine.end() == Some(&End::Succeeded)
    }

    /// `status`.
    pub(super) fn status(&self) -> &'static str {
        match &self.machine.stage {
            Stage::Created => "Created",
            Stage::In(_) | Stage::TerminationWait | Stage::Terminating => "InProgress",
            Stage::Ready => "Ready",
            Stage::Over(End::Succeeded) => "Succeeded",
            Stage::Over(End::Failed(_)) => "Failed",
            Stage::Over(End::Stopped(_)) => "Stopped",
        }
    }

    /// `startTime`, virtual epoch seconds: when its first event began.
    pub(super) fn started_at(&self) -> Option<f64> {
        match self.machine.lifecycle.of(Event::BeforeInstall) {
            Progress::UnderWay(since) | Progress::Succeeded(since, _) | Progress::Failed(since, _) => Some(Clock::seconds(since)),
            Progress::Pending | Progress::Skipped => None,
        }
    }

    /// `completeTime`, virtual epoch seconds.
    pub(super) fn ended_at(&self) -> Option<f64> {
        self.is_over().then(|| Clock::seconds(self.machine.since))
    }

    /// `targetIds` has this one only.
    pub(super) fn target_id(&self) -> String {
        format!("{}:{}", self.service.cluster, self.service.service)
    }

    /// One of its task sets.
    pub(super) fn half(&self, side: Side) -> Option<&Half> {
        match side {
            Side::Original => Some(&self.original),
            Side::Replacement => self.replacement.as_ref(),
        }
    }

    /// The target group that is not the original's.
    pub(super) fn other_group(&self) -> &str {
        let [one, other] = &self.pair.groups;
        if *one == self.original.group { other } else { one }
    }
}
