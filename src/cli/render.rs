//! `shipit render`: what would be registered, on stdout; or the files that other deploy stages read.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use shipit_core::artefacts::{Written, unchanged};
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::imagedefinitions;
use shipit_core::pipeline::Name;
use shipit_core::plan::StepKind;
use shipit_core::release::Digest;
use shipit_core::taskdef;

use super::built::BuiltArgs;
use super::session::{Planned, Session, planned, refuse};
use super::{Common, SourceArgs};
use crate::engine::artefacts::put;
use crate::report::{self, json};

/// Print the task definition and imagedefinitions.json of a service.
#[derive(Clone, Debug, Args)]
pub struct Render {
    /// The service; all of them, if left out
    service: Option<String>,
    /// Write the files that other deploy stages read below `.shipit/artifacts/`, as a deploy does, and print their names
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    built: BuiltArgs,
}

/// Renders.
pub async fn run(args: Render) -> Exit {
    match rendered(args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn rendered(args: Render) -> Result<Exit, Exit> {
    let (session, planned) = planned(&args.common, &args.source, &args.built).await?;
    if let Some(unknown) = args.service.as_ref().filter(|wanted| session.pipeline().service(wanted).is_none()) {
        return Err(refuse(&[Failure::new(Code::Usage, format!("there is no service `{unknown}` in the pipeline file"))]));
    }
    let digests: BTreeMap<Name, Digest> =
        planned.plan.reused.iter().map(|(name, reused)| (name.clone(), reused.image.digest.clone())).collect();
    let services = written(&session, &planned, args.service.as_deref());
    let images = services.iter().flat_map(|(_, written)| written.template.containers.values());
    if let Some(image) = images.clone().find(|image| !digests.contains_key(*image)) {
        let failure = Failure::new(Code::Usage, format!("`{image}` is not in the registry under this commit"))
            .because("a task definition names its images by the digest that the registry stored")
            .now("nothing was touched")
            .next("shipit push, then shipit render");
        return Err(refuse(&[failure]));
    }
    if args.write {
        let store = session.connected.ports.store.as_ref();
        for (service, written) in &services {
            let paths = put(store, session.pipeline(), service, written, &digests, &planned.plan.tag).await;
            let paths = paths.map_err(|failure| refuse(&[failure]))?;
            paths.iter().for_each(|path| report::data(path));
        }
        return Ok(Exit::Done);
    }
    let shown = services.iter().map(|(service, written)| (service.clone(), shown(written, &digests)));
    report::data(&json::pretty(&Value::Object(shown.collect())));
    Ok(Exit::Done)
}

/// What is rendered of each service, whether there is something to deploy of it or not.
fn written(session: &Session, planned: &Planned, wanted: Option<&str>) -> Vec<(Name, Written)> {
    let changed = planned.plan.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Artefacts { service, written } => Some((service.clone(), written.clone())),
        _ => None,
    });
    let same = planned
        .plan
        .unchanged
        .keys()
        .filter_map(|service| Some((service.clone(), unchanged(session.pipeline(), &planned.snapshot, service)?)));
    changed.chain(same).filter(|(service, _)| wanted.is_none_or(|wanted| wanted == service)).collect()
}

fn shown(written: &Written, digests: &BTreeMap<Name, Digest>) -> Value {
    let Written { template, appspec } = written;
    let images = template.containers.iter().filter_map(|(container, image)| {
        let uri = imagedefinitions::by_digest(template.repositories.get(image)?, digests.get(image)?);
        Some(json!({"name": container, "imageUri": uri}))
    });
    let mut shown = json!({"taskDefinition": taskdef::render(template, digests), "imagedefinitions": images.collect::<Vec<_>>()});
    if let Some(appspec) = appspec {
        shown["appspec"] = json!(appspec.yaml());
    }
    shown
}
