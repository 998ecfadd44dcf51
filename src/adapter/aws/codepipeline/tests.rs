//! The queue against canned replies: what goes out, signed how, and what replies come to.

use shipit_core::codepipeline::FailureKind;
use shipit_core::release::RunId;

use super::*;
use crate::adapter::aws::canned::{Canned, Reply};
use crate::adapter::aws::http::{Trust, Web};
use crate::port::PortError;

fn queue(server: &Canned) -> Queue {
    let action = Action {
        category: "Deploy".into(),
        provider: "shipit".into(),
        version: "1".into(),
        query: Some(("App".into(), "shop".into())),
    };
    Queue::new(server.sdk(1), Web::new(Trust::System), action)
}

fn offered() -> Value {
    json!({"jobs": [{"id": "job-1", "nonce": "3", "accountId": "123456789012", "data": {
        "actionConfiguration": {"configuration": {"FileName": "images.json"}},
        "inputArtifacts": [{"name": "built", "location": {"type": "S3", "s3Location": {"bucketName": "b", "objectKey": "k/x.zip"}}}],
        "artifactCredentials": {"accessKeyId": "ASIAJOB", "secretAccessKey": "s3cret", "sessionToken": "t0ken"},
        "continuationToken": null, "fromTheFuture": [1],
    }}]})
}

#[tokio::test]
async fn a_job_is_polled_by_its_action_and_its_artefact_read_by_its_own_credentials() {
    let server = Canned::start(|asked| match (asked.operation(), asked.path.as_str()) {
        ("PollForJobs", _) => Reply::ok(offered()),
        ("AcknowledgeJob", _) => Reply::ok(r#"{"status":"InProgress"}"#),
        ("", "/b/k/x.zip") => Reply::ok("no archive"),
        other => panic!("{other:?}"),
    })
    .await;
    let queue = queue(&server);
    let job = queue.poll().await.unwrap().unwrap();
    assert_eq!(
        (job.id.as_str(), job.configuration["FileName"].as_str(), job.continuation.as_deref()),
        ("job-1", "images.json", None)
    );
    assert_eq!(queue.take(&job).await.unwrap(), Held::Ours);
    let refused = queue.file(&job, &job.inputs[0], "images.json", 10).await.unwrap_err();
    assert_eq!(Failure::from(refused).what, "the archive is refused");
    let asked = server.asked();
    assert_eq!(
        asked[0].json(),
        json!({"actionTypeId": {"category": "Deploy", "owner": "Custom", "provider": "shipit", "version": "1"}, "maxBatchSize": 1,
            "queryParam": {"App": "shop"}})
    );
    assert_eq!(asked[0].header("x-amz-target"), "CodePipeline_20150709.PollForJobs");
    assert!(asked[0].header("authorization").contains("/us-east-1/codepipeline/aws4_request"));
    assert_eq!(asked[1].json(), json!({"jobId": "job-1", "nonce": "3"}));
    let signed = asked[2].header("authorization");
    assert!(signed.contains("Credential=ASIAJOB/") && signed.contains("/us-east-1/s3/aws4_request"), "{signed}");
    assert_eq!(asked[2].header("x-amz-security-token"), "t0ken");
    assert_eq!(asked[2].header("x-amz-content-sha256").len(), 64);
}

#[tokio::test]
async fn another_worker_s_job_is_left_to_it() {
    for code in ["InvalidNonceException", "JobNotFoundException"] {
        let server = Canned::start(move |_| Reply::error(code, "no")).await;
        let job = job(&offered()["jobs"][0]);
        assert_eq!(queue(&server).take(&job).await.unwrap(), Held::Theirs);
    }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (code, wanted) in [
        ("ActionTypeNotFoundException", "the custom action `shipit` of category Deploy, version 1, does not exist"),
        ("AccessDeniedException", "AWS denies `codepipeline:PollForJobs`: no"),
        ("ThrottlingException", "AWS throttles `codepipeline:PollForJobs`"),
    ] {
        let server = Canned::start(move |_| Reply::error(code, "no")).await;
        let Err(error) = queue(&server).poll().await else { panic!("{code}") };
        assert_eq!(error.to_string(), wanted);
    }
    let server =
        Canned::start(|_| Reply::status(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")).await;
    let job = job(&offered()["jobs"][0]);
    let denied = queue(&server).file(&job, &job.inputs[0], "x", 10).await.unwrap_err();
    assert!(matches!(denied, PortError::Denied { ref action, .. } if action == "s3:GetObject"), "{denied}");
}

#[tokio::test]
async fn an_artefact_that_is_too_large_is_not_read() {
    let server = Canned::start(|_| Reply::ok("x".repeat(artefact::LARGEST + 1))).await;
    let job = job(&offered()["jobs"][0]);
    let error = Failure::from(queue(&server).file(&job, &job.inputs[0], "x", 10).await.unwrap_err());
    assert!(error.because[0].contains("at most 33554432 bytes are read"), "{error:?}");
}

#[test]
fn answers_are_codepipeline_s_own() {
    let run = || RunId("run-1".to_owned());
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    let success = Success {
        run: Some(run()),
        revision: "arn:aws:ecs:eu:1:task-definition/web:8".into(),
        summary: "web: web:8 deployed".into(),
        variables: BTreeMap::from([("Run".to_owned(), "run-1".to_owned())]),
    };
    let (operation, body) = said("job-1", &Answer::Success(success), now);
    assert_eq!(operation.name, "PutJobSuccessResult");
    assert_eq!(
        body,
        json!({"jobId": "job-1",
            "currentRevision": {"revision": "arn:aws:ecs:eu:1:task-definition/web:8", "changeIdentifier": "run-1",
                "created": 1_790_000_000, "revisionSummary": "web: web:8 deployed"},
            "executionDetails": {"summary": "web: web:8 deployed", "externalExecutionId": "run-1", "percentComplete": 100},
            "outputVariables": {"Run": "run-1"}})
    );
    let (operation, body) = said("job-1", &Answer::Later { run: run(), summary: "still".into() }, now);
    assert_eq!(operation.name, "PutJobSuccessResult");
    assert_eq!(
        body,
        json!({"jobId": "job-1", "continuationToken": "run-1",
            "executionDetails": {"summary": "still", "externalExecutionId": "run-1"}})
    );
    let failure = Answer::Failure { kind: FailureKind::PermissionError, message: "SHIP503".into(), run: None };
    let (operation, body) = said("job-1", &failure, now);
    assert_eq!(operation.name, "PutJobFailureResult");
    assert_eq!(body, json!({"jobId": "job-1", "failureDetails": {"type": "PermissionError", "message": "SHIP503"}}));
}
