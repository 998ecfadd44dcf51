//! What `build`, `push` and `scan` hand over: read, brought up to date, written.

use std::collections::BTreeMap;

use shipit_core::failure::Failure;
use shipit_core::handover::{Handed, Handover};
use shipit_core::pipeline::Name;

use crate::port::Ports;

/// Brings `.shipit/build.json` up to date; the pipeline's lock must be held.
///
/// # Errors
/// The file cannot be read or written.
pub async fn hand_over(ports: &Ports, pipeline: &str, images: BTreeMap<Name, Handed>) -> Result<(), Failure> {
    let before = ports.store.handed_over().await?;
    let after = Handover::updated(before.as_deref(), pipeline, images);
    Ok(ports.store.hand_over(&after.text()).await?)
}
