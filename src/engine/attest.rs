//! What is told about an image: made and attached after its push, and demanded before any service is touched. Of an index that
//! is about itself or about each of its images.

use std::collections::BTreeSet;

use shipit_core::attest::{self, Attached, Attestation, Expected, Part, Required, parts};
use shipit_core::event::{Event, StepResult};
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::Output;
use shipit_core::plan::REVISION_LABEL;
use shipit_core::release::{Commit, Digest};

use super::builder::builder;
use super::step::{Doing, Done, StepEnd, unexpected};
use crate::port::{Login, PortError};

/// Attaches what is wanted and not there yet. Only who has built an image can tell about it: for one that is reused the run
/// that did is looked for in the journals of this folder; what nobody can tell is left out, and `verify:` says whether that
/// matters.
///
/// # Errors
/// The registry cannot be asked or does not take it, or the image's layers cannot be read.
pub async fn attest(doing: &Doing<'_>, image: &str, repository: &str, wanted: &[Attestation]) -> Result<Done, StepEnd> {
    let (digest, login) = (digest(doing, image)?, login(doing).await?);
    let attestations = &doing.context.ports.attestations;
    let (mut made, mut there, mut missing) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for part in of(doing, repository, &digest).await? {
        let referrers = doing.patiently(async || attestations.referrers(repository, &part.digest, &login).await).await?;
        for wanted in wanted.iter().copied().filter(|wanted| part.is_told(*wanted)) {
            match referrers.iter().any(|referrer| referrer.tells(wanted)) {
                true => drop(there.insert(wanted)),
                false => missing.push((part.clone(), wanted)),
            }
        }
    }
    let builder = if missing.is_empty() { None } else { builder(doing, image, &digest).await };
    let mut left_out = BTreeSet::new();
    for (part, attestation) in missing {
        let told = match &builder {
            Some(builder) => builder.tell(doing, repository, &part, attestation).await?,
            None => None,
        };
        let Some(content) = told else {
            left_out.insert(attestation);
            continue;
        };
        let attach = async || attestations.attach(repository, &part.digest, attestation, &content, &login).await;
        doing.patiently(attach).await?;
        made.insert(attestation);
    }
    if !left_out.is_empty() {
        let words: Vec<&str> = left_out.iter().map(|attestation| attestation.word()).collect();
        let message = format!("{} of `{image}` is left out: it was built elsewhere", words.join(" and "));
        (doing.context.tell)(Event::Notice { message });
    }
    let result = StepResult::Attested { made: made.into_iter().collect(), there: there.into_iter().collect() };
    Ok(Done { output: Output::Attested, result })
}

/// Refuses an image that lacks what is required of it, or of which it is told that it is another.
///
/// # Errors
/// It is refused, or the registry cannot be asked.
pub async fn verify(doing: &Doing<'_>, image: &str, repository: &str, required: &[Required]) -> Result<Done, StepEnd> {
    let (digest, login) = (digest(doing, image)?, login(doing).await?);
    let source = &doing.plan.source;
    let reused = doing.plan.reused.get(image).and_then(|reused| reused.image.labels.get(REVISION_LABEL).cloned()).map(Commit);
    let commit = reused.as_ref().unwrap_or(&source.commit);
    let mut unmet = Vec::new();
    for part in of(doing, repository, &digest).await? {
        let required: Vec<Required> = required.iter().filter(|required| part.is_demanded(required)).cloned().collect();
        if required.is_empty() {
            continue;
        }
        let attached = attached(doing, repository, &part.digest, &required, &login).await?;
        let expected = Expected { digest: &part.digest, commit, origin: source.origin.as_deref() };
        unmet.extend(attest::verify(&required, &expected, &attached).into_iter().map(|why| part.said(why)));
    }
    if unmet.is_empty() {
        let required = required.iter().map(ToString::to_string).collect();
        return Ok(Done { output: Output::Verified, result: StepResult::Verified { required } });
    }
    Err(not_verified(image, &digest, &unmet, &doing.context.pipeline.attest, required).into())
}

/// What refers to a digest, read where that is required.
async fn attached(
    doing: &Doing<'_>,
    repository: &str,
    digest: &Digest,
    required: &[Required],
    login: &Login,
) -> Result<Vec<Attached>, StepEnd> {
    let attestations = &doing.context.ports.attestations;
    let referrers = doing.patiently(async || attestations.referrers(repository, digest, login).await).await?;
    let mut attached = Vec::new();
    for referrer in referrers {
        let is_read = required.iter().any(|required| matches!(required, Required::Told(told) if referrer.tells(*told)));
        let content = match is_read {
            true => match doing.patiently(async || attestations.read(repository, &referrer, login).await).await {
                Ok(content) => Some(content),
                // It counts as one that cannot be read: another may be right.
                Err(PortError::NotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            },
            false => None,
        };
        attached.push(Attached { artifact_type: referrer.artifact_type, content });
    }
    Ok(attached)
}

/// The digests that something is told of: the registry says whether it is an index.
async fn of(doing: &Doing<'_>, repository: &str, digest: &Digest) -> Result<Vec<Part>, StepEnd> {
    let registry = &doing.context.ports.registry;
    let name = repository.split_once('/').map_or(repository, |(_, name)| name);
    Ok(parts(digest, doing.patiently(async || registry.children(name, digest).await).await?))
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
