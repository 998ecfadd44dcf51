//! A task as DescribeTasks answers it.

use serde_json::{Map, Value, json};
use shipit_scheduler::Health;

use super::super::request::object;
use super::network::{Binding, Mode};
use super::{Container, ContainerStatus, Status, StopCode, Task};

impl Status {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Status::Provisioning => "PROVISIONING",
            Status::Pending => "PENDING",
            Status::Activating => "ACTIVATING",
            Status::Running => "RUNNING",
            Status::Deactivating => "DEACTIVATING",
            Status::Stopping => "STOPPING",
            Status::Deprovisioning => "DEPROVISIONING",
            Status::Stopped => "STOPPED",
        }
    }
}

impl StopCode {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            StopCode::TaskFailedToStart => "TaskFailedToStart",
            StopCode::EssentialContainerExited => "EssentialContainerExited",
            StopCode::UserInitiated => "UserInitiated",
            StopCode::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
        }
    }
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Healthy => "HEALTHY",
        Health::Unhealthy => "UNHEALTHY",
        Health::Unknown => "UNKNOWN",
    }
}

impl Task {
    /// The whole task; its tags are the caller's to add.
    pub(in crate::ecs) fn view(&self, cluster_arn: &str) -> Value {
        let mut value = json!({
            "taskArn": self.arn,
            "clusterArn": cluster_arn,
            "taskDefinitionArn": self.definition,
            "group": self.group,
            "desiredStatus": if self.stop.is_some() { "STOPPED" } else { "RUNNING" },
            "lastStatus": self.status.word(),
            "healthStatus": health(self.health()),
            "connectivity": "CONNECTED",
            "containers": self.containers.iter().map(|container| self.container(container)).collect::<Vec<_>>(),
            "attachments": self.interface().into_iter().collect::<Vec<_>>(),
            "attributes": [],
            "version": self.version,
        });
        let members = object(&mut value);
        if let Some(started_by) = &self.started_by {
            members.insert("startedBy".into(), started_by.clone().into());
        }
        if let Some(place) = &self.place {
            members.insert("containerInstanceArn".into(), place.arn.clone().into());
        }
        if let Some(stop) = &self.stop {
            members.insert("stopCode".into(), stop.code.word().into());
            members.insert("stoppedReason".into(), stop.reason.clone().into());
        }
        members.extend(self.times.iter().map(|(name, time)| ((*name).to_owned(), json!(time))));
        members.extend(self.fixed.as_object().cloned().unwrap_or_default());
        value
    }

    /// The network interface that only awsvpc gives a task.
    fn interface(&self) -> Option<Value> {
        if self.network != Mode::Awsvpc {
            return None;
        }
        let status = match self.status {
            Status::Provisioning => "PRECREATED",
            Status::Deprovisioning => "DETACHING",
            Status::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        Some(json!({
            "id": self.attachment,
            "type": "ElasticNetworkInterface",
            "status": status,
            "details": [{ "name": "privateIPv4Address", "value": self.address }],
        }))
    }

    fn container(&self, container: &Container) -> Value {
        let status = match (container.status, self.status) {
            (ContainerStatus::Pending, Status::Provisioning) => "PROVISIONING",
            (ContainerStatus::Pending, _) => "PENDING",
            (ContainerStatus::Running, _) => "RUNNING",
            (ContainerStatus::Stopped, _) => "STOPPED",
        };
        let arn = format!("{}/{}", self.arn.replacen(":task/", ":container/", 1), container.name);
        let (bindings, interfaces) = match self.network {
            Mode::Awsvpc => (json!([]), json!([{ "attachmentId": self.attachment, "privateIpv4Address": self.address }])),
            _ => (container.bindings.iter().map(Binding::view).collect(), json!([])),
        };
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("containerArn", arn.into());
        put("taskArn", self.arn.clone().into());
        put("name", container.name.clone().into());
        put("image", container.image.clone().into());
        put("lastStatus", status.into());
        put("networkBindings", bindings);
        put("networkInterfaces", interfaces);
        let verdict = container.health.filter(|_| container.status == ContainerStatus::Running).unwrap_or_default();
        put("healthStatus", health(verdict).into());
        put("managedAgents", json!([]));
        let optional = [
            ("imageDigest", container.digest.clone().map(Value::from)),
            ("runtimeId", container.runtime.clone().map(Value::from)),
            ("exitCode", container.exit_code.map(Value::from)),
            ("reason", container.reason.clone().map(Value::from)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                put(name, value);
            }
        }
        for (name, size) in &container.sizes {
            put(name, size.clone().into());
        }
        Value::Object(members)
    }
}
