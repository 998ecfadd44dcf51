//! What is told about an image: made and attached after its push, and demanded before any service is touched.

use jiff::Timestamp;
use shipit_core::attest::provenance::Build;
use shipit_core::attest::{self, Attached, Attestation, Expected, Required, Subject, provenance, sbom};
use shipit_core::content::{ContentKey, Inputs};
use shipit_core::event::{Event, StepResult};
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Entry, Fact, Output};
use shipit_core::pipeline::Image;
use shipit_core::plan::{Plan, REVISION_LABEL, StepId, StepKind};
use shipit_core::release::{Commit, Digest, RunId};

use super::step::{Doing, Done, StepEnd, unexpected};
use crate::port::{Login, PortError};

/// shipit's version: it is in what is told, for another one may read more.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Attaches what is wanted and not there yet. Only who has built an image can tell about it: for one that is reused the run
/// that did is looked for in the journals of this folder; what nobody can tell is left out, and `verify:` says whether that
/// matters.
///
/// # Errors
/// The registry cannot be asked or does not take it, or the image's layers cannot be read.
pub async fn attest(doing: &Doing<'_>, image: &str, repository: &str, wanted: &[Attestation]) -> Result<Done, StepEnd> {
    let (digest, login) = (digest(doing, image)?, login(doing).await?);
    let attestations = &doing.context.ports.attestations;
    let there = doing.patiently(async || attestations.referrers(repository, &digest, &login).await).await?;
    let missing: Vec<Attestation> =
        wanted.iter().copied().filter(|wanted| !there.iter().any(|referrer| referrer.tells(*wanted))).collect();
    let mut result = Told { made: Vec::new(), there: Vec::new(), left_out: Vec::new() };
    result.there.extend(wanted.iter().filter(|wanted| !missing.contains(wanted)));
    let builder = if missing.is_empty() { None } else { builder(doing, image, &digest).await };
    for attestation in missing {
        let told = match &builder {
            Some(builder) => builder.tell(doing, repository, &digest, attestation).await?,
            None => None,
        };
        let Some(content) = told else {
            result.left_out.push(attestation);
            continue;
        };
        doing.patiently(async || attestations.attach(repository, &digest, attestation, &content, &login).await).await?;
        result.made.push(attestation);
    }
    if !result.left_out.is_empty() {
        let words: Vec<&str> = result.left_out.iter().map(|attestation| attestation.word()).collect();
        let message = format!("{} of `{image}` is left out: it was built elsewhere", words.join(" and "));
        (doing.context.tell)(Event::Notice { message });
    }
    let Told { made, there, .. } = result;
    Ok(Done { output: Output::Attested, result: StepResult::Attested { made, there } })
}

struct Told {
    made: Vec<Attestation>,
    there: Vec<Attestation>,
    left_out: Vec<Attestation>,
}

/// Refuses an image that lacks what is required of it, or of which it is told that it is another.
///
/// # Errors
/// It is refused, or the registry cannot be asked.
pub async fn verify(doing: &Doing<'_>, image: &str, repository: &str, required: &[Required]) -> Result<Done, StepEnd> {
    let (digest, login) = (digest(doing, image)?, login(doing).await?);
    let attestations = &doing.context.ports.attestations;
    let referrers = doing.patiently(async || attestations.referrers(repository, &digest, &login).await).await?;
    let mut attached = Vec::new();
    for referrer in referrers {
        let is_read = required.iter().any(|required| matches!(required, Required::Told(told) if referrer.tells(*told)));
        let content = match is_read {
            true => match doing.patiently(async || attestations.read(repository, &referrer, &login).await).await {
                Ok(content) => Some(content),
                // It counts as one that cannot be read: another may be right.
                Err(PortError::NotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            },
            false => None,
        };
        attached.push(Attached { artifact_type: referrer.artifact_type, content });
    }
    let source = &doing.plan.source;
    let reused = doing.plan.reused.get(image).and_then(|reused| reused.image.labels.get(REVISION_LABEL).cloned()).map(Commit);
    let commit = reused.as_ref().unwrap_or(&source.commit);
    let expected = Expected { digest: &digest, commit, origin: source.origin.as_deref() };
    let unmet = attest::verify(required, &expected, &attached);
    if unmet.is_empty() {
        let required = required.iter().map(ToString::to_string).collect();
        return Ok(Done { output: Output::Verified, result: StepResult::Verified { required } });
    }
    Err(not_verified(image, &digest, &unmet, &doing.context.pipeline.attest, required).into())
}

/// An image lacks what is required of it.
fn not_verified(image: &str, digest: &Digest, unmet: &[String], attested: &[Attestation], required: &[Required]) -> Failure {
    let mut failure =
        Failure::new(Code::NotVerified, format!("`{image}` ({}) does not have what `verify:` requires", digest.short()));
    for why in unmet {
        failure = failure.because(why);
    }
    let asked = |required: &Required| matches!(required, Required::Told(told) if !attested.contains(told));
    let failure = failure.now("the image is in the registry, no service was touched");
    let words: Vec<String> = required.iter().filter(|required| asked(required)).map(ToString::to_string).collect();
    if words.is_empty() {
        return failure.next("a new commit and `shipit deploy --rebuild`: it is built anew, and told about");
    }
    failure
        .next(format!("`attest: [{}]` in the pipeline file, and a new commit with `shipit deploy --rebuild`", words.join(", ")))
}

fn digest(doing: &Doing<'_>, image: &str) -> Result<Digest, StepEnd> {
    let digest = doing.digests().remove(image);
    digest.ok_or_else(|| unexpected(format!("`{image}` has no digest to tell about")).into())
}

async fn login(doing: &Doing<'_>) -> Result<Login, StepEnd> {
    Ok(doing.patiently(async || doing.context.ports.registry.login().await).await?)
}

/// The run that has built an image, with what it knows of that.
struct Builder {
    run: RunId,
    plan: Plan,
    image: Image,
    key: ContentKey,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
}

/// This run, or an earlier one of this folder that pushed the digest.
async fn builder(doing: &Doing<'_>, image: &str, digest: &Digest) -> Option<Builder> {
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

    /// What is told; none where the image of an earlier run is not in the Engine any more.
    async fn tell(
        &self,
        doing: &Doing<'_>,
        repository: &str,
        digest: &Digest,
        attestation: Attestation,
    ) -> Result<Option<Vec<u8>>, StepEnd> {
        let subject = Subject { repository, digest };
        let told = match attestation {
            Attestation::Sbom => {
                let name = format!("{repository}:{}", self.plan.tag);
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
                let build = Build {
                    pipeline: &self.plan.pipeline,
                    image: &self.image,
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
