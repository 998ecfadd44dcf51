//! What runs in the place of an image now: the gate can be asked for what is new beside it, and a build uses its cache.

use crate::gate::Known;
use crate::pipeline::Pipeline;
use crate::release::Digest;
use crate::snapshot::Snapshot;

/// The digests that run in the containers of this image, each once; none where the gate is not asked for what is new.
pub(super) fn against(pipeline: &Pipeline, snapshot: &Snapshot, image: &str) -> Vec<Digest> {
    if pipeline.gate.known == Known::Counts {
        return Vec::new();
    }
    running(pipeline, snapshot, image)
}

/// The digests that run in the containers of this image, each once, as far as tasks tell.
pub(super) fn running(pipeline: &Pipeline, snapshot: &Snapshot, image: &str) -> Vec<Digest> {
    let mut digests: Vec<Digest> = Vec::new();
    for service in &pipeline.services {
        let Some(running) = snapshot.services.get(&service.name).and_then(|seen| seen.present()) else { continue };
        let containers = service.containers.iter().filter(|(_, named)| *named == image);
        digests.extend(containers.filter_map(|(container, _)| running.running_digests.get(container).cloned()));
    }
    digests.sort();
    digests.dedup();
    digests
}
