//! Tasks: what is known of each, and where it is in its life.

pub(super) mod network;
mod read;
pub(super) mod run;
mod view;

use std::collections::BTreeMap;

use serde_json::Value;
use shipit_scheduler::{DeploymentId, Health, TaskId, Time};

use self::network::{Binding, Mode};
use super::Key;
pub use super::seat::Place;
use crate::dispatch::Table;

/// The task operations.
pub(super) const TABLE: Table =
    &[("ListTasks", read::list_tasks), ("DescribeTasks", read::describe), ("RunTask", run::run), ("StopTask", run::stop)];

/// One task.
#[derive(Clone, Debug)]
pub struct Task {
    /// 32 hex digits.
    pub id: String,
    /// `taskArn`.
    pub arn: String,
    /// The cluster's name.
    pub cluster: String,
    /// `taskDefinitionArn`.
    pub definition: String,
    /// Who wants it.
    pub owner: Owner,
    /// `startedBy`: the deployment for a service's tasks, a word of the caller's for others.
    pub started_by: Option<String>,
    /// `group`.
    pub group: String,
    /// The members that come from the request or the service revision, as they are answered: `launchType`,
    /// `platformVersion`, `cpu`, `overrides`, …
    pub fixed: Value,
    /// Its tags.
    pub tags: Vec<Value>,
    /// `lastStatus`.
    pub status: Status,
    /// Why it stops or has stopped; `desiredStatus` is STOPPED from then on.
    pub stop: Option<Stop>,
    /// When what happened, in virtual epoch seconds, by member name (`startedAt`).
    pub times: BTreeMap<&'static str, f64>,
    /// Its containers, in the definition's order.
    pub containers: Vec<Container>,
    /// How its containers are reached.
    pub network: Mode,
    /// Its place on a container instance; none on Fargate.
    pub place: Option<Place>,
    /// The private address it shows with an interface of its own.
    pub address: String,
    /// The id of its network interface's attachment.
    pub attachment: String,
    /// Target groups with the container port it serves for each.
    pub targets: Vec<TargetOf>,
    /// Grows with every change of status.
    pub version: u64,
    /// It is not started earlier.
    pub not_before: Time,
    /// Something carries it out already.
    pub launched: bool,
}

/// Who wants a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A service's scheduler.
    Service {
        /// Which service.
        key: Key,
        /// The scheduler's number for it.
        task: TaskId,
        /// The deployment it was started by.
        deployment: DeploymentId,
    },
    /// RunTask.
    Caller,
}

/// `lastStatus`, in the order of a task's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Its network is being made.
    Provisioning,
    /// Images are pulled, containers made.
    Pending,
    /// Containers have started, targets are registered.
    Activating,
    /// It runs.
    Running,
    /// Targets drain.
    Deactivating,
    /// Containers are told to end.
    Stopping,
    /// Containers are gone, the network goes.
    Deprovisioning,
    /// Over.
    Stopped,
}

/// Why a task stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// `stopCode`.
    pub code: StopCode,
    /// `stoppedReason`.
    pub reason: String,
}

/// `stopCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCode {
    /// It never ran.
    TaskFailedToStart,
    /// An essential container ended.
    EssentialContainerExited,
    /// StopTask.
    UserInitiated,
    /// The service's scheduler.
    ServiceSchedulerInitiated,
}

/// One container of a task.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name in the definition.
    pub name: String,
    /// `image` as the definition names it.
    pub image: String,
    /// `imageDigest`, known once pulled.
    pub digest: Option<String>,
    /// The Engine's id, known once made.
    pub runtime: Option<String>,
    /// `lastStatus`.
    pub status: ContainerStatus,
    /// `exitCode`, known once it has ended.
    pub exit_code: Option<i64>,
    /// `reason`: why it did not start, or memory ran out.
    pub reason: Option<String>,
    /// Its health check's verdict; none without a health check.
    pub health: Option<Health>,
    /// Its ports and what they are reached by, known once it has started.
    pub bindings: Vec<Binding>,
    /// Its end ends the task.
    pub essential: bool,
    /// `cpu`, `memory` and `memoryReservation`, which a container of a task shows as texts.
    pub sizes: BTreeMap<&'static str, String>,
}

/// `lastStatus` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerStatus {
    /// Not started.
    Pending,
    /// Running.
    Running,
    /// Ended.
    Stopped,
}

/// A target group that a task serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetOf {
    /// `targetGroupArn`.
    pub group: String,
    /// `containerName`.
    pub container: String,
    /// `containerPort`.
    pub port: u16,
}

impl Task {
    /// `lastStatus` is RUNNING.
    pub fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    /// It is wanted and does not run yet.
    pub fn is_pending(&self) -> bool {
        self.stop.is_none() && self.status < Status::Running
    }

    /// It is over.
    pub fn is_stopped(&self) -> bool {
        self.status == Status::Stopped
    }

    /// It has been RUNNING.
    pub fn has_run(&self) -> bool {
        self.times.contains_key("startedAt")
    }

    /// The key of the service that wants it.
    pub fn service(&self) -> Option<&Key> {
        match &self.owner {
            Owner::Service { key, .. } => Some(key),
            Owner::Caller => None,
        }
    }

    /// It is on that container instance.
    pub fn is_on(&self, instance: &str) -> bool {
        self.place.as_ref().is_some_and(|place| place.instance == instance)
    }

    /// What a target's port is reached by; nothing before its container has started.
    pub(super) fn binding(&self, target: &TargetOf) -> Option<&Binding> {
        let container = self.containers.iter().find(|container| container.name == target.container)?;
        container.bindings.iter().find(|binding| binding.container == target.port)
    }

    /// `Target.Id` and `Target.Port` in a target group: its own address, or the instance with the host port.
    pub(super) fn registered_as(&self, target: &TargetOf) -> Option<(String, u16)> {
        match (self.network, &self.place) {
            (Mode::Bridge | Mode::Host, Some(place)) => Some((place.ec2.clone(), self.binding(target)?.host)),
            _ => Some((self.address.clone(), target.port)),
        }
    }

    /// The container of that name.
    pub fn container_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.containers.iter_mut().find(|container| container.name == name)
    }

    /// Moves on in its life; never back.
    pub fn enter(&mut self, status: Status) {
        if status > self.status {
            self.status = status;
            self.version += 1;
        }
    }

    /// Asks it to stop. The first reason stays.
    pub fn ask_to_stop(&mut self, code: StopCode, reason: impl Into<String>, now: f64) {
        if self.stop.is_none() && !self.is_stopped() {
            self.stop = Some(Stop { code, reason: reason.into() });
            self.times.insert("stoppingAt", now);
            self.version += 1;
        }
    }

    /// The worst verdict of the essential containers that have a health check; unknown when none has.
    pub fn health(&self) -> Health {
        let checked = self.containers.iter().filter(|container| container.essential);
        let verdicts: Vec<Health> = checked.filter_map(|container| container.health).collect();
        if verdicts.contains(&Health::Unhealthy) {
            Health::Unhealthy
        } else if verdicts.is_empty() || verdicts.contains(&Health::Unknown) {
            Health::Unknown
        } else {
            Health::Healthy
        }
    }
}
