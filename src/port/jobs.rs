//! Jobs that CodePipeline has for the worker of a custom action.

use std::collections::BTreeMap;

use async_trait::async_trait;
use shipit_core::codepipeline::Answer;

use super::{PortResult, Secret};

/// Whose jobs are asked for.
#[derive(Clone, Debug)]
pub struct Action {
    /// E.g. `Deploy`.
    pub category: String,
    /// The provider's name as the custom action was registered.
    pub provider: String,
    /// Its version.
    pub version: String,
    /// Only jobs whose action is configured so.
    pub query: Option<(String, String)>,
}

/// A job that is offered.
#[derive(Clone)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Proves that it was offered to us, last.
    pub nonce: String,
    /// The action's configuration.
    pub configuration: BTreeMap<String, String>,
    /// Its input artefacts.
    pub inputs: Vec<Artefact>,
    /// Opens them; none where it has none.
    pub keys: Option<Keys>,
    /// What was left for whoever is offered it again.
    pub continuation: Option<String>,
}

/// An artefact, an archive in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// Its name in the pipeline.
    pub name: String,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

/// Credentials for the artefacts of one job.
#[derive(Clone)]
pub struct Keys {
    /// The access key's id.
    pub id: String,
    /// The access key.
    pub secret: Secret<String>,
    /// The session's token.
    pub token: Secret<String>,
}

/// Whose a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Ours now.
    Ours,
    /// Another worker's.
    Theirs,
}

/// The queue.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// The next job, if there is one.
    async fn poll(&self) -> PortResult<Option<Job>>;
    /// Takes it.
    async fn take(&self, job: &Job) -> PortResult<Held>;
    /// A file at the root of an artefact, of at most so many bytes; none where it is not in there.
    async fn file(&self, job: &Job, artefact: &Artefact, name: &str, most: usize) -> PortResult<Option<Vec<u8>>>;
    /// Answers it.
    async fn answer(&self, job: &Job, answer: &Answer) -> PortResult<()>;
}
