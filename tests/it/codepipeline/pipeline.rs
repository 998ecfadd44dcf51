//! From the build to the answered job: the buildspec's commands where there is no `.git`, its artefact in S3, the worker.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::jobs;
use super::template::buildspec;
use crate::support::PATIENCE;
use crate::together::stage::{Ended, Stage, ended};

/// As CodeBuild names it.
const COMMIT: &str = "c0dec0dec0dec0dec0dec0dec0dec0dec0dec0de";
const WORKER: [&str; 5] = ["codepipeline-worker", "--once", "--sandbox", "--query", "Application=shop"];

/// The commands of the phases, in CodeBuild's order, as one shell runs them until the first that fails.
fn commands() -> String {
    let buildspec = buildspec();
    let phases = ["install", "pre_build", "build", "post_build"].map(|phase| buildspec["phases"][phase]["commands"].clone());
    let lines = phases.iter().flat_map(|commands| commands.as_array().into_iter().flatten());
    lines.map(|line| line.as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The stage's source without its repository, as CodePipeline hands it over.
fn source(stage: &Stage) -> PathBuf {
    let (home, source) = (stage.home(), stage.home().with_file_name("source"));
    std::fs::create_dir_all(source.join("web")).unwrap();
    for file in ["shipit.yaml", "web.taskdef.json", "web/Dockerfile"] {
        std::fs::copy(home.join(file), source.join(file)).unwrap();
    }
    source
}

/// The build, with CodeBuild's environment and nothing else.
async fn build(stage: &Stage, source: &Path) -> String {
    let shipit = env!("CARGO_BIN_EXE_shipit");
    let sha256: String = Sha256::digest(std::fs::read(shipit).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new("bash");
    let kept = ["PATH", "DOCKER_HOST"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.args(["-ec", &commands()]).current_dir(source).env_clear().envs(kept).kill_on_drop(true).stdin(Stdio::null());
    command.env("HOME", source.parent().unwrap().join("builder")).env("SHIPIT_FILE", "shipit.yaml").env("NOTE", "built");
    command.env("SHIPIT_URL", format!("file://{shipit}")).env("SHIPIT_SHA256", sha256);
    command.env("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT).env("CODEBUILD_BUILD_ID", "shop:1");
    command.env("AWS_ENDPOINT_URL", &stage.endpoint).env("AWS_ACCESS_KEY_ID", "AKIABUILD").env("AWS_SECRET_ACCESS_KEY", "x");
    let done = tokio::time::timeout(PATIENCE, command.output()).await.expect("the build ends").unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
    said
}

/// A job of the queue, its artefact put to `key`.
async fn queue(stage: &Stage, key: &str) -> String {
    jobs::queue(&stage.endpoint, "shop", key, COMMIT).await
}

async fn put(stage: &Stage, key: &str, files: &[(&str, &[u8])]) {
    jobs::put(&stage.endpoint, key, files).await;
}

async fn job(stage: &Stage, id: &str) -> Value {
    jobs::job(&stage.endpoint, id).await
}

async fn failed(stage: &Stage, id: &str, kind: &str) -> String {
    let job = job(stage, id).await;
    let details = &job["result"]["failureDetails"];
    assert_eq!((&job["status"], &details["type"]), (&json!("Failed"), &json!(kind)), "{job}");
    details["message"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn what_codebuild_leaves_the_worker_deploys_and_answers() {
    let stage = Stage::new("codepipeline").await;
    let home = stage.home();
    let source = source(&stage);
    let said = build(&stage, &source).await;
    assert!(said.contains(".shipit/artifacts/web/imagedefinitions.json\n"), "{said}");
    let definitions = std::fs::read(source.join(".shipit/artifacts/web/imagedefinitions.json")).unwrap();
    let tagged = json!({"repositoryName": "shop/web", "imageIds": [{"imageTag": COMMIT}]});
    let images = stage.call_of("ecr", "DescribeImages", tagged).await;
    let digest = images["imageDetails"][0]["imageDigest"].as_str().unwrap();
    assert!(String::from_utf8_lossy(&definitions).contains(digest), "CodeBuild's commit is the tag of what it left");

    put(&stage, "shop/web.zip", &[("imagedefinitions.json", &definitions)]).await;
    let id = queue(&stage, "shop/web.zip").await;
    let before = stage.exchanges();
    let worker = stage.run(&home, &WORKER, "built").await;
    worker.done();
    assert!(worker.said.contains(&format!("job {id} succeeded: web: shop-web:2 deployed")), "{}", worker.said);
    let done = job(&stage, &id).await;
    let revision = done["result"]["currentRevision"]["revision"].clone();
    assert_eq!((&done["status"], &revision), (&json!("Succeeded"), &stage.service().await["taskDefinition"]), "{done}");
    assert_eq!(done["result"]["outputVariables"]["Digest-web"], digest);
    assert_eq!(done["result"]["outputVariables"]["Tag"], COMMIT);
    assert_eq!(stage.answered(before, "PutImage").len(), 0, "nothing was pushed");
    let running = stage.call("DescribeTaskDefinition", json!({"taskDefinition": revision})).await;
    assert!(running["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().ends_with(&format!("@{digest}")));

    // A service that runs it already has its artefacts all the same.
    std::fs::remove_dir_all(source.join(".shipit/artifacts")).unwrap();
    build(&stage, &source).await;
    assert_eq!(std::fs::read(source.join(".shipit/artifacts/web/imagedefinitions.json")).unwrap(), definitions);

    let worker = stage.run(&home, &WORKER, "idle").await;
    assert_eq!((worker.exit, worker.said.as_str()), (0, ""), "there is no job");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_job_that_cannot_be_done_is_told_its_cause() {
    let stage = Stage::new("codepipeline-fails").await;
    let home = stage.home();
    let work = async || -> Ended { stage.run(&home, &WORKER, "fails").await };
    let before = stage.service().await["taskDefinition"].clone();

    for (key, files, kind, cause) in [
        (
            "a.zip",
            &[("imagedefinitions.json", &b"{\"ImageURI\": \"x\"}"[..])][..],
            "ConfigurationError",
            "because: it is an imageDetail.json",
        ),
        ("b.zip", &[("other.json", b"[]")], "ConfigurationError", "SHIP121: no input artefact holds `imagedefinitions.json`"),
        (
            "c.zip",
            &[("../../etc/cron.d/x", b"x"), ("imagedefinitions.json", b"[]")],
            "RevisionUnavailable",
            "would lie outside of it",
        ),
        (
            "d.zip",
            &[("imagedefinitions.json", br#"[{"name":"web","imageUri":"other.example/shop/web:1"}]"#)],
            "ConfigurationError",
            "is not in the registry of this account and region",
        ),
    ] {
        put(&stage, key, files).await;
        let id = queue(&stage, key).await;
        assert_eq!(work().await.exit, 1);
        let message = failed(&stage, &id, kind).await;
        assert!(message.contains(cause) && message.contains("nothing was touched"), "{key}: {message}");
    }
    let id = queue(&stage, "never-put.zip").await;
    assert_eq!(work().await.exit, 1);
    let message = failed(&stage, &id, "RevisionUnavailable").await;
    assert!(message.contains("the input artefact `web` cannot be read"), "{message}");
    assert_eq!(stage.service().await["taskDefinition"], before);

    // A worker that is told to end interrupts its deploy and answers.
    let images = stage.call_of("ecr", "DescribeImages", json!({"repositoryName": "shop/web"})).await;
    let uri = format!(
        "{}/shop/web@{}",
        stage.endpoint.trim_start_matches("http://"),
        images["imageDetails"][0]["imageDigest"].as_str().unwrap()
    );
    let definitions = json!([{"name": "web", "imageUri": uri}]).to_string();
    put(&stage, "good.zip", &[("imagedefinitions.json", definitions.as_bytes())]).await;
    let id = queue(&stage, "good.zip").await;
    let since = stage.exchanges();
    let worker = stage.shipit(&home, &WORKER, "interrupted");
    let pid = Pid::from_raw(i32::try_from(worker.id().unwrap()).unwrap()).unwrap();
    stage.until("the rollout has begun", async |stage| stage.answered(since, "UpdateService").first().map(|_| ())).await;
    kill_process(pid, Signal::TERM).unwrap();
    let worker = ended(worker).await;
    assert_eq!(worker.exit, 1, "{}", worker.said);
    let message = failed(&stage, &id, "JobFailed").await;
    assert!(message.starts_with("SHIP208"), "{message}");
    stage.steady().await;
    assert_eq!(stage.service().await["taskDefinition"], before, "it is taken back");
    stage.finish().await;
}
