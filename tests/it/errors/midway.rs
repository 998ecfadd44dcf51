//! In the middle of a run: credentials and logins end, AWS throttles, fails, answers with what was before, the disk is full.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use shipit_core::event::{Event, Progress, ServiceOutcome};
use shipit_core::failure::{Code, Exit};

use crate::support::shop::{COMMIT, Ended, Shop};
use crate::support::{PATIENCE, sandbox};

#[track_caller]
fn deployed(ended: &Ended) {
    assert_eq!(ended.exit, Exit::Done, "{:?} {:?}", ended.failures, ended.outcome);
    let stands = &ended.outcome.as_ref().unwrap().services["backend"];
    assert!(matches!(stands, ServiceOutcome::Deployed { .. }), "{stands:?}");
}

/// So many deployments were made by this deploy: one, whatever was asked twice.
async fn made_one(shop: &Shop, before: usize) {
    let listed = json!({"cluster": "storefront", "service": "backend"});
    let listed = shop.sandbox.call("ecs", "ListServiceDeployments", listed).await;
    assert_eq!(listed["serviceDeployments"].as_array().unwrap().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_all_calls_throttled_ends_in_success() {
    let shop = Shop::open("throttled").await;
    shop.stock().await;
    shop.fault(json!({"kind": "throttle", "rate": 0.5})).await;
    let ended = shop.deploy().await;
    deployed(&ended);
    shop.sandbox.clear_faults().await;
    made_one(&shop, 1).await;
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bursts_of_server_errors_end_in_success() {
    let shop = Shop::open("bursts").await;
    shop.stock().await;
    // Longer than the six tries that the SDK makes by itself.
    for operation in ["RegisterTaskDefinition", "UpdateService"] {
        let matches = json!({"service": "ecs", "operation": operation});
        shop.fault(json!({"match": matches, "kind": "server_error", "status": 503, "times": 8})).await;
    }
    let scan = json!({"service": "ecr", "operation": "DescribeImageScanFindings"});
    shop.fault(json!({"match": scan, "kind": "server_error", "times": 8})).await;
    let ended = shop.deploy().await;
    deployed(&ended);
    shop.sandbox.clear_faults().await;
    made_one(&shop, 1).await;
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_lag_behind_the_update_end_in_success() {
    let shop = Shop::open("stale").await;
    shop.stock().await;
    shop.fault(json!({"kind": "stale", "seconds": 8.0})).await;
    let ended = shop.deploy().await;
    deployed(&ended);
    shop.sandbox.clear_faults().await;
    made_one(&shop, 1).await;
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn throttled_failing_and_late_all_at_once_ends_in_success_with_tasks_that_run() {
    let shop = Shop::with_engine("all-at-once").await;
    let context = sandbox::fixture("storefront/backend").display().to_string();
    shop.change("context: backend", &format!("context: {context}"));
    shop.sandbox
        .until("the first revision serves", PATIENCE, async |sandbox| {
            (sandbox.service("backend").await["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
        })
        .await;
    shop.fault(json!({"kind": "throttle", "rate": 0.5})).await;
    shop.fault(json!({"match": {"service": "ecs"}, "kind": "server_error", "status": 503, "rate": 0.1})).await;
    shop.fault(json!({"kind": "stale", "seconds": 5.0})).await;
    let ended = shop.deploy().await;
    deployed(&ended);
    shop.sandbox.clear_faults().await;
    made_one(&shop, 1).await;
    assert_eq!(shop.sandbox.service("backend").await["runningCount"], 1);
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_for_longer_than_is_sensible_before_anything_was_done() {
    let shop = Shop::open("throttled-long").await;
    shop.fault(json!({"match": {"service": "sts"}, "kind": "throttle"})).await;
    let ended = shop.deploy().await;
    assert_eq!((ended.exit, ended.failures[0].code), (Exit::Failed, Code::Throttled));
    insta::assert_snapshot!("throttled", ended.words(&shop));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_end_before_the_service_is_touched_leave_it_as_it_was() {
    let shop = Shop::open("expired").await;
    shop.stock().await;
    shop.fault(json!({"match": {"service": "ecs", "operation": "UpdateService"}, "kind": "expire"})).await;
    let ended = shop.deploy().await;
    assert_eq!((ended.exit, ended.failures[0].code), (Exit::Failed, Code::ExpiredCredentials), "{:?}", ended.outcome);
    assert_eq!(ended.outcome.unwrap().services["backend"], ServiceOutcome::Untouched);
    shop.sandbox.clear_faults().await;
    deployed(&shop.deploy().await);
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_end_while_it_rolls_leave_the_rollout_to_ecs_and_say_so() {
    let shop = Shop::open("expired-rolling").await;
    shop.stock().await;
    let (asks, rolls) = (AtomicBool::new(false), AtomicBool::new(false));
    let handle = tokio::runtime::Handle::current();
    let ended = shop
        .deploy_by(shop.sandbox.endpoint(), |event| {
            match event {
                // The task that is wanted from now on is never placed: there is no Engine.
                Event::StepStarted { step } if step.0 == "roll backend" && !asks.swap(true, Ordering::SeqCst) => {
                    let one = json!({"cluster": "storefront", "service": "backend", "desiredCount": 1});
                    let asked = shop.sandbox.call("ecs", "UpdateService", one);
                    tokio::task::block_in_place(|| handle.block_on(asked));
                }
                Event::StepProgress { progress: Progress::Rollout(_), .. } if !rolls.swap(true, Ordering::SeqCst) => {
                    let set = shop.fault(json!({"match": {"service": "ecs"}, "kind": "expire"}));
                    tokio::task::block_in_place(|| handle.block_on(set));
                }
                _ => {}
            }
        })
        .await;
    assert_eq!((ended.exit, ended.failures[0].code), (Exit::Running, Code::StillRunning), "{:?}", ended.outcome);
    insta::assert_snapshot!("expired_while_rolling", ended.words(&shop));
    let record = std::fs::read_to_string(shop.sandbox.folder().join("exchanges.jsonl")).unwrap();
    let refused = record.lines().filter(|line| line.contains("ExpiredToken")).count();
    assert!((6..=14).contains(&refused), "a few looks, and not the whole patience: {refused}");
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_login_that_ends_in_the_middle_of_a_push_is_renewed_and_the_push_goes_on() {
    let mut shop = Shop::open("relogin").await;
    shop.sandbox.takes_images();
    let noise: Vec<u8> = (0..24_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761).rotate_left(n % 31) >> 11) as u8).collect();
    std::fs::write(shop.folder().join("backend/noise"), noise).unwrap();
    std::fs::write(shop.folder().join("backend/Dockerfile"), "FROM shipit-busybox:1\nCOPY noise /\n").unwrap();
    let ended_already = AtomicBool::new(false);
    let ended = shop
        .deploy_by(shop.sandbox.endpoint(), |event| {
            let moving = matches!(event, Event::StepProgress { progress: Progress::Push { sent: 1.., .. }, .. });
            if moving && !ended_already.swap(true, Ordering::SeqCst) {
                shop.sandbox.pass(13 * 3600);
            }
        })
        .await;
    assert!(ended_already.load(Ordering::SeqCst), "the push showed no progress");
    deployed(&ended);
    let record = std::fs::read_to_string(shop.sandbox.folder().join("exchanges.jsonl")).unwrap();
    let logins = record.lines().filter(|line| line.contains("\"GetAuthorizationToken\"")).count();
    assert!(logins >= 2, "it asked for {logins} logins");
    shop.sandbox.finish().await;
}

/// `shipit deploy` under way, whose disk can be filled.
struct Deploying {
    shell: tokio::process::Child,
    pid: rustix::process::Pid,
    runs: PathBuf,
}

impl Deploying {
    fn start(shop: &Shop) -> Self {
        let known = shop.program_at(&shop.sandbox.endpoint(), &[]);
        // The limit is told by a signal first: ignored, it is an error of the write, as on a full disk.
        let script = format!("trap '' XFSZ; exec '{}' deploy --commit {COMMIT}", env!("CARGO_BIN_EXE_shipit"));
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", &script]).current_dir(shop.folder()).env_clear().kill_on_drop(true);
        for (name, value) in known.as_std().get_envs() {
            shell.env(name, value.unwrap());
        }
        let shell = shell.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(shell.id().unwrap()).unwrap()).unwrap();
        Self { shell, pid, runs: shop.folder().join(".shipit/runs") }
    }

    /// Until the journal holds this fact of this step.
    async fn until(&self, shop: &Shop, step: &str, fact: &str) {
        let look = async |_: &_| {
            let run = std::fs::read_dir(&self.runs).ok()?.next()?.ok()?.path();
            let journal = std::fs::read_to_string(run.join("journal.jsonl")).ok()?;
            let holds = |line: &str| {
                let entry: Value = serde_json::from_str(line).unwrap_or_default();
                entry["step"] == step && line.contains(fact)
            };
            journal.lines().any(holds).then_some(())
        };
        shop.sandbox.until("a fact in the journal", PATIENCE, look).await;
    }

    /// From now on no file may grow.
    fn fill_the_disk(&self) {
        let none = rustix::process::Rlimit { current: Some(1), maximum: Some(1) };
        rustix::process::prlimit(Some(self.pid), rustix::process::Resource::Fsize, none).unwrap();
    }

    fn interrupt(&self) {
        rustix::process::kill_process(self.pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Exit code and standard error.
    async fn ended(self) -> (i32, String) {
        let done = tokio::time::timeout(PATIENCE, self.shell.wait_with_output()).await.unwrap().unwrap();
        (done.status.code().unwrap_or(-1), String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_before_the_service_is_touched_leaves_it_as_it_was() {
    let shop = Shop::open("full").await;
    shop.stock().await;
    let scanning = json!({"service": "ecr", "operation": "DescribeImageScanFindings"});
    shop.fault(json!({"match": scanning, "kind": "throttle", "times": 8})).await;
    let before = shop.sandbox.service("backend").await["taskDefinition"].take();
    let deploying = Deploying::start(&shop);
    deploying.until(&shop, "gate backend", "started").await;
    deploying.fill_the_disk();
    let (exit, told) = deploying.ended().await;
    assert_eq!(exit, i32::from(Exit::Failed.code()), "{told}");
    assert_eq!(shop.sandbox.service("backend").await["taskDefinition"], before);
    let run = std::fs::read_dir(shop.folder().join(".shipit/runs")).unwrap().next().unwrap().unwrap().file_name();
    let error = told.rsplit("error[").next().unwrap();
    let told = shop.steady(&format!("error[{error}")).replace(&run.to_string_lossy().into_owned(), "RUN");
    insta::assert_snapshot!("full_disk", told);
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_while_it_rolls_lets_no_act_follow_and_ecs_goes_on() {
    let shop = Shop::open("full-rolling").await;
    shop.stock().await;
    shop.fault(json!({"match": {"service": "ecs", "operation": "UpdateService"}, "kind": "throttle", "times": 8})).await;
    let deploying = Deploying::start(&shop);
    deploying.until(&shop, "roll backend", "started").await;
    // Wanted before the change is through: a task that is never placed, for there is no Engine.
    let one = json!({"cluster": "storefront", "service": "backend", "desiredCount": 1});
    while shop.sandbox.try_call("ecs", "UpdateService", one.clone()).await.is_err() {}
    deploying.until(&shop, "roll backend", "began").await;
    deploying.fill_the_disk();
    deploying.interrupt();
    let (exit, told) = deploying.ended().await;
    assert_eq!(exit, i32::from(Exit::Stuck.code()), "{told}");
    assert!(told.contains("journal.jsonl` cannot be written"), "{told}");
    shop.sandbox.clear_faults().await;
    let service = shop.sandbox.service("backend").await;
    assert!(service["taskDefinition"].as_str().unwrap().ends_with(":2"), "no act followed: {service}");
    shop.sandbox.finish().await;
}
