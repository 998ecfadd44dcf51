//! What the engine asks of the world, in the words of the domain: small traits, one consistent world behind them.

mod attestations;
mod clock;
mod denied;
mod error;
mod herald;
mod jobs;
mod lock;
mod metrics;
mod revisions;
mod roles;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use serde_json::Value;
use shipit_core::ancestry::Ancestry;
use shipit_core::codedeploy::Alarms;
use shipit_core::content::ContentKey;
use shipit_core::dossier::{LogPlace, Stop, TargetGroup};
use shipit_core::event::Progress;
use shipit_core::gate::{Detail, ImageScan};
use shipit_core::inventory::Inventory;
use shipit_core::journal::{Book, Entry, Head};
use shipit_core::leak::Leak;
use shipit_core::pipeline::{Compression, Image, Shift};
use shipit_core::push::{PushedBy, Reach};
use shipit_core::release::{Commit, DeploymentId, Digest, Revision, RunId, Source as SourceTree, Tag};
use shipit_core::rollout::Answer;
use shipit_core::runtime::Instance;
use shipit_core::settled::{Begun, Evidence as Sight, HookId};
use shipit_core::snapshot::{Child, RepositorySeen, ServiceSeen, StoredImage};

pub use attestations::Attestations;
pub use clock::Clock;
pub use denied::statement;
pub use error::PortError;
pub use herald::{BusEvent, Herald};
pub use jobs::{Action, Artefact, Held, Job, Jobs, Keys};
pub use lock::{Holder, Process, Ships, Taken};
pub use metrics::{Metrics, Watched};
pub use revisions::{RevisionSeen, Revisions, Standing};
pub use roles::Roles;
pub use routes::Routes;

/// A result of a port.
pub type PortResult<T> = Result<T, PortError>;

/// Where a long step tells how far it is.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// A value that must never be shown: no `Debug`, no `Display`, no `Serialize`.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a secret.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself, for the one call that needs it.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

/// A login for a registry.
#[derive(Clone)]
pub struct Login {
    /// Host and port of the registry, without scheme.
    pub server: String,
    /// `AWS` for ECR.
    pub username: String,
    /// The token.
    pub password: Secret<String>,
}

/// What the user said about the source on the command line.
#[derive(Clone, Debug, Default)]
pub struct SourceWish {
    /// `--commit`.
    pub commit: Option<String>,
    /// `--allow-dirty`.
    pub dirty: Dirty,
}

/// Whether a dirty tree may be shipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dirty {
    /// It is refused.
    #[default]
    Refuse,
    /// It is shipped under a tag that says so.
    Allow,
}

/// The source tree and its commit.
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads commit and state of the tree that holds `folder`; without a repository the hash covers `contexts`.
    async fn read(&self, folder: &Path, contexts: &[Image], wish: &SourceWish) -> PortResult<SourceTree>;
    /// How the commit that runs stands to ours, as the repository that holds `folder` knows it.
    async fn ancestry(&self, folder: &Path, ours: &Commit, running: &Commit) -> PortResult<Ancestry>;
}

/// An image that was built and lies in the local Engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltImage {
    /// The Engine's id of it.
    pub id: String,
    /// Steps that were run, not taken from the cache.
    pub ran: u32,
    /// Steps in all.
    pub steps: u32,
    /// `BuildKit` or `classic builder`.
    pub builder: &'static str,
}

/// A search for secrets in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// What was found.
    pub leaks: Vec<Leak>,
    /// Secrets of the build whose value is too short to be looked for.
    pub too_short: Vec<String>,
}

/// A push that the registry took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedImage {
    /// The digest that the registry stored.
    pub digest: Digest,
    /// Bytes sent.
    pub sent: u64,
    /// Who pushed it.
    pub by: PushedBy,
}

/// Builds images and pushes them.
#[async_trait]
pub trait Builder: Send + Sync {
    /// What it would be built from; `logins` open the registries of private base images.
    async fn key(&self, image: &Image, logins: &[Login]) -> PortResult<ContentKey>;
    /// Builds it of exactly what its key was made of: of anything else it builds nothing (`SHIP311`).
    async fn build(&self, wish: &BuildWish<'_>, tell: Tell<'_>) -> PortResult<BuiltImage>;
    /// Searches the built image of that name for secrets: the values that its build was given, in every layer and in the
    /// configuration, and what looks like a secret, in the configuration and in the layers above the base image.
    async fn leaks(&self, image: &Image, name: &str) -> PortResult<Searched>;
    /// How layers of images can be had from the Engine, as far as that shows before there is one; none where no Engine tells.
    async fn reach(&self) -> Option<Reach>;
    /// What is installed in the image of that name, which lies in the Engine.
    async fn inventory(&self, name: &str) -> PortResult<Inventory>;
    /// Pushes `<repository>:<tag>`, its layers kept so.
    async fn push(
        &self,
        repository: &str,
        tag: &Tag,
        compression: Compression,
        login: &Login,
        tell: Tell<'_>,
    ) -> PortResult<PushedImage>;
}

