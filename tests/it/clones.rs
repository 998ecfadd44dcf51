//! One content, one image: from two clones, under two umasks, with two Engines that have nothing in common.

use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shipit::port::{Login, Secret};
use tokio::process::Command;

use crate::support::engine::SecondEngine;
use crate::support::pushing::skopeo;
use crate::together::stage::{Ended, Stage, ended, git};

/// Everything that would build, push, register or move something.
const ACTS: [&str; 5] = ["PutImage", "InitiateLayerUpload", "RegisterTaskDefinition", "UpdateService", "CompleteLayerUpload"];

/// What was asked since then that changes anything.
fn acts(stage: &Stage, since: usize) -> Vec<String> {
    let record = stage.record();
    let named = record.iter().skip(since).filter_map(|exchange| exchange["operation"].as_str());
    named.filter(|operation| ACTS.contains(operation)).map(str::to_owned).collect()
}

/// Tag and digest of each image of the repository, sorted.
async fn tags(stage: &Stage) -> Vec<(String, String)> {
    let reply = stage.call_of("ecr", "DescribeImages", json!({"repositoryName": "shop/web"})).await;
    let mut tags = Vec::new();
    for image in reply["imageDetails"].as_array().unwrap() {
        for tag in image["imageTags"].as_array().into_iter().flatten() {
            tags.push((tag.as_str().unwrap().to_owned(), image["imageDigest"].as_str().unwrap().to_owned()));
        }
    }
    tags.sort();
    tags
}

/// Types of what refers to a digest, sorted.
async fn told(stage: &Stage, digest: &Value) -> Vec<String> {
    let body = json!({"repositoryName": "shop/web", "subjectId": {"imageDigest": digest}});
    let reply = stage.call_of("ecr", "ListImageReferrers", body).await;
    let all = reply["referrers"].as_array().unwrap().iter();
    let mut types: Vec<String> = all.map(|one| one["artifactType"].as_str().unwrap().to_owned()).collect();
    types.sort();
    types
}

async fn head(folder: &Path) -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A commit that no image is made of.
async fn commit(folder: &Path, message: &str) -> String {
    git(folder, &["commit", "-q", "--allow-empty", "-m", message]).await;
    head(folder).await
}

