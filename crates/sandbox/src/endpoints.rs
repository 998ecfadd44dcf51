//! The endpoints file: where a running sandbox is found, by a process that has not started it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::owner::{Life, Owner, Process};
use crate::state::Shared;

/// How long a sandbox may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a sandbox that has left its endpoints is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its server answers.
    Answers,
    /// It is there and does not answer in time: a machine that has much else to do.
    Silent,
    /// It has ended, or its address is another's or nobody's.
    Gone,
}

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `http://127.0.0.1:PORT`, for every AWS service.
    pub endpoint: String,
    /// `127.0.0.1:PORT`, the registry's address in image names.
    pub registry: String,
    /// The account id in every ARN.
    pub account: String,
    /// The region in every ARN.
    pub region: String,
    /// The sandbox's id, with which its containers are labelled.
    pub id: String,
    /// The process that serves.
    pub pid: u32,
    /// Its start, see [`Process::started`].
    pub pid_started: u64,
    /// Where `pid` means something, see [`Process::place`].
    #[serde(default)]
    pub pid_place: String,
    /// Virtual time: `virtual0 + (wall - wall0) * factor`, in milliseconds since 1970.
    pub clock: Clock,
    /// Load balancer -> listener port -> where it really listens.
    pub load_balancers: BTreeMap<String, BTreeMap<u16, SocketAddr>>,
}

/// The file's place in the sandbox's folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("endpoints.json")
}

impl Endpoints {
    /// Reads the file of a sandbox's folder; none when no sandbox has been started there, or it has ended.
    ///
    /// # Errors
    /// The file is there and cannot be read, or is not an endpoints file.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        match fs::read(path(folder)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The process has ended, and with it everything that it started.
    pub fn ended(&self) -> bool {
        self.process().life() == Life::Dead
    }

    fn process(&self) -> Process {
        Process { pid: self.pid, started: self.pid_started, place: self.pid_place.clone() }
    }

    /// Whether it is there: its server is asked for its id. Blocks for some seconds at most.
    pub fn presence(&self) -> Presence {
        use io::ErrorKind::{ConnectionReset, Interrupted, TimedOut, WouldBlock};
        if self.ended() {
            return Presence::Gone;
        }
        match self.answers() {
            Ok(true) => Presence::Answers,
            Err(error) if matches!(error.kind(), ConnectionReset | Interrupted | TimedOut | WouldBlock) => Presence::Silent,
            Ok(false) | Err(_) => Presence::Gone,
        }
    }

    fn answers(&self) -> io::Result<bool> {
        let address: SocketAddr = self.registry.parse().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET /_sandbox/health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(64 << 10).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let health: serde_json::Value = serde_json::from_str(body)?;
        Ok(head.starts_with("HTTP/1.1 200") && health["id"] == self.id.as_str())
    }

    fn of(shared: &Shared, owner: &Owner) -> Self {
        let state = shared.lock();
        Self {
            endpoint: format!("http://{}", state.address),
            registry: state.address.clone(),
            account: state.account.clone(),
            region: state.region.clone(),
            id: owner.id.clone(),
            pid: owner.process.pid,
            pid_started: owner.process.started,
            pid_place: owner.process.place.clone(),
            clock: state.clock,
            load_balancers: state.elb.addresses(),
        }
    }

    /// Never half a file: written under another name, then renamed into place.
    fn put(&self, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension(format!("json.{}", self.pid));
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        fs::write(&temporary, text)?;
        fs::rename(temporary, path)
    }
}

/// Writes the file as things stand.
pub(crate) fn write(path: &Path, shared: &Shared, owner: &Owner) -> io::Result<()> {
    Endpoints::of(shared, owner).put(path)
}

/// Removes the file, unless another sandbox has written its own there.
pub(crate) fn remove(path: &Path, owner: &Owner) {
    let folder = path.parent().unwrap_or(Path::new("."));
    if let Ok(Some(there)) = Endpoints::read(folder)
        && there.id == owner.id
        && there.pid == owner.process.pid
    {
        // A file that stays is read as a sandbox that does not answer.
        let _ = fs::remove_file(path);
    }
}

/// Writes the file again whenever a listener has come or gone, until the end.
pub(crate) async fn follow(path: PathBuf, shared: Arc<Shared>, owner: Owner, stop: CancellationToken) {
    let mut changes = shared.changes();
    let mut written = None;
    loop {
        let now = Endpoints::of(&shared, &owner);
        // A full disk is not the end of the sandbox: the next change tries again.
        if written.as_ref() != Some(&now) && now.put(&path).is_ok() {
            written = Some(now);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}
