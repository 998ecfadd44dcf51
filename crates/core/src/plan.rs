//! What will be done, in which order, and why: data, made by [`plan()`], carried out without further choices.

mod against;
mod attested;
mod body;
mod images;
mod leftover;
mod make;
mod refusal;
mod roll;
mod wiring;
pub mod zstd;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ancestry::Forced;
use crate::artefacts::Written;
use crate::attest::{Attestation, Required};
use crate::content::ContentKey;
use crate::event::{PlannedStep, Work};
use crate::pipeline::{Image, Name, Smoke};
use crate::push::Expected;
use crate::release::{Digest, Revision, Source, Tag};
use crate::snapshot::StoredImage;

pub use body::Body;
pub(crate) use body::{JUDGED, stages, terminate_after};
pub use images::{Reuse, is_built};
pub use leftover::{End, Leftover, hooks_left, leftover, may_leave, without_hooks};
pub use make::{is_same, plan};
pub use roll::{Driver, Live, Roll, Wired, Wiring};
pub use wiring::wiring;

/// The label that carries the commit.
pub const REVISION_LABEL: &str = "org.opencontainers.image.revision";

/// A step's name in its plan, e.g. `build backend`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

impl StepId {
    /// What facts about the run as a whole are about.
    pub fn run() -> Self {
        Self("run".to_owned())
    }

    /// The step that registers a service's revision.
    pub fn register(service: &str) -> Self {
        Self(format!("register {service}"))
    }

    /// The step that rolls a service out.
    pub fn roll(service: &str) -> Self {
        Self(format!("roll {service}"))
    }
}

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that a run will do. It makes no choices: they are all made here, with their reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The pipeline's name.
    pub pipeline: Name,
    /// The cluster.
    pub cluster: String,
    /// The source tree.
    pub source: Source,
    /// The tag of every image of this run.
    pub tag: Tag,
    /// Images that the registry has already, by name: not built, not pushed.
    pub reused: BTreeMap<Name, Reused>,
    /// Services that run the wanted definition already, with their revision.
    pub unchanged: BTreeMap<Name, Revision>,
    /// Steps in topological order.
    pub steps: Vec<Step>,
    /// A person lets an older commit replace a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<Forced>,
}

/// An image that is not built, because the registry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reused {
    /// It.
    pub image: StoredImage,
    /// `<registry>/<name>`.
    #[serde(default)]
    pub repository: String,
    /// How it is known to be the same.
    pub because: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// Steps that must have succeeded before.
    pub needs: Vec<StepId>,
    /// What it does.
    pub kind: StepKind,
    /// Why it is here.
    pub because: String,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepKind {
    /// Builds an image.
    Build {
        /// What to build.
        image: Box<Image>,
        /// What it is built from: labels of the image.
        key: ContentKey,
        /// `<registry>/<name>`.
        repository: String,
    },
    /// Pushes it.
    Push {
        /// The image's name.
        image: Name,
        /// `<registry>/<name>`.
        repository: String,
        /// The platforms whose images are joined in an index; none where it is one image.
        index: Vec<String>,
        /// The tag by which its content is found again; none where it must not or cannot have one.
        source: Option<Tag>,
        /// Which way it will go; none where no Engine told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<Expected>,
    },
    /// Adds a tag to an image that the registry has.
    Tag {
        /// The image's name.
        image: Name,
        /// The ECR repository's name.
        repository: String,
        /// Which image.
        digest: Digest,
        /// The tag.
        tag: Tag,
    },
    /// Waits for its scan and judges it.
    Gate {
        /// The image's name.
        image: Name,
        /// The ECR repository's name.
        repository: String,
        /// What runs in its place now, where only what is new counts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        against: Vec<Digest>,
    },
    /// Attaches what is told about it.
    Attest {
        /// The image's name.
        image: Name,
        /// `<registry>/<name>`.
        repository: String,
        /// What.
        wanted: Vec<Attestation>,
    },
    /// Demands what must be told about it.
    Verify {
        /// The image's name.
        image: Name,
        /// `<registry>/<name>`.
        repository: String,
        /// What.
        required: Vec<Required>,
    },
    /// Writes imagedefinitions.json, imageDetail.json and the rendered task definition of a service.
    Artefacts {
        /// The service's name in the file.
        service: Name,
        /// What is written.
        #[serde(flatten)]
        written: Written,
    },
    /// Registers a revision, unless the running one is the same.
    Register {
        /// The service's name in the file.
        service: Name,
        /// What is rendered.
        template: Template,
        /// The revision that runs.
        running: Option<Revision>,
    },
    /// Rolls it out and waits until it has settled.
    Roll(Box<Roll>),
    /// Asks the smoke URL.
    Smoke {
        /// The service's name in the file.
        service: Name,
        /// What to ask.
        smoke: Smoke,
        /// DNS name of the load balancer, if the URL needs it.
        load_balancer: Option<String>,
    },
}

