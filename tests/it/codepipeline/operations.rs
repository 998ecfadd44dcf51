//! Each operation by botocore's own client.

use crate::support::sandbox::TestSandbox;

#[tokio::test(flavor = "multi_thread")]
async fn botocore_calls_every_operation_and_reads_artefacts() {
    let sandbox = TestSandbox::without_engine("codepipeline").await;
    sandbox.python("codepipeline.py", &[]).await.text();
    let jobs = sandbox.jobs();
    assert_eq!((&jobs[0]["status"], &jobs[1]["status"]), (&"Succeeded".into(), &"Failed".into()), "{jobs}");
    assert_eq!(jobs[1]["result"]["failureDetails"]["message"], "SHIP204: it was turned back");
    let record = std::fs::read_to_string(sandbox.folder().join("exchanges.jsonl")).unwrap();
    assert!(!record.contains("secret-of-job") && !record.contains("token-of-job"), "credentials are not recorded");
    sandbox.finish().await;
}
