//! How traffic reaches a service: read only, before a plan that shifts it.

use async_trait::async_trait;
use shipit_core::pipeline::Traffic;
use shipit_core::routing::Routing;
use shipit_core::snapshot::RunningService;

use super::PortResult;

/// Load balancers and their rules before a shift.
#[async_trait]
pub trait Routes: Send + Sync {
    /// How traffic reaches this service: as it says itself, else as `wanted` says. Alarms and roles are others' to tell.
    async fn routing(&self, name: &str, service: &RunningService, wanted: Option<&Traffic>) -> PortResult<Routing>;
}
