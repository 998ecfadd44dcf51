//! `compression: zstd` of images that this run will push: refused where it is known that it cannot be had or will not be read,
//! before anything is built; said where it is not known.

use std::collections::BTreeMap;

use super::images::{Reuse, is_built};
use super::{Plan, StepKind};
use crate::failure::{Code, Failure};
use crate::pipeline::{Compression, Image, Name, Pipeline, Service};
use crate::push::Reach;
use crate::runtime::{Reads, Runtime};
use crate::snapshot::{ImageSeen, ServiceSeen, Snapshot};

/// Whether a service on container instances is to read zstd: they have to be asked for their Docker.
pub fn needs_instances(
    pipeline: &Pipeline,
    images: &BTreeMap<Name, ImageSeen>,
    services: &BTreeMap<Name, ServiceSeen>,
    reuse: Reuse,
) -> bool {
    let on_instances = |service: &Service| {
        let seen = services.get(&service.name);
        seen.is_some_and(|seen| matches!(runtime(service, seen), Runtime::Instances { .. }))
    };
    pushed(pipeline, images, reuse).any(|image| readers(pipeline, &image.name).any(on_instances))
}

/// The images that will be pushed with zstd.
fn pushed<'a>(pipeline: &'a Pipeline, images: &'a BTreeMap<Name, ImageSeen>, reuse: Reuse) -> impl Iterator<Item = &'a Image> {
    let zstd = pipeline.images.iter().filter(|image| image.compression == Compression::Zstd);
    zstd.filter(move |image| images.get(&image.name).is_some_and(|seen| is_built(seen, reuse)))
}

/// Why zstd is refused, one for each image.
pub(super) fn refusals(pipeline: &Pipeline, snapshot: &Snapshot, reuse: Reuse) -> Vec<Failure> {
    pushed(pipeline, &snapshot.images, reuse).filter_map(|image| refusal(pipeline, snapshot, image)).collect()
}

fn refusal(pipeline: &Pipeline, snapshot: &Snapshot, image: &Image) -> Option<Failure> {
    let mut reasons = Vec::new();
    let mut remedies = vec![format!("leave `compression:` of `{}` out, or say `compression: gzip`", image.name)];
    if let Some(Reach::None { why }) = snapshot.reach {
        reasons.push(format!("the Engine pushes this image, and knows gzip alone: {why}"));
    }
    for reads in read(pipeline, snapshot, &image.name) {
        if let Reads::No { why, next } = reads {
            reasons.push(why);
            remedies.push(next);
        }
    }
    if reasons.is_empty() {
        return None;
    }
    let failure = Failure::new(Code::NoZstd, format!("`{}` cannot be shipped with `compression: zstd`", image.name));
    let failure = reasons.into_iter().fold(failure, Failure::because).now("nothing was touched");
    Some(remedies.into_iter().fold(failure, Failure::next))
}

/// What is not known of those who will read zstd.
pub fn unknown(pipeline: &Pipeline, snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let mut said = Vec::new();
    for step in &plan.steps {
        let StepKind::Build { image, .. } = &step.kind else { continue };
        if image.compression == Compression::Zstd {
            for reads in read(pipeline, snapshot, &image.name) {
                if let Reads::Unknown { why } = reads {
                    said.push(format!("`{}` is pushed with zstd, which Docker reads since 23.0; {why}", image.name));
                }
            }
        }
    }
    said
}

/// How each service that has the image reads it.
fn read<'a>(pipeline: &'a Pipeline, snapshot: &'a Snapshot, image: &'a str) -> impl Iterator<Item = Reads> {
    readers(pipeline, image).filter_map(|service| {
        let seen = snapshot.services.get(&service.name)?;
        Some(runtime(service, seen).reads_zstd(&snapshot.instances, &service.service, &pipeline.cluster))
    })
}

fn readers<'a>(pipeline: &'a Pipeline, image: &'a str) -> impl Iterator<Item = &'a Service> {
    pipeline.services.iter().filter(move |service| service.containers.values().any(|name| name == image))
}

fn runtime(service: &Service, seen: &ServiceSeen) -> Runtime {
    match (seen, &service.service_definition) {
        (ServiceSeen::Present(running), _) => running.runtime.clone(),
        (ServiceSeen::Missing, Some(definition)) => Runtime::of(definition),
        (ServiceSeen::Missing, None) => Runtime::Other,
    }
}
