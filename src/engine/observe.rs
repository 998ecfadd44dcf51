//! The world before planning, read once: everything that the plan decides on, and every read that the wait will need.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join_all, try_join};
use shipit_core::ancestry::Ancestry;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Image, Service, Strategy};
use shipit_core::plan::{Reuse, is_built, zstd};
use shipit_core::release::{Commit, Digest, Tag};
use shipit_core::routing::Routing;
use shipit_core::runtime::Instances;
use shipit_core::snapshot::{ImageSeen, RepositorySeen, RunningService, ServiceSeen, Snapshot, Stored};
use shipit_core::taskdef;

use super::wait::patiently;
use super::{Context, given};
use crate::port::{PortError, SourceWish};

/// Observes; `reuse` says what will be built.
///
/// # Errors
/// Every failure of every read, so that all missing permissions are named at once.
pub async fn observe(context: &Context<'_>, wish: &SourceWish, reuse: Reuse) -> Result<Snapshot, Vec<Failure>> {
    let ports = context.ports;
    let pipeline = context.pipeline;
    let throttled = PortError::is_throttled;
    let whoami = patiently(context.clock, "whoami", throttled, async || ports.account.whoami().await);
    let services = join_all(pipeline.services.iter().map(|service| look_at_service(context, service)));
    let (source, account, region, images, services) = if pipeline.given.is_empty() {
        let (source, (account, region)) = try_join(ports.source.read(&pipeline.folder, &pipeline.images, wish), whoami)
            .await
            .map_err(|error| vec![untouched(error.into())])?;
        let tag = source.tag();
        let images = join_all(pipeline.images.iter().map(|image| look_at_image(context, image, &tag)));
        let (images, services) = join(images, services).await;
        (source, account, region, split(images), split(services))
    } else {
        let (account, region) = whoami.await.map_err(|error| vec![untouched(error.into())])?;
        let images = join_all(pipeline.images.iter().map(|image| look_at_given(context, image)));
        let (images, services) = join(images, services).await;
        let (images, services) = (split(images), split(services));
        if !images.1.is_empty() {
            return Err([images.1, services.1].concat());
        }
        let source = given::source(context, wish, images.0.values()).await.map_err(|failure| vec![untouched(failure)])?;
        (source, account, region, images, services)
    };
    let (images, mut failures) = images;
    let (services, more) = services;
    failures.extend(more);
    let images = join_all(images.into_iter().map(|(name, seen)| look_at_what_runs(context, name, seen, &services))).await;
    let images: BTreeMap<String, ImageSeen> = images.into_iter().collect();
    let ancestry = join_all(services.iter().map(|(name, seen)| look_at_commits(context, &source.commit, name, seen))).await;
    let (ancestry, more) = split(ancestry.into_iter().flatten().collect());
    failures.extend(more);
    if failures.is_empty() {
        let reach = if images.values().any(|seen| is_built(seen, reuse)) { ports.builder.reach().await } else { None };
        let instances = match zstd::needs_instances(pipeline, &images, &services, reuse) {
            true => look_at_instances(context).await,
            false => Instances::NotAsked,
        };
        Ok(Snapshot { at: context.clock.now(), source, account, region, images, services, ancestry, reach, instances })
    } else {
        Err(failures)
    }
}

