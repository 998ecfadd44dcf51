//! Deployments on real containers under a client that asks all the time.

use serde_json::json;

use super::stage::Stage;
use crate::support::http;
use crate::support::stream::Stream;

const CANARY: &str = "CodeDeployDefault.ECSCanary10Percent5Minutes";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_canary_has_its_exact_share_and_one_that_never_gets_healthy_is_taken_back() {
    let stage = Stage::serving("codedeploy-canary").await;
    let stream = Stream::begin(stage.production, "/api");
    let id = stage.deploy(&[("VERSION", "2")], json!({"deploymentConfigName": CANARY})).await;
    assert_eq!(stage.ended(&id).await["status"], "Succeeded");
    let versions = stream.end().await;
    let begin = versions.iter().position(|version| version == "2").expect("the canary serves");
    let end = versions.iter().rposition(|version| version == "1").expect("the stable version served before");
    let window = &versions[begin..=end];
    let canary = window.iter().filter(|version| *version == "2").count();
    assert!(window.len() >= 100, "only {} requests while the canary served", window.len());
    assert!((canary * 10).abs_diff(window.len()) <= 10, "{canary} of {} requests", window.len());
    assert!(versions[..begin].iter().all(|version| version == "1") && versions[end + 1..].iter().all(|version| version == "2"));

    let stream = Stream::begin(stage.production, "/api");
    let id = stage.deploy(&[("VERSION", "3"), ("HEALTH", "500 Broken")], json!({})).await;
    stage.installs(&id).await;
    stage.sandbox.pass(3600);
    let failed = stage.ended(&id).await;
    assert_eq!((&failed["status"], &failed["errorInformation"]["code"]), (&json!("Failed"), &json!("TIMEOUT")), "{failed}");
    let back = failed["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap();
    let back = stage.ended(back).await;
    assert_eq!((&back["status"], &back["creator"]), (&json!("Succeeded"), &json!("codeDeployRollback")));
    assert!(stream.end().await.iter().all(|version| version == "2"));
    let service = stage.sandbox.service("checkout").await;
    assert_eq!((&service["taskSets"][0]["status"], &service["runningCount"]), (&json!("DRAINING"), &json!(2)), "{service}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn ready_is_tried_by_the_test_listener_then_continued_and_a_stop_takes_the_traffic_back() {
    let stage = Stage::serving("codedeploy-ready").await;
    let stream = Stream::begin(stage.production, "/api");
    stage.waits_when_ready().await;
    let id = stage.deploy(&[("VERSION", "2")], json!({"deploymentConfigName": CANARY})).await;
    stage.reaches(&id, "Ready").await;
    for _ in 0..5 {
        assert_eq!(http::version(stage.test, "/api").await, Ok("2".to_owned()));
    }
    assert!(stream.so_far().iter().all(|version| version.as_deref() == Ok("1")));
    stage.codedeploy("ContinueDeployment", json!({"deploymentId": id, "deploymentWaitType": "READY_WAIT"})).await;
    stage
        .sandbox
        .until("the canary serves", super::stage::PATIENCE, async |_| {
            stream.so_far().iter().any(|version| version.as_deref() == Ok("2")).then_some(())
        })
        .await;
    stage.codedeploy("StopDeployment", json!({"deploymentId": id, "autoRollbackEnabled": true})).await;
    let stopped = stage.ended(&id).await;
    assert_eq!((&stopped["status"], &stopped["errorInformation"]["code"]), (&json!("Stopped"), &json!("MANUAL_STOP")));
    let back = stopped["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap();
    assert_eq!(stage.ended(back).await["status"], "Succeeded");
    for address in [stage.production, stage.test] {
        assert_eq!(http::version(address, "/api").await, Ok("1".to_owned()));
    }
    let versions = stream.end().await;
    assert!(versions.iter().any(|version| version == "2"));
    stage.finish().await;
}
