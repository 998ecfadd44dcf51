//! The sandbox as a process: several commands at once join one, and one that is slow to answer is waited for.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// Longer than a sandbox may take to answer one question.
const LONGER: Duration = Duration::from_secs(5);

fn shipit(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipit"));
    let kept = ["PATH", "DOCKER_HOST"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(kept).env("HOME", folder).current_dir(folder).args(arguments).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn ended(child: Child) -> String {
    let Output { status, stdout, stderr } = child.wait_with_output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{out}{err}");
    format!("{out}{err}")
}

/// A pipeline file whose sandbox begins with a repository.
fn pipeline() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = "pipeline: shop\nregion: eu-west-1\ncluster: shop\n\
                    images: { web: { context: ., repository: shop/web } }\n\
                    services: { web: { task_definition: web.json, containers: { web: web } } }\n";
    let definition = json!({"family": "web", "containerDefinitions": [{"name": "web", "image": "web:1"}]});
    let seed = json!([{"service": "ecr", "operation": "CreateRepository", "body": {"repositoryName": "shop/web"}}]);
    for (name, text) in
        [("shipit.yaml", pipeline.to_owned()), ("web.json", definition.to_string()), ("seed.json", seed.to_string())]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// The sandbox of a folder; it ends with the test.
struct Sandbox(Pid);

impl Sandbox {
    fn of(folder: &Path) -> Self {
        let text = std::fs::read(folder.join(".shipit/sandbox/endpoints.json")).unwrap();
        let endpoints: Value = serde_json::from_slice(&text).unwrap();
        Self(Pid::from_raw(i32::try_from(endpoints["pid"].as_i64().unwrap()).unwrap()).unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.0, signal).unwrap();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(self.0, Signal::CONT);
        let _ = kill_process(self.0, Signal::TERM);
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn who_comes_at_the_same_time_joins_the_same_sandbox_and_finds_its_seed() {
    let folder = pipeline();
    let up = (0..6).map(|_| ended(shipit(folder.path(), &["sandbox", "up"])));
    let said = join_all(up).await;
    let _sandbox = Sandbox::of(folder.path());
    assert!(said[0].contains("the sandbox serves at http://127.0.0.1:"), "{}", said[0]);
    assert!(said.iter().all(|one| *one == said[0]), "{said:#?}");
    // Whoever has joined, the sandbox that is left is the one that was seeded.
    let status = ended(shipit(folder.path(), &["sandbox", "status"])).await;
    assert!(status.contains("shop/web"), "{status}");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_sandbox_that_is_slow_to_answer_is_waited_for_and_not_started_again() {
    let folder = pipeline();
    let said = ended(shipit(folder.path(), &["sandbox", "up"])).await;
    let sandbox = Sandbox::of(folder.path());
    sandbox.signal(Signal::STOP);
    let mut second = shipit(folder.path(), &["sandbox", "up"]);
    let early = tokio::time::timeout(LONGER, second.wait()).await;
    sandbox.signal(Signal::CONT);
    assert!(early.is_err(), "it has not waited: {early:?}");
    assert_eq!(ended(second).await, said);
    assert_eq!(Sandbox::of(folder.path()).0, sandbox.0);
}
