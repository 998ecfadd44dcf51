//! The seam between ECS and the load balancer: tasks are registered as targets, their health is read back.

use std::net::SocketAddr;

use crate::state::State;

/// A task's address as the load balancer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The private address that the task shows (`Target.Id`).
    pub id: String,
    /// The container port (`Target.Port`).
    pub port: u16,
    /// Where the container really listens on the host's loopback.
    pub endpoint: SocketAddr,
}

/// `TargetHealth.State` with its reason and description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`, `unavailable`.
    pub state: String,
    /// E.g. `Target.ResponseCodeMismatch`; none when healthy.
    pub reason: Option<String>,
    /// E.g. `Health checks failed with these codes: [503]`.
    pub description: Option<String>,
}

impl State {
    /// Registers a target: it is `initial` until its health check passes (or `unused` while no rule reaches the group).
    pub fn register_target(&mut self, _target_group: &str, _target: Target) {}

    /// Starts draining a target: no new requests; it is gone when the deregistration delay has passed.
    pub fn deregister_target(&mut self, _target_group: &str, _id: &str, _port: u16) {}

    /// The health of one target; none when it is not registered (any more), so a draining target has gone.
    pub fn target_health(
        &self,
        _target_group: &str,
        _id: &str,
        _port: u16,
    ) -> Option<TargetHealth> {
        None
    }

    /// The target group serves behind some listener.
    pub fn target_group_in_use(&self, _target_group: &str) -> bool {
        false
    }
}
