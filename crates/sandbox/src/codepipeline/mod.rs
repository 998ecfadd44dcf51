//! The sandbox's CodePipeline, as the worker of a custom action meets it: jobs that are polled, acknowledged and answered.
//! Pipelines are not played: a test puts a job on the queue by the admin API, with the artefacts that lie in [`crate::s3`].

mod operations;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::sealed::Sealed;
use crate::state::State;

/// Its operations.
pub const TABLES: &[Table] = &[operations::TABLE];

/// Jobs, oldest first.
#[derive(Debug, Default)]
pub struct CodePipeline {
    jobs: Vec<Job>,
}

/// A job of a custom action.
#[derive(Debug)]
struct Job {
    id: String,
    /// `actionTypeId`, as it was registered.
    action: Value,
    /// `actionConfiguration.configuration`.
    configuration: Value,
    inputs: Vec<Input>,
    status: Status,
    /// Of the last poll that offered it: only who holds this may acknowledge it.
    nonce: Option<String>,
    /// What the worker wants to be told when it is offered again.
    continuation: Option<String>,
    /// What the worker has answered, last.
    result: Value,
    access_key: String,
    secret: Sealed,
    token: Sealed,
}

/// An input artefact.
#[derive(Debug)]
struct Input {
    name: String,
    bucket: String,
    key: String,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Queued,
    Dispatched,
    InProgress,
    Succeeded,
    Failed,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Queued => "Queued",
            Status::Dispatched => "Dispatched",
            Status::InProgress => "InProgress",
            Status::Succeeded => "Succeeded",
            Status::Failed => "Failed",
        }
    }
}

impl State {
    /// Puts a job on the queue: `{"actionTypeId", "configuration", "inputArtifacts": [{"name", "bucketName", "objectKey"}]}`.
    /// Answers its id.
    ///
    /// # Errors
    /// What is missing.
    pub fn queue_job(&mut self, job: &Value) -> Result<String, String> {
        let text = |value: &Value, member: &str| {
            value[member]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| format!("`{member}` is missing"))
        };
        let action = &job["actionTypeId"];
        for member in ["category", "owner", "provider", "version"] {
            text(action, member)?;
        }
        let inputs = job["inputArtifacts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let input =
            |input| Ok(Input { name: text(input, "name")?, bucket: text(input, "bucketName")?, key: text(input, "objectKey")? });
        let inputs = inputs.iter().map(input).collect::<Result<Vec<_>, String>>()?;
        let number = self.next();
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        self.codepipeline.jobs.push(Job {
            id: id.clone(),
            action: action.clone(),
            configuration: if job["configuration"].is_object() { job["configuration"].clone() } else { json!({}) },
            inputs,
            status: Status::Queued,
            nonce: None,
            continuation: None,
            result: Value::Null,
            access_key: format!("ASIAJOB{number:013}"),
            secret: Sealed::new(format!("secret-of-job-{number}")),
            token: Sealed::new(format!("token-of-job-{number}")),
        });
        Ok(id)
    }

    /// All jobs, with what their worker has answered, for whoever put them there.
    pub fn jobs(&self) -> Value {
        let shown = |job: &Job| json!({"id": job.id, "status": job.status.name(), "result": job.result});
        self.codepipeline.jobs.iter().map(shown).collect()
    }

    /// The access key is that of a job's artefact credentials, shown with their session token, and the object is an artefact of
    /// that job. None where it is no job's.
    pub(crate) fn job_may_read(&self, access_key: &str, token: &str, bucket: &str, key: &str) -> Option<bool> {
        let job = self.codepipeline.jobs.iter().find(|job| job.access_key == access_key)?;
        let is_input = job.inputs.iter().any(|input| input.bucket == bucket && input.key == key);
        Some(is_input && job.token.open() == token)
    }
}