/// What cannot be read is said by the review: it is asked for one question alone.
async fn look_at_instances(context: &Context<'_>) -> Instances {
    let look = async || context.ports.service.instances().await;
    match patiently(context.clock, "container instances", PortError::is_throttled, look).await {
        Ok(all) => Instances::Listed(all),
        Err(error) => Instances::Unknown { why: error.to_string() },
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
    let throttled = PortError::is_throttled;
    let login = patiently(context.clock, &image.repository, throttled, async || ports.registry.login().await).await?;
    let key = ports.builder.key(image, &[login]).await?;
    let source = key.tag();
    let look = async || ports.registry.look(&image.repository, tag, source.as_ref()).await;
    let repository = patiently(context.clock, &image.repository, throttled, look).await?;
    Ok((image.name.clone(), ImageSeen { key, repository, running: None }))
}

async fn look_at_given(context: &Context<'_>, image: &Image) -> Result<(String, ImageSeen), Failure> {
    let unnamed = || Failure::new(Code::Unexpected, format!("image `{}` is not among those that are given", image.name));
    let given = context.pipeline.given.get(&image.name).ok_or_else(unnamed)?;
    Ok((image.name.clone(), given::look(context, image, given).await?))
}

/// What a service runs of an image that has to be built, so that the plan can say what is new. It is for the words alone: what
/// cannot be had is left out.
async fn look_at_what_runs(
    context: &Context<'_>,
    name: String,
    seen: ImageSeen,
    services: &BTreeMap<String, ServiceSeen>,
) -> (String, ImageSeen) {
    let RepositorySeen::Present { uri, held: Stored::Nothing } = &seen.repository else { return (name, seen) };
    let runs = context.pipeline.services.iter().find_map(|service| {
        let (container, _) = service.containers.iter().find(|(_, image)| **image == name)?;
        let running = services.get(&service.name)?.present()?;
        let (_, image) = taskdef::images(&running.definition).into_iter().find(|(known, _)| known == container)?;
        Some(Digest(image.strip_prefix(uri)?.strip_prefix('@')?.to_owned()))
    });
    let (Some(digest), Some(image)) = (runs, context.pipeline.images.iter().find(|image| image.name == name)) else {
        return (name, seen);
    };
    let running = context.ports.registry.image(&image.repository, &digest).await.ok().flatten();
    (name, ImageSeen { running, ..seen })
}

async fn look_at_service(context: &Context<'_>, service: &Service) -> Result<(String, ServiceSeen), Failure> {
    let look = async || context.ports.service.look(&service.service).await;
    let mut seen = patiently(context.clock, &service.service, PortError::is_throttled, look).await?;
    if let ServiceSeen::Present(running) = &mut seen {
        running.routing = routing(context, service, running).await?.map(Box::new);
    }
    Ok((service.name.clone(), seen))
}

/// How traffic reaches a service that is to be shifted; nothing for any other. What CodeDeploy shifts is described by its
/// deployment group, which comes with the service: of that only the alarms are looked at here.
///
/// # Errors
/// AWS could not be asked.
pub async fn routing(context: &Context<'_>, service: &Service, running: &RunningService) -> Result<Option<Routing>, Failure> {
    let throttled = PortError::is_throttled;
    let look = async || context.ports.routes.routing(&service.service, running, service.traffic.as_ref()).await;
    let mut routing = match (&service.strategy, running.controller.as_str()) {
        (Strategy::Shift(_), "ECS") => patiently(context.clock, &service.service, throttled, look).await?,
        (Strategy::Shift(_), "CODE_DEPLOY") => Routing::default(),
        _ => return Ok(None),
    };
    let names = guards(service, running);
    let look = async || context.ports.metrics.alarms(&names).await;
    // No names would ask for all alarms of the account.
    let none = names.is_empty();
    let mut found = if none { BTreeMap::new() } else { patiently(context.clock, &service.service, throttled, look).await? };
    routing.alarms = names.iter().map(|name| (name.clone(), found.remove(name))).collect();
    for role in routing.asked_roles() {
        let look = async || context.ports.roles.trusted_services(&role).await;
        match patiently(context.clock, &service.service, throttled, look).await {
            Ok(trusted) => drop(routing.roles.insert(role.clone(), Some(trusted))),
            Err(PortError::NotFound { .. }) => drop(routing.roles.insert(role.clone(), None)),
            // Whom a role trusts is not read by every deployer: ECS will tell.
            Err(PortError::Denied { .. } | PortError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(routing))
}

/// Alarms that would guard the deployment: the judge's, and those that the service, or its deployment group, heeds already.
fn guards(service: &Service, running: &RunningService) -> Vec<String> {
    let own = &running.configuration["alarms"];
    let heeded = own["alarmNames"].as_array().into_iter().flatten().filter(|_| own["enable"] == true);
    let judged = service.judge.iter().flat_map(|judge| judge.alarms.iter().cloned());
    let of_group = running.codedeploy.iter().flat_map(|group| group.alarms.iter().cloned());
    let heeded = heeded.filter_map(|name| name.as_str()).map(str::to_owned).filter(|_| running.controller == "ECS");
    let names: BTreeSet<String> = heeded.chain(of_group).chain(judged).collect();
    names.into_iter().collect()
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
