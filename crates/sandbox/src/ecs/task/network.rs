//! How a task's containers are reached: the network modes, and which port stands for which.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::super::request::text;

/// `networkMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The task has an address of its own.
    Awsvpc,
    /// Each container has host ports of the instance.
    Bridge,
    /// Containers listen on the instance itself; here they share a network that is the task's own, and placement sees to it that
    /// no two of them want the same port.
    Host,
    /// Nothing reaches it.
    None,
}

impl Mode {
    /// The mode of a task definition.
    pub fn of(definition: &Value) -> Self {
        match text(definition, "networkMode") {
            Some("awsvpc") => Mode::Awsvpc,
            Some("host") => Mode::Host,
            Some("none") => Mode::None,
            _ => Mode::Bridge,
        }
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Awsvpc => "awsvpc",
            Mode::Bridge => "bridge",
            Mode::Host => "host",
            Mode::None => "none",
        }
    }
}

/// A container port and what it is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// `containerPort`.
    pub container: u16,
    /// `hostPort`: of the instance, or the same where the task has an address of its own.
    pub host: u16,
    /// Where it really listens on the loopback.
    pub endpoint: SocketAddr,
}

impl Binding {
    /// An entry of `networkBindings`.
    pub fn view(&self) -> Value {
        json!({ "bindIP": "0.0.0.0", "containerPort": self.container, "hostPort": self.host, "protocol": "tcp" })
    }
}
