//! ministack as a process of its own, from its own virtual environment, and all that it leaves in the Engine removed.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::http::HTTP;
use crate::support::sandbox::{ACCOUNT, REGION};
use crate::support::venv;

/// A running ministack.
pub struct Ministack {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Ministack {
    /// Starts it on a free port of the loopback interface and waits until it says that it is healthy.
    pub async fn start() -> Self {
        let program = venv::folder().join("ministack/bin/ministack");
        assert!(program.exists(), "`{}` is missing: run `make venv`", program.display());
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let kept = ["PATH", "DOCKER_HOST"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let process = Command::new(program)
            .env_clear()
            .envs(kept)
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_HOSTNAME", owner())
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("MINISTACK_REGION", REGION)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let mut ministack = Self { process: process.unwrap(), port, folder };
        let started = Instant::now();
        while !ministack.is_healthy().await {
            let ended = ministack.process.try_wait().unwrap();
            let late = started.elapsed() > PATIENCE;
            assert!(ended.is_none() && !late, "ministack does not start ({ended:?}):\n{}", ministack.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ministack
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn is_healthy(&self) -> bool {
        let reply = HTTP.get(format!("{}/_ministack/health", self.endpoint())).send().await;
        reply.is_ok_and(|reply| reply.status() == 200)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Its containers carry this with the port.
fn owner() -> String {
    format!("shipit-test-{}", std::process::id())
}

impl Drop for Ministack {
    /// Also when the test has failed; ministack first, for it starts its containers again.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let instance = format!("label=ministack.instance={}:{}", owner(), self.port);
        remove(&["ps", "--all", "--quiet", "--filter", &instance], &["rm", "--force", "--volumes"]);
        let image = format!("label=shipit.test=127.0.0.1:{}", self.port);
        remove(&["images", "--quiet", "--no-trunc", "--filter", &image], &["rmi", "--force"]);
    }
}

/// What cannot be listed or removed stays; a test that fails has more to say than that.
fn remove(list: &[&str], remove: &[&str]) {
    let Ok(listed) = Command::new("docker").args(list).output() else {
        return;
    };
    let ids = String::from_utf8_lossy(&listed.stdout).into_owned();
    if !ids.trim().is_empty() {
        let _ = Command::new("docker").args(remove).args(ids.split_whitespace()).output();
    }
}
