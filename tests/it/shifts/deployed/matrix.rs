//! Every strategy with every outcome, side by side in one sandbox.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::play::Case;
use super::table::hold;
use super::world::{Driver, World};

/// Cases at the same time: what two cores carry without the processes waiting for each other.
const SIDE_BY_SIDE: usize = 10;

/// With `SHIPIT_CASE` only those cases whose name has it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_of_strategies_and_outcomes() {
    play(World::begin("matrix", Driver::Ecs).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_of_strategies_and_outcomes_by_codedeploy() {
    play(World::begin("matrix-codedeploy", Driver::CodeDeploy).await).await;
}

async fn play(world: World) {
    let wanted = std::env::var("SHIPIT_CASE").unwrap_or_default();
    let cases: Vec<Case> = Case::all(world.driver).into_iter().filter(|case| case.name().contains(&wanted)).collect();
    let played = stream::iter(cases.clone()).map(|case| case.play(&world)).buffer_unordered(SIDE_BY_SIDE);
    let mut played: Vec<_> = played.collect().await;
    played.sort_by(|one, other| one.0.case.cmp(&other.0.case));
    let (rows, complaints): (Vec<_>, Vec<_>) = played.into_iter().unzip();
    hold(&rows, [complaints.concat(), done_twice(&world, &cases)].concat());
    world.sandbox.finish().await;
}

/// Whatever was killed and gone on with: one revision, one rollout, one answer to each hook.
fn done_twice(world: &World, cases: &[Case]) -> Vec<String> {
    let asks = match world.driver {
        Driver::Ecs => "UpdateService",
        Driver::CodeDeploy => "CreateDeployment",
    };
    let (registered, updated) = (world.sandbox.answered("RegisterTaskDefinition"), world.sandbox.answered(asks));
    let mut complaints = Vec::new();
    for case in cases {
        let name = case.name();
        let ends = |value: &Value, end: &str| value.as_str().is_some_and(|text| text.rsplit('/').next() == Some(end));
        // The first one is what the service ran before.
        let revisions = registered.iter().filter(|request| request["family"] == name.as_str()).count() - 1;
        let begun = |request: &&Value| match world.driver {
            Driver::Ecs => ends(&request["service"], &name) && ends(&request["taskDefinition"], &format!("{name}:2")),
            Driver::CodeDeploy => request["description"].as_str().is_some_and(|told| told.ends_with(&format!(" to {name}:2"))),
        };
        let rollouts = updated.iter().filter(begun).count();
        if (revisions, rollouts) != (1, 1) {
            complaints.push(format!("{name}: {revisions} revisions registered, {rollouts} rollouts begun"));
        }
    }
    let mut answered = BTreeSet::new();
    for request in world.sandbox.answered("ContinueServiceDeployment") {
        if !answered.insert(request["hookId"].to_string()) {
            complaints.push(format!("{request} was answered twice"));
        }
    }
    complaints
}
