//! ListContainerInstances and DescribeContainerInstances.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::placement::expression::Expression;
use super::super::placement::{Agent, Port, Protocol, Site};
use super::super::request::{includes, invalid, object, page, text, texts};
use super::super::{cluster, providers};
use super::{Instance, Status, find, room};
use crate::error::AwsError;
use crate::state::State;

/// ARNs of a cluster's instances, by status and filter.
pub(super) fn list_instances(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let status = text(&body, "status");
    let filter = text(&body, "filter")
        .map(|filter| Expression::read(filter).map_err(|why| invalid(format!("Invalid filter `{filter}`: {why}"))));
    let filter = filter.transpose()?;
    let wanted = |instance: &&Instance| {
        instance.cluster == cluster
            && status.is_none_or(|status| instance.status.word() == status)
            && filter.as_ref().is_none_or(|filter| filter.holds(&bare(instance)))
    };
    let instances = state.ecs.instances.values().filter(wanted);
    page(instances.map(|instance| instance.arn.clone()).collect(), &body, "containerInstanceArns", 100)
}

/// The instance as a filter sees it.
fn bare(instance: &Instance) -> Site {
    Site {
        id: instance.id.clone(),
        ec2: instance.ec2.clone(),
        attributes: instance.attributes.clone(),
        agent: Agent::Connected,
        room: Default::default(),
        tasks: 0,
    }
}

/// At most 100 instances by id or ARN; what is not there is a failure.
pub(super) fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let wanted = texts(&body, "containerInstances");
    if wanted.is_empty() {
        return Err(invalid("Container instances cannot be empty."));
    }
    if wanted.len() > 100 {
        return Err(invalid("Container instances cannot have more than 100 elements."));
    }
    let with_tags = includes(&body, "TAGS");
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for reference in wanted {
        match find(state, &cluster, &reference) {
            Some(instance) => shown.push(self::shown(state, instance, if with_tags { &instance.tags } else { &[] })),
            None => failures.push(missing(state, &cluster, &reference)),
        }
    }
    Ok(json!({ "containerInstances": shown, "failures": failures }))
}

pub(super) fn missing(state: &State, cluster: &str, reference: &str) -> Value {
    let id = reference.rsplit('/').next().unwrap_or(reference);
    json!({ "arn": state.arn("ecs", &format!("container-instance/{cluster}/{id}")), "reason": "MISSING" })
}

/// The instance as it is answered, with these tags.
pub(super) fn shown(state: &State, instance: &Instance, tags: &[Value]) -> Value {
    let left = room::room(state, instance);
    let tasks = || room::tasks(state, instance);
    let attribute = |(name, value): (&String, &String)| {
        let mut shown = Map::from_iter([("name".to_owned(), name.clone().into())]);
        if !value.is_empty() {
            shown.insert("value".to_owned(), value.clone().into());
        }
        Value::Object(shown)
    };
    let mut value = json!({
        "containerInstanceArn": instance.arn,
        "ec2InstanceId": instance.ec2,
        "version": instance.version,
        "versionInfo": instance.version_info,
        "remainingResources": resources(left.cpu, left.memory, &left.taken),
        "registeredResources": resources(instance.cpu, instance.memory, &instance.reserved),
        "status": instance.status.word(),
        "agentConnected": room::agent(state, instance) == Agent::Connected,
        "runningTasksCount": tasks().filter(|task| task.is_running()).count(),
        "pendingTasksCount": tasks().filter(|task| task.is_pending()).count(),
        "attributes": instance.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "registeredAt": instance.registered_at,
        "attachments": [],
        "tags": tags,
    });
    if let Some(provider) = providers::of(state, instance) {
        object(&mut value).insert("capacityProviderName".into(), provider.into());
    }
    value
}

fn resources(cpu: u64, memory: u64, ports: &BTreeSet<Port>) -> Value {
    let number = |name: &str, value: u64| json!({ "name": name, "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": value });
    let set = |name: &str, protocol: Protocol| {
        let numbers = ports.iter().filter(|port| port.protocol == protocol).map(|port| port.number.to_string());
        json!({ "name": name, "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0,
                "stringSetValue": numbers.collect::<Vec<_>>() })
    };
    json!([number("CPU", cpu), number("MEMORY", memory), set("PORTS", Protocol::Tcp), set("PORTS_UDP", Protocol::Udp)])
}

impl Status {
    /// The status that a request may set.
    pub(super) fn settable(word: &str) -> Option<Self> {
        [Status::Active, Status::Draining].into_iter().find(|status| status.word() == word)
    }
}
