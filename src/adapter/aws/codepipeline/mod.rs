//! The `Jobs` port: CodePipeline's queue of a custom action. Its five operations are called as JSON, without a client of the SDK.

mod artefact;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use shipit_core::codepipeline::{Answer, Success};
use shipit_core::failure::{Code, Failure};
use tokio::sync::Mutex;

use self::artefact::Place;
use super::error::{AwsError, Kind};
use super::http::Web;
use super::operation::{self, Operation};
use super::signed::{Request, Scope, send};
use crate::port::{Action, Artefact, Held, Job, Jobs, Keys, PortError, PortResult, Secret};

/// What `x-amz-target` begins with.
const TARGET: &str = "CodePipeline_20150709";
/// The largest reply that is read, in bytes.
const REPLY: usize = 8 << 20;
/// Credentials are asked for anew so long before they end.
const MARGIN: Duration = Duration::from_mins(5);

/// The queue of one custom action.
pub struct Queue {
    sdk: SdkConfig,
    web: Web,
    action: Action,
    credentials: Mutex<Option<Credentials>>,
}

impl Queue {
    /// Of the account and region of this configuration.
    pub fn new(sdk: SdkConfig, web: Web, action: Action) -> Self {
        Self { sdk, web, action, credentials: Mutex::default() }
    }

    fn region(&self) -> &str {
        self.sdk.region().map(AsRef::as_ref).unwrap_or_default()
    }

    async fn credentials(&self, operation: Operation) -> Result<Credentials, AwsError> {
        let mut kept = self.credentials.lock().await;
        let soon = SystemTime::now() + MARGIN;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.expiry().is_none_or(|end| soon < end)) {
            return Ok(kept.clone());
        }
        let none = || AwsError { operation, kind: Kind::NoCredentials { message: "no provider is set up".to_owned() } };
        let provider = self.sdk.credentials_provider().ok_or_else(none)?;
        let fresh = provider.provide_credentials().await.map_err(|error| AwsError::of_credentials(operation, &error))?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }

    async fn call(&self, operation: Operation, body: &Value) -> Result<Value, AwsError> {
        let credentials = self.credentials(operation).await?;
        let scope = Scope { credentials: &credentials, region: self.region(), service: "codepipeline" };
        let url = match endpoint(&self.sdk, "CODEPIPELINE") {
            Some(endpoint) => endpoint,
            None if self.region().starts_with("cn-") => format!("https://codepipeline.{}.amazonaws.com.cn/", self.region()),
            None => format!("https://codepipeline.{}.amazonaws.com/", self.region()),
        };
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("{TARGET}.{}", operation.name)),
        ];
        let request = Request { operation, method: "POST", url: &url, headers, body: body.to_string().into_bytes() };
        let reply = send(&self.web, &scope, request).await?;
        let status = reply.status;
        let unread = |message: String| AwsError { operation, kind: Kind::Unanswered { message } };
        let bytes = reply.bytes_within(REPLY).await.map_err(unread)?;
        let bytes = bytes.ok_or_else(|| unread(format!("a reply of more than {REPLY} bytes")))?;
        if status == 200 && bytes.is_empty() {
            return Ok(Value::Null);
        }
        let value: Result<Value, _> = serde_json::from_slice(&bytes);
        let answered =
            |code: &str, message: String| AwsError { operation, kind: Kind::Answered { status, code: code.to_owned(), message } };
        match (status, value) {
            (200, Ok(value)) => Ok(value),
            (200, Err(error)) => Err(answered("UnreadableReply", error.to_string())),
            (_, value) => {
                let value = value.unwrap_or_default();
                let code = value["__type"].as_str().unwrap_or_default();
                let message = value["message"].as_str().or_else(|| value["Message"].as_str());
                let text = String::from_utf8_lossy(&bytes).chars().take(400).collect();
                Err(answered(code.rsplit('#').next().unwrap_or(code), message.map_or(text, str::to_owned)))
            }
        }
    }
}

/// The endpoint of a service that the environment names, or that of all services.
fn endpoint(sdk: &SdkConfig, service: &str) -> Option<String> {
    let own = std::env::var(format!("AWS_ENDPOINT_URL_{service}")).ok().filter(|url| !url.is_empty());
    own.or_else(|| sdk.endpoint_url().map(str::to_owned))
}

#[async_trait]
impl Jobs for Queue {
    async fn poll(&self) -> PortResult<Option<Job>> {
        let Action { category, provider, version, query } = &self.action;
        let mut body = json!({
            "actionTypeId": {"category": category, "owner": "Custom", "provider": provider, "version": version},
            "maxBatchSize": 1,
        });
        if let Some((key, value)) = query {
            body["queryParam"] = json!({ key: value });
        }
        let reply = self.call(operation::POLL_FOR_JOBS, &body).await.map_err(|error| match error.code() {
            Some("ActionTypeNotFoundException") => unknown(&self.action).into(),
            _ => PortError::from(error),
        })?;
        Ok(reply["jobs"].as_array().and_then(|jobs| jobs.first()).map(job))
    }

