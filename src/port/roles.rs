//! Whom IAM roles trust.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::PortResult;

/// Roles, read only.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The services that may assume the role of this ARN or name, e.g. `ecs.amazonaws.com`, whatever the conditions; `*` for
    /// a role that trusts everybody. `NotFound` when there is no such role.
    async fn trusted_services(&self, role: &str) -> PortResult<BTreeSet<String>>;
}
