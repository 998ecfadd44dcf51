//! `deploy --until traffic-shifted` leaves the bake to AWS, and `wait` picks it up from another folder.

use futures_util::join;
use serde_json::json;

use super::super::deployed::application::Version;
use super::super::deployed::program::Program;
use super::super::deployed::site::Site;
use super::super::deployed::strategy::Strategy;
use super::super::deployed::world::{Driver, World};
use super::said::{ends, failure};

async fn shifted<'a>(world: &'a World, name: &str, terminate_after: &str) -> Site<'a> {
    let lines = format!("    strategy: {{ blue_green: {{ terminate_after: {terminate_after} }} }}\n");
    let site = Site::new(world, name, 1, Strategy::BlueGreen, &lines, &json!({})).await;
    let shifted = ends(site.shipit(&["deploy", "--until", "traffic-shifted"], Version::fine(2)).ended().await, 0);
    assert!(shifted.contains(&format!("{name}:2  baking until TIME")), "{shifted}");
    site.client.more(5).await;
    assert_eq!(site.client.so_far().last().unwrap().by, Some(2), "all traffic has moved");
    site
}

async fn bakes_to_the_end(world: &World) {
    let site = shifted(world, "bakes", "2m").await;
    let there = site.another_folder("there");
    let wait = async |arguments: &[&str]| Program::begin(&there, arguments, Version::fine(2)).ended().await;
    let baking = ends(wait(&["wait", "--until", "bake-time"]).await, 0);
    assert_eq!(baking, "`bakes` is at BAKE_TIME, baking until TIME");
    let ended = ends(wait(&["wait"]).await, 0);
    assert!(ended.ends_with("`bakes` runs bakes:2"), "{ended}");
    let unknown = ends(wait(&["wait", "--until", "shifted"]).await, 2);
    let all = ["`stable`", "`deployed`", "`paused`", "`traffic-shifted`", "reconcile-service", "clean-up"];
    assert!(all.iter().all(|word| unknown.contains(word)), "{unknown}");
}

async fn goes_back_while_it_bakes(world: &World) {
    let site = shifted(world, "turned", "60m").await;
    let there = site.another_folder("there");
    let over = failure(Program::begin(&there, &["wait", "--minutes", "1"], Version::fine(2)).ended().await, 6);
    insta::assert_snapshot!("a_wait_that_was_too_short", over);
    let (waits, stops) = join!(Program::begin(&there, &["wait", "--until", "stable"], Version::fine(2)).ended(), async {
        let arn = site.newest().await["serviceDeploymentArn"].take();
        let body = json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"});
        world.sandbox.call("ecs", "StopServiceDeployment", body).await
    });
    assert!(!stops.is_null());
    insta::assert_snapshot!("aws_turns_back_while_it_bakes", failure(waits, 4));
    let row = site.row("goes back", Version::fine(2), Program::begin(&there, &["status"], Version::fine(2)).ended().await).await;
    assert!(row.failed.is_empty() && row.revision == "turned:1", "{:?}", row.failed);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_bake_left_to_aws_is_waited_for_from_elsewhere() {
    let world = World::begin("waits", Driver::Ecs).await;
    join!(bakes_to_the_end(&world), goes_back_while_it_bakes(&world));
    world.sandbox.finish().await;
}