    async fn take(&self, job: &Job) -> PortResult<Held> {
        match self.call(operation::ACKNOWLEDGE_JOB, &json!({"jobId": job.id, "nonce": job.nonce})).await {
            Ok(reply) if reply["status"] == "InProgress" => Ok(Held::Ours),
            Ok(_) => Ok(Held::Theirs),
            Err(error) if matches!(error.code(), Some("InvalidNonceException" | "JobNotFoundException")) => Ok(Held::Theirs),
            Err(error) => Err(error.into()),
        }
    }

    async fn file(&self, job: &Job, artefact: &Artefact, name: &str, most: usize) -> PortResult<Option<Vec<u8>>> {
        let keys = job.keys.as_ref().ok_or_else(|| {
            Failure::new(Code::NoCredentials, format!("the job has no credentials for the artefact `{}`", artefact.name))
        })?;
        let (secret, token) = (keys.secret.reveal().clone(), keys.token.reveal().clone());
        let credentials = Credentials::new(keys.id.clone(), secret, Some(token), None, "the job");
        let endpoint = endpoint(&self.sdk, "S3");
        let place = Place { web: &self.web, region: self.region(), endpoint: endpoint.as_deref() };
        artefact::file(artefact::archive(&place, &credentials, artefact).await?, name, most)
    }

    async fn answer(&self, job: &Job, answer: &Answer) -> PortResult<()> {
        let (operation, body) = said(&job.id, answer, Timestamp::now());
        match self.call(operation, &body).await {
            Ok(_) => Ok(()),
            // An answer whose reply was lost on its way has been given.
            Err(error) if error.code() == Some("InvalidJobStateException") => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn unknown(action: &Action) -> Failure {
    let Action { category, provider, version, .. } = action;
    Failure::new(Code::Usage, format!("the custom action `{provider}` of category {category}, version {version}, does not exist"))
        .because("no such action is registered in this account and region")
        .next("register it: `ShipitAction` in pipelines/codepipeline.yaml, or `aws codepipeline create-custom-action-type`")
        .next("or name another by `--provider` and `--action-version`")
}

/// The request that says it.
fn said(id: &str, answer: &Answer, now: Timestamp) -> (Operation, Value) {
    match answer {
        Answer::Success(Success { run, revision, summary, variables }) => {
            let mut body = json!({"jobId": id, "executionDetails": {"summary": summary, "percentComplete": 100}});
            if let Some(run) = run {
                body["executionDetails"]["externalExecutionId"] = json!(run);
                body["currentRevision"] = json!({
                    "revision": revision, "changeIdentifier": run, "created": now.as_second(), "revisionSummary": summary,
                });
            }
            if !variables.is_empty() {
                body["outputVariables"] = json!(variables);
            }
            (operation::PUT_JOB_SUCCESS_RESULT, body)
        }
        Answer::Later { run, summary } => {
            let details = json!({"summary": summary, "externalExecutionId": run});
            (operation::PUT_JOB_SUCCESS_RESULT, json!({"jobId": id, "continuationToken": run, "executionDetails": details}))
        }
        Answer::Failure { kind, message, run } => {
            let mut details = json!({"type": kind.word(), "message": message});
            if let Some(run) = run {
                details["externalExecutionId"] = json!(run);
            }
            (operation::PUT_JOB_FAILURE_RESULT, json!({"jobId": id, "failureDetails": details}))
        }
    }
}

fn job(value: &Value) -> Job {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = &value["data"];
    let configuration = data["actionConfiguration"]["configuration"].as_object();
    let pairs = configuration.into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
    let inputs = data["inputArtifacts"].as_array().into_iter().flatten().map(|artefact| {
        let place = &artefact["location"]["s3Location"];
        Artefact { name: text(&artefact["name"]), bucket: text(&place["bucketName"]), key: text(&place["objectKey"]) }
    });
    let keys = &data["artifactCredentials"];
    let secret = |name: &str| Secret::new(text(&keys[name]));
    let keys = keys.is_object().then(|| Keys {
        id: text(&keys["accessKeyId"]),
        secret: secret("secretAccessKey"),
        token: secret("sessionToken"),
    });
    Job {
        id: text(&value["id"]),
        nonce: text(&value["nonce"]),
        configuration: pairs.collect::<BTreeMap<_, _>>(),
        inputs: inputs.collect(),
        keys,
        continuation: data["continuationToken"].as_str().map(str::to_owned),
    }
}
