//! The ports of a task's containers: what is published, and as which port of the instance it counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::super::request::text;
use super::super::task::network::{Binding, Mode};

/// A TCP port that is published on the loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// `containerPort`.
    pub container: u16,
    /// `hostPort`.
    pub host: HostPort,
}

/// `hostPort` of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostPort {
    /// Any that is free.
    Dynamic,
    /// This one of the simulated instance, which placement has kept free. Really it is any free port: several instances share
    /// this machine.
    Fixed(u16),
}

impl Mapping {
    /// Reads a mapping; none for UDP, which nothing here publishes.
    pub(super) fn read(sent: &Value, network: Mode) -> Option<Self> {
        let number = |name: &str| u16::try_from(sent.get(name)?.as_u64()?).ok();
        let container = number("containerPort").filter(|_| text(sent, "protocol") != Some("udp"))?;
        let host = match (network, number("hostPort")) {
            (Mode::Bridge, None | Some(0)) => HostPort::Dynamic,
            (Mode::Bridge, Some(port)) => HostPort::Fixed(port),
            _ => HostPort::Fixed(container),
        };
        Some(Mapping { container, host })
    }
}

/// What its ports are reached by, given where they listen on the loopback.
pub(super) fn bindings(ports: &[Mapping], listening: &BTreeMap<u16, SocketAddr>) -> Vec<Binding> {
    let bound = ports.iter().filter_map(|mapping| {
        let endpoint = *listening.get(&mapping.container)?;
        let host = match mapping.host {
            HostPort::Dynamic => endpoint.port(),
            HostPort::Fixed(port) => port,
        };
        Some(Binding { container: mapping.container, host, endpoint })
    });
    bound.collect()
}
