//! The one place where ports meet adapters: AWS, or the sandbox, which is reached by its endpoint URL alone.

pub mod lock;
pub mod sandbox;
mod who;

use std::path::PathBuf;

use jiff::Timestamp;
use shipit_core::failure::Failure;
use shipit_core::pipeline::Pipeline;
use shipit_sandbox::endpoints::Endpoints;

use crate::adapter::aws::http::{Web, trust};
use crate::adapter::aws::{self, Credentials};
use crate::adapter::docker::Docker;
use crate::adapter::files::Files;
use crate::adapter::git::{Environment, Git};
use crate::port::{Action, Clock, Herald, Jobs, Ports, Secret};

pub use who::who;

/// What a command is carried out against.
#[derive(Clone, Debug)]
pub enum Target {
    /// AWS, with credentials found as the AWS CLI finds them.
    Aws {
        /// The profile.
        profile: Option<String>,
    },
    /// The sandbox of the pipeline file in this folder.
    Sandbox {
        /// The folder of the pipeline file.
        folder: PathBuf,
    },
}

/// The joined world.
pub struct Connected {
    /// All ports.
    pub ports: Ports,
    /// AWS's time.
    pub clock: Clock,
    /// Who tells others how a run has ended.
    pub herald: Box<dyn Herald>,
}

/// Joins the ports of a target.
///
/// # Errors
/// The sandbox does not start, no region is known, no Engine answers, `.shipit/` cannot be made.
pub async fn connect(target: &Target, pipeline: &Pipeline) -> Result<Connected, Failure> {
    let target = reached(target, pipeline).await?;
    let clock = target.clock;
    let web = Web::new(trust()?);
    let aws = aws::connect_through(web.clone(), &target, &pipeline.cluster).await?;
    let cache = Files::cache(&pipeline.folder);
    let ports = Ports {
        source: Box::new(Git::new(Environment::of_process())),
        builder: Box::new(Docker::when_needed().remembering(cache.clone()).pushing(web, cache)),
        registry: Box::new(aws.registry),
        attestations: Box::new(aws.attestations),
        scans: Box::new(aws.scans),
        service: Box::new(aws.service),
        revisions: Box::new(aws.revisions),
        routes: Box::new(aws.routes),
        evidence: Box::new(aws.evidence),
        account: Box::new(aws.account),
        store: Box::new(Files::open(&pipeline.folder)?),
        probe: Box::new(aws.probe),
        metrics: Box::new(aws.metrics),
        roles: Box::new(aws.roles),
    };
    Ok(Connected { ports, clock, herald: Box::new(aws.herald) })
}

/// Joins CodePipeline's queue of a custom action.
///
/// # Errors
/// The sandbox does not start, or no region is known.
pub async fn jobs(target: &Target, pipeline: &Pipeline, action: Action) -> Result<(Box<dyn Jobs>, Clock), Failure> {
    let target = reached(target, pipeline).await?;
    let queue = aws::queue(Web::new(trust()?), &target, action).await?;
    Ok((Box::new(queue), target.clock))
}

async fn reached(target: &Target, pipeline: &Pipeline) -> Result<aws::Target, Failure> {
    Ok(match target {
        Target::Aws { profile } => aws::Target {
            region: pipeline.region.clone(),
            profile: profile.clone(),
            assume_role: pipeline.assume_role.clone(),
            ..aws::Target::default()
        },
        Target::Sandbox { .. } => in_sandbox(&sandbox::join_or_start(pipeline, &sandbox::Wish::default()).await?),
    })
}

fn in_sandbox(endpoints: &Endpoints) -> aws::Target {
    let clock = endpoints.clock;
    let now = i64::try_from(clock.now().0).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    aws::Target {
        region: Some(endpoints.region.clone()),
        profile: None,
        assume_role: None,
        endpoint: Some(endpoints.endpoint.clone()),
        credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
        clock: Clock::starting(now.unwrap_or_else(Timestamp::now), clock.factor),
    }
}

/// Where the Engine answers, for the sandbox's tasks; none when no Engine does.
pub async fn engine_host() -> Option<String> {
    Docker::when_needed().host().await.ok()
}
