//! One port for all AWS APIs, the registry and the admin API; its start and its end.

mod accept;
mod calls;
mod desk;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::endpoints;
use crate::loops::Loops;
use crate::owner::Owner;
use crate::record::Recorder;
use crate::state::{Shared, State};
use crate::{cloudwatch, codedeploy, ecr, ecs, elb, engine};

pub(crate) use desk::Desk;

/// How long the loops and open connections may take to end.
const GRACE: Duration = Duration::from_secs(5);

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
    /// The Engine that runs tasks, e.g. `unix:///var/run/docker.sock`; without one tasks stay PENDING.
    pub docker: Option<String>,
    /// Ends by itself when there was no request for so long, on the wall.
    pub idle: Option<Duration>,
    /// Every exchange is appended to this file, as JSON lines.
    pub record: Option<PathBuf>,
}

impl Options {
    /// Account `000000000000` (no account of AWS), `us-east-1`, real time, a free port, no Engine, no end, no record.
    pub fn new(folder: impl Into<PathBuf>, id: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            id: id.into(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            factor: 1.0,
            port: 0,
            docker: None,
            idle: None,
            record: None,
        }
    }
}

/// Why a sandbox cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The clock's factor is not a positive number.
    #[error("the clock factor {0} is not a positive number")]
    Factor(f64),
    /// The account is not 12 digits.
    #[error("the account `{0}` is not 12 digits")]
    Account(String),
    /// The port is taken.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder of the sandbox cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The Engine does not answer.
    #[error("no Docker Engine answers at `{host}`: {source}")]
    Engine {
        /// Where it was looked for.
        host: String,
        /// Why not.
        source: bollard::errors::Error,
    },
}

/// A sandbox that serves. [`Running::shutdown`] ends it in order; dropping it ends it too, as well as can be.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its state.
    pub shared: Arc<Shared>,
    /// Its id and process.
    pub owner: Owner,
    docker: Option<(String, Docker)>,
    endpoints: PathBuf,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    over: bool,
}

/// Starts a sandbox: binds, removes what dead sandboxes have left in the Engine, starts the loops, and answers when the
/// endpoints file is in place.
///
/// # Errors
/// See [`StartError`].
pub async fn serve(options: Options) -> Result<Running, StartError> {
    if !(options.factor.is_finite() && options.factor > 0.0) {
        return Err(StartError::Factor(options.factor));
    }
    if options.account.len() != 12 || !options.account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(StartError::Account(options.account));
    }
    let writing = |path: &PathBuf| {
        let path = path.clone();
        move |source| StartError::Write { path, source }
    };
    std::fs::create_dir_all(&options.folder).map_err(writing(&options.folder))?;
    let recorder = match &options.record {
        Some(path) => Some(Recorder::append_to(path).map_err(writing(path))?),
        None => None,
    };
    let docker = match options.docker {
        Some(host) => {
            let docker = reach(&host).await.map_err(|source| StartError::Engine { host: host.clone(), source })?;
            Some((host, docker))
        }
        None => None,
    };
    let listening = |source| StartError::Listen { port: options.port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;

    let clock = Clock::start(options.factor);
    let mut state = State::new(options.account, options.region, clock, options.folder.clone());
    state.address = address.to_string();
    let shared = Arc::new(Shared::new(state));
    let owner = Owner::this(options.id);
    let stop = CancellationToken::new();
    let loops = Loops {
        shared: Arc::clone(&shared),
        docker: docker.as_ref().map(|(_, docker)| docker.clone()),
        owner: owner.clone(),
        stop: stop.clone(),
    };
    let mut running = Running {
        address,
        shared: Arc::clone(&shared),
        owner: owner.clone(),
        docker,
        endpoints: endpoints::path(&options.folder),
        stop: stop.clone(),
        tasks: [ecs::start(&loops), elb::start(&loops), ecr::start(&loops), cloudwatch::start(&loops), codedeploy::start(&loops)]
            .into_iter()
            .flatten()
            .collect(),
        over: false,
    };
    let desk = Arc::new(Desk::new(loops, recorder));
    running.tasks.push(tokio::spawn(accept::connections(listener, desk)));
    if let Some(idle) = options.idle {
        running.tasks.push(tokio::spawn(end_when_idle(Arc::clone(&shared), stop.clone(), idle)));
    }
    endpoints::write(&running.endpoints, &shared, &owner).map_err(writing(&running.endpoints))?;
    running.tasks.push(tokio::spawn(endpoints::follow(running.endpoints.clone(), shared, owner, stop)));
    Ok(running)
}

async fn reach(host: &str) -> Result<Docker, bollard::errors::Error> {
    let docker = engine::connect(host).await?;
    engine::sweep(&docker).await?;
    Ok(docker)
}

async fn end_when_idle(shared: Arc<Shared>, stop: CancellationToken, idle: Duration) {
    loop {
        let left = idle.saturating_sub(shared.quiet_for());
        if left.is_zero() {
            stop.cancel();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(left) => {}
        }
    }
}

impl Running {
    /// `http://127.0.0.1:PORT`, the endpoint of every service.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns when the sandbox was asked to end: `POST /_sandbox/down`, or idle for too long.
    pub async fn ended(&self) {
        self.stop.cancelled().await;
    }

    /// Ends it: no new requests, loops stopped, endpoints file, containers, networks and names of images removed.
    ///
    /// # Errors
    /// The Engine's, when a container or network could not be removed.
    pub async fn shutdown(mut self) -> Result<(), bollard::errors::Error> {
        self.over = true;
        self.stop.cancel();
        endpoints::remove(&self.endpoints, &self.owner);
        for mut task in std::mem::take(&mut self.tasks) {
            if tokio::time::timeout(GRACE, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
        endpoints::remove(&self.endpoints, &self.owner);
        match &self.docker {
            Some((_, docker)) => {
                engine::remove_all(docker, &self.owner).await?;
                engine::forget_images(docker, &self.address.to_string()).await
            }
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    /// A test that panics comes here: the runtime may be gone, so the Engine is asked by a connection of its own.
    fn drop(&mut self) {
        if self.over {
            return;
        }
        self.stop.cancel();
        self.tasks.iter().for_each(JoinHandle::abort);
        endpoints::remove(&self.endpoints, &self.owner);
        let Some((host, _)) = self.docker.take() else {
            return;
        };
        let (owner, address) = (self.owner.clone(), self.address.to_string());
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            // Nobody is left to tell; the next start removes what stays.
            let _ = runtime.block_on(async {
                let docker = engine::connect(&host).await?;
                engine::remove_all(&docker, &owner).await?;
                engine::forget_images(&docker, &address).await
            });
        });
        let _ = removal.join();
    }
}
