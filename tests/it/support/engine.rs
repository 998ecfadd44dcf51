//! A second Engine with a data root of its own, in a network namespace of its own: beside the first it would take down the
//! first one's bridge. Its mounts are its own as well, and gone with it.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::PATIENCE;
use super::pushing::relayed;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// It runs until it is dropped, and everything it had goes with it.
pub struct SecondEngine {
    // `unshare` and the shell become what they start.
    dockerd: Child,
    folder: tempfile::TempDir,
}

/// `$0` bytes of memory for the data root `$1`, or 0 for this machine's disk; the rest is the Engine's.
const BEGIN: &str =
    "ip link set lo up && if [ $0 != 0 ]; then mount -t tmpfs -o size=$0 tmpfs $1; fi && shift && exec dockerd \"$@\"";

impl SecondEngine {
    /// Starts it and waits until it answers.
    pub async fn start() -> Self {
        Self::begin(0).await
    }

    /// Its data root is a disk of its own, of so many bytes, where this machine sees an empty folder.
    pub async fn on_disk(bytes: u64) -> Self {
        Self::begin(bytes).await
    }

    async fn begin(bytes: u64) -> Self {
        let folder = tempfile::Builder::new().prefix("shipit-engine").tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("unshare");
        std::fs::create_dir(folder.path().join("data")).unwrap();
        command.args(["--net", "--mount", "--", "sh", "-c", BEGIN, &bytes.to_string(), &place("data")]);
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
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

    /// Where this machine sees the files of its data root, whatever disk they are on.
    pub fn files(&self) -> PathBuf {
        let seen = self.folder.path().strip_prefix("/").unwrap();
        Path::new("/proc").join(self.pid().to_string()).join("root").join(seen).join("data")
    }

    /// Where it says that they are.
    pub fn data_root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// In its network, too, this address of the loopback is what it is here.
    pub fn reaching(&self, address: SocketAddr) {
        let net = std::fs::File::open(format!("/proc/{}/ns/net", self.pid())).unwrap();
        // A socket stays in the network in which it was made.
        let made = std::thread::spawn(move || {
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            std::net::TcpListener::bind(address).unwrap()
        });
        let listener = made.join().unwrap();
        listener.set_nonblocking(true).unwrap();
        tokio::spawn(relayed(TcpListener::from_std(listener).unwrap(), async move || TcpStream::connect(address).await));
    }

    fn pid(&self) -> u32 {
        self.dockerd.id().expect("it runs")
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

    /// The Docker CLI with this Engine.
    pub async fn docker(&self, arguments: &[&str]) -> std::process::Output {
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
