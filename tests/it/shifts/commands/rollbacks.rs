//! `rollback`: one call during a rollout; after it by the service's own strategy, or all at once. No request fails.

use futures_util::join;
use serde_json::json;

use super::super::deployed::application::Version;
use super::super::deployed::program::Program;
use super::super::deployed::site::Site;
use super::super::deployed::strategy::Strategy;
use super::super::deployed::world::{Driver, World};
use super::said::{ends, failure};

fn lines(bake: &str) -> String {
    format!("    strategy: {{ canary: {{ steps: [10%, 100%], bake: {bake}, terminate_after: 0m }} }}\n")
}

async fn in_the_middle(world: &World) {
    let site = Site::new(world, "middle", 1, Strategy::Canary, &lines("60m"), &json!({})).await;
    let deploy = site.shipit(&["deploy"], Version::fine(2));
    site.is_at("PRODUCTION_TRAFFIC_SHIFT", 10.0).await;
    let status = ends(site.shipit(&["status"], Version::fine(2)).ended().await, 0);
    assert!(status.contains("middle:2 has 10% of the traffic, middle:1 has 90%"), "{status}");
    let before = world.sandbox.now();
    // Whoever deploys holds the lock of this folder: the way back does not wait for it.
    let (back, deployed) = join!(site.shipit(&["rollback"], Version::fine(2)).ended(), deploy.ended());
    insta::assert_snapshot!("back_in_the_middle", ends(back, 0));
    assert!(world.sandbox.now() - before < 600.0, "the bake was not waited for");
    let row = site.row("middle", Version::fine(2), deployed.clone()).await;
    failure(deployed, 4);
    assert!(row.failed.is_empty() && row.revision == "middle:1", "{} {:?}", row.revision, row.failed);
}

async fn afterwards(world: &World, name: &str, arguments: &[&str], shares: &[f64]) {
    let site = Site::new(world, name, 1, Strategy::Canary, &lines("1m"), &json!({})).await;
    ends(site.shipit(&["deploy"], Version::fine(2)).ended().await, 0);
    let until_then = site.client.so_far().len();
    let back = Program::begin(&site.another_folder("there"), arguments, Version::fine(2)).ended().await;
    ends(back, 0);
    site.settled().await;
    let on_the_way = site.client.so_far().split_off(until_then);
    let blue = |(green, all): (u32, u32)| 100.0 - 100.0 * f64::from(green) / f64::from(all);
    let mut seen: Vec<f64> = on_the_way.iter().filter_map(|asked| asked.share).map(blue).collect();
    seen.dedup();
    assert_eq!(seen, shares, "{name}");
    let there = site.another_folder("then");
    let row = site.row(name, Version::fine(1), Program::begin(&there, &["status"], Version::fine(1)).ended().await).await;
    assert!(row.failed.is_empty() && row.revision == format!("{name}:1"), "{} {:?}", row.revision, row.failed);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_rollback_is_one_call_on_the_way_and_a_deployment_of_its_own_after_it() {
    let world = World::begin("rollbacks", Driver::Ecs).await;
    join!(
        in_the_middle(&world),
        afterwards(&world, "own", &["rollback"], &[0.0, 10.0, 100.0]),
        afterwards(&world, "fast", &["rollback", "--fast"], &[0.0, 100.0]),
    );
    world.sandbox.finish().await;
}
