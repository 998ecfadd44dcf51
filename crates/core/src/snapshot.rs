//! The world before planning, as it was observed: one value, so that a plan can be made, checked and repeated.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shipit_scheduler::{Breaker, HealthSource, Percents, Span};

use crate::ancestry::Ancestry;
use crate::codedeploy::CodeDeploySeen;
use crate::content::ContentKey;
use crate::pipeline::Name;
use crate::push::Reach;
use crate::release::{DeploymentId, Digest, Revision, Source};
use crate::routing::Routing;
use crate::runtime::{Instances, Runtime};

/// Everything observed before the plan is made.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// The source tree.
    pub source: Source,
    /// The account that the credentials belong to.
    pub account: String,
    /// The region.
    pub region: String,
    /// Each image of the pipeline.
    pub images: BTreeMap<Name, ImageSeen>,
    /// Each service of the pipeline.
    pub services: BTreeMap<Name, ServiceSeen>,
    /// How the commit that each service runs stands to that of the source; none where it runs no commit that is known.
    pub ancestry: BTreeMap<Name, Ancestry>,
    /// How layers can be had from the Engine; none where nothing is pushed, or no Engine tells.
    pub reach: Option<Reach>,
    /// The container instances of the cluster, where something depends on them.
    pub instances: Instances,
}

/// An image before the run: what it would be built from, and what the registry holds of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSeen {
    /// What it would be built from.
    pub key: ContentKey,
    /// The repository.
    pub repository: RepositorySeen,
    /// What a service runs of it now; looked at only where it has to be built.
    pub running: Option<StoredImage>,
}

/// A repository, and the images under the tags of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositorySeen {
    /// It does not exist.
    Missing,
    /// It exists.
    Present {
        /// `<registry>/<name>`, without tag or digest.
        uri: String,
        /// What it holds.
        held: Stored,
    },
}

/// What a repository holds of an image before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nothing under the commit's tag, nothing under that of the content.
    Nothing,
    /// This under the commit's tag.
    OfCommit(StoredImage),
    /// This under the tag of the content, and nothing under the commit's.
    OfContent(StoredImage),
    /// This, which another stage has built: it serves whatever it was built from.
    Given(StoredImage),
}

/// An image in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredImage {
    /// The manifest's digest, as the registry stored it.
    pub digest: Digest,
    /// The labels of its config.
    pub labels: BTreeMap<String, String>,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
    /// How many tags it has.
    pub tags: usize,
    /// What it runs on, e.g. `linux/amd64`: one, or one for each child of an index.
    pub platforms: Vec<String>,
}

/// The image of one platform in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// E.g. `linux/arm64`.
    pub platform: String,
    /// Its manifest.
    pub digest: Digest,
}

/// A service before the run.
#[derive(Clone, Debug)]
pub enum ServiceSeen {
    /// It does not exist (or is INACTIVE).
    Missing,
    /// It exists.
    Present(Box<RunningService>),
}

impl ServiceSeen {
    /// The service, if it exists.
    pub fn present(&self) -> Option<&RunningService> {
        match self {
            ServiceSeen::Missing => None,
            ServiceSeen::Present(service) => Some(service),
        }
    }
}

/// A service as ECS describes it.
#[derive(Clone, Debug)]
pub struct RunningService {
    /// Its ARN.
    pub arn: String,
    /// `ACTIVE`, `DRAINING`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY`, `EXTERNAL`.
    pub controller: String,
    /// The revision it runs.
    pub revision: Revision,
    /// That revision as DescribeTaskDefinition answers it (`taskDefinition`).
    pub definition: Value,
    /// That revision's tags.
    pub tags: BTreeMap<String, String>,
    /// What runs its tasks.
    pub runtime: Runtime,
    /// Digests of the images that run, by container name, as far as tasks tell.
    pub running_digests: BTreeMap<String, Digest>,
    /// `desiredCount`.
    pub desired: u32,
    /// `runningCount`.
    pub running: u32,
    /// The percents in force.
    pub percents: Percents,
    /// The circuit breaker in force.
    pub breaker: Breaker,
    /// `deploymentConfiguration`, untouched: put back on turn-back.
    pub configuration: Value,
    /// `loadBalancers`, untouched: put back on turn-back where a rollout changes them.
    pub load_balancers: Value,
    /// The grace period.
    pub grace: Span,
    /// Which health checks exist.
    pub health: HealthSource,
    /// A deployment that is in progress now, with the revision it brings.
    pub in_progress: Option<(DeploymentId, Revision)>,
    /// The PRIMARY deployment's id.
    pub primary: Option<DeploymentId>,
    /// Its target groups and what is known of them.
    pub target_groups: Vec<TargetGroupSeen>,
    /// DNS name of its load balancer, for `{load_balancer}` in `smoke:`.
    pub load_balancer: Option<String>,
    /// Its deployment group, where CodeDeploy deploys it; none as well where no group names it.
    pub codedeploy: Option<Box<CodeDeploySeen>>,
    /// How traffic reaches it, where it is to be shifted and that was looked at.
    pub routing: Option<Box<Routing>>,
}

impl RunningService {
    /// When the revision that runs was registered: epoch seconds on the wire.
    pub fn registered_at(&self) -> Option<Timestamp> {
        let seconds = self.definition["registeredAt"].as_f64()?;
        Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
    }
}

/// A target group of a service: what its timing depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupSeen {
    /// Its ARN.
    pub arn: String,
    /// Deregistration delay.
    pub drain: Span,
    /// Health check interval.
    pub interval: Span,
    /// `HealthyThresholdCount`.
    pub healthy_threshold: u32,
}