async fn push(stage: &Stage, folder: &Path) -> Ended {
    stage.run(folder, &["push", "--sandbox", "--output", "lines"], "same").await
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_same_commit_from_another_clone_builds_pushes_and_registers_nothing() {
    let stage = Stage::new("clones").await;
    ended(stage.deploy(&stage.home(), "same")).await.done();
    let before = tags(&stage).await;
    let (clone, since) = (stage.clone_of("other").await, stage.record().len());
    ended(stage.deploy(&clone, "same")).await.done();
    assert_eq!(acts(&stage, since), [""; 0]);
    let asked = stage.record().len() - since;
    assert!(asked < 40, "{asked} requests to see that there is nothing to do");
    assert_eq!(tags(&stage).await, before);

    // Another commit of the same content: its tag is added in the registry, and that is all.
    let (next, since) = (commit(&clone, "say why").await, stage.record().len());
    ended(stage.deploy(&clone, "same")).await.done();
    assert_eq!(acts(&stage, since), ["PutImage"]);
    let after = tags(&stage).await;
    let of = |wanted: &str| after.iter().find(|(tag, _)| *tag == wanted).map(|(_, digest)| digest.clone());
    assert_eq!(of(&next), of(&before[0].0), "{after:?}");
    stage.finish().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_tag_that_holds_other_content_is_refused() {
    let stage = Stage::new("taken").await;
    let home = stage.home();
    let first = head(&home).await;
    std::fs::write(home.join("web/Dockerfile"), "FROM shipit-busybox:1\nLABEL stage=taken again=1\n").unwrap();
    git(&home, &["add", "--all"]).await;
    let second = commit(&home, "again").await;
    let ids = json!({"repositoryName": "shop/web", "imageIds": [{"imageTag": first}]});
    let image = stage.call_of("ecr", "BatchGetImage", ids).await["images"][0].take();
    let put = json!({"repositoryName": "shop/web", "imageTag": second, "imageManifest": image["imageManifest"],
                     "imageManifestMediaType": image["imageManifestMediaType"]});
    stage.call_of("ecr", "PutImage", put).await;
    let since = stage.record().len();
    let refused = push(&stage, &home).await;
    assert_eq!(refused.exit, 2, "{}", refused.said);
    assert!(refused.said.contains("SHIP110") && refused.said.contains(&second), "{}", refused.said);
    assert_eq!(acts(&stage, since), [""; 0]);
    stage.finish().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn an_engine_with_another_data_root_and_a_clone_with_another_umask_have_the_same_key() {
    let stage = Stage::new("roots").await;
    let before = tags(&stage).await;
    let engine = SecondEngine::start().await;
    engine.load("shipit-busybox:1").await;
    let clone = stage.clone_of("elsewhere").await;
    // As `git clone` leaves it where the umask is 077.
    for (path, mode) in [("web", 0o700), ("web/Dockerfile", 0o600)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(clone.join(path), mode).unwrap();
    }
    let (next, since) = (commit(&clone, "another machine").await, stage.record().len());
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipit"));
    command.args(["push", "--sandbox", "--output", "lines"]).current_dir(&clone).env("DOCKER_HOST", engine.host());
    let pushed = ended(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).await;
    pushed.done();
    assert_eq!(acts(&stage, since), ["PutImage"], "{}", pushed.said);
    let after = tags(&stage).await;
    let added: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
    assert_eq!(added, [&(next, before[0].1.clone())], "one digest from both");
    assert_eq!(engine.images().await, ["shipit-busybox:1"], "nothing was built there");
    stage.finish().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn images_of_two_platforms_are_joined_in_an_index() {
    let stage = Stage::new("platforms").await;
    joined(&stage, "gzip").await;
    stage.finish().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn an_index_of_zstd_images_is_read_by_skopeo() {
    let stage = Stage::new("zstd").await;
    let commit = joined(&stage, "zstd").await;
    let reply = stage.call_of("ecr", "GetAuthorizationToken", json!({})).await;
    let server = reply["authorizationData"][0]["proxyEndpoint"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let token = STANDARD.decode(reply["authorizationData"][0]["authorizationToken"].as_str().unwrap()).unwrap();
    let (_, password) = std::str::from_utf8(&token).unwrap().split_once(':').unwrap();
    let login = Login { username: "AWS".into(), password: Secret::new(password.to_owned()), server };
    let index = format!("docker://{}/shop/web:{commit}", login.server);
    for machine in ["amd64", "arm64"] {
        let read = skopeo(&login, &["inspect", "--override-arch", machine, "--format", "{{.Architecture}}", &index]);
        assert_eq!(read, machine);
        let child = skopeo(&login, &["inspect", "--raw", &format!("{index}-{machine}")]);
        let child: Value = serde_json::from_str(&child).unwrap();
        assert_eq!(child["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    }
    let copy = stage.home().join("copied");
    skopeo(&login, &["copy", "--all", &index, &format!("oci:{}:{commit}", copy.display())]);
    let copied = std::fs::read(copy.join("index.json")).unwrap();
    let digest = tags(&stage).await.into_iter().find(|(tag, _)| *tag == commit).unwrap().1;
    assert_eq!(serde_json::from_slice::<Value>(&copied).unwrap()["manifests"][0]["digest"], digest);
    stage.finish().await;
}

/// Pushes two images and their index, whose tag it answers.
async fn joined(stage: &Stage, compression: &str) -> String {
    let home = stage.home();
    std::fs::write(home.join("web/Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n").unwrap();
    let file = std::fs::read_to_string(home.join("shipit.yaml")).unwrap();
    let both = format!("repository: shop/web, compression: {compression}, platforms: [linux/amd64, linux/arm64] }}");
    let file = format!("{}attest: [sbom, provenance]\n", file.replace("repository: shop/web }", &both));
    std::fs::write(home.join("shipit.yaml"), file).unwrap();
    git(&home, &["add", "--all"]).await;
    let commit = commit(&home, "two platforms").await;
    push(stage, &home).await.done();
    let get = async |tag: &str| {
        let ids = json!({"repositoryName": "shop/web", "imageIds": [{"imageTag": tag}],
                         "acceptedMediaTypes": ["application/vnd.oci.image.index.v1+json",
                                                "application/vnd.oci.image.manifest.v1+json",
                                                "application/vnd.docker.distribution.manifest.v2+json"]});
        stage.call_of("ecr", "BatchGetImage", ids).await["images"][0].take()
    };
    let index = get(&commit).await;
    let manifest: Value = serde_json::from_str(index["imageManifest"].as_str().unwrap()).unwrap();
    let children = manifest["manifests"].as_array().unwrap();
    let machines: Vec<&str> = children.iter().filter_map(|child| child["platform"]["architecture"].as_str()).collect();
    assert_eq!(machines, ["amd64", "arm64"], "{manifest}");
    for (machine, child) in machines.iter().zip(children) {
        let image = get(&format!("{commit}-{machine}")).await;
        assert_eq!(image["imageId"]["imageDigest"], child["digest"]);
        assert_eq!(json!(image["imageManifest"].as_str().unwrap().len()), child["size"]);
        assert_eq!(told(stage, &child["digest"]).await, ["application/spdx+json", "application/vnd.in-toto+json"]);
    }
    assert_eq!(told(stage, &index["imageId"]["imageDigest"]).await, ["application/vnd.in-toto+json"]);
    let source = tags(stage)
        .await
        .into_iter()
        .filter(|(tag, digest)| tag.starts_with("src-") && index["imageId"]["imageDigest"] == **digest);
    assert_eq!(source.count(), 1, "the index has the tag of its content");
    commit
}
