//! One real run a strategy: from one version that is well to the next, and no request fails.

use futures_util::future::join_all;
use serde_json::json;

use super::application::Version;
use super::group::waits;
use super::program::Program;
use super::site::Site;
use super::strategy::Strategy;
use super::table::{Row, hold};
use super::world::{Driver, World};

async fn success(world: &World, strategy: Strategy) -> Row {
    let site = Site::new(world, strategy.word(), 2, strategy, &strategy.line(), &json!({})).await;
    let ended = site.shipit(&["deploy"], Version::fine(2)).ended().await;
    site.row(strategy.word(), Version::fine(2), ended).await
}

async fn each_deploys(world: World, strategies: &[Strategy]) {
    let rows = join_all(strategies.iter().map(|strategy| success(&world, *strategy))).await;
    let mut complaints = Vec::new();
    for (row, strategy) in rows.iter().zip(strategies) {
        let name = strategy.word();
        if row.exit != Some(0) || row.revision != format!("{name}:2") || !row.failed.is_empty() {
            complaints.push(format!("{name} ended with {:?} on {}, {:?}", row.exit, row.revision, row.failed.first()));
        }
        if row.shares() != strategy.shares() {
            complaints.push(format!("{name} had the shares {:?}", row.shares()));
        }
        if row.candidate < 10 {
            complaints.push(format!("{name}: the candidate got {} requests", row.candidate));
        }
    }
    hold(&rows, complaints);
    world.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn each_strategy_deploys_by_its_exact_shares_and_no_request_fails() {
    each_deploys(World::begin("deployed", Driver::Ecs).await, &Strategy::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn codedeploy_deploys_each_strategy_by_its_exact_shares_and_no_request_fails() {
    each_deploys(World::begin("codedeployed", Driver::CodeDeploy).await, &Strategy::ALL[1..]).await;
}

/// At Ready a deploy ends with the command that goes on; someone else is told whose it is; what was deployed comes back at once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn codedeploy_waits_at_ready_for_an_answer_and_comes_back_fast() {
    let world = World::begin("ready", Driver::CodeDeploy).await;
    let strategy = Strategy::Canary;
    let over = json!({"blueGreenDeploymentConfiguration": waits(Some(120), 1)});
    let site = Site::new(&world, "ready", 1, strategy, &strategy.line(), &over).await;
    let version = Version::fine(2);
    let paused = site.shipit(&["deploy"], version).ended().await;
    assert_eq!(paused.exit, Some(6), "{}", paused.said);
    assert!(paused.said.contains("shipit continue --sandbox ready --proceed"), "{}", paused.said);
    assert!(paused.said.contains("waits at Ready for `shipit continue --sandbox`, for 120 minutes"), "{}", paused.said);

    let second = site.another_folder("second");
    let other = Program::begin(&second, &["deploy"], Version::fine(3)).ended().await;
    assert_eq!(other.exit, Some(2), "{}", other.said);
    assert!(other.said.contains("a deployment of `ready` to ready:2 is in progress"), "{}", other.said);

    // Answered from a folder that knows nothing of the run, then waited for.
    let gone_on = Program::begin(&second, &["continue", "--proceed"], version).ended().await;
    assert_eq!(gone_on.exit, Some(0), "{}", gone_on.said);
    site.settled().await;
    assert_eq!(site.revision().await, "ready:2");
    let told = &site.deployments().await[0]["description"];
    assert!(told.as_str().unwrap().starts_with("shipit run ") && told.as_str().unwrap().ends_with(" to ready:2"), "{told}");

    let back = site.shipit(&["rollback", "--fast"], version).ended().await;
    let all_at_once = &site.deployments().await[0]["deploymentConfigName"].clone();
    let row = site.row("back", version, back).await;
    assert_eq!(all_at_once, "CodeDeployDefault.ECSAllAtOnce");
    let complaints = match (row.exit, row.revision.as_str(), row.failed.len()) {
        (Some(0), "ready:1", 0) => Vec::new(),
        ended => vec![format!("back: it ended with {ended:?}")],
    };
    hold(&[row], complaints);
    world.sandbox.finish().await;
}
