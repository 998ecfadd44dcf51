//! Interrupted in a bake and while evidence is gathered: the policy is carried out, exit 130.

use futures_util::join;
use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::super::deployed::application::Version;
use super::super::deployed::site::Site;
use super::super::deployed::strategy::Strategy;
use super::super::deployed::world::{Driver, World};
use super::said::failure;

async fn interrupted(world: &World, name: &str, strategy: Strategy, lines: &str, at: (&str, f64), signal: Signal) -> String {
    let site = Site::new(world, name, 1, strategy, lines, &json!({})).await;
    let deploy = site.shipit(&["deploy"], Version::fine(2));
    site.is_at(at.0, at.1).await;
    kill_process(deploy.id(), signal).unwrap();
    let ended = deploy.ended().await;
    let row = site.row(name, Version::fine(2), ended.clone()).await;
    assert!(row.failed.is_empty() && row.revision == format!("{name}:1"), "{} {:?}", row.revision, row.failed);
    failure(ended, 130)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn an_interrupt_turns_back_in_a_bake_and_during_analysis() {
    let world = World::begin("interrupts", Driver::Ecs).await;
    let judged = "    strategy: { canary: { steps: [10%, 100%], bake: 1m, terminate_after: 1m } }\n    judge: { errors: { at_least: 1000000 requests } }\n";
    let (bake, analysis) = join!(
        interrupted(
            &world,
            "bakes",
            Strategy::BlueGreen,
            "    strategy: { blue_green: { terminate_after: 60m } }\n",
            ("BAKE_TIME", 100.0),
            Signal::TERM
        ),
        interrupted(&world, "judged", Strategy::Canary, judged, ("PRE_PRODUCTION_TRAFFIC_SHIFT", 10.0), Signal::INT),
    );
    insta::assert_snapshot!("interrupted_in_a_bake", bake);
    insta::assert_snapshot!("interrupted_during_analysis", analysis);
    world.sandbox.finish().await;
}
