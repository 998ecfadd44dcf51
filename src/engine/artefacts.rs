//! The files that other deploy stages read: imagedefinitions.json, imageDetail.json, the rendered task definition.

use std::path::{Path, PathBuf};

use serde_json::Value;
use shipit_core::event::StepResult;
use shipit_core::failure::{Code, Failure};
use shipit_core::imagedefinitions::{LIMIT, by_digest, image_detail, imagedefinitions};
use shipit_core::journal::Output;
use shipit_core::plan::Template;
use shipit_core::taskdef;

use super::step::{Doing, Done, StepEnd};

/// Writes the artefacts of a service below `artifacts/<service>/`; the combined file only where there is one service.
pub async fn write(doing: &Doing<'_>, service: &str, template: &Template) -> Result<Done, StepEnd> {
    let digests = doing.digests();
    let folder = PathBuf::from(service);
    let in_definition = taskdef::containers(&template.definition);
    let mut images: Vec<(&str, String)> = Vec::new();
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for (container, image) in template.containers.iter().filter(|(container, _)| in_definition.contains(&container.as_str())) {
        if let (Some(repository), Some(digest)) = (template.repositories.get(image), digests.get(image)) {
            images.push((container, by_digest(repository, digest)));
            let detail = image_detail(repository, digest, &doing.plan.tag);
            files.push((folder.join(container).join("imageDetail.json"), pretty(&detail)));
        }
    }
    let definitions = imagedefinitions(images).map_err(|size| {
        Failure::new(Code::FileTrouble, format!("`imagedefinitions.json` of `{service}` would be {size} bytes"))
            .because(format!("CodePipeline reads at most {LIMIT} bytes"))
    })?;
    files.push((folder.join("imagedefinitions.json"), definitions.clone().into_bytes()));
    files.push((folder.join("taskdef.json"), pretty(&taskdef::render(template, &digests))));
    if doing.context.pipeline.services.len() == 1 {
        files.push((PathBuf::from("imagedefinitions.json"), definitions.into_bytes()));
    }
    let mut written = Vec::new();
    for (path, content) in &files {
        written.push(doing.context.ports.store.artefact(Path::new(path), content).await?);
    }
    Ok(Done { output: Output::Written { files: written.clone() }, result: StepResult::Written { files: written } })
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}
