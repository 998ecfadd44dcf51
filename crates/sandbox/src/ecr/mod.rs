//! The sandbox's ECR: repositories, images, scans. What is pushed lies in [`crate::registry::store`].
//!
//! Reading order: [`repository`] and [`image`] (what is known), [`put`] (the one way an image gets in, by API or by
//! push), [`mutability`] (which tags may move), [`scan`] (an image's scan as a function of time), [`watch`] (the loop that
//! looks into layers); the operations: [`repositories`], [`tags`], [`token`], [`images`], [`manifests`],
//! [`referrers`], [`layers`], [`scans`], [`scanning`], [`settings`].

pub mod findings;
pub mod image;
pub mod images;
pub mod layers;
pub mod manifest;
pub mod manifests;
pub mod mutability;
pub mod page;
pub mod put;
pub mod referrers;
pub mod repositories;
pub mod repository;
pub mod request;
pub mod scan;
pub mod scanning;
pub mod scans;
pub mod settings;
pub mod tags;
pub mod token;
pub mod watch;
pub mod wildcard;

#[cfg(test)]
pub(crate) mod stories;

use std::collections::BTreeMap;

use shipit_scheduler::Time;
use tokio::task::JoinHandle;

use crate::dispatch::Table;
use crate::loops::Loops;

/// Repositories, images, scans.
#[derive(Debug, Default)]
pub struct Ecr {
    /// By name.
    pub repositories: BTreeMap<String, repository::Repository>,
    /// What the registry scans.
    pub scanning: scanning::RegistryScanning,
    /// What else the registry is set to.
    pub settings: settings::Settings,
    /// What the registry does with the second and later chunks of an upload.
    pub later_chunks: LaterChunks,
    /// Passwords that GetAuthorizationToken gave out, and until when they are good.
    pub tokens: BTreeMap<String, Time>,
    /// Counts the additions of advisories; continuous scans look again when it has grown.
    pub edition: u64,
}

/// What the registry does with the second and later PATCH of an upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaterChunks {
    /// Appends them, as the OCI specification says.
    #[default]
    Kept,
    /// Drops them silently, as ECR does.
    Dropped,
}

/// Its operations, a table a family.
pub const TABLES: &[Table] = &[
    repositories::TABLE,
    tags::TABLE,
    mutability::TABLE,
    token::TABLE,
    images::TABLE,
    manifests::TABLE,
    referrers::TABLE,
    layers::TABLE,
    scans::TABLE,
    scanning::TABLE,
    settings::TABLE,
];

/// Starts what scans pushed images; each task ends by itself when `loops.stop` is cancelled.
pub fn start(loops: &Loops) -> Vec<JoinHandle<()>> {
    vec![tokio::spawn(watch::watch(loops.clone()))]
}
