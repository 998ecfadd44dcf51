//! What is left on instances, counted from the tasks that have not stopped; and what a task takes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::placement::{Agent, Needs, Port, Protocol, Room, Site};
use super::super::request::{list, text};
use super::super::task::Task;
use super::super::task::network::Mode;
use super::super::{Definition, providers};
use super::{Instance, Status};
use crate::state::State;

/// Tasks that hold something of the instance: a task frees it when it is STOPPED.
pub(in crate::ecs) fn tasks<'a>(state: &'a State, instance: &'a Instance) -> impl Iterator<Item = &'a Task> {
    state.ecs.tasks.values().filter(|task| !task.is_stopped() && task.is_on(&instance.id))
}

/// What is left on an instance.
pub(in crate::ecs) fn room(state: &State, instance: &Instance) -> Room {
    let empty =
        Room { cpu: instance.cpu, memory: instance.memory, interfaces: instance.interfaces(), taken: instance.reserved.clone() };
    let needs = tasks(state, instance).filter_map(|task| Some(&task.place.as_ref()?.needs));
    needs.fold(empty, Room::without)
}

/// The ACTIVE instances of a cluster, or of one of its capacity providers, for a task of this group.
pub(in crate::ecs) fn sites(state: &State, cluster: &str, provider: Option<&str>, group: &str) -> Vec<Site> {
    let of_provider = |instance: &&Instance| provider.is_none_or(|name| providers::of(state, instance) == Some(name));
    let instances = state.ecs.instances.values().filter(|instance| instance.cluster == cluster);
    let active = instances.filter(|instance| instance.status == Status::Active);
    active.filter(of_provider).map(|instance| site(state, instance, group)).collect()
}

fn site(state: &State, instance: &Instance, group: &str) -> Site {
    let wanted = |task: &&Task| task.stop.is_none() && task.group == group;
    Site {
        id: instance.id.clone(),
        ec2: instance.ec2.clone(),
        attributes: instance.attributes.clone(),
        agent: agent(state, instance),
        room: room(state, instance),
        tasks: tasks(state, instance).filter(wanted).count(),
    }
}

/// `agentConnected`.
pub(in crate::ecs) fn agent(state: &State, instance: &Instance) -> Agent {
    if state.faults.agent_lost(&[&instance.id, &instance.ec2]) { Agent::Lost } else { Agent::Connected }
}

/// What a task of the definition takes: the task's sizes, else the sum of its containers', where a reservation counts
/// instead of the limit.
pub(in crate::ecs) fn needs(definition: &Definition, overrides: &Value) -> Needs {
    let of_task = |name: &str| {
        let size = text(overrides, name).or_else(|| text(&definition.value, name))?;
        size.parse::<u64>().ok()
    };
    let over = |container: &Value, member: &str| {
        let name = text(container, "name");
        let over = list(overrides, "containerOverrides").iter().find(|over| text(over, "name") == name);
        over.and_then(|over| over.get(member)).or_else(|| container.get(member)).and_then(Value::as_u64)
    };
    let sum = |of: &dyn Fn(&Value) -> Option<u64>| definition.containers().iter().filter_map(of).fold(0, u64::saturating_add);
    let mode = Mode::of(&definition.value);
    let mappings = definition.containers().iter().flat_map(|container| list(container, "portMappings"));
    Needs {
        cpu: of_task("cpu").unwrap_or_else(|| sum(&|container| over(container, "cpu"))),
        memory: of_task("memory")
            .unwrap_or_else(|| sum(&|container| over(container, "memoryReservation").or_else(|| over(container, "memory")))),
        ports: match mode {
            Mode::Bridge | Mode::Host => mappings.filter_map(host_port).collect(),
            Mode::Awsvpc | Mode::None => BTreeSet::new(),
        },
        interfaces: u64::from(mode == Mode::Awsvpc),
        attributes: list(&definition.value, "requiresAttributes")
            .iter()
            .filter_map(|one| text(one, "name"))
            .map(str::to_owned)
            .collect(),
    }
}

/// The host port of a mapping; none when it is dynamic.
fn host_port(mapping: &Value) -> Option<Port> {
    let number = u16::try_from(mapping.get("hostPort")?.as_u64()?).ok().filter(|number| *number > 0)?;
    let protocol = if text(mapping, "protocol") == Some("udp") { Protocol::Udp } else { Protocol::Tcp };
    Some(Port { protocol, number })
}
