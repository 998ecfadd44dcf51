//! Whose deployment took over from ours: what people need to know to talk to each other.

use shipit_core::failure::Failure;
use shipit_core::release::Revision;
use shipit_core::whose::whose;

use super::Context;
use super::wait::patiently;
use crate::port::PortError;

/// Says in the failure whose `by` is, which took over from `ours`.
pub async fn named(context: &Context<'_>, failure: Failure, by: &Revision, ours: &Revision) -> Failure {
    if by == ours {
        // A revision tells who registered it, and that was us.
        return failure
            .because(format!("someone asked for a new deployment of the same revision, {}", ours.short()))
            .next("CloudTrail names who: `aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=UpdateService`");
    }
    let read = async || context.ports.revisions.read(by).await;
    match patiently(context.clock, by.short(), PortError::is_throttled, read).await {
        Ok(Some(seen)) => failure.because(format!("{} is of {}", by.short(), whose(&seen.definition, &seen.tags))),
        // That it took over is certain; whose it is only helps.
        Ok(None) | Err(_) => failure,
    }
}
