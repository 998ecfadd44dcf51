//! A service of CodeDeploy names what serves, not what is on its way to it: here it is seen by what is coming, as ECS shows
//! its own.

use shipit_core::snapshot::{RunningService, ServiceSeen};

use super::Context;
use super::wait::patiently;
use crate::port::{PortError, PortResult};

/// The service by the revision that its deployment in progress brings; as it is where none is, or ECS itself deploys.
///
/// # Errors
/// AWS could not be asked.
pub async fn coming(context: &Context<'_>, seen: ServiceSeen) -> PortResult<ServiceSeen> {
    let ServiceSeen::Present(running) = seen else { return Ok(seen) };
    let brings =
        running.in_progress.clone().filter(|(_, revision)| running.controller == "CODE_DEPLOY" && *revision != running.revision);
    let Some((deployment, revision)) = brings else { return Ok(ServiceSeen::Present(running)) };
    let read = async || context.ports.revisions.read(&revision).await;
    Ok(match patiently(context.clock, revision.as_str(), PortError::is_passing, read).await? {
        Some(found) => ServiceSeen::Present(Box::new(RunningService {
            revision,
            definition: found.definition,
            tags: found.tags,
            primary: Some(deployment),
            ..*running
        })),
        None => ServiceSeen::Present(running),
    })
}
