//! Old revisions looked at with all that uses them, and those that may go deregistered.

use std::collections::{BTreeMap, BTreeSet};

use shipit_core::failure::Failure;
use shipit_core::prune::{Family, Fate, Use, judge};
use shipit_core::release::Revision;

use super::Context;
use super::trail::{Place, Trail};
use super::wait::patiently;
use crate::port::PortError;

/// Judges the revisions of all families of the pipeline's services; `spared` are `family:number` or ARNs.
///
/// # Errors
/// Something that may use a revision cannot be looked at: nothing may go then.
pub async fn look(context: &Context<'_>, keep: usize, spared: &[String]) -> Result<Vec<(Revision, Fate)>, Failure> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for service in &context.pipeline.services {
        let look = async || context.ports.service.look(&service.service).await;
        let seen = patiently(context.clock, &service.service, PortError::is_throttled, look).await?;
        let Some(running) = seen.present() else { continue };
        let family = families.entry(running.revision.family().to_owned()).or_default();
        let usable = |places: &[Place]| places.iter().filter(|place| place.gone.is_none()).count();
        let trail = Trail::of(context, &service.service).await?;
        let places = trail.before(&running.revision, |places| usable(places) >= keep.max(1)).await?;
        let way = places.into_iter().filter(|place| place.gone.is_none()).map(|place| place.revision);
        family.ways_back.insert(service.name.clone(), way.collect());
    }
    let names: BTreeSet<String> = families.keys().cloned().collect();
    let revisions = &context.ports.revisions;
    let mut fates = Vec::new();
    let read = async || revisions.uses(&names).await;
    let uses = patiently(context.clock, "uses", PortError::is_throttled, read).await?;
    for (name, mut family) in families {
        let list = async || revisions.active(&name).await;
        family.revisions = patiently(context.clock, &name, PortError::is_throttled, list).await?;
        family.uses.clone_from(&uses);
        for revision in &family.revisions {
            if spared.iter().any(|spared| spared == revision.short() || spared == revision.as_str()) {
                family.uses.entry(revision.clone()).or_default().push(Use::Spared);
            }
        }
        fates.extend(judge(&family, keep));
    }
    Ok(fates)
}

/// Deregisters one.
///
/// # Errors
/// AWS refuses it.
pub async fn deregister(context: &Context<'_>, revision: &Revision) -> Result<(), Failure> {
    // Once a second, with a burst of a few: a long list is throttled.
    let call = async || context.ports.revisions.deregister(revision).await;
    Ok(patiently(context.clock, revision.short(), PortError::is_passing, call).await?)
}