/// What is to be built.
#[derive(Clone, Copy)]
pub struct BuildWish<'a> {
    /// Of what, and how.
    pub image: &'a Image,
    /// The one of its platforms; none is the Engine's own.
    pub platform: Option<&'a str>,
    /// `<registry>/<repository>:<tag>`.
    pub name: &'a str,
    /// The labels it gets.
    pub labels: &'a BTreeMap<String, String>,
    /// What it was when it was looked at, with the base images that it is built on.
    pub key: &'a ContentKey,
    /// These open the registries of private base images.
    pub logins: &'a [Login],
}

/// Whether the registry holds an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does no more.
    No,
    /// The image is of another registry, which was not asked.
    Elsewhere,
}

/// What became of a tag that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// The image has it, now or before.
    Yes,
    /// It is another image's, and stays there.
    Taken {
        /// That image.
        by: Digest,
    },
}

/// The registry's side: what is there.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The repository, the image under `tag`, and where that is free the one under `source`, the tag of its content.
    async fn look(&self, repository: &str, tag: &Tag, source: Option<&Tag>) -> PortResult<RepositorySeen>;
    /// The image of that digest, if it is there.
    async fn image(&self, repository: &str, digest: &Digest) -> PortResult<Option<StoredImage>>;
    /// Adds a tag to an image that is there, without moving a byte; a tag that is another image's is never moved.
    async fn tag(&self, repository: &str, digest: &Digest, tag: &Tag) -> PortResult<Tagged>;
    /// The images of an index, attestation manifests left out; none where the digest is one image.
    async fn children(&self, repository: &str, digest: &Digest) -> PortResult<Vec<Child>>;
    /// Joins images that are there in an index under `tag`; the digest of the index.
    async fn join(&self, repository: &str, children: &[Child], tag: &Tag) -> PortResult<Digest>;
    /// A login that is valid now.
    async fn login(&self) -> PortResult<Login>;
    /// Whether the image that a container names is still there.
    async fn holds(&self, image: &str) -> PortResult<Holds>;
    /// A login other than `refused`, which the registry takes no longer, whatever its date says.
    async fn login_anew(&self, refused: &Login) -> PortResult<Login>;
}

/// Scan results.
#[async_trait]
pub trait Scans: Send + Sync {
    /// What is known of the image's scan; of an index, of the scan of each of its images. An image that is not there has no scan.
    async fn look(&self, repository: &str, digest: &Digest, wish: ScanWish) -> PortResult<Vec<ImageScan>>;
}

/// How an image's scans are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanWish {
    /// How much of the findings is read.
    pub detail: Detail,
    /// Whether a scan is asked for.
    pub ask: Ask,
}

/// Whether a scan is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// If there was none, and nothing scans the repository by itself.
    IfUnknown,
    /// Also if there was one, for it is too old.
    Anew,
    /// Never: somebody else's image is only looked at.
    Never,
}

/// A change of a service that is about to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The ECS service's name.
    pub service: String,
    /// The revision to run.
    pub revision: Revision,
    /// `deploymentConfiguration` to send; null leaves it as it is.
    pub configuration: Value,
    /// `loadBalancers` to send; null leaves them as they are.
    pub load_balancers: Value,
    /// create-service JSON, when the service does not exist yet.
    pub create: Option<Value>,
    /// How CodeDeploy shall move traffic; none leaves it to the service's deployment group. ECS is told by `configuration`.
    pub shift: Option<Shift>,
    /// Which alarms CodeDeploy shall heed. ECS is told by `configuration`.
    pub alarms: Alarms,
    /// Who asks: kept with the deployment where the platform takes a description (CodeDeploy).
    pub asker: Asker,
}

/// The run that asks for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// It.
    pub run: RunId,
    /// What it ships.
    pub commit: Commit,
}

/// How a deployment is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopType {
    /// ECS rolls it back.
    Rollback,
    /// Its tasks stay as they are. The API has the word; that it is granted is not documented.
    Abort,
}

