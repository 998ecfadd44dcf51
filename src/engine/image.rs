//! An image from its sources into the registry: built, pushed, tagged.

use std::collections::BTreeMap;

use shipit_core::content::ContentKey;
use shipit_core::event::{Event, StepResult};
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::Output;
use shipit_core::leak;
use shipit_core::pipeline::{Compression, Image, Kept};
use shipit_core::plan::REVISION_LABEL;
use shipit_core::push::PushedBy;
use shipit_core::release::{Digest, Tag};
use shipit_core::snapshot::Child;

use super::step::{Doing, Done, StepEnd};
use crate::port::{BuildWish, PushedImage, Tagged};

/// How often a push asks for a new login: each lasts for hours, so more would mean that it is something else.
const RENEWALS: u32 = 2;

/// Builds an image, once for each of its platforms, with the labels by which it is known again.
///
/// # Errors
/// Why it cannot be built.
pub async fn build(doing: &Doing<'_>, image: &Image, key: &ContentKey, repository: &str) -> Result<Done, StepEnd> {
    let source = &doing.plan.source;
    let mut labels: BTreeMap<String, String> = key.labels().into_iter().collect();
    labels.insert(REVISION_LABEL.to_owned(), source.commit.0.clone());
    labels.extend(source.origin.clone().map(|origin| ("org.opencontainers.image.source".to_owned(), origin)));
    labels.extend(source.committed_at.map(|at| ("org.opencontainers.image.created".to_owned(), at.to_string())));
    let login = doing.patiently(async || doing.context.ports.registry.login().await).await?;
    let logins = [login];
    let tell = |progress| doing.progress(progress);
    let one = async |platform: Option<&str>, tag: &Tag| {
        let name = format!("{repository}:{tag}");
        let wish = BuildWish { image, platform, name: &name, labels: &labels, key, logins: &logins };
        let built = doing.context.ports.builder.build(&wish, &tell).await?;
        keep_secrets(doing, image, &name).await?;
        Ok::<_, StepEnd>(built)
    };
    let (mut ran, mut steps) = (0, 0);
    let builder = match image.platforms.as_slice() {
        [] | [_] => {
            let built = one(image.platforms.first().map(String::as_str), &doing.plan.tag).await?;
            (ran, steps) = (built.ran, built.steps);
            built.builder
        }
        platforms => {
            let mut builder = "";
            for platform in platforms {
                let built = one(Some(platform), &of_platform(&doing.plan.tag, platform)).await?;
                (ran, steps) = (ran + built.ran, steps + built.steps);
                builder = built.builder;
            }
            builder
        }
    };
    if image.cache.kept == Kept::Registry {
        let name = &image.name;
        let message = format!("`cache: registry` of `{name}` is skipped, the Engine's API exports none: its cache is inline");
        (doing.context.tell)(Event::Notice { message });
    }
    let result = StepResult::Built { ran, steps, builder: builder.to_owned() };
    Ok(Done { output: Output::Built { bases: key.bases.clone() }, result })
}

/// Nothing that holds a secret is pushed.
async fn keep_secrets(doing: &Doing<'_>, image: &Image, name: &str) -> Result<(), StepEnd> {
    let searched = doing.context.ports.builder.leaks(image, name).await?;
    for id in searched.too_short {
        let message = format!("the value of the secret `{id}` is too short to be looked for in `{}`", image.name);
        (doing.context.tell)(Event::Notice { message });
    }
    match leak::refusal(&image.name, &leak::judge(searched.leaks, &image.secrets.exceptions)) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

/// Pushes what was built and gives it the tag of its content; images of several platforms are joined in an index.
///
/// # Errors
/// Why the registry does not take it.
pub async fn push(
    doing: &Doing<'_>,
    image: &str,
    repository: &str,
    index: &[String],
    source: Option<&Tag>,
) -> Result<Done, StepEnd> {
    let registry = &doing.context.ports.registry;
    let tag = &doing.plan.tag;
    let compression = doing.context.pipeline.image(image).map(|image| image.compression).unwrap_or_default();
    let name = repository.split_once('/').map_or(repository, |(_, name)| name);
    let pushed = if index.is_empty() {
        one(doing, repository, tag, compression).await?
    } else {
        let (mut children, mut sent, mut by) = (Vec::new(), 0, PushedBy::Shipit { sent: 0, layers: 0 });
        for platform in index {
            let pushed = one(doing, repository, &of_platform(tag, platform), compression).await?;
            sent += pushed.sent;
            by = by.and(pushed.by);
            children.push(Child { platform: platform.clone(), digest: pushed.digest });
        }
        let digest = doing.patiently(async || registry.join(name, &children, tag).await).await?;
        PushedImage { digest, sent, by }
    };
    if let Some(source) = source {
        // Whoever has pushed the same content meanwhile keeps the tag: it serves as well.
        doing.patiently(async || registry.tag(name, &pushed.digest, source).await).await?;
    }
    let result = StepResult::Pushed { digest: pushed.digest.clone(), sent: pushed.sent, by: pushed.by };
    Ok(Done { output: Output::Pushed { digest: pushed.digest }, result })
}

/// Pushes one image, with a new login where one ends meanwhile.
async fn one(doing: &Doing<'_>, repository: &str, tag: &Tag, compression: Compression) -> Result<PushedImage, StepEnd> {
    let ports = doing.context.ports;
    let mut login = doing.patiently(async || ports.registry.login().await).await?;
    let tell = |progress| doing.progress(progress);
    let mut renewals = 0;
    loop {
        let push = async || ports.builder.push(repository, tag, compression, &login, &tell).await;
        match doing.patiently(push).await {
            // What was pushed before the login ended stays: the next push sends the rest.
            Err(error) if error.is_expired() && renewals < RENEWALS => {
                renewals += 1;
                login = doing.patiently(async || ports.registry.login_anew(&login).await).await?;
            }
            other => return Ok(other?),
        }
    }
}

/// Adds the commit's tag to an image of the same content.
///
/// # Errors
/// The tag is another image's by now, or the registry does not take it.
pub async fn tag(doing: &Doing<'_>, repository: &str, digest: &Digest, tag: &Tag) -> Result<Done, StepEnd> {
    let registry = &doing.context.ports.registry;
    match doing.patiently(async || registry.tag(repository, digest, tag).await).await? {
        Tagged::Yes => {
            let result = StepResult::Tagged { tag: tag.clone(), digest: digest.clone() };
            Ok(Done { output: Output::Tagged, result })
        }
        Tagged::Taken { by } => {
            let failure = Failure::new(Code::TagTaken, format!("`{repository}:{tag}` is another image by now"))
                .because(format!("it is {}, pushed since this plan was made; {} was to get it", by.short(), digest.short()))
                .now("the services were not touched")
                .next("run the same command again: it looks at what is there");
            Err(failure.into())
        }
    }
}

/// The tag of one platform's image beside that of the index.
pub(super) fn of_platform(tag: &Tag, platform: &str) -> Tag {
    Tag(format!("{tag}-{}", platform.rsplit('/').next().unwrap_or(platform)))
}
