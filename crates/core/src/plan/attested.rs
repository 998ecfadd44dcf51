//! What is told about images, and what is demanded of them, as steps beside the gate of each.

use super::{Step, StepId, StepKind};
use crate::pipeline::Pipeline;

/// Puts them in: after the same steps as the image's gate, for all three look at what is in the registry.
pub(super) fn attested(pipeline: &Pipeline, steps: &mut Vec<Step>, uri: impl Fn(&str) -> Option<String>) {
    for image in &pipeline.images {
        let is_gate = |step: &Step| matches!(&step.kind, StepKind::Gate { image: gated, .. } if *gated == image.name);
        let (Some(at), Some(repository)) = (steps.iter().position(is_gate), uri(&image.name)) else { continue };
        let mut needs = steps[at].needs.clone();
        let mut added = Vec::new();
        if !pipeline.attest.is_empty() {
            let id = StepId(format!("attest {}", image.name));
            let kind =
                StepKind::Attest { image: image.name.clone(), repository: repository.clone(), wanted: pipeline.attest.clone() };
            let because = format!("{}, where it lacks them", words(&pipeline.attest));
            added.push(Step { id: id.clone(), needs, kind, because });
            needs = vec![id];
        }
        if !pipeline.verify.is_empty() {
            let id = StepId(format!("verify {}", image.name));
            let kind = StepKind::Verify { image: image.name.clone(), repository, required: pipeline.verify.clone() };
            added.push(Step { id, needs, kind, because: format!("must have {}", words(&pipeline.verify)) });
        }
        steps.splice(at..at, added);
    }
}

fn words<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
