//! `kill -9` of the real process, anywhere: gone on with or not, the service ends on exactly one revision, nothing is done
//! twice, and no request fails.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Child;
use tokio::task::JoinSet;

use super::stage::{PATIENCE, Stage, ended};
use crate::support::http;

/// Between two looks at how far the process is.
const LOOK: Duration = Duration::from_millis(2);

/// Clients that ask all the time.
struct Load {
    over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    fn begin(address: SocketAddr) -> Self {
        let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for _ in 0..3 {
            let (over, asked) = (over.clone(), asked.clone());
            clients.spawn(async move {
                let mut failed = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    failed.extend(http::version(address, "/").await.err());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                failed
            });
        }
        Self { over, asked, clients }
    }

    async fn end(mut self, seed: u64) {
        self.over.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            failed.extend(client.unwrap());
        }
        let asked = self.asked.load(Ordering::Relaxed);
        assert!(asked > 200, "{asked} requests are no load");
        assert!(failed.is_empty(), "seed {seed}: {} of {asked} requests failed, the first: {}", failed.len(), failed[0]);
    }
}

/// When the process is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// Its journal has so many lines.
    Journal(usize),
    /// So many exchanges stand in the sandbox's record.
    Exchange(usize),
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Resume,
    Nothing,
}

struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn point(&mut self) -> Point {
        let number = |below: u64| usize::try_from(below).expect("small");
        match self.below(2) {
            0 => Point::Journal(1 + number(self.below(12))),
            _ => Point::Exchange(1 + number(self.below(45))),
        }
    }
}

/// Journals of the folder's runs, newest last: those that have begun, with a plan in a whole first line.
fn journals(stage: &Stage) -> Vec<PathBuf> {
    let runs = std::fs::read_dir(stage.home().join(".shipit/runs"));
    let mut journals: Vec<PathBuf> = runs.into_iter().flatten().map(|run| run.unwrap().path().join("journal.jsonl")).collect();
    journals.retain(|journal| std::fs::read_to_string(journal).is_ok_and(|text| text.contains('\n')));
    journals.sort();
    journals
}

/// Kills the process at the point; says whether it still ran then.
async fn kill_at(stage: &Stage, child: &mut Child, point: Point, since: usize, known: &[PathBuf]) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        let reached = match point {
            Point::Exchange(wanted) => stage.exchanges() >= since + wanted,
            Point::Journal(wanted) => journals(stage)
                .iter()
                .filter(|journal| !known.contains(journal))
                .any(|journal| std::fs::read_to_string(journal).is_ok_and(|text| text.matches('\n').count() >= wanted)),
        };
        if reached {
            child.kill().await.unwrap();
            return true;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn rounds(name: &str, seed: u64, count: usize) {
    let stage = Stage::served(name).await;
    let (home, mut draw) = (stage.home(), Draw(seed));
    let load = Load::begin(stage.address());
    let mut cut = 0;
    for round in 0..count {
        let (point, then) = (draw.point(), if draw.below(4) == 0 { Then::Nothing } else { Then::Resume });
        let what = format!("seed {seed}, round {round}: {point:?}, then {then:?}");
        let (since, known) = (stage.exchanges(), journals(&stage));
        let before = stage.service().await["taskDefinition"].clone();
        let mut child = stage.deploy(&home, &format!("round-{round}"));
        let killed = kill_at(&stage, &mut child, point, since, &known).await;
        cut += usize::from(killed);
        if killed && then == Then::Resume {
            // Killed before its journal it has begun nothing: then it is deployed anew, for there may be an older one to go on with.
            let begun = journals(&stage) != known;
            let again = match begun {
                true => {
                    ended(stage.shipit(&home, &["resume", "--sandbox", "--output", "lines"], &format!("round-{round}"))).await
                }
                false => {
                    assert!(stage.answered(since, "RegisterTaskDefinition").is_empty(), "{what}");
                    ended(stage.deploy(&home, &format!("round-{round}"))).await
                }
            };
            assert_eq!(again.exit, 0, "{what}: {}", again.said);
        }
        stage.steady().await;
        let service = stage.service().await;
        assert_eq!((&service["runningCount"], &service["desiredCount"]), (&2.into(), &2.into()), "{what}: {service}");
        let registered = stage.answered(since, "RegisterTaskDefinition");
        let updated = stage.answered(since, "UpdateService");
        assert!(
            registered.len() <= 1 && updated.len() <= 1,
            "{what}: {} registered, {} updated",
            registered.len(),
            updated.len()
        );
        let ours = registered.first().map(|exchange| &exchange["reply"]["taskDefinition"]["taskDefinitionArn"]);
        let runs = &service["taskDefinition"];
        if then == Then::Resume || !killed {
            assert_eq!(Some(runs), ours, "{what}");
            assert_eq!(updated.len(), 1, "{what}");
        } else {
            assert_eq!(runs, if updated.is_empty() { &before } else { ours.unwrap_or(&Value::Null) }, "{what}");
        }
    }
    load.end(seed).await;
    assert!(cut * 3 >= count * 2, "seed {seed}: only {cut} of {count} were killed on their way");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn killed_ten_times_the_service_is_whole_after_each() {
    rounds("kills", 20_261_121, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_killed_a_hundred_times_the_service_is_whole_after_each() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    rounds("kills-100", u64::from(now.subsec_nanos()), 100).await;
}

/// SIGTERM, as a CI sends it: AWS is asked within 2 seconds; a second one ends the process, and AWS goes back alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn after_sigterm_aws_is_asked_within_two_seconds_and_goes_back_without_shipit() {
    let stage = Stage::served("sigterm").await;
    let home = stage.home();
    let before = stage.service().await["taskDefinition"].clone();
    for second_signal in [false, true] {
        let since = stage.exchanges();
        let child = stage.deploy(&home, "interrupted");
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        stage
            .until("the rollout is followed", async |stage| {
                let updated = !stage.answered(since, "UpdateService").is_empty();
                (updated && stage.answered(since, "ListServiceDeployments").len() > 2).then_some(())
            })
            .await;
        let signal = Instant::now();
        kill_process(pid, Signal::TERM).unwrap();
        stage
            .until("AWS is asked to go back", async |stage| {
                (!stage.answered(since, "StopServiceDeployment").is_empty()).then_some(())
            })
            .await;
        assert!(signal.elapsed() < Duration::from_secs(2), "{:?}", signal.elapsed());
        if second_signal {
            kill_process(pid, Signal::TERM).unwrap();
        }
        let ended = tokio::time::timeout(PATIENCE, ended(child)).await.unwrap();
        assert_eq!(ended.exit, 130, "{}", ended.said);
        if second_signal {
            assert!(ended.said.contains("to go on: shipit resume "), "{}", ended.said);
        }
        stage.steady().await;
        assert_eq!(stage.service().await["taskDefinition"], before, "{}", ended.said);
        assert_eq!(stage.answered(since, "StopServiceDeployment").len(), 1);
    }
    stage.finish().await;
}
