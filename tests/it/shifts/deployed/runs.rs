//! One real run a strategy: from one version that is well to the next, and no request fails.

use futures_util::future::join_all;
use serde_json::json;

use super::application::Version;
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
