//! Pauses where there is no terminal: exit 6, and answers from other folders that know nothing of the run.

use futures_util::join;
use serde_json::json;

use super::super::deployed::application::Version;
use super::super::deployed::program::{Ended, Program};
use super::super::deployed::site::Site;
use super::super::deployed::strategy::Strategy;
use super::super::deployed::world::{CLUSTER, Driver, World};
use super::said::{commands, ends, failure, json as json_of, steady};

const CANARY: &str = "    strategy: { canary: { steps: [10%, 100%], bake: 1m, terminate_after: 1m } }\n";
const PAUSED: &str = "    pause: { at: [before-production], timeout: 2h }\n";

async fn site<'a>(world: &'a World, name: &str, lines: &str) -> Site<'a> {
    let pipeline = format!("{CANARY}{lines}");
    Site::new(world, name, 1, Strategy::Canary, &pipeline, &json!({})).await
}

/// Types a command in a folder.
async fn types(folder: &std::path::Path, line: &str) -> Ended {
    let arguments: Vec<&str> = line.split_whitespace().filter(|word| *word != "--sandbox").collect();
    Program::begin(folder, &arguments, Version::fine(2)).ended().await
}

async fn proceeds(world: &World) {
    let site = site(world, "asks", PAUSED).await;
    let plan = json_of(types(&site.folder, "plan --output json --commit 4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a").await);
    let roll = plan["plan"]["steps"].as_array().unwrap().iter().find(|step| step["id"] == "roll asks").unwrap();
    assert!(roll["because"].as_str().unwrap().starts_with("canary 10% → 100%"), "{roll:#}");

    let none = failure(types(&site.another_folder("early"), "continue --proceed").await, 2);
    insta::assert_snapshot!("nothing_waits", none);
    let paused = failure(types(&site.folder, "deploy").await, 6);
    insta::assert_snapshot!("paused_where_nobody_can_be_asked", paused);
    insta::assert_snapshot!("status_at_a_pause", ends(types(&site.folder, "status").await, 0));
    let told = json_of(types(&site.folder, "status --output json").await);
    let shift = serde_json::to_string_pretty(&told["asks"]["shift"]).unwrap();
    insta::assert_snapshot!("status_at_a_pause_as_json", steady(&shift));
    insta::assert_snapshot!("wrong_name", failure(types(&site.folder, "continue ask --proceed").await, 2));

    // The line that was printed works as it is, in a folder that has no journal, and the run goes on there to the next pause.
    let there = site.another_folder("there");
    let proceed = commands(&paused).into_iter().find(|command| command.contains("--proceed")).expect(&paused);
    let second = types(&there, &proceed).await;
    assert!(second.said.contains("`asks` goes on from PRE_PRODUCTION_TRAFFIC_SHIFT"), "{}", second.said);
    failure(second, 6);
    let weight = site.newest().await["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64();
    assert_eq!(weight, Some(10.0));
    let (one, other) = (site.another_folder("one"), site.another_folder("other"));
    ends(types(&one, "continue asks --proceed --no-wait").await, 0);
    let late = failure(types(&other, "continue asks --proceed").await, 2);
    assert!(late.contains("refused[SHIP213]: no rollout waits for an answer") && late.contains("no pause is open"), "{late}");
    let waited = ends(types(&other, "wait").await, 0);
    assert!(waited.ends_with("`asks` runs asks:2"), "{waited}");
    insta::assert_snapshot!("nothing_to_wait_for", ends(types(&other, "wait --until traffic-shifted").await, 0));
    let no_pause = types(&other, "wait --until paused").await;
    let row = site.row("proceed", Version::fine(2), no_pause.clone()).await;
    insta::assert_snapshot!("no_pause_to_wait_for", failure(no_pause, 2));
    assert!(row.failed.is_empty() && row.revision == "asks:2", "{:?}", row.failed);
}

async fn turns_back(world: &World) {
    let site = site(world, "back", PAUSED).await;
    let paused = failure(types(&site.folder, "deploy").await, 6);
    let turn_back = commands(&paused).into_iter().find(|command| command.contains("--turn-back")).expect(&paused);
    let ended = types(&site.another_folder("there"), &turn_back).await;
    let row = site.row("turn back", Version::fine(2), ended.clone()).await;
    insta::assert_snapshot!("turned_back_by_an_answer", failure(ended, 4));
    assert!(row.revision == "back:1" && row.candidate == 0 && row.failed.is_empty(), "{} {:?}", row.candidate, row.failed);
}

async fn times_out(world: &World) {
    let site = site(world, "late", "    pause: { at: [before-production], timeout: 1m }\n").await;
    failure(types(&site.folder, "deploy").await, 6);
    let ended = types(&site.another_folder("there"), "wait").await;
    assert!(ended.said.contains("`late` waits for an answer at PRE_PRODUCTION_TRAFFIC_SHIFT until "), "{}", ended.said);
    insta::assert_snapshot!("a_pause_that_nobody_answered", failure(ended, 4));
    assert_eq!(site.revision().await, "late:1");
    let late = failure(types(&site.folder, "continue --proceed").await, 2);
    assert!(late.contains("no deployment is in progress"), "{late}");
}

/// The service has a pause of its own at two stages, at one of which the pipeline pauses too; it waits there.
async fn crowded<'a>(world: &'a World, name: &str) -> Site<'a> {
    let lines = format!("    strategy: {{ blue_green: {{ terminate_after: 1m }} }}\n{PAUSED}");
    let site = Site::new(world, name, 1, Strategy::BlueGreen, &lines, &json!({})).await;
    let stages = json!(["PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"]);
    let theirs = json!([{"targetType": "PAUSE", "lifecycleStages": stages,
        "timeoutConfiguration": {"timeoutInMinutes": 120, "action": "ROLLBACK"}}]);
    let configuration = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": theirs});
    let body = json!({"cluster": CLUSTER, "service": name, "deploymentConfiguration": configuration});
    world.sandbox.call("ecs", "UpdateService", body).await;
    let paused = failure(types(&site.folder, "deploy").await, 6);
    assert!(paused.contains("2 pauses are open there"), "{paused}");
    site
}

async fn both_go_on(world: &World) {
    let site = crowded(world, "both").await;
    insta::assert_snapshot!("status_at_two_pauses", ends(types(&site.folder, "status").await, 0));
    insta::assert_snapshot!("two_pauses_at_one_stage", failure(types(&site.folder, "resume").await, 6));
    let there = site.another_folder("there");
    ends(types(&there, "continue both --proceed --no-wait").await, 0);
    site.is_at("POST_PRODUCTION_TRAFFIC_SHIFT", 100.0).await;
    let waits = ends(types(&there, "wait --until paused").await, 0);
    assert!(waits.contains("`both` waits for an answer at POST_PRODUCTION_TRAFFIC_SHIFT until TIME"), "{waits}");
    let ended = ends(types(&there, "continue both --proceed").await, 0);
    assert!(ended.contains("run RUN of "), "{ended}");
    assert_eq!(site.revision().await, "both:2");
}

async fn both_go_back(world: &World) {
    let site = crowded(world, "neither").await;
    let ended = types(&site.another_folder("there"), "continue neither --turn-back").await;
    assert!(failure(ended, 4).contains("`neither` serves neither:1 again"));
    assert_eq!(site.revision().await, "neither:1");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_pause_is_answered_from_anywhere_once() {
    let world = World::begin("answers", Driver::Ecs).await;
    join!(proceeds(&world), turns_back(&world), times_out(&world), both_go_on(&world), both_go_back(&world));
    world.sandbox.finish().await;
}
