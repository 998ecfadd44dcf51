//! What an image was built from: a statement of in-toto (github.com/in-toto/attestation, v1) with SLSA's provenance
//! (slsa.dev/spec/v1.0/provenance). Values of build arguments and secrets are never in it, only their names.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Subject, source};
use crate::pipeline::{Image, Name};
use crate::release::{Digest, RunId, Source, Tree};

/// The statement's type.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The predicate's type.
pub const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// How the image was built: one Dockerfile of a pipeline, by the Docker Engine that shipit asked.
const BUILD_TYPE: &str = "https://shipit.dev/build/dockerfile/v1";
/// Who is to be trusted: shipit, on whatever machine it ran. It says nothing of that machine.
const BUILDER: &str = "https://shipit.dev/builder";

/// A build, as its run knows it.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The pipeline's name.
    pub pipeline: &'a Name,
    /// What was built.
    pub image: &'a Image,
    /// Dockerfile and context relative to the source tree or to the pipeline's folder, as the file has them.
    pub context: &'a str,
    /// The hash over all that it was built from.
    pub inputs: &'a Digest,
    /// The source tree.
    pub source: &'a Source,
    /// Base images with the digests that they had.
    pub bases: &'a [(String, Digest)],
    /// The run that built it.
    pub run: &'a RunId,
    /// When the build began.
    pub started: Option<Timestamp>,
    /// When it had ended.
    pub finished: Option<Timestamp>,
    /// shipit's version.
    pub version: &'a str,
}

/// The statement.
pub fn statement(subject: Subject<'_>, build: &Build<'_>) -> Value {
    let image = build.image;
    let args: Vec<&String> = image.args.keys().collect();
    let mut parameters = json!({
        "pipeline": build.pipeline,
        "image": image.name,
        "context": build.context,
        "dockerfile": image.dockerfile,
        "args": args,
    });
    if let Some(target) = &image.target {
        parameters["target"] = json!(target);
    }
    if !image.platforms.is_empty() {
        parameters["platforms"] = json!(image.platforms);
    }
    let tree = match &build.source.tree {
        Tree::Clean => json!({"state": "clean"}),
        Tree::Dirty { content, .. } => json!({"state": "dirty", "content": content}),
        Tree::NoRepository { content, .. } => json!({"state": "no repository", "content": content}),
    };
    let bases =
        build.bases.iter().map(|(name, digest)| json!({"uri": source::image_uri(name), "digest": {"sha256": digest.hex()}}));
    let dependencies: Vec<Value> = std::iter::once(of_source(build.source)).chain(bases).collect();
    let mut metadata = json!({"invocationId": build.run});
    for (key, at) in [("startedOn", build.started), ("finishedOn", build.finished)] {
        if let Some(at) = at {
            metadata[key] = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        }
    }
    json!({
        "_type": STATEMENT,
        "subject": [{"name": subject.repository, "digest": {"sha256": subject.digest.hex()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": parameters,
                "internalParameters": {"inputs": build.inputs, "tree": tree},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"shipit": build.version}},
                "metadata": metadata,
            },
        },
    })
}

/// The commit, and where it can be had if that is known.
fn of_source(tree: &Source) -> Value {
    let mut dependency = json!({"name": "source", "digest": {"gitCommit": tree.commit}});
    if let Some(origin) = &tree.origin {
        dependency["uri"] = source::git_uri(origin, &tree.commit).into();
    }
    dependency
}
