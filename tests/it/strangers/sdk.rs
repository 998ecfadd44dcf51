//! boto3: its waiters, and the classes of its errors.

use super::storefront::{build, log_in};
use crate::support::sandbox::TestSandbox;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_waiters_of_boto3_come_to_their_ends() {
    let sandbox = TestSandbox::with_engine("waiters", 20.0).await;
    sandbox.seed("storefront/seed.json").await;
    log_in(&sandbox).await;
    let image = build(&sandbox, "one").await;
    sandbox.docker(&["push", "--quiet", &image]).await.text();
    sandbox.python("waiters.py", &[]).await.text();
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_raises_the_exceptions_that_aws_documents() {
    let sandbox = TestSandbox::without_engine("exceptions").await;
    sandbox.python("exceptions.py", &[]).await.text();
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_makes_and_reads_roles() {
    let sandbox = TestSandbox::without_engine("roles").await;
    sandbox.python("roles.py", &[]).await.text();
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_reads_the_metrics_of_real_traffic_and_sees_an_alarm_go_off() {
    let sandbox = TestSandbox::without_engine_at("metrics", 20.0).await;
    sandbox.python("metrics.py", &[]).await.text();
    sandbox.finish().await;
}
