//! `shipit sandbox`: a local AWS, detached; it outlives the command that started it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_sandbox::client::{Client, ClientError};
use shipit_sandbox::endpoints::Endpoints;

use super::Common;
use super::session::{load_without_contexts, refuse};
use crate::app::sandbox as process;
use crate::report;

/// What to do with the sandbox.
#[derive(Debug, Subcommand)]
pub enum Sandbox {
    /// Start it, if it does not run, and play the seed; stdout is what a shell sets for the AWS CLI
    Up(Up),
    /// End it and remove its containers
    Down(At),
    /// Say where it listens and what it holds
    Status(At),
    /// Play a seed: a list of AWS requests
    Seed(Seed),
    /// Make things go wrong: throttle, deny, drop, crash and more
    Fault(Fault),
    /// Serve in the foreground
    #[command(hide = true)]
    Serve(Serve),
}

/// Start it.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    common: Common,
    /// How many times faster than AWS it waits
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    clock: f64,
    /// The seed, instead of `seed.json` beside the first task definition or the pipeline file
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Write each exchange down, one JSON line each, for whoever checks them
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Which sandbox: that of the pipeline file.
#[derive(Debug, Args)]
pub struct At {
    #[command(flatten)]
    common: Common,
}

/// Play a seed.
#[derive(Debug, Args)]
pub struct Seed {
    /// The seed, instead of `seed.json` beside the first task definition or the pipeline file
    seed: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Make things go wrong.
#[derive(Debug, Args)]
pub struct Fault {
    /// The fault as JSON, e.g. `{"match": {"service": "ecs"}, "kind": "throttle", "times": 3}`; without it they are listed
    fault: Option<String>,
    /// End all faults
    #[arg(long, conflicts_with = "fault")]
    clear: bool,
    #[command(flatten)]
    common: Common,
}

/// Serve in the foreground.
#[derive(Debug, Args)]
pub struct Serve {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    clock: f64,
    #[arg(long)]
    account: String,
    #[arg(long)]
    region: String,
    #[arg(long)]
    idle_minutes: u64,
    #[arg(long)]
    record: Option<PathBuf>,
}

/// Carries a sandbox command out.
pub async fn run(command: Sandbox) -> Exit {
    let result = match command {
        Sandbox::Up(args) => up(args).await,
        Sandbox::Down(args) => down(args).await,
        Sandbox::Status(args) => status(args).await,
        Sandbox::Seed(args) => seed(args).await,
        Sandbox::Fault(args) => fault(args).await,
        Sandbox::Serve(args) => Ok(serve(args)),
    };
    result.unwrap_or_else(|trouble| match trouble {
        Trouble::Said(exit) => exit,
        Trouble::Failure(failure) => refuse(&[*failure]),
    })
}

enum Trouble {
    Said(Exit),
    Failure(Box<Failure>),
}

impl From<Exit> for Trouble {
    fn from(exit: Exit) -> Self {
        Trouble::Said(exit)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failure(Box::new(failure))
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Failure::new(Code::Sandbox, error.to_string()).next("shipit sandbox status").into()
    }
}

async fn joined(common: &Common) -> Result<Endpoints, Trouble> {
    let folder = load_without_contexts(common)?.pipeline.folder;
    process::running(&folder).await?.ok_or_else(|| {
        Failure::new(Code::Sandbox, "no sandbox runs for this pipeline file")
            .because(format!("{} names none that lives", process::folder(&folder).join("endpoints.json").display()))
            .next("shipit sandbox up")
            .into()
    })
}

async fn up(args: Up) -> Result<Exit, Trouble> {
    let loaded = load_without_contexts(&args.common)?;
    let wish = process::Wish { factor: args.clock, seed: args.seed, record: args.record };
    let endpoints = process::join_or_start(&loaded.pipeline, &wish).await?;
    report::say(&format!("the sandbox serves at {} (registry {})", endpoints.endpoint, endpoints.registry));
    for (name, ports) in &endpoints.load_balancers {
        for (port, address) in ports {
            report::say(&format!("  {name}:{port}  http://{address}"));
        }
    }
    let Endpoints { endpoint, region, .. } = &endpoints;
    report::data(&format!(
        "export AWS_ENDPOINT_URL={endpoint} AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID=sandbox \
         AWS_SECRET_ACCESS_KEY=sandbox"
    ));
    Ok(Exit::Done)
}

async fn down(args: At) -> Result<Exit, Trouble> {
    let folder = load_without_contexts(&args.common)?.pipeline.folder;
    let Some(endpoints) = process::running(&folder).await? else {
        report::say("no sandbox runs for this pipeline file");
        return Ok(Exit::Done);
    };
    Client::new(&endpoints.endpoint).post("down", &Value::Null).await?;
    // It is down when its process has ended: by then its containers are gone.
    while !endpoints.ended() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    report::say("the sandbox is down, its containers are removed");
    Ok(Exit::Done)
}

async fn status(args: At) -> Result<Exit, Trouble> {
    let endpoints = joined(&args.common).await?;
    let status = Client::new(&endpoints.endpoint).get("status").await?;
    report::data(&serde_json::to_string_pretty(&status).unwrap_or_default());
    Ok(Exit::Done)
}

async fn seed(args: Seed) -> Result<Exit, Trouble> {
    let endpoints = joined(&args.common).await?;
    let pipeline = load_without_contexts(&args.common)?.pipeline;
    let Some(seed) = args.seed.or_else(|| process::seed_file(&pipeline)) else {
        return Err(Failure::new(Code::Usage, "which seed?")
            .because("there is no `seed.json` beside the first task definition, nor beside the pipeline file")
            .next("shipit sandbox seed FILE")
            .into());
    };
    process::play(&endpoints, &seed).await?;
    report::say("the seed is played");
    Ok(Exit::Done)
}

async fn fault(args: Fault) -> Result<Exit, Trouble> {
    let client = Client::new(joined(&args.common).await?.endpoint);
    let answer = match (&args.fault, args.clear) {
        (None, true) => client.delete("faults").await?,
        (None, false) => client.get("faults").await?,
        (Some(text), _) => {
            let fault: Value = serde_json::from_str(text).map_err(|error| {
                Failure::new(Code::Usage, "the fault is not JSON")
                    .because(error.to_string())
                    .next(r#"shipit sandbox fault '{"match": {"service": "ecs"}, "kind": "throttle", "times": 3}'"#)
            })?;
            client.post("faults", &fault).await?
        }
    };
    report::data(&answer.to_string());
    Ok(Exit::Done)
}

/// Serves until it is asked to end or nobody asks for long enough.
pub fn serve(args: Serve) -> Exit {
    // A session of its own: a signal to the terminal that started it does not end it.
    #[cfg(unix)]
    let _was_leader = rustix::process::setsid();
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return Exit::Failed;
    };
    runtime.block_on(async {
        let options = shipit_sandbox::Options {
            account: args.account,
            region: args.region,
            factor: args.clock,
            docker: crate::app::engine_host().await,
            record: args.record,
            idle: Some(Duration::from_secs(args.idle_minutes.saturating_mul(60))),
            ..shipit_sandbox::Options::new(args.folder, format!("sandbox-{}", std::process::id()))
        };
        match shipit_sandbox::serve(options).await {
            Ok(running) => {
                running.ended().await;
                match running.shutdown().await {
                    Ok(()) => Exit::Done,
                    Err(error) => {
                        report::say(&error.to_string());
                        Exit::Failed
                    }
                }
            }
            Err(error) => {
                report::say(&error.to_string());
                Exit::Failed
            }
        }
    })
}
