//! The run that has built an image, and what only it can tell about it.

use jiff::Timestamp;
use shipit_core::attest::provenance::Build;
use shipit_core::attest::{Attestation, Part, Role, Subject, provenance, sbom};
use shipit_core::content::{ContentKey, Inputs};
use shipit_core::journal::{Entry, Fact, Output};
use shipit_core::pipeline::Image;
use shipit_core::plan::{Plan, StepId, StepKind};
use shipit_core::release::{Digest, RunId};

use super::image::of_platform;
use super::step::{Doing, StepEnd};
use crate::port::PortError;

/// shipit's version: it is in what is told, for another one may read more.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The run that has built an image, with what it knows of that.
pub struct Builder {
    run: RunId,
    plan: Plan,
    image: Image,
    key: ContentKey,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
}

/// This run, or an earlier one of this folder that pushed the digest.
pub async fn builder(doing: &Doing<'_>, image: &str, digest: &Digest) -> Option<Builder> {
    if let Some(this) = Builder::of(&doing.journal.run, doing.plan, &doing.journal.entries(), image, digest) {
        return Some(this);
    }
    let store = &doing.context.ports.store;
    for run in store.runs().await.unwrap_or_default() {
        // What cannot be read tells nothing.
        let Ok(book) = store.read(&run).await else { continue };
        let found = Builder::of(&run, &book.head.plan, &book.entries, image, digest);
        if found.is_some() {
            return found;
        }
    }
    None
}

impl Builder {
    fn of(run: &RunId, plan: &Plan, entries: &[Entry], image: &str, digest: &Digest) -> Option<Self> {
        let ended = |step: &StepId| {
            entries.iter().rev().filter(|entry| entry.step == *step).find_map(|entry| match &entry.fact {
                Fact::Succeeded { output } => Some((entry.at, output.clone())),
                _ => None,
            })
        };
        let pushed = plan.steps.iter().any(|step| {
            let ours = matches!(&step.kind, StepKind::Push { image: pushed, .. } if pushed == image);
            ours && ended(&step.id).is_some_and(|(_, output)| output == Output::Pushed { digest: digest.clone() })
        });
        let (step, built, key) = plan.steps.iter().find_map(|step| match &step.kind {
            StepKind::Build { image: built, key, .. } if built.name == image => Some((&step.id, built, key)),
            _ => None,
        })?;
        let started = entries.iter().find(|entry| entry.step == *step && matches!(entry.fact, Fact::Started { .. }));
        pushed.then(|| Self {
            run: run.clone(),
            plan: plan.clone(),
            image: Image::clone(built),
            key: key.clone(),
            started: started.map(|entry| entry.at),
            finished: ended(step).map(|(at, _)| at),
        })
    }

    /// What is told of one part of the image; none where the image of an earlier run is not in the Engine any more.
    ///
    /// # Errors
    /// The image's layers cannot be read.
    pub async fn tell(
        &self,
        doing: &Doing<'_>,
        repository: &str,
        part: &Part,
        attestation: Attestation,
    ) -> Result<Option<Vec<u8>>, StepEnd> {
        let subject = Subject { repository, digest: &part.digest };
        // Each platform was a build of its own.
        let (tag, platforms) = match &part.role {
            Role::Child { platform } if !self.image.platforms.contains(platform) => return Ok(None),
            Role::Child { platform } => (of_platform(&self.plan.tag, platform), vec![platform.clone()]),
            Role::Whole | Role::Index => (self.plan.tag.clone(), self.image.platforms.clone()),
        };
        let told = match attestation {
            Attestation::Sbom => {
                let name = format!("{repository}:{tag}");
                let inventory = match doing.context.ports.builder.inventory(&name).await {
                    Ok(inventory) => inventory,
                    Err(PortError::NotFound { .. }) if self.run != doing.journal.run => return Ok(None),
                    Err(error) => return Err(error.into()),
                };
                sbom::document(subject, &inventory, self.plan.source.committed_at, VERSION)
            }
            Attestation::Provenance => {
                let folder = &doing.context.pipeline.folder;
                let context = self.image.context.strip_prefix(folder).unwrap_or(&self.image.context);
                let bases: Vec<(String, Digest)> =
                    self.key.bases.0.iter().map(|(name, base)| (name.clone(), base.digest().clone())).collect();
                let inputs = match &self.key.inputs {
                    Inputs::Known(inputs) => inputs,
                    Inputs::Unknown { .. } => &self.key.sources,
                };
                let image = Image { platforms, ..self.image.clone() };
                let build = Build {
                    pipeline: &self.plan.pipeline,
                    image: &image,
                    context: &context.display().to_string(),
                    inputs,
                    source: &self.plan.source,
                    bases: &bases,
                    run: &self.run,
                    started: self.started,
                    finished: self.finished,
                    version: VERSION,
                };
                provenance::statement(subject, &build)
            }
        };
        Ok(Some(told.to_string().into_bytes()))
    }
}
