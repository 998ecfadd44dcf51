//! The worker of a custom action of CodePipeline at a pause: the job stays in progress and says what to type, and any worker goes on.

use serde_json::{Value, json};

use super::super::deployed::application::Version;
use super::super::deployed::program::{Ended, Program};
use super::super::deployed::site::Site;
use super::super::deployed::strategy::Strategy;
use super::super::deployed::world::{Driver, World};
use super::said::{ends, steady};
use crate::codepipeline::jobs::{job, put, queue};
use crate::support::sandbox::TestSandbox;

const PAUSED: &str =
    "    strategy: { canary: { steps: [10%, 100%], bake: 1m, terminate_after: 1m } }\n    pause: [test-traffic]\n";
const COMMIT: &str = "4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a";

async fn works(folder: &std::path::Path) -> Ended {
    let arguments = ["codepipeline-worker", "--once", "--query", "Application=shop"];
    Program::begin(folder, &arguments, Version::fine(2)).ended().await
}

/// Puts the job's artefact to S3 and queues it.
async fn queued(sandbox: &TestSandbox, name: &str) -> String {
    let tagged = json!({"repositoryName": "storefront/web", "imageIds": [{"imageTag": COMMIT}]});
    let images = sandbox.call("ecr", "DescribeImages", tagged).await;
    let digest = images["imageDetails"][0]["imageDigest"].as_str().unwrap();
    let image = format!("{}/storefront/web@{digest}", sandbox.registry());
    let definitions = json!([{"name": "web", "imageUri": image}]).to_string();
    put(&sandbox.endpoint(), name, &[("imagedefinitions.json", definitions.as_bytes())]).await;
    queue(&sandbox.endpoint(), "shop", name, COMMIT).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_paused_job_stays_in_progress_and_any_worker_goes_on_with_it() {
    let world = World::begin("works", Driver::Ecs).await;
    let site = Site::new(&world, "works", 1, Strategy::Canary, PAUSED, &json!({})).await;
    let endpoint = world.sandbox.endpoint();
    let id = queued(&world.sandbox, "works.zip").await;

    // Here, again here, and on a machine that has nothing of the run: each looks once and gives the job back.
    let there = site.another_folder("there");
    let mut told = Vec::new();
    for folder in [&site.folder, &site.folder, &there] {
        let worked = ends(works(folder).await, 6);
        assert!(worked.contains("is to be asked for again: still running"), "{worked}");
        let job = job(&endpoint, &id).await;
        assert_eq!(job["result"]["failureDetails"], Value::Null, "{job}");
        told.push(steady(job["result"]["executionDetails"]["summary"].as_str().unwrap()));
        assert!(job["result"]["continuationToken"].is_string(), "{job}");
    }
    insta::assert_snapshot!("what_a_paused_job_says", told[0]);
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");

    let answered =
        Program::begin(&site.another_folder("person"), &["continue", "works", "--proceed", "--no-wait"], Version::fine(2));
    ends(answered.ended().await, 0);
    let worked = ends(works(&there).await, 0);
    assert!(worked.contains("succeeded: works: works:2 deployed"), "{worked}");
    let job = job(&endpoint, &id).await;
    assert_eq!(job["status"], "Succeeded", "{job}");
    assert!(job["result"]["currentRevision"]["revision"].as_str().unwrap().ends_with("/works:2"), "{job}");
    assert_eq!(site.revision().await, "works:2");
    world.sandbox.finish().await;
}
