//! One real run a strategy: the stages, the exact shares, no request that fails.

use serde_json::{Value, json};

use super::client::{Client, ask};
use super::world::World;
use crate::support::sandbox::TestSandbox;

fn pauses(stage: &str) -> Value {
    json!([{"targetType": "PAUSE", "lifecycleStages": [stage]}])
}

/// The versions in the order in which they answered, once each time they changed.
fn changes(got: &[String]) -> Vec<&str> {
    let mut changes: Vec<&str> = got.iter().map(String::as_str).collect();
    changes.dedup();
    changes
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn blue_green_tests_the_new_version_shifts_all_at_once_and_goes_back_when_stopped() {
    let world = World::begin("blue-green").await;
    let client = Client::begin(world.production);
    let configuration = json!({
        "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": pauses("POST_TEST_TRAFFIC_SHIFT"),
    });
    world.deploy(2, &configuration).await;
    let pause = world.pauses("POST_TEST_TRAFFIC_SHIFT", 0.0).await;
    assert_eq!(ask(world.test).await.as_deref(), Ok("2"), "test traffic has moved");
    assert_eq!(client.next(20, "1").await, 20, "production traffic has not");
    world.goes_on(&pause).await;
    world.reaches("BAKE_TIME").await;
    assert_eq!(client.next(20, "2").await, 20);
    world.ends("SUCCESSFUL").await;
    assert_eq!(world.live().await, world.green);

    // The roles have changed. Stopped while it bakes, everything goes back.
    let baking = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1440, "lifecycleHooks": []});
    world.deploy(3, &baking).await;
    let there = world.reaches("BAKE_TIME").await;
    assert_eq!(client.next(20, "3").await, 20);
    let arn = there["serviceDeploymentArn"].as_str().unwrap();
    world.sandbox.aws(&format!("ecs stop-service-deployment --service-deployment-arn {arn} --stop-type ROLLBACK")).await.text();
    let back = world.ends("ROLLBACK_SUCCESSFUL").await;
    assert_eq!(back["statusReason"], "Service deployment rolled back by user request.");
    assert_eq!(client.next(20, "2").await, 20);
    assert_eq!(world.live().await, world.green);
    assert_ne!(world.green, world.blue);
    assert_eq!(changes(&client.end()), ["1", "2", "3", "2"]);
    world.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_canary_gets_exactly_its_share_before_it_gets_the_rest() {
    let world = World::begin("canary").await;
    let client = Client::begin(world.production);
    let canary = json!({"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1});
    let hooks = pauses("PRE_PRODUCTION_TRAFFIC_SHIFT");
    world.deploy(2, &json!({"strategy": "CANARY", "canaryConfiguration": canary, "lifecycleHooks": hooks})).await;
    let pause = world.pauses("PRE_PRODUCTION_TRAFFIC_SHIFT", 0.0).await;
    assert_eq!(client.next(20, "2").await, 0);
    world.goes_on(&pause).await;
    let pause = world.pauses("PRE_PRODUCTION_TRAFFIC_SHIFT", 10.0).await;
    let canaries = client.next(200, "2").await;
    assert!((19..=21).contains(&canaries), "{canaries} of 200");
    world.goes_on(&pause).await;
    world.ends("SUCCESSFUL").await;
    assert_eq!(client.next(20, "2").await, 20);
    assert_eq!(world.live().await, world.green);
    client.end();
    world.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_linear_deployment_gets_exactly_its_share_at_each_step() {
    let world = World::begin("linear").await;
    let client = Client::begin(world.production);
    let linear = json!({"stepPercent": 40.0, "stepBakeTimeInMinutes": 0});
    let hooks = pauses("PRE_PRODUCTION_TRAFFIC_SHIFT");
    world.deploy(2, &json!({"strategy": "LINEAR", "linearConfiguration": linear, "lifecycleHooks": hooks})).await;
    let mut ids = Vec::new();
    for (percent, share) in [(0.0, 0), (40.0, 40), (80.0, 80)] {
        let pause = world.pauses("PRE_PRODUCTION_TRAFFIC_SHIFT", percent).await;
        let new = client.next(100, "2").await;
        assert!(new.abs_diff(share) <= 1, "{new} of 100 at {percent} percent");
        world.goes_on(&pause).await;
        ids.push(pause.hook);
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "each step has a pause of its own");
    world.ends("SUCCESSFUL").await;
    assert_eq!(client.next(20, "2").await, 20);
    client.end();
    world.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_drives_every_operation_of_a_shift() {
    let sandbox = TestSandbox::without_engine_at("shifts", 20.0).await;
    sandbox.python("shifts.py", &[]).await.text();
    sandbox.finish().await;
}