/// A task definition before the images of this run are filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Register-task-definition JSON.
    pub definition: Value,
    /// Container name -> image name of this pipeline.
    pub containers: BTreeMap<String, Name>,
    /// The repository of each of these images.
    pub repositories: BTreeMap<Name, String>,
}

impl Plan {
    /// Nothing to do: every image is there, every service runs the wanted definition.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The rollouts, in the order of the steps.
    pub fn rolls(&self) -> impl Iterator<Item = (&StepId, &Roll)> {
        self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Roll(roll) => Some((&step.id, &**roll)),
            _ => None,
        })
    }

    /// `<registry>/<name>` of every image that it is about.
    pub fn repositories(&self) -> BTreeMap<Name, String> {
        let reused = self.reused.iter().map(|(name, reused)| (name.clone(), reused.repository.clone()));
        let steps = self.steps.iter().flat_map(|step| match &step.kind {
            StepKind::Build { image, repository, .. } => vec![(image.name.clone(), repository.clone())],
            StepKind::Push { image, repository, .. } => vec![(image.clone(), repository.clone())],
            StepKind::Artefacts { written: Written { template, .. }, .. } | StepKind::Register { template, .. } => {
                template.repositories.clone().into_iter().collect()
            }
            _ => Vec::new(),
        });
        reused.chain(steps).collect()
    }

    /// The plan as a person reads it: what is reused, then the steps.
    pub fn listing(&self) -> Vec<PlannedStep> {
        let reused = self.reused.iter().map(|(name, reused)| PlannedStep {
            step: StepId(format!("build {name}")),
            verb: "build".into(),
            subject: name.clone(),
            because: reused.because.clone(),
            work: Work::Reused,
        });
        let unchanged = self.unchanged.iter().map(|(name, revision)| PlannedStep {
            step: StepId(format!("roll {name}")),
            verb: "roll".into(),
            subject: name.clone(),
            because: format!("{} runs already", revision.short()),
            work: Work::Reused,
        });
        let steps = self.steps.iter().map(|step| PlannedStep {
            step: step.id.clone(),
            verb: step.kind.verb().into(),
            subject: step.kind.subject().into(),
            because: step.because.clone(),
            work: Work::ToDo,
        });
        reused.chain(steps).chain(unchanged).collect()
    }
}

impl StepKind {
    /// The verb a person reads.
    pub fn verb(&self) -> &'static str {
        match self {
            StepKind::Build { .. } => "build",
            StepKind::Push { .. } => "push",
            StepKind::Tag { .. } => "tag",
            StepKind::Gate { .. } => "gate",
            StepKind::Attest { .. } => "attest",
            StepKind::Verify { .. } => "verify",
            StepKind::Artefacts { .. } => "artefacts",
            StepKind::Register { .. } => "register",
            StepKind::Roll(_) => "roll",
            StepKind::Smoke { .. } => "smoke",
        }
    }

    /// The image or service it is about.
    pub fn subject(&self) -> &str {
        match self {
            StepKind::Build { image, .. } => &image.name,
            StepKind::Push { image, .. } | StepKind::Tag { image, .. } | StepKind::Gate { image, .. } => image,
            StepKind::Attest { image, .. } | StepKind::Verify { image, .. } => image,
            StepKind::Artefacts { service, .. } | StepKind::Register { service, .. } | StepKind::Smoke { service, .. } => service,
            StepKind::Roll(roll) => &roll.service,
        }
    }
}
