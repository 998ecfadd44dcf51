//! Where a task goes: pure, so that every rule of placement can be tested. Resources first, then constraints, then
//! strategies (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html>).

pub(super) mod expression;
pub(super) mod rules;
pub(super) mod shares;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use rules::{Constraint, Resource, Rules, Strategy};

/// A port of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its number.
    pub number: u16,
}

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What a task takes of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// CPU units.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
    /// Host ports of a fixed number.
    pub ports: BTreeSet<Port>,
    /// Network interfaces of its own.
    pub interfaces: u64,
    /// `requiresAttributes`, by name.
    pub attributes: Vec<String>,
}

/// What is left on an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// CPU units.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
    /// Network interfaces that can be attached.
    pub interfaces: u64,
    /// Ports that are taken or reserved.
    pub taken: BTreeSet<Port>,
}

impl Room {
    /// What is left when a task with these needs is there too.
    pub fn without(mut self, needs: &Needs) -> Self {
        self.cpu = self.cpu.saturating_sub(needs.cpu);
        self.memory = self.memory.saturating_sub(needs.memory);
        self.interfaces = self.interfaces.saturating_sub(needs.interfaces);
        self.taken.extend(&needs.ports);
        self
    }
}

/// An instance that can be chosen.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The container instance's id.
    pub id: String,
    /// The EC2 instance's id.
    pub ec2: String,
    /// Its attributes; without a value they are empty.
    pub attributes: BTreeMap<String, String>,
    /// Whether its agent can be told to start a task.
    pub agent: Agent,
    /// What is left.
    pub room: Room,
    /// Tasks of the same service or group that are wanted there.
    pub tasks: usize,
}

/// `agentConnected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    /// It listens.
    Connected,
    /// It does not.
    Lost,
}

/// Why an instance does not do, in the order in which it is looked at: a later one is closer to a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lack {
    /// The agent is not connected.
    Agent,
    /// An attribute that the task definition requires is missing.
    Attribute,
    /// A `memberOf` constraint does not hold.
    MemberOf,
    /// A task of the group is there already.
    Distinct,
    /// Too few CPU units.
    Cpu,
    /// Too little memory.
    Memory,
    /// A port is in use.
    Ports,
    /// No more network interfaces can be attached.
    Interfaces,
}

/// No instance does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The place of the instance that comes closest.
    pub closest: usize,
    /// What it lacks.
    pub lack: Lack,
}

/// Chooses an instance: its place among the sites. `draw` is any number, for the strategy `random`.
///
/// # Errors
/// Why none does; nothing when there are no sites.
pub(super) fn place(sites: &[Site], needs: &Needs, rules: &Rules, draw: u64) -> Result<usize, Option<Misfit>> {
    let mut fitting = Vec::new();
    let mut closest: Option<Misfit> = None;
    for (place, site) in sites.iter().enumerate() {
        match lack(site, needs, rules) {
            None => fitting.push(place),
            Some(lack) => {
                let nearer = |best: &Misfit| (lack, &sites[best.closest].id) > (best.lack, &site.id);
                if closest.as_ref().is_none_or(nearer) {
                    closest = Some(Misfit { closest: place, lack });
                }
            }
        }
    }
    // The order in which instances happen to be listed decides nothing.
    fitting.sort_by(|a, b| sites[*a].id.cmp(&sites[*b].id));
    for strategy in &rules.strategies {
        narrow(strategy, sites, &mut fitting, draw);
    }
    fitting.into_iter().min_by_key(|place| sites[*place].tasks).ok_or(closest)
}

/// What a site lacks; nothing when the task can go there.
pub(super) fn lack(site: &Site, needs: &Needs, rules: &Rules) -> Option<Lack> {
    let lacks = |constraint: &Constraint| match constraint {
        Constraint::MemberOf(expression) => (!expression.holds(site)).then_some(Lack::MemberOf),
        Constraint::DistinctInstance => (site.tasks > 0).then_some(Lack::Distinct),
    };
    if site.agent == Agent::Lost {
        Some(Lack::Agent)
    } else if needs.attributes.iter().any(|name| !site.attributes.contains_key(name)) {
        Some(Lack::Attribute)
    } else if let Some(lack) = rules.constraints.iter().filter_map(lacks).min() {
        Some(lack)
    } else if site.room.cpu < needs.cpu {
        Some(Lack::Cpu)
    } else if site.room.memory < needs.memory {
        Some(Lack::Memory)
    } else if !site.room.taken.is_disjoint(&needs.ports) {
        Some(Lack::Ports)
    } else if site.room.interfaces < needs.interfaces {
        Some(Lack::Interfaces)
    } else {
        None
    }
}

/// Keeps the places that the strategy likes best.
fn narrow(strategy: &Strategy, sites: &[Site], fitting: &mut Vec<usize>, draw: u64) {
    let worth = |place: usize| -> u64 {
        match strategy {
            Strategy::Random => 0,
            Strategy::Binpack(Resource::Cpu) => sites[place].room.cpu,
            Strategy::Binpack(Resource::Memory) => sites[place].room.memory,
            Strategy::Spread(field) => {
                let here = field.of(&sites[place]);
                sites.iter().filter(|site| field.of(site) == here).map(|site| site.tasks as u64).sum()
            }
        }
    };
    if *strategy == Strategy::Random {
        if let Some(chosen) = usize::try_from(draw % fitting.len().max(1) as u64).ok().and_then(|place| fitting.get(place)) {
            *fitting = vec![*chosen];
        }
        return;
    }
    let worths: Vec<u64> = fitting.iter().map(|place| worth(*place)).collect();
    let least = worths.iter().min().copied();
    let mut worths = worths.into_iter();
    fitting.retain(|_| worths.next() == least);
}
