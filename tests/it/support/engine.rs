//! A second Engine with a data root of its own, in a network namespace of its own: beside the first it would take down the
//! first one's bridge. Its mounts are its own as well, and gone with it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// It runs until it is dropped, and everything it had goes with it.
pub struct SecondEngine {
    // `unshare` becomes what it starts.
    dockerd: Child,
    folder: tempfile::TempDir,
}

impl SecondEngine {
    /// Starts it and waits until it answers.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("shipit-engine").tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--", "dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"]);
        command.args(["--data-root", &place("data"), "--exec-root", &place("exec"), "--pidfile", &place("pid")]);
        command.args(["--host", &format!("unix://{}", place("socket")), "--config-file", &place("none.json")]);
        std::fs::write(folder.path().join("none.json"), "{}").unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let engine = Self { dockerd: child.expect("`unshare` and `dockerd` are needed for this test"), folder };
        let end = Instant::now() + PATIENCE;
        while !engine.docker(&["version"]).await.status.success() {
            let log = std::fs::read_to_string(engine.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "the second Engine does not answer:\n{log}");
            tokio::time::sleep(LOOK).await;
        }
        engine
    }

    /// As `DOCKER_HOST` names it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }

    /// Takes an image over from the first Engine.
    pub async fn load(&self, image: &str) {
        let file = self.folder.path().join("image.tar").display().to_string();
        let saved = Command::new("docker").args(["save", "--output", &file, image]).output().await.unwrap();
        assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
        let loaded = self.docker(&["load", "--input", &file]).await;
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    }

    /// Names of the images it has.
    pub async fn images(&self) -> Vec<String> {
        let listed = self.docker(&["images", "--all", "--format", "{{.Repository}}:{{.Tag}}"]).await;
        String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    async fn docker(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("docker");
        command.arg("--host").arg(self.host()).args(arguments).output().await.expect("the Docker CLI is needed for this test")
    }
}

impl Drop for SecondEngine {
    /// Its containerd ends with it, and only then its folder can go.
    fn drop(&mut self) {
        let pid = self.dockerd.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            let _ended_already = kill_process(pid, Signal::TERM);
        }
        let end = Instant::now() + PATIENCE;
        while matches!(self.dockerd.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
        let _ended = self.dockerd.start_kill();
    }
}
