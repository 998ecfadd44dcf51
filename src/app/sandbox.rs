//! The sandbox as a process beside shipit: joined where it runs, started where it does not, seeded from files.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Pipeline, TaskDefinitionSource};
use shipit_sandbox::client::Client;
use shipit_sandbox::endpoints::{Endpoints, Presence};

/// The account of a sandbox whose pipeline file names none.
const ACCOUNT: &str = "123456789012";
/// The region of a sandbox whose pipeline file names none.
const REGION: &str = "us-east-1";
/// How long a sandbox may take to be ready, on the wall.
const START: Duration = Duration::from_secs(60);
/// How often a starting sandbox is looked at, on the wall.
const LOOK: Duration = Duration::from_millis(25);
/// How long an unused sandbox lives, in minutes on the wall.
pub const IDLE_MINUTES: u64 = 120;

/// A sandbox as it shall be, where none runs yet.
#[derive(Clone, Debug)]
pub struct Wish {
    /// How many times faster than AWS it waits.
    pub factor: f64,
    /// The seed; else `seed.json` beside the first task definition or the pipeline file.
    pub seed: Option<PathBuf>,
    /// Where each exchange is written down, one JSON line each.
    pub record: Option<PathBuf>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { factor: 1.0, seed: None, record: None }
    }
}

/// Where the sandbox of a pipeline keeps its things.
pub fn folder(pipeline_folder: &Path) -> PathBuf {
    pipeline_folder.join(".shipit").join("sandbox")
}

/// The sandbox that runs for this pipeline, if one does. One that is there is waited for until it answers: it is never started
/// a second time.
///
/// # Errors
/// It is there and does not answer.
pub async fn running(pipeline_folder: &Path) -> Result<Option<Endpoints>, Failure> {
    let deadline = tokio::time::Instant::now() + START;
    loop {
        let Some(endpoints) = Endpoints::read(&folder(pipeline_folder)).ok().flatten() else { return Ok(None) };
        match endpoints.presence() {
            Presence::Answers => return Ok(Some(endpoints)),
            Presence::Gone => return Ok(None),
            Presence::Silent if tokio::time::Instant::now() < deadline => tokio::time::sleep(LOOK).await,
            Presence::Silent => return Err(silent(&endpoints)),
        }
    }
}

fn silent(endpoints: &Endpoints) -> Failure {
    Failure::new(Code::Sandbox, format!("the sandbox at {} does not answer", endpoints.endpoint))
        .because(format!("its process {} lives, and has said nothing for {} s", endpoints.pid, START.as_secs()))
        .now("nothing was deployed")
        .next(format!("end it with `kill {}`, then run the same command again", endpoints.pid))
}

/// Joins the running sandbox, or starts one and plays the seed.
///
/// # Errors
/// It does not start or does not answer, or it refuses its seed.
pub async fn join_or_start(pipeline: &Pipeline, wish: &Wish) -> Result<Endpoints, Failure> {
    let _turn = turn(&folder(&pipeline.folder)).await?;
    if let Some(endpoints) = running(&pipeline.folder).await? {
        return Ok(endpoints);
    }
    let endpoints = start(pipeline, wish).await?;
    let seed = wish.seed.clone().or_else(|| seed_file(pipeline));
    match seed {
        Some(seed) => {
            let listeners = play(&endpoints, &seed).await?;
            let endpoints = listening(pipeline, endpoints, listeners).await;
            settled(&endpoints).await;
            Ok(endpoints)
        }
        None => Ok(endpoints),
    }
}

/// Waits until nobody else is about to start the sandbox of this folder, and keeps others from it until the answer is dropped:
/// who comes second joins what the first has started and seeded.
async fn turn(folder: &Path) -> Result<File, Failure> {
    let place = folder.join("starting");
    let trouble = |error: &std::io::Error| {
        Failure::new(Code::Sandbox, format!("`{}` cannot be locked", place.display()))
            .because(error.to_string())
            .now("nothing was deployed")
            .next("make the folder of the pipeline file writable")
    };
    std::fs::create_dir_all(folder).map_err(|error| trouble(&error))?;
    let file = File::create(&place).map_err(|error| trouble(&error))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK).await,
            Err(TryLockError::Error(error)) => return Err(trouble(&error)),
        }
    }
}

/// The load balancers bind their ports after the seed's reply: waits until all of them are in the endpoints file.
async fn listening(pipeline: &Pipeline, mut endpoints: Endpoints, listeners: usize) -> Endpoints {
    let deadline = tokio::time::Instant::now() + START;
    while endpoints.load_balancers.values().map(|ports| ports.len()).sum::<usize>() < listeners
        && tokio::time::Instant::now() < deadline
    {
        tokio::time::sleep(LOOK).await;
        endpoints = Endpoints::read(&folder(&pipeline.folder)).ok().flatten().unwrap_or(endpoints);
    }
    endpoints
}