/// Services of one cluster.
#[async_trait]
pub trait Service: Send + Sync {
    /// The service as it stands, with its definition, digests, target groups: everything the plan and the wait need.
    async fn look(&self, service: &str) -> PortResult<ServiceSeen>;
    /// The container instances of the cluster that take tasks.
    async fn instances(&self) -> PortResult<Vec<Instance>>;
    /// The newest revision of a family, if it was registered by that run.
    async fn registered(&self, family: &str, run: &RunId) -> PortResult<Option<Revision>>;
    /// Registers a task definition revision; the JSON goes out untouched.
    async fn register(&self, definition: &Value) -> PortResult<Revision>;
    /// Asks for the change; answers the handle by which its deployment is followed.
    async fn begin(&self, change: &Change) -> PortResult<Begun>;
    /// Sets the service's `deploymentConfiguration` and nothing else: no deployment follows of it.
    async fn configure(&self, service: &str, configuration: &Value) -> PortResult<()>;
    /// How the deployment stands that `begun` names.
    async fn follow(&self, begun: &Begun) -> PortResult<Sight>;
    /// The deployment of the service that is in progress now, whoever asked for it.
    async fn current(&self, service: &str) -> PortResult<Option<Begun>>;
    /// Answers an open hook of the deployment; one that is answered already is no error.
    async fn proceed(&self, begun: &Begun, hook: &HookId, answer: Answer) -> PortResult<()>;
    /// Stops the deployment in progress; `Conflict`-like refusals mean it has ended already.
    async fn stop(&self, begun: &Begun, how: StopType) -> PortResult<()>;
}

/// Facts about what goes wrong, while it goes wrong: ECS forgets a stopped task after about an hour.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// Tasks of that deployment that stopped, whatever for; those in `known` are left out.
    async fn stopped(&self, service: &str, deployment: &DeploymentId, known: &BTreeSet<String>) -> PortResult<Vec<Stop>>;
    /// A revision as DescribeTaskDefinition answers it (`taskDefinition`).
    async fn definition(&self, revision: &Revision) -> PortResult<Value>;
    /// The target groups of a service with the health of their targets; none where it has no load balancer.
    async fn target_groups(&self, service: &str) -> PortResult<Vec<TargetGroup>>;
    /// The last lines of a log stream, oldest first; none where there is no such stream (yet).
    async fn log(&self, place: &LogPlace, stream: &str) -> PortResult<Vec<String>>;
}

/// Who the credentials are.
#[async_trait]
pub trait Account: Send + Sync {
    /// The account id and the region in force.
    async fn whoami(&self) -> PortResult<(String, String)>;
}

/// Where runs are written down.
#[async_trait]
pub trait Store: Send + Sync {
    /// Takes the lock of the folder until this process ends; `by` and `doing` are what others read meanwhile.
    async fn claim(&self, by: &str, doing: &str) -> PortResult<Taken>;
    /// Opens a run: its folder, and its journal's first line.
    async fn open(&self, head: &Head) -> PortResult<()>;
    /// Opens the journal of an earlier run to go on with it, and reads it. Nobody else can open it from then on.
    async fn reopen(&self, run: &RunId) -> PortResult<Book>;
    /// Reads the journal of a run that someone may be writing.
    async fn read(&self, run: &RunId) -> PortResult<Book>;
    /// All runs that have a journal, newest first.
    async fn runs(&self) -> PortResult<Vec<RunId>>;
    /// Takes in the journal of a run from elsewhere; what is known of that run already must be its beginning.
    async fn adopt(&self, journal: &str) -> PortResult<RunId>;
    /// Appends one fact, on disk before this returns.
    async fn record(&self, run: &RunId, entry: &Entry) -> PortResult<()>;
    /// `.shipit/build.json`, if it is there.
    async fn handed_over(&self) -> PortResult<Option<String>>;
    /// Writes `.shipit/build.json`, whole or not at all.
    async fn hand_over(&self, text: &str) -> PortResult<()>;
    /// Writes an artefact below `artifacts/`, whole or not at all; answers its path relative to the pipeline's folder.
    async fn artefact(&self, path: &Path, content: &[u8]) -> PortResult<String>;
}

/// Asks a URL once.
#[async_trait]
pub trait Probe: Send + Sync {
    /// The HTTP status answered to a GET with these headers. `${env:…}` in their values is filled in as they go out, and what
    /// is filled in is in no error: a header that cannot be sent is `Refused`.
    async fn get(&self, url: &str, headers: &[(String, String)]) -> PortResult<u16>;
}

/// All ports of one target: AWS, the sandbox, or the fake world of the tests.
pub struct Ports {
    /// The source tree.
    pub source: Box<dyn Source>,
    /// The Engine.
    pub builder: Box<dyn Builder>,
    /// The registry.
    pub registry: Box<dyn Registry>,
    /// What is told about images.
    pub attestations: Box<dyn Attestations>,
    /// Scan results.
    pub scans: Box<dyn Scans>,
    /// Services.
    pub service: Box<dyn Service>,
    /// Revisions of task definitions.
    pub revisions: Box<dyn Revisions>,
    /// How traffic reaches services.
    pub routes: Box<dyn Routes>,
    /// What went wrong.
    pub evidence: Box<dyn Evidence>,
    /// Who we are.
    pub account: Box<dyn Account>,
    /// Journal and artefacts.
    pub store: Box<dyn Store>,
    /// Smoke requests.
    pub probe: Box<dyn Probe>,
    /// Metrics and alarms.
    pub metrics: Box<dyn Metrics>,
    /// Whom roles trust.
    pub roles: Box<dyn Roles>,
}
