//! `shipit render`: what would be registered, on stdout.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::plan::StepKind;
use shipit_core::release::Digest;
use shipit_core::{imagedefinitions, taskdef};

use super::session::{planned, refuse};
use super::{Common, SourceArgs};
use crate::report::{self, json};

/// Print the task definition and imagedefinitions.json of a service.
#[derive(Clone, Debug, Args)]
pub struct Render {
    /// The service; may be left out where there is one
    service: Option<String>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    source: SourceArgs,
}

/// Renders.
pub async fn run(args: Render) -> Exit {
    let (session, planned) = match planned(&args.common, &args.source).await {
        Ok(both) => both,
        Err(exit) => return exit,
    };
    let digests: BTreeMap<String, Digest> =
        planned.plan.reused.iter().map(|(name, reused)| (name.clone(), reused.image.digest.clone())).collect();
    let templates: Vec<_> = planned
        .plan
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Artefacts { service, template } => Some((service, template)),
            _ => None,
        })
        .filter(|(service, _)| args.service.as_ref().is_none_or(|wanted| wanted == *service))
        .collect();
    if let Some(unknown) = args.service.as_ref().filter(|wanted| session.pipeline().service(wanted).is_none()) {
        return refuse(&[Failure::new(Code::Usage, format!("there is no service `{unknown}` in the pipeline file"))]);
    }
    let mut rendered = serde_json::Map::new();
    for (service, template) in templates {
        let unknown: Vec<&String> = template.containers.values().filter(|image| !digests.contains_key(*image)).collect();
        if let Some(image) = unknown.first() {
            let failure = Failure::new(Code::Usage, format!("`{image}` is not in the registry under this commit"))
                .because("a task definition names its images by the digest that the registry stored")
                .now("nothing was touched")
                .next("shipit push, then shipit render");
            return refuse(&[failure]);
        }
        let images = template
            .containers
            .iter()
            .filter_map(|(container, image)| {
                Some((container.as_str(), imagedefinitions::by_digest(template.repositories.get(image)?, digests.get(image)?)))
            })
            .collect::<Vec<_>>();
        let list: Vec<Value> = images.iter().map(|(name, uri)| json!({"name": name, "imageUri": uri})).collect();
        rendered
            .insert(service.clone(), json!({"taskDefinition": taskdef::render(template, &digests), "imagedefinitions": list}));
    }
    report::data(&json::pretty(&Value::Object(rendered)));
    Exit::Done
}
