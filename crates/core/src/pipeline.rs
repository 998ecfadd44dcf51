//! The pipeline as the user wants it: valid by construction, made by `config` from the file, its layers and the flags.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shipit_scheduler::Span;

use crate::analysis::Judge;
use crate::attest::{Attestation, Required};
use crate::gate::GatePolicy;
use crate::imagedefinitions::Given;
use crate::notify::Notify;

mod cache;
mod lines;
mod secrets;
mod traffic;

pub use cache::{Cache, Kept};
pub use lines::{Lines, Part};
pub use secrets::{Agent, NotSecret, SecretSource, Secrets};
pub use traffic::{Pause, PauseAt, Share, Shift, Steps, Traffic};

/// A name given in the pipeline file: of an image or of a service.
pub type Name = String;

/// One pipeline: its images, its gate, its services.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// `pipeline:`.
    pub name: Name,
    /// The environment laid over the file (`--env`), if any.
    pub environment: Option<String>,
    /// `region:`; none leaves it to the AWS profile and environment.
    pub region: Option<String>,
    /// `account:`: credentials of any other account are refused.
    pub account: Option<String>,
    /// `assume_role:`: a role to assume before anything else.
    pub assume_role: Option<String>,
    /// `cluster:`.
    pub cluster: String,
    /// `images:`, in the order of the file.
    pub images: Vec<Image>,
    /// Images that another stage has built: these are deployed, and nothing is built in their place.
    pub given: BTreeMap<Name, Given>,
    /// `attest:`: what is told about every image.
    pub attest: Vec<Attestation>,
    /// `gate:`.
    pub gate: GatePolicy,
    /// `verify:`: what every image must have.
    pub verify: Vec<Required>,
    /// `services:`, in the order of the file.
    pub services: Vec<Service>,
    /// `on_interrupt:`.
    pub on_interrupt: OnInterrupt,
    /// `allow_latest:`: images of other containers that may stay on a moving tag.
    pub allow_latest: Vec<String>,
    /// `notify:`: who is told how a run has ended.
    pub notify: Notify,
    /// The folder of the pipeline file: paths in it are relative to this, and `.shipit/` lives here.
    pub folder: PathBuf,
}

impl Pipeline {
    /// The image of that name.
    pub fn image(&self, name: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.name == name)
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }
}

/// What an interrupted run leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInterrupt {
    /// Everything that it moved goes back.
    #[default]
    TurnBack,
    /// What is in progress goes on in AWS; the run can be resumed.
    Leave,
    /// Nothing new is started, nothing goes back, the run is over.
    Stop,
}

/// An image that this pipeline builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its name in the file.
    pub name: Name,
    /// The build context, absolute.
    pub context: PathBuf,
    /// The Dockerfile, relative to the context.
    pub dockerfile: PathBuf,
    /// The ECR repository's name.
    pub repository: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The stage to build, if not the last.
    pub target: Option<String>,
    /// `linux/amd64`, `linux/arm64`: one build each; none is the Engine's own.
    pub platforms: Vec<String>,
    /// `secrets:`, `ssh:` and `not_secret:`.
    pub secrets: Secrets,
    /// `cache:`.
    pub cache: Cache,
    /// How its layers are kept in the registry.
    #[serde(default)]
    pub compression: Compression,
}

/// How layers are kept in a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// What every runtime reads.
    #[default]
    Gzip,
    /// Quicker to make and to unpack; what runs the image must read it (containerd 1.5, Docker Engine 23).
    Zstd,
}

/// A service of the cluster and how it is rolled out.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name in the file.
    pub name: Name,
    /// The ECS service's name; the same unless `service:` says otherwise.
    pub service: String,
    /// Services that must be deployed before.
    pub needs: Vec<Name>,
    /// Where the task definition comes from.
    pub task_definition: TaskDefinitionSource,
    /// Container name -> image name of this pipeline; empty where the task definition names all images itself.
    pub containers: BTreeMap<String, Name>,
    /// Container name -> image that another stage built, in place of the task definition's own.
    pub images: BTreeMap<String, String>,
    /// How the rollout goes.
    pub strategy: Strategy,
    /// `traffic:`: how traffic can be moved between two target groups, where the service is not wired for it yet.
    pub traffic: Option<Traffic>,
    /// `pause:`: where a person is asked.
    pub pause: Option<Pause>,
    /// `judge:`: what lets traffic move on, and what turns it back.
    pub judge: Option<Judge>,
    /// A request that must be answered as expected after the rollout.
    pub smoke: Option<Smoke>,
    /// `service_definition:`: create-service JSON, used when the service does not exist.
    pub service_definition: Option<Value>,
    /// `force_new_deployment:`.
    pub when_same: WhenSame,
    /// Where all of this is written.
    pub lines: Lines,
}

/// What becomes of a service that runs already what it would get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenSame {
    /// Nothing.
    #[default]
    Leave,
    /// It gets a revision and a rollout all the same.
    RollOut,
}

/// Where the task definition comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskDefinitionSource {
    /// A file of register-task-definition JSON, read and with its `${env:…}` filled in.
    File {
        /// The path as it stands in the pipeline file.
        path: PathBuf,
        /// Its content, untouched otherwise.
        definition: Value,
    },
    /// `running`: the one that the service runs now.
    Running,
}

/// How a service's rollout goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// ECS replaces tasks within the percents; what is not given stays as the service has it.
    Rolling {
        /// `minimumHealthyPercent`.
        minimum_percent: Option<u32>,
        /// `maximumPercent`.
        maximum_percent: Option<u32>,
    },
    /// Blue/green, canary or linear: the new version is brought up beside the old one, then traffic moves.
    Shift(Shift),
}

/// E.g. "canary 10% → 100%".
impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Strategy::Rolling { .. } => f.write_str("rolling"),
            Strategy::Shift(shift) => shift.fmt(f),
        }
    }
}

/// `smoke:`: one address that must answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smoke {
    /// The URL; `{load_balancer}` stands for the DNS name of the service's load balancer.
    pub url: String,
    /// The HTTP status expected.
    pub expect: u16,
    /// How long it may take, in milliseconds.
    #[serde(with = "span_millis")]
    pub within: Span,
}

pub(crate) mod span_millis {
    use serde::{Deserialize, Deserializer, Serializer};
    use shipit_scheduler::Span;

    pub(crate) fn serialize<S: Serializer>(span: &Span, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(span.0)
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Span, D::Error> {
        u64::deserialize(from).map(Span)
    }
}
