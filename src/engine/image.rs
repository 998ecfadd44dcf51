//! An image from its sources into the registry: built, then pushed.

use std::collections::BTreeMap;

use shipit_core::event::{Event, StepResult};
use shipit_core::journal::Output;
use shipit_core::leak;
use shipit_core::pipeline::Image;
use shipit_core::plan::{INPUTS_LABEL, REVISION_LABEL};
use shipit_core::release::Digest;

use super::step::{Doing, Done, StepEnd};

/// How often a push asks for a new login: each lasts for hours, so more would mean that it is something else.
const RENEWALS: u32 = 2;

/// Builds an image, with the labels by which it is known again.
///
/// # Errors
/// Why it cannot be built.
pub async fn build(doing: &Doing<'_>, image: &Image, inputs: &Digest, repository: &str) -> Result<Done, StepEnd> {
    let source = &doing.plan.source;
    let mut labels =
        BTreeMap::from([(INPUTS_LABEL.to_owned(), inputs.0.clone()), (REVISION_LABEL.to_owned(), source.commit.0.clone())]);
    labels.extend(source.origin.clone().map(|origin| ("org.opencontainers.image.source".to_owned(), origin)));
    labels.extend(source.committed_at.map(|at| ("org.opencontainers.image.created".to_owned(), at.to_string())));
    let login = doing.patiently(async || doing.context.ports.registry.login().await).await?;
    let name = format!("{repository}:{}", doing.plan.tag);
    let tell = |progress| doing.progress(progress);
    let built = doing.context.ports.builder.build(image, &name, &labels, &[login], &tell).await?;
    keep_secrets(doing, image, &name).await?;
    let result = StepResult::Built { ran: built.ran, steps: built.steps, builder: built.builder.to_owned() };
    Ok(Done { output: Output::Built, result })
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

/// Pushes what was built, with a new login where one ends meanwhile.
///
/// # Errors
/// Why the registry does not take it.
pub async fn push(doing: &Doing<'_>, repository: &str) -> Result<Done, StepEnd> {
    let ports = doing.context.ports;
    let mut login = doing.patiently(async || ports.registry.login().await).await?;
    let tell = |progress| doing.progress(progress);
    let mut renewals = 0;
    let pushed = loop {
        let push = async || ports.builder.push(repository, &doing.plan.tag, &login, &tell).await;
        match doing.patiently(push).await {
            // What was pushed before the login ended stays: the next push sends the rest.
            Err(error) if error.is_expired() && renewals < RENEWALS => {
                renewals += 1;
                login = doing.patiently(async || ports.registry.login_anew(&login).await).await?;
            }
            other => break other?,
        }
    };
    let result = StepResult::Pushed { digest: pushed.digest.clone(), sent: pushed.sent };
    Ok(Done { output: Output::Pushed { digest: pushed.digest }, result })
}
