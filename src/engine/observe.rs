//! The world before planning, read once: everything that the plan decides on, and every read that the wait will need.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join};
use shipit_core::ancestry::Ancestry;
use shipit_core::failure::Failure;
use shipit_core::pipeline::{Image, Service};
use shipit_core::release::{Commit, Tag};
use shipit_core::snapshot::{ImageSeen, ServiceSeen, Snapshot};

use super::Context;
use super::wait::patiently;
use crate::port::{PortError, SourceWish};

/// Observes.
///
/// # Errors
/// Every failure of every read, so that all missing permissions are named at once.
pub async fn observe(context: &Context<'_>, wish: &SourceWish) -> Result<Snapshot, Vec<Failure>> {
    let ports = context.ports;
    let pipeline = context.pipeline;
    let throttled = PortError::is_throttled;
    let whoami = patiently(context.clock, "whoami", throttled, async || ports.account.whoami().await);
    let (source, (account, region)) = try_join(ports.source.read(&pipeline.folder, &pipeline.images, wish), whoami)
        .await
        .map_err(|error| vec![untouched(error.into())])?;
    let tag = source.tag();
    let images = join_all(pipeline.images.iter().map(|image| look_at_image(context, image, &tag)));
    let services = join_all(pipeline.services.iter().map(|service| look_at_service(context, service)));
    let (images, services) = futures_util::future::join(images, services).await;
    let (images, mut failures) = split(images);
    let (services, more) = split(services);
    failures.extend(more);
    let ancestry = join_all(services.iter().map(|(name, seen)| look_at_commits(context, &source.commit, name, seen))).await;
    let (ancestry, more) = split(ancestry.into_iter().flatten().collect());
    failures.extend(more);
    if failures.is_empty() {
        Ok(Snapshot { at: context.clock.now(), source, account, region, images, services, ancestry })
    } else {
        Err(failures)
    }
}

/// Observes the services alone.
///
/// # Errors
/// Every failure of every read.
pub async fn services(context: &Context<'_>) -> Result<BTreeMap<String, ServiceSeen>, Vec<Failure>> {
    let looks = context.pipeline.services.iter().map(|service| look_at_service(context, service));
    let (seen, failures) = split(join_all(looks).await);
    if failures.is_empty() { Ok(seen) } else { Err(failures) }
}

async fn look_at_image(context: &Context<'_>, image: &Image, tag: &Tag) -> Result<(String, ImageSeen), Failure> {
    let ports = context.ports;
    let look = patiently(context.clock, &image.repository, PortError::is_throttled, async || {
        ports.registry.look(&image.repository, tag).await
    });
    let (inputs, repository) = try_join(ports.builder.inputs(image), look).await?;
    Ok((image.name.clone(), ImageSeen { inputs, repository }))
}

async fn look_at_service(context: &Context<'_>, service: &Service) -> Result<(String, ServiceSeen), Failure> {
    let look = async || context.ports.service.look(&service.service).await;
    let seen = patiently(context.clock, &service.service, PortError::is_throttled, look).await?;
    Ok((service.name.clone(), seen))
}

/// How the commit that the service runs stands to ours.
async fn look_at_commits(
    context: &Context<'_>,
    ours: &Commit,
    name: &str,
    seen: &ServiceSeen,
) -> Option<Result<(String, Ancestry), Failure>> {
    let running = Commit(seen.present()?.tags.get("shipit:commit")?.clone());
    let found = context.ports.source.ancestry(&context.pipeline.folder, ours, &running).await;
    Some(found.map(|ancestry| (name.to_owned(), ancestry)).map_err(Failure::from))
}

fn split<T>(results: Vec<Result<(String, T), Failure>>) -> (BTreeMap<String, T>, Vec<Failure>) {
    let mut seen = BTreeMap::new();
    let mut failures: Vec<Failure> = Vec::new();
    for result in results {
        match result {
            Ok((name, value)) => {
                seen.insert(name, value);
            }
            Err(failure) if !failures.contains(&failure) => failures.push(failure),
            Err(_) => {}
        }
    }
    (seen, failures.into_iter().map(untouched).collect())
}

fn untouched(failure: Failure) -> Failure {
    failure.in_full(["nothing was touched".to_owned()])
}
