//! A task definition registered by itself, for whoever starts tasks of it. What its newest revision says is not said again.

use serde_json::Value;
use shipit_core::failure::Failure;
use shipit_core::release::Revision;
use shipit_core::taskdef;

use super::wait::patiently;
use crate::port::{Clock, PortError, Ports, RevisionSeen, Standing};

/// The revision that says it, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// Since now.
    New(Revision),
    /// The family's newest revision said it before.
    Same(Revision),
}

/// Registers it, without the tags by which shipit knows its own runs.
///
/// # Errors
/// AWS cannot be asked, or refuses it.
pub async fn register(ports: &Ports, clock: Clock, definition: &Value) -> Result<Registered, Failure> {
    let definition = taskdef::without_our_tags(taskdef::registrable(definition));
    let family = definition["family"].as_str().unwrap_or_default();
    let newest = Revision(family.to_owned());
    let look = async || ports.revisions.read(&newest).await;
    let newest = patiently(clock, family, PortError::is_throttled, look).await?;
    if let Some(same) = newest.filter(|seen| seen.standing == Standing::Active && says(seen, &definition)) {
        return Ok(Registered::Same(same.revision));
    }
    let call = async || ports.service.register(&definition).await;
    Ok(Registered::New(patiently(clock, family, PortError::is_throttled, call).await?))
}

fn says(seen: &RevisionSeen, definition: &Value) -> bool {
    let tags: Vec<(&str, String)> = seen.tags.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    taskdef::same(&taskdef::with_tags(seen.definition.clone(), &tags), definition)
}
