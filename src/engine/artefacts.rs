//! The files that other deploy stages read, put where they look for them.

use std::collections::BTreeMap;
use std::path::Path;

use shipit_core::artefacts::{Written, files};
use shipit_core::event::StepResult;
use shipit_core::failure::{Code, Failure};
use shipit_core::imagedefinitions::{LIMIT, Which};
use shipit_core::journal::Output;
use shipit_core::pipeline::{Name, Pipeline};
use shipit_core::release::{Digest, Tag};

use super::step::{Doing, Done, StepEnd};
use crate::port::Store;

/// Writes the artefacts of a service below `artifacts/<service>/`; the combined file only where there is one service.
pub async fn write(doing: &Doing<'_>, service: &str, written: &Written) -> Result<Done, StepEnd> {
    let (store, pipeline) = (doing.context.ports.store.as_ref(), doing.context.pipeline);
    let paths = put(store, pipeline, service, written, &doing.digests(), &doing.plan.tag).await?;
    Ok(Done { output: Output::Written { files: paths.clone() }, result: StepResult::Written { files: paths } })
}

/// The same outside of a run; answers the paths, relative to the pipeline's folder.
///
/// # Errors
/// A file that would be too large for CodePipeline, or cannot be written.
pub async fn put(
    store: &dyn Store,
    pipeline: &Pipeline,
    service: &str,
    written: &Written,
    digests: &BTreeMap<Name, Digest>,
    tag: &Tag,
) -> Result<Vec<String>, Failure> {
    // What another stage built has the tag that it was named by, if any.
    let tags = |image: &str| match pipeline.given.get(image).map(|given| &given.which) {
        None => Some(tag.clone()),
        Some(Which::Tag(tag)) => Some(tag.clone()),
        Some(Which::Digest(_)) => None,
    };
    let files = files(written, digests, tags).map_err(|size| {
        Failure::new(Code::FileTrouble, format!("`imagedefinitions.json` of `{service}` would be {size} bytes"))
            .because(format!("CodePipeline reads at most {LIMIT} bytes"))
    })?;
    let mut paths = Vec::new();
    for (path, content) in &files {
        paths.push(store.artefact(&Path::new(service).join(path), content).await?);
        if pipeline.services.len() == 1 && path == "imagedefinitions.json" {
            paths.push(store.artefact(Path::new(path), content).await?);
        }
    }
    Ok(paths)
}
