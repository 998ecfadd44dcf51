//! AWS behind the ports: SDK types end here.
//!
//! Reading order: [`config`] (who we are, which endpoint), [`http`] (the one HTTP client), [`operation`] (what is called, which
//! IAM action that is), [`error`], [`raw`] (ECS as untouched JSON, through [`tap`]); then one file or folder per port.

pub mod account;
pub mod cloudwatch;
pub mod codedeploy;
pub mod codepipeline;
pub mod config;
pub mod drivers;
pub mod ecr;
pub mod ecs;
pub mod error;
mod github;
pub mod herald;
pub mod http;
pub mod iam;
pub mod operation;
pub mod probe;
pub mod raw;
mod signed;
pub mod tap;

#[cfg(test)]
pub(crate) mod canned;

use shipit_core::failure::Failure;

use crate::adapter::oci::Attestations;
use crate::port::Action;

pub use config::{Credentials, Target};

/// The ports of one AWS account, region and cluster.
pub struct Aws {
    /// The registry.
    pub registry: ecr::Repositories,
    /// What is told about images.
    pub attestations: Attestations,
    /// Scan results.
    pub scans: ecr::Scanner,
    /// The services of the cluster, each by the driver of its deployment controller.
    pub service: drivers::Drivers,
    /// Revisions of task definitions.
    pub revisions: drivers::Drivers,
    /// How traffic reaches the services of the cluster.
    pub routes: ecs::Balanced,
    /// What went wrong in the cluster.
    pub evidence: drivers::Witness,
    /// Who the credentials are.
    pub account: account::Caller,
    /// Smoke requests.
    pub probe: probe::Web,
    /// Metrics and alarms.
    pub metrics: cloudwatch::CloudWatch,
    /// Whom roles trust.
    pub roles: iam::Iam,
    /// Who tells others.
    pub herald: herald::Herald,
}

/// Joins the ports of one target; nothing is asked of AWS yet, save what finding region and role needs.
///
/// # Errors
/// `NoRegion`, and `FileTrouble` for an unusable `AWS_CA_BUNDLE`. Missing credentials show at the first call.
pub async fn connect(target: &Target, cluster: &str) -> Result<Aws, Failure> {
    connect_through(http::Web::new(http::trust()?), target, cluster).await
}

/// CodePipeline's queue of a custom action.
///
/// # Errors
/// As [`connect`].
pub async fn queue(web: http::Web, target: &Target, action: Action) -> Result<codepipeline::Queue, Failure> {
    Ok(codepipeline::Queue::new(config::load(target, &web).await?, web, action))
}

/// The same by this HTTP client.
///
/// # Errors
/// As [`connect`].
pub async fn connect_through(web: http::Web, target: &Target, cluster: &str) -> Result<Aws, Failure> {
    let sdk = config::load(target, &web).await?;
    let registry = ecr::Repositories::new(&sdk, web.clone(), target.clock);
    let service = drivers::Drivers::new(&sdk, cluster, target.clock);
    Ok(Aws {
        scans: ecr::Scanner::new(&sdk),
        attestations: Attestations::new(web.clone()),
        evidence: drivers::Witness::new(ecs::StoppedTasks::new(&sdk, cluster), &service),
        revisions: service.clone(),
        routes: ecs::Balanced::new(&sdk, cluster, target.clock),
        account: account::Caller::new(&sdk),
        herald: herald::Herald::new(&sdk, web.clone()),
        probe: probe::Web::new(web),
        metrics: cloudwatch::CloudWatch::new(&sdk),
        roles: iam::Iam::new(&sdk),
        registry,
        service,
    })
}