/// The seeded services deploy like any other: waits until none is in progress, so that the first deploy finds them steady.
async fn settled(endpoints: &Endpoints) {
    let client = Client::new(&endpoints.endpoint);
    let deadline = tokio::time::Instant::now() + START;
    while tokio::time::Instant::now() < deadline {
        let Ok(status) = client.get("status").await else { return };
        let services = status["services"].as_array().cloned().unwrap_or_default();
        if services.iter().all(|service| service["rolloutState"] != "IN_PROGRESS") {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn start(pipeline: &Pipeline, wish: &Wish) -> Result<Endpoints, Failure> {
    if cfg!(windows) {
        return Err(Failure::new(Code::Sandbox, "the sandbox does not run on Windows")
            .because("its tasks are containers of an Engine on the same Linux or macOS machine")
            .now("nothing was deployed")
            .next("run the same command in WSL 2"));
    }
    let folder = folder(&pipeline.folder);
    let trouble = |what: &str, error: &dyn std::fmt::Display| {
        Failure::new(Code::Sandbox, format!("the sandbox does not start: {what}"))
            .because(error.to_string())
            .now("nothing was deployed")
            .next(format!("look into {}", folder.join("log").display()))
    };
    let log = File::create(folder.join("log")).map_err(|error| trouble("its log cannot be written", &error))?;
    let errors = log.try_clone().map_err(|error| trouble("its log cannot be written", &error))?;
    let program = std::env::current_exe().map_err(|error| trouble("the program does not find itself", &error))?;
    let mut child = Command::new(program)
        .args(["sandbox", "serve", "--folder"])
        .arg(&folder)
        .args(["--clock", &wish.factor.to_string(), "--account", pipeline.account.as_deref().unwrap_or(ACCOUNT)])
        .args(["--region", pipeline.region.as_deref().unwrap_or(REGION)])
        .args(["--idle-minutes", &IDLE_MINUTES.to_string()])
        .args(wish.record.iter().flat_map(|file| [OsStr::new("--record"), file.as_os_str()]))
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| trouble("the process cannot be started", &error))?;
    let deadline = tokio::time::Instant::now() + START;
    loop {
        if let Some(endpoints) = running(&pipeline.folder).await? {
            return Ok(endpoints);
        }
        if let Ok(Some(status)) = child.try_wait() {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            return Err(trouble(&format!("it ended with {status}"), &log.trim()));
        }
        if tokio::time::Instant::now() > deadline {
            return Err(trouble("it is not ready", &format!("no endpoints file within {} s", START.as_secs())));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// `seed.json` beside the first task definition file of the pipeline, else beside the pipeline file.
pub fn seed_file(pipeline: &Pipeline) -> Option<PathBuf> {
    let beside = pipeline.services.iter().find_map(|service| match &service.task_definition {
        TaskDefinitionSource::File { path, .. } => Some(pipeline.folder.join(path).parent()?.join("seed.json")),
        TaskDefinitionSource::Running => None,
    });
    beside.into_iter().chain([pipeline.folder.join("seed.json")]).find(|path| path.exists())
}

/// Plays a seed file: a list of AWS requests; `"file"` stands for a body kept in a file beside it. Answers how many
/// listeners it makes.
///
/// # Errors
/// The file cannot be read, or the sandbox refuses an entry.
pub async fn play(endpoints: &Endpoints, path: &Path) -> Result<usize, Failure> {
    let entries = entries(path)?;
    let listeners = entries.as_array().into_iter().flatten().filter(|entry| entry["operation"] == "CreateListener").count();
    Client::new(&endpoints.endpoint).post("seed", &entries).await.map(|_| listeners).map_err(|error| {
        Failure::new(Code::Sandbox, format!("the seed `{}` cannot be played", path.display()))
            .because(error.to_string())
            .now("entries before it have been carried out")
            .next("`shipit sandbox down`, correct the seed, then `shipit sandbox up`")
    })
}

fn entries(path: &Path) -> Result<Value, Failure> {
    let mut list = json_file(path)?;
    for entry in list.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(Value::String(file)) = entry.remove("file") {
            entry.insert("body".into(), json_file(&path.with_file_name(file))?);
        }
        // The registry outlives the sandbox: its repositories may be there already.
        if !entry.contains_key("as") {
            entry.insert("if_missing".into(), json!(true));
        }
    }
    Ok(list)
}

fn json_file(path: &Path) -> Result<Value, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::new(Code::FileTrouble, format!("`{}` cannot be read", path.display())).because(error.to_string())
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(&error))
}
