//! The command line: one command, one file; flags beat environment beats file.

pub mod build;
pub mod built;
#[cfg(unix)]
pub mod codepipeline_worker;
pub mod completions;
pub mod r#continue;
pub mod deploy;
pub mod explain;
pub mod finish;
pub mod follow;
pub mod lock;
pub mod man;
pub mod notify;
pub mod plan;
pub mod prompt;
pub mod prune;
pub mod register;
pub mod render;
pub mod report;
pub mod resume;
pub mod rollback;
pub mod sandbox;
pub mod scan;
pub mod schema;
pub mod session;
pub mod status;
pub mod typed;
pub mod wait;
pub mod watch;

use std::ops::Deref;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use shipit_core::failure::{Code, Exit, Failure};

use crate::report::Output;

/// Deploys to Amazon ECS: build, push, gate, roll out, wait until stable or turn back.
#[derive(Debug, Parser)]
#[command(name = "shipit", version = env!("SHIPIT_VERSION"), propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build, push, gate, register, roll out and wait until it has settled
    Deploy(deploy::Deploy),
    /// Say what a deploy would do, why and how long it should take
    Plan(plan::PlanArgs),
    /// Build the images
    Build(build::Part),
    /// Build and push the images
    Push(build::Part),
    /// Hold images at the scan gate: those of this commit, or one of the registry
    Scan(scan::Scan),
    /// Print the task definition and imagedefinitions.json of a service
    Render(render::Render),
    /// Register a task definition and print its ARN, and touch no service
    Register(register::Register),
    /// Go back to the revision before, or to a named one
    Rollback(rollback::Rollback),
    /// Deregister old revisions that nothing uses
    Prune(prune::Prune),
    /// Who works in the folder of the pipeline file
    #[command(subcommand)]
    Lock(lock::Lock),
    /// Go on with a run that was cut
    Resume(resume::Resume),
    /// Answer the pause of a rollout, and go on with its run
    Continue(r#continue::Continue),
    /// Say how the services stand
    Status(status::Status),
    /// Wait for the deployments in progress
    Wait(wait::Wait),
    /// Write the report of a run as one HTML file
    Report(report::Report),
    /// Say what a code means, or list all codes
    Explain(explain::Explain),
    /// Deploy what CodePipeline asks for: the worker of a custom action
    #[cfg(unix)]
    CodepipelineWorker(codepipeline_worker::Worker),
    /// A local AWS for rehearsals
    #[command(subcommand)]
    Sandbox(sandbox::Sandbox),
    /// Print the JSON Schema of the pipeline file
    Schema(schema::Schema),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Write the manual pages into a folder
    Man(man::Man),
}

/// Where and what: the pipeline file, its environment, the account.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The pipeline file
    #[arg(short, long, env = "SHIPIT_FILE", default_value = "shipit.yaml", value_name = "FILE")]
    pub file: PathBuf,
    /// A pipeline without a file.
    #[command(flatten)]
    pub given: GivenArgs,
    /// Lay this environment over the file
    #[arg(long = "env", env = "SHIPIT_ENV", value_name = "NAME", conflicts_with = "lone")]
    pub environment: Option<String>,
    /// The cluster, instead of the file's
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The region, instead of the file's
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The profile of the AWS configuration
    #[arg(long, env = "AWS_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// Use the sandbox instead of AWS; one is started if none runs
    #[arg(long, env = "SHIPIT_SANDBOX")]
    pub sandbox: bool,
    /// What an interrupted run leaves behind: `turn-back`, `leave` or `stop`, instead of the file's
    #[arg(long, value_name = "POLICY")]
    pub on_interrupt: Option<String>,
}

/// A pipeline without a file: one service.
#[derive(Clone, Debug, Args)]
pub struct GivenArgs {
    /// This ECS service is the whole pipeline: no file is read
    #[arg(long = "service", value_name = "NAME", conflicts_with = "file")]
    pub lone: Option<String>,
    /// Its task definition, a file of ECS's JSON or YAML that names its images; else the one that runs
    #[arg(long, value_name = "FILE", requires = "lone")]
    pub task_definition: Option<String>,
    /// Roll it out though it runs already what it would get
    #[arg(long, requires = "lone")]
    pub force_new_deployment: bool,
}

/// The same, and how it is shown.
#[derive(Clone, Debug, Args)]
pub struct Common {
    #[command(flatten)]
    place: Place,
    /// How it is shown
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

impl Deref for Common {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

/// Which source tree.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// The commit, where there is no git repository
    #[arg(long, value_name = "HASH")]
    pub commit: Option<String>,
    /// Ship a tree that differs from its commit, under a tag that says so
    #[arg(long)]
    pub allow_dirty: bool,
    /// Build every image anew, also one whose content the registry has
    #[arg(long, env = "SHIPIT_REBUILD")]
    pub rebuild: bool,
    /// The strategy of every service, instead of the file's
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
}

/// Parses, runs, answers the exit code.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Refused.code() } else { Exit::Done.code() };
            // A closed pipe is the reader's wish, not an error.
            let _closed = error.print();
            if error.use_stderr() {
                let told = error.render().to_string();
                let what = told.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
                crate::report::refused(&[Failure::new(Code::Usage, what).in_full(["nothing was touched".to_owned()])]);
            }
            return ExitCode::from(code);
        }
    };
    if let Command::Sandbox(sandbox::Sandbox::Serve(serve)) = cli.command {
        return ExitCode::from(sandbox::serve(serve).code());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            crate::report::say(&format!("error: the runtime does not start: {error}"));
            return ExitCode::from(Exit::Failed.code());
        }
    };
    let exit = runtime.block_on(dispatch(cli.command));
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}

async fn dispatch(command: Command) -> Exit {
    match command {
        Command::Deploy(args) => deploy::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Build(args) => build::run(args, build::Verb::Build).await,
        Command::Push(args) => build::run(args, build::Verb::Push).await,
        Command::Scan(args) => scan::run(args).await,
        Command::Render(args) => render::run(args).await,
        Command::Register(args) => register::run(args).await,
        Command::Rollback(args) => rollback::run(args).await,
        Command::Prune(args) => prune::run(args).await,
        Command::Lock(command) => lock::run(command),
        Command::Resume(args) => resume::run(args).await,
        Command::Continue(args) => r#continue::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Wait(args) => wait::run(args).await,
        Command::Report(args) => report::run(&args),
        Command::Explain(args) => explain::run(&args),
        #[cfg(unix)]
        Command::CodepipelineWorker(args) => codepipeline_worker::run(args).await,
        Command::Sandbox(command) => sandbox::run(command).await,
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
