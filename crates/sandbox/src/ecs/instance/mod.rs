//! Container instances: the machines that tasks of the launch type EC2 share. They are simulated (all containers run on the
//! one Engine), but what is left on each of them is true, and so is which tasks fit.

mod change;
mod read;
mod register;
pub(super) mod room;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::placement::Port;
use super::request::invalid;
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The container instance operations.
pub(super) const TABLE: Table = &[
    ("RegisterContainerInstance", register::register),
    ("ListContainerInstances", read::list_instances),
    ("DescribeContainerInstances", read::describe),
    ("UpdateContainerInstancesState", change::update_state),
    ("DeregisterContainerInstance", change::deregister),
    ("PutAttributes", change::put_attributes),
];

/// The tag by which EC2 Auto Scaling marks the instances of a group.
const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// A container instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// 32 hex digits.
    pub id: String,
    /// `containerInstanceArn`.
    pub arn: String,
    /// The cluster's name.
    pub cluster: String,
    /// `ec2InstanceId`.
    pub ec2: String,
    /// `status`.
    pub status: Status,
    /// Its attributes; without a value they are empty.
    pub attributes: BTreeMap<String, String>,
    /// CPU units.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
    /// Ports that no task gets.
    pub reserved: BTreeSet<Port>,
    /// `versionInfo`.
    pub version_info: Value,
    /// `registeredAt`, virtual epoch seconds.
    pub registered_at: f64,
    /// Its tags, as `{key, value}`.
    pub tags: Vec<Value>,
    /// Grows with every change.
    pub version: u64,
}

/// `status` of a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It takes tasks.
    Active,
    /// It takes none, and services move theirs away.
    Draining,
}

impl Status {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Status::Active => "ACTIVE",
            Status::Draining => "DRAINING",
        }
    }
}

impl Instance {
    /// Its Availability Zone.
    pub fn zone(&self) -> &str {
        self.attributes.get("ecs.availability-zone").map_or("", String::as_str)
    }

    /// Network interfaces for tasks: what EC2 attaches to an instance of its size, without the instance's own (the t3, m5, c5
    /// and r5 families; <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html>).
    pub fn interfaces(&self) -> u64 {
        let kind = self.attributes.get("ecs.instance-type").map_or("", String::as_str);
        let all = match kind.rsplit_once('.').map_or(kind, |(_, size)| size) {
            "nano" | "micro" => 2,
            "small" | "medium" | "large" => 3,
            "xlarge" | "2xlarge" => 4,
            "4xlarge" | "8xlarge" | "12xlarge" => 8,
            _ => 15,
        };
        all - 1
    }

    /// The Auto Scaling group that it belongs to.
    pub fn group(&self) -> Option<&str> {
        let tag = self.tags.iter().find(|tag| tag.get("key").and_then(Value::as_str) == Some(GROUP_TAG))?;
        tag.get("value")?.as_str()
    }
}

/// The instance of this cluster that an id or an ARN names.
///
/// # Errors
/// `InvalidParameterException`.
fn named<'a>(state: &'a State, cluster: &str, reference: &str) -> Result<&'a Instance, AwsError> {
    find(state, cluster, reference).ok_or_else(|| invalid("The referenced container instance was not found."))
}

fn find<'a>(state: &'a State, cluster: &str, reference: &str) -> Option<&'a Instance> {
    let id = reference.rsplit('/').next().unwrap_or(reference);
    state.ecs.instances.get(id).filter(|instance| instance.cluster == cluster)
}
