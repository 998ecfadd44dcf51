//! One port for all AWS APIs, the registry and the admin API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::state::Shared;

/// How a sandbox is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the registry's blobs, the endpoints file and the log are kept.
    pub folder: PathBuf,
    /// What its containers are labelled with.
    pub id: String,
    /// The account id in every ARN, 12 digits.
    pub account: String,
    /// The region in every ARN.
    pub region: String,
    /// How many virtual seconds pass in a wall second; 1 is real time.
    pub factor: f64,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The Engine that runs tasks, its version negotiated; without one tasks stay PENDING.
    pub docker: Option<bollard::Docker>,
    /// Ends by itself when there was no request for so long, on the wall.
    pub idle: Option<Duration>,
    /// Every exchange is appended to this file, as JSON lines.
    pub record: Option<PathBuf>,
}

/// A sandbox that serves.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its state.
    pub shared: Arc<Shared>,
    stop: CancellationToken,
}
