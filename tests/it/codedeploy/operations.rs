//! Each operation by botocore's own client.

use crate::support::sandbox::TestSandbox;

#[tokio::test(flavor = "multi_thread")]
async fn botocore_calls_every_operation() {
    let sandbox = TestSandbox::without_engine_at("codedeploy", 20.0).await;
    sandbox.seed("storefront/codedeploy.seed.json").await;
    sandbox.python("codedeploy.py", &[]).await.text();
    sandbox.finish().await;
}
