//! A `pause:` in front of a terminal: the question, every answer to it, and none.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::join;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

use super::super::deployed::application::Version;
use super::super::deployed::program::Program;
use super::super::deployed::site::Site;
use super::super::deployed::strategy::Strategy;
use super::super::deployed::world::{Driver, World};
use super::said::{ends, steady};
use crate::support::PATIENCE;
use crate::support::venv;

/// Runs a command in a terminal of its own, to which everything is handed on.
const IN_A_TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
const QUESTION: &str = "go on? `y` lets it go on, `n` turns it back, then Enter; Ctrl-D leaves it open";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// The program, and who sits in front of it.
struct Seat {
    child: Child,
    keys: ChildStdin,
    seen: Arc<Mutex<String>>,
    reads: JoinHandle<()>,
}

impl Seat {
    fn deploy(folder: &Path) -> Self {
        let mut command = Command::new(venv::program("python"));
        let deploy = "stty rows 40 cols 120; exec \"$0\" deploy --sandbox --output lines --commit 4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a";
        command.args(["-c", IN_A_TERMINAL, "sh", "-c", deploy, env!("CARGO_BIN_EXE_shipit")]).current_dir(folder);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder).env("NO_COLOR", "1");
        command.envs(std::env::var_os("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)));
        command.env("VERSION", "2").env("KIND", "fine").env("TERM", "xterm").kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, mut out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let seen = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&seen);
        let reads = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes).await {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]).replace('\r', ""));
            }
        });
        Self { child, keys, seen, reads }
    }

    fn seen(&self) -> String {
        steady(&self.seen.lock().unwrap())
    }

    /// Waits until this has been said so many times.
    async fn says(&self, text: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        while self.seen().matches(text).count() < times {
            assert!(Instant::now() < end, "{text:?} is not said {times} times: {}", self.seen());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
        self.keys.flush().await.unwrap();
    }

    async fn ends(mut self, exit: i32) -> String {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("shipit ends").unwrap();
        (&mut self.reads).await.unwrap();
        assert_eq!(status.code(), Some(exit), "{}", self.seen());
        self.seen()
    }
}

async fn seated<'a>(world: &'a World, name: &str) -> (Site<'a>, Seat) {
    let lines = "    strategy: { blue_green: { terminate_after: 1m } }\n    pause: { at: [before-production], timeout: 2h }\n";
    let site = Site::new(world, name, 1, Strategy::BlueGreen, lines, &json!({})).await;
    let seat = Seat::deploy(&site.folder);
    seat.says(QUESTION, 1).await;
    (site, seat)
}

async fn yes(world: &World) {
    let (site, mut seat) = seated(world, "yes").await;
    let waits = "`yes` waits at PRE_PRODUCTION_TRAFFIC_SHIFT, the new version has 0% of the traffic (AWS waits until TIME, then its \
                 answer is ROLLBACK)";
    assert!(seat.seen().contains(waits), "{}", seat.seen());
    seat.types("sure\n").await;
    seat.says("`sure` is no answer: `y` lets it go on", 1).await;
    seat.types("\n").await;
    seat.says(QUESTION, 2).await;
    seat.types("y\n").await;
    seat.ends(0).await;
    assert_eq!(site.revision().await, "yes:2");
}

async fn no(world: &World) {
    let (site, mut seat) = seated(world, "no").await;
    seat.types("n\n").await;
    let seen = seat.ends(4).await;
    assert!(seen.contains("a person"), "{seen}");
    assert_eq!(site.revision().await, "no:1");
}

async fn leaves(world: &World) {
    let (site, mut seat) = seated(world, "leaves").await;
    seat.types(CTRL_D).await;
    let seen = seat.ends(6).await;
    assert!(seen.contains("error[SHIP212]") && seen.contains("nobody answers here"), "{seen}");
    let there = site.another_folder("there");
    ends(Program::begin(&there, &["continue", "leaves", "--proceed"], Version::fine(2)).ended().await, 0);
    assert_eq!(site.revision().await, "leaves:2");
}

async fn interrupts(world: &World) {
    let (site, mut seat) = seated(world, "interrupts").await;
    seat.types(CTRL_C).await;
    let seen = seat.ends(130).await;
    assert!(seen.contains("`interrupts` serves interrupts:1 again"), "{seen}");
    assert_eq!(site.revision().await, "interrupts:1");
}

async fn answered_elsewhere(world: &World) {
    let (site, seat) = seated(world, "elsewhere").await;
    let there = site.another_folder("there");
    ends(Program::begin(&there, &["continue", "--proceed", "--no-wait"], Version::fine(2)).ended().await, 0);
    seat.says("`elsewhere` needs no answer at PRE_PRODUCTION_TRAFFIC_SHIFT any more", 1).await;
    seat.ends(0).await;
    assert_eq!(site.revision().await, "elsewhere:2");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_pause_in_a_terminal_is_a_question() {
    let world = World::begin("terminal", Driver::Ecs).await;
    join!(yes(&world), no(&world), leaves(&world), interrupts(&world), answered_elsewhere(&world));
    world.sandbox.finish().await;
}
