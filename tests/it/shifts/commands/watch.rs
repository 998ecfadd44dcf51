//! `status --watch` in real terminals, of every width, beside a deploy that runs elsewhere.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::join;
use serde_json::{Value, json};

use super::super::deployed::application::Version;
use super::super::deployed::program::Program;
use super::super::deployed::site::Site;
use super::super::deployed::strategy::Strategy;
use super::super::deployed::world::{Driver, World};
use super::said::{ends, failure};
use crate::support::PATIENCE;
use crate::support::tmux::Tmux;

const CANARY: &str = "    strategy: { canary: { steps: [10%, 100%], bake: 60m, terminate_after: 0m } }\n";

/// What the shell is given to watch this folder.
fn watch(folder: &Path, environment: &str) -> String {
    format!(
        "cd {} && VERSION=2 KIND=fine {environment} {} status --watch --sandbox",
        folder.display(),
        env!("CARGO_BIN_EXE_shipit")
    )
}

/// Waits until the terminal shows this, with no line wider than it is; what it shows then.
async fn shows(tmux: &Tmux, window: &str, text: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let screen = tmux.screen(window);
        if screen.contains(text) {
            return screen;
        }
        assert!(Instant::now() < end, "{window} does not show {text:?}:\n{screen}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What a person sees of a canary at its first step, whatever the width.
fn is_whole(screen: &str, name: &str) {
    for part in [
        &format!("rollout    {name}"),
        "10% of the traffic",
        "candidate",
        "stable",
        "set by the platform",
        "measured in requests",
        "service",
    ] {
        assert!(screen.contains(part), "{part:?} is missing:\n{screen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_deploy_is_watched_from_other_terminals() {
    let world = World::begin("watched", Driver::Ecs).await;
    let site = Site::new(&world, "watched", 1, Strategy::Canary, CANARY, &json!({})).await;
    let tmux = Tmux::begin();
    // Nothing runs yet: what stays through a whole deploy, and where a person sits who will resize it.
    tmux.open("early", 120, 40, &watch(&site.folder, ""));
    let early = shows(&tmux, "early", "watched:1").await;
    assert!(early.contains("no run of shipit is under way here") && early.contains("none in progress"), "{early}");

    let deploy = site.shipit(&["deploy"], Version::fine(2));
    site.is_at("PRODUCTION_TRAFFIC_SHIFT", 10.0).await;
    for (window, width, height, environment) in [("narrow", 80, 24, ""), ("wide", 200, 50, ""), ("plain", 80, 40, "NO_COLOR=1")] {
        tmux.open(window, width, height, &watch(&site.folder, environment));
    }
    let mut log = Program::begin(&site.folder, &["status", "--watch"], Version::fine(2));
    let mut told = Program::begin(&site.folder, &["status", "--watch", "--output", "json"], Version::fine(2));
    // Somebody who has nothing of the run sees what AWS shows.
    let elsewhere = site.another_folder("there");
    tmux.open("elsewhere", 80, 40, &watch(&elsewhere, ""));
    for window in ["narrow", "wide", "plain", "elsewhere", "early"] {
        shows(&tmux, window, "10% of the traffic").await;
        let screen = shows(&tmux, window, "measured in requests").await;
        is_whole(&screen, "watched");
    }
    assert!(tmux.screen("elsewhere").contains("no run of shipit is under way here"));
    assert!(tmux.painted("narrow").contains("\u{1b}["), "colour where it is not unwanted");
    assert!(!tmux.painted("plain").contains('\u{1b}'), "{:?}", tmux.painted("plain"));
    assert!(log.runs() && told.runs());

    // Narrower, wider, lower: what was drawn for another size is gone.
    for (width, height) in [(64, 40), (200, 40), (80, 40), (90, 20)] {
        tmux.resize("early", width, height);
        let end = Instant::now() + PATIENCE;
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let screen = tmux.screen("early");
            let once = |text: &str| screen.matches(text).count() == 1;
            if once("of the traffic") && once("\n  service ") && screen.lines().all(|line| line.chars().count() <= width) {
                break;
            }
            assert!(Instant::now() < end, "at {width} columns:\n{screen}");
        }
    }

    let back = Program::begin(&site.folder, &["rollback"], Version::fine(2)).ended().await;
    ends(back, 0);
    let (deployed, log, told) = join!(deploy.ended(), log.ended(), told.ended());
    failure(deployed, 4);
    let log = ends(log, 0);
    assert!(log.contains("10% of the traffic at ") && log.contains("✗ turned back after"), "{log}");
    assert!(!log.contains('\u{1b}'));
    let told = ends(told, 0);
    let states: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(states[0]["watched"]["shift"]["production_percent"], 10.0, "{told}");
    for window in ["narrow", "wide", "plain"] {
        let screen = shows(&tmux, window, "exited 0").await;
        assert!(screen.contains("turned back to watched:1") && screen.contains("none in progress"), "{screen}");
    }
    // Who was there before the run stays after it, until Ctrl-C.
    shows(&tmux, "early", "has ended; the next one is waited for").await;
    for window in ["early", "elsewhere"] {
        tmux.keys(window, "C-c");
        shows(&tmux, window, "exited 130").await;
    }
    for window in ["early", "elsewhere", "narrow", "wide", "plain"] {
        assert!(tmux.cursor_is_shown(window), "{window}");
        assert!(tmux.echoes(window).await, "{window} is in raw mode");
    }
    world.sandbox.finish().await;
}
