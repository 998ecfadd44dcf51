//! A green job must mean that this deploy runs: what ECS rolls back is exit 4, what someone replaces exit 7, and a first deploy
//! that crashes exit 5.

use serde_json::{Value, json};
use tokio::process::Child;

use super::stage::{Ended, Stage, ended, git};

/// A deploy that has asked for its change and whose tasks do not come for a while.
async fn rolling(stage: &Stage, note: &str) -> (Child, String) {
    let since = stage.record().len();
    let slow = stage.fault(json!({"match": {"resource": "web"}, "kind": "slow_start", "seconds": 200.0})).await;
    let child = stage.deploy(&stage.home(), note);
    let looking = async |stage: &Stage| {
        let updated = stage.answered(since, "UpdateService").first()?["request"]["taskDefinition"].as_str()?.to_owned();
        (stage.answered(since, "ListServiceDeployments").len() > 2).then_some(updated)
    };
    let revision = stage.until("it looks at its deployment", looking).await;
    stage.end_fault(&slow).await;
    (child, revision)
}

async fn update(stage: &Stage, members: Value) {
    let mut body = json!({"cluster": "shop", "service": "web"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    stage.call("UpdateService", body).await;
}

#[track_caller]
fn ends(ended: &Ended, exit: i32, words: &[&str]) {
    assert_eq!(ended.exit, exit, "{}", ended.said);
    for word in words {
        assert!(ended.said.contains(word), "{word} in {}", ended.said);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_deploy_that_someone_replaces_or_stops_is_never_green() {
    let stage = Stage::new("variants").await;
    let before = stage.service().await["taskDefinition"].as_str().unwrap().to_owned();

    // By a new deployment of the very same revision.
    let (child, revision) = rolling(&stage, "forced").await;
    update(&stage, json!({"forceNewDeployment": true})).await;
    ends(&ended(child).await, 7, &["SHIP206", "a new deployment of the same revision", revision.rsplit('/').next().unwrap()]);
    stage.steady().await;
    assert_eq!(stage.service().await["taskDefinition"], revision.as_str(), "theirs came to its end");

    // By someone else's way back.
    let (child, _) = rolling(&stage, "back").await;
    update(&stage, json!({"taskDefinition": before})).await;
    ends(&ended(child).await, 7, &["SHIP206", "shop-web:1", "nothing of theirs is undone"]);
    stage.steady().await;
    assert_eq!(stage.service().await["taskDefinition"], before.as_str());

    // Stopped by someone: it is rolled back, and said to be.
    let (child, _) = rolling(&stage, "stopped").await;
    let listed = stage.call("ListServiceDeployments", json!({"cluster": "shop", "service": "web"})).await;
    let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
    stage.call("StopServiceDeployment", json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"})).await;
    ends(&ended(child).await, 4, &["SHIP201", "shop-web:1"]);
    stage.steady().await;
    assert_eq!(stage.service().await["taskDefinition"], before.as_str());

    // Given up by ECS.
    let crashed = stage.run(&stage.home(), &["deploy", "--sandbox", "--output", "lines"], "crash").await;
    ends(&crashed, 4, &["SHIP201", "shop-web:1"]);
    stage.steady().await;
    assert_eq!(stage.service().await["taskDefinition"], before.as_str());
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_first_deploy_that_crashes_has_nothing_to_go_back_to() {
    let stage = Stage::without_service("first").await;
    let crashed = stage.run(&stage.home(), &["deploy", "--sandbox", "--output", "lines"], "crash").await;
    ends(&crashed, 5, &["SHIP202"]);
    assert_eq!(stage.answered(0, "CreateService").len(), 1);
    assert_eq!(stage.answered(0, "UpdateService").len(), 0);
    stage.finish().await;
}

async fn image_of(stage: &Stage, revision: &str) -> String {
    let described = stage.call("DescribeTaskDefinition", json!({"taskDefinition": revision})).await;
    let image = described["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap();
    image.split_once('@').expect("by digest").1.to_owned()
}

/// Rollback and prune by what is registered alone: the build contexts are gone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn going_back_and_pruning_need_no_build_context() {
    let stage = Stage::new("back").await;
    let home = stage.home();
    for note in ["a", "b", "c"] {
        stage.run(&home, &["deploy", "--sandbox"], note).await.done();
    }
    std::fs::remove_dir_all(home.join("web")).unwrap();
    let rollback = ["rollback", "--sandbox", "--output", "lines"];
    let back = stage.run(&home, &rollback, "back").await;
    ends(&back, 0, &["from shop-web:4 back to shop-web:3"]);
    let shown = stage.run(&home, &["prune", "--sandbox", "--keep", "1", "--dry-run"], "prune").await;
    ends(&shown, 0, &["shop-web:4", "newer than what runs", "EventBridge are not read", "1 revision would be deregistered"]);
    assert_eq!(stage.answered(0, "DeregisterTaskDefinition").len(), 0);
    let pruned = stage.run(&home, &["prune", "--sandbox", "--keep", "1"], "prune").await;
    ends(&pruned, 0, &["`web` would be rolled back to it", "1 revision deregistered"]);
    let gone = stage.answered(0, "DeregisterTaskDefinition");
    let gone: Vec<&str> = gone.iter().map(|exchange| exchange["request"]["taskDefinition"].as_str().unwrap()).collect();
    assert!(gone.len() == 1 && gone[0].ends_with("shop-web:1"), "{gone:?}");
    ends(
        &stage.run(&home, &[&rollback[..], &["--to", "shop-web:1"]].concat(), "back").await,
        2,
        &["SHIP210", "was deregistered"],
    );
    ends(&stage.run(&home, &rollback, "back").await, 0, &["from shop-web:3 back to shop-web:2"]);
    ends(&stage.run(&home, &rollback, "back").await, 2, &["SHIP210"]);
    // What the registry has lost cannot run again, though it is registered.
    let image = json!({"repositoryName": "shop/web", "imageIds": [{"imageDigest": image_of(&stage, "shop-web:4").await}]});
    stage.call_of("ecr", "BatchDeleteImage", image).await;
    let lost = stage.run(&home, &[&rollback[..], &["--to", "shop-web:4"]].concat(), "back").await;
    ends(&lost, 2, &["SHIP210", "the image of its container `web` is no longer in the registry"]);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn an_older_commit_replaces_a_newer_one_only_with_a_reason() {
    let stage = Stage::new("older").await;
    let (home, behind) = (stage.home(), stage.clone_of("behind").await);
    std::fs::write(home.join("web/price"), "7").unwrap();
    git(&home, &["add", "--all"]).await;
    git(&home, &["commit", "-q", "-m", "a new price"]).await;
    stage.run(&home, &["deploy", "--sandbox"], "newer").await.done();
    let deploy = ["deploy", "--sandbox", "--output", "lines"];
    // The clone does not know the newer commit: that is said, and no reason to refuse.
    let since = stage.record().len();
    let plan = stage.run(&behind, &["plan", "--sandbox"], "older").await;
    ends(&plan, 0, &["could not be compared", "git fetch --all"]);
    git(&behind, &["fetch", "-q"]).await;
    let refused = stage.run(&behind, &deploy, "older").await;
    ends(&refused, 2, &["SHIP112", "\"a new price\"", "\"sell tea and honey\"", "--force --reason"]);
    assert_eq!(stage.answered(since, "RegisterTaskDefinition").len(), 0);
    ends(&stage.run(&behind, &[&deploy[..], &["--force"]].concat(), "older").await, 2, &["--reason"]);
    let reason = ["--force", "--reason", "the new price is wrong: SHOP-7"];
    ends(&stage.run(&behind, &[&deploy[..], &reason].concat(), "older").await, 0, &["by force (the new price is wrong"]);
    let sent = stage.answered(since, "RegisterTaskDefinition")[0]["request"]["tags"].to_string();
    assert!(sent.contains(r#"{"key":"shipit:reason","value":"the new price is wrong: SHOP-7"}"#), "{sent}");
    stage.finish().await;
}
