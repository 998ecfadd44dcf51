//! RegisterContainerInstance: what an instance's agent says of it. The sandbox stands in for the agent: what a request
//! leaves out is as on a `t3.medium` with the current ECS image.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::placement::{Port, Protocol};
use super::super::request::{invalid, list, text, texts};
use super::super::{cluster, ids};
use super::{Instance, Status, read};
use crate::error::AwsError;
use crate::state::State;

/// SSH, the Docker daemon and the agent (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html>).
const RESERVED: [u16; 5] = [22, 2375, 2376, 51678, 51679];

/// What the agent on the current ECS image can do, as far as task definitions here require it.
const CAPABILITIES: &[&str] = &[
    "com.amazonaws.ecs.capability.docker-remote-api.1.18",
    "com.amazonaws.ecs.capability.ecr-auth",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.task-iam-role",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.execution-role-ecr-pull",
    "ecs.capability.secrets.asm.environment-variables",
    "ecs.capability.secrets.ssm.environment-variables",
    "ecs.capability.task-eni",
];

/// Registers an instance; one with the same EC2 id is registered anew in its place.
pub(super) fn register(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let document = match text(&body, "instanceIdentityDocument") {
        None => json!({}),
        Some(document) => serde_json::from_str(document)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| invalid("The instance identity document is not valid."))?,
    };
    let (cpu, memory) = (resource(&body, "CPU").unwrap_or(2048), resource(&body, "MEMORY").unwrap_or(3884));
    let ec2 = match text(&document, "instanceId") {
        Some(id) => id.to_owned(),
        None => format!("i-{}", &ids::hex32(state)[..17]),
    };
    let same = |instance: &&Instance| instance.cluster == cluster && instance.ec2 == ec2;
    let id = match state.ecs.instances.values().find(same) {
        Some(instance) => instance.id.clone(),
        None => ids::hex32(state),
    };
    let instance = Instance {
        arn: state.arn("ecs", &format!("container-instance/{cluster}/{id}")),
        id: id.clone(),
        cluster,
        ec2,
        status: Status::Active,
        attributes: attributes(&body, &document, &state.region),
        cpu,
        memory,
        reserved: reserved(&body),
        version_info: body.get("versionInfo").cloned().unwrap_or_else(versions),
        registered_at: state.now_seconds(),
        tags: list(&body, "tags").to_vec(),
        version: 1,
    };
    let shown = read::shown(state, &instance, &instance.tags);
    state.ecs.instances.insert(id, instance);
    Ok(json!({ "containerInstance": shown }))
}

fn versions() -> Value {
    json!({ "agentVersion": "1.94.0", "agentHash": "d8bd5b4b", "dockerVersion": "DockerVersion: 25.0.8" })
}

fn entry<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    list(body, "totalResources").iter().find(|resource| text(resource, "name") == Some(name))
}

fn resource(body: &Value, name: &str) -> Option<u64> {
    let entry = entry(body, name)?;
    ["integerValue", "longValue"].iter().find_map(|member| entry.get(*member)?.as_u64())
}

fn reserved(body: &Value) -> BTreeSet<Port> {
    let of = |name: &str, protocol: Protocol| {
        let numbers = entry(body, name).map(|entry| texts(entry, "stringSetValue")).unwrap_or_default();
        let ports = numbers.into_iter().filter_map(move |number| Some(Port { protocol, number: number.parse().ok()? }));
        ports.collect::<Vec<_>>()
    };
    let always = RESERVED.map(|number| Port { protocol: Protocol::Tcp, number });
    of("PORTS", Protocol::Tcp).into_iter().chain(of("PORTS_UDP", Protocol::Udp)).chain(always).collect()
}

/// Those sent, over those of EC2; the agent's capabilities unless the request names its own.
fn attributes(body: &Value, document: &Value, region: &str) -> BTreeMap<String, String> {
    let zone = format!("{region}a");
    let of_document = |member: &str, default: &str| text(document, member).unwrap_or(default).to_owned();
    let mut attributes = BTreeMap::from([
        ("ecs.ami-id".to_owned(), of_document("imageId", "ami-0a1b2c3d4e5f60001")),
        ("ecs.availability-zone".to_owned(), of_document("availabilityZone", &zone)),
        ("ecs.cpu-architecture".to_owned(), of_document("architecture", "x86_64")),
        ("ecs.instance-type".to_owned(), of_document("instanceType", "t3.medium")),
        ("ecs.os-family".to_owned(), "LINUX".to_owned()),
        ("ecs.os-type".to_owned(), "linux".to_owned()),
    ]);
    let sent = || list(body, "attributes").iter().filter_map(|sent| Some((text(sent, "name")?, text(sent, "value"))));
    if !sent().any(|(name, _)| name.contains("ecs.capability.")) {
        attributes.extend(CAPABILITIES.iter().map(|name| ((*name).to_owned(), String::new())));
    }
    attributes.extend(sent().map(|(name, value)| (name.to_owned(), value.unwrap_or_default().to_owned())));
    attributes
}
