//! `judge:` in blue/green: by probes before any traffic moves, by errors beside the minutes before once all of it has.

use std::path::Path;

use futures_util::future::join3;
use serde_json::json;

use super::application::Version;
use super::program::CREDENTIALS;
use super::site::Site;
use super::strategy::Strategy;
use super::table::{Row, hold};
use super::world::{Driver, World};

const ERRORS: &str = "{ worse_by: 20%, at_least: 60 requests }";
/// Asked through the test listener, with a header that is a secret.
const PROBE: &str = "{ front: { url: 'http://{load_balancer}:{test_port}/guarded', \
                     headers: { authorization: 'Basic ${env:CREDENTIALS}' } } }";

async fn deployed(world: &World, name: &str, version: Version, judge: &str) -> Row {
    let pipeline = format!("{}    judge: {{ {judge}, patience: 20m }}\n", Strategy::BlueGreen.line());
    let site = Site::new(world, name, 2, Strategy::BlueGreen, &pipeline, &json!({})).await;
    // The stable version needs minutes to be compared with, settled ones.
    site.client.more(300).await;
    let ended = site.shipit(&["deploy"], version).ended().await;
    let kept = kept(&site.folder.join(".shipit"));
    assert!(kept.contains("${env:CREDENTIALS}") == judge.contains("CREDENTIALS"), "the journal knows what is to be sent");
    assert!(!format!("{kept}{}", ended.said).contains(CREDENTIALS), "a secret is neither kept nor told");
    site.row(name, version, ended).await
}

/// All text of a run's folder.
fn kept(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| match std::fs::symlink_metadata(&path).unwrap() {
        kind if kind.is_dir() => kept(&path),
        kind if kind.is_file() => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
        _ => String::new(),
    };
    entries.map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn blue_green_is_judged_by_probes_before_traffic_and_by_errors_beside_the_minutes_before() {
    let world = World::begin("judged", Driver::Ecs).await;
    let broken = Version { kind: "broken", ..Version::fine(2) };
    let (good, bad, early) = join3(
        deployed(&world, "well", Version::fine(2), &format!("errors: {ERRORS}, probes: {PROBE}")),
        deployed(&world, "worse", broken, &format!("errors: {ERRORS}")),
        deployed(&world, "probed", broken, &format!("errors: ~, probes: {PROBE}")),
    )
    .await;
    hold(&[good.clone(), bad.clone(), early.clone()], Vec::new());
    assert_eq!((good.exit, good.revision.as_str(), good.failed.len()), (Some(0), "well:2", 0), "{}", good.said);

    assert_eq!(bad.revision, "worse:1", "{}", bad.said);
    assert!(bad.said.contains("SHIP204"), "{}", bad.said);
    assert!(bad.said.contains("candidate answers 100% errors, stable 0%"), "{}", bad.said);
    assert!(bad.said.contains("before all traffic moved"), "{}", bad.said);
    assert!(!bad.failed.is_empty() && bad.failed.iter().all(|asked| asked.by == Some(2)), "{:?}", bad.failed.first());

    assert_eq!((early.revision.as_str(), early.failed.len(), early.candidate), ("probed:1", 0, 0), "{}", early.said);
    assert!(early.said.contains("SHIP204"), "{}", early.said);
    assert!(early.said.contains("probe `front` was answered otherwise 2 times in a row: it answered 500"), "{}", early.said);
    world.sandbox.finish().await;
}
