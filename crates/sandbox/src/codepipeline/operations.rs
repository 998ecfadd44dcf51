//! PollForJobs, AcknowledgeJob, GetJobDetails, PutJobSuccessResult, PutJobFailureResult.

use serde_json::{Value, json};

use super::{Job, Status};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

pub(super) const TABLE: Table = &[
    ("PollForJobs", poll),
    ("AcknowledgeJob", acknowledge),
    ("GetJobDetails", details),
    ("PutJobSuccessResult", succeed),
    ("PutJobFailureResult", fail),
];

const FAILURES: &[&str] =
    &["JobFailed", "ConfigurationError", "PermissionError", "RevisionOutOfSync", "RevisionUnavailable", "SystemUnavailable"];

/// A job that nobody has acknowledged is offered again, with another nonce: then the one before is worth nothing.
fn poll(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let wanted = &body["actionTypeId"];
    for member in ["category", "owner", "provider", "version"] {
        required(wanted, member, &format!("actionTypeId.{member}"))?;
    }
    let most = match &body["maxBatchSize"] {
        Value::Null => 1,
        given => given.as_u64().filter(|most| *most > 0).ok_or_else(|| invalid("maxBatchSize", "greater than or equal to 1"))?,
    };
    let query = body["queryParam"].as_object();
    let number = state.next();
    let account = state.account.clone();
    let arn = state.arn("codepipeline", "sandbox");
    let jobs = &mut state.codepipeline.jobs;
    if !jobs.iter().any(|job| job.action == *wanted) {
        let text = format!(
            "ActionType (Category: '{}', Provider: '{}', Owner: '{}', Version: '{}') is not available",
            word(&wanted["category"]),
            word(&wanted["provider"]),
            word(&wanted["owner"]),
            word(&wanted["version"])
        );
        return Err(AwsError::new("ActionTypeNotFoundException", text));
    }
    let asked = |job: &Job| query.is_none_or(|query| query.iter().all(|(key, value)| job.configuration[key] == *value));
    let free = |job: &&mut Job| matches!(job.status, Status::Queued | Status::Dispatched) && job.action == *wanted && asked(job);
    let offered = jobs.iter_mut().filter(free).take(usize::try_from(most).unwrap_or(usize::MAX)).map(|job| {
        job.status = Status::Dispatched;
        let nonce = format!("{number}");
        job.nonce = Some(nonce.clone());
        json!({"id": job.id, "data": job.data(&arn), "nonce": nonce, "accountId": account})
    });
    let offered: Vec<Value> = offered.collect();
    Ok(json!({ "jobs": offered }))
}

fn acknowledge(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let nonce = required(&body, "nonce", "nonce")?;
    let job = job(state, &body)?;
    if job.nonce.as_deref() != Some(nonce) {
        return Err(AwsError::new("InvalidNonceException", "The provided nonce is invalid"));
    }
    if job.status == Status::Dispatched {
        job.status = Status::InProgress;
    }
    Ok(json!({"status": job.status.name()}))
}

fn details(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let account = state.account.clone();
    let arn = state.arn("codepipeline", "sandbox");
    let job = job(state, &body)?;
    Ok(json!({"jobDetails": {"id": job.id, "data": job.data(&arn), "accountId": account}}))
}

fn succeed(state: &mut State, body: Value) -> Result<Value, AwsError> {
    if let Some(revision) = body.get("currentRevision").filter(|revision| !revision.is_null()) {
        required(revision, "revision", "currentRevision.revision")?;
        required(revision, "changeIdentifier", "currentRevision.changeIdentifier")?;
    }
    let continuation = body["continuationToken"].as_str().map(str::to_owned);
    let variables = body["outputVariables"].as_object();
    if continuation.is_some() && variables.is_some() {
        return Err(AwsError::new("ValidationException", "Output variables cannot be set with a continuation token"));
    }
    let job = in_progress(state, &body)?;
    job.status = if continuation.is_some() { Status::Queued } else { Status::Succeeded };
    job.continuation = continuation;
    job.result = without_id(body);
    Ok(Value::Null)
}

fn fail(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let details = &body["failureDetails"];
    let kind = required(details, "type", "failureDetails.type")?;
    if !FAILURES.contains(&kind) {
        return Err(invalid("failureDetails.type", &format!("one of {FAILURES:?}")));
    }
    if required(details, "message", "failureDetails.message")?.chars().count() > 5000 {
        return Err(invalid("failureDetails.message", "of length less than or equal to 5000"));
    }
    let job = in_progress(state, &body)?;
    job.status = Status::Failed;
    job.result = without_id(body);
    Ok(Value::Null)
}

impl Job {
    fn data(&self, pipeline: &str) -> Value {
        let inputs = self.inputs.iter().map(|input| {
            json!({"name": input.name, "location": {"type": "S3", "s3Location": {"bucketName": input.bucket, "objectKey": input.key}}})
        });
        json!({
            "actionTypeId": self.action,
            "actionConfiguration": {"configuration": self.configuration},
            "pipelineContext": {
                "pipelineName": "sandbox", "stage": {"name": "Deploy"},
                "action": {"name": "Deploy", "actionExecutionId": self.id},
                "pipelineArn": pipeline, "pipelineExecutionId": self.id,
            },
            "inputArtifacts": inputs.collect::<Vec<_>>(),
            "outputArtifacts": [],
            "artifactCredentials": {
                "accessKeyId": self.access_key, "secretAccessKey": self.secret.open(), "sessionToken": self.token.open(),
            },
            "continuationToken": self.continuation,
        })
    }
}

fn job<'a>(state: &'a mut State, body: &Value) -> Result<&'a mut Job, AwsError> {
    let id = required(body, "jobId", "jobId")?;
    let found = state.codepipeline.jobs.iter_mut().find(|job| job.id == id);
    found.ok_or_else(|| AwsError::new("JobNotFoundException", format!("Job with ID {id} was not found")))
}

fn in_progress<'a>(state: &'a mut State, body: &Value) -> Result<&'a mut Job, AwsError> {
    let job = job(state, body)?;
    match job.status {
        Status::InProgress => Ok(job),
        other => {
            let text = format!("Job with ID {} is in the state {}, and must be InProgress", job.id, other.name());
            Err(AwsError::new("InvalidJobStateException", text))
        }
    }
}

fn without_id(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("jobId");
    }
    body
}

fn required<'a>(body: &'a Value, member: &str, shown: &str) -> Result<&'a str, AwsError> {
    let missing = || {
        let text =
            format!("1 validation error detected: Value at '{shown}' failed to satisfy constraint: Member must not be null");
        AwsError::new("ValidationException", text)
    };
    body[member].as_str().filter(|text| !text.is_empty()).ok_or_else(missing)
}

fn invalid(member: &str, wanted: &str) -> AwsError {
    let text = format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must be {wanted}");
    AwsError::new("ValidationException", text)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
