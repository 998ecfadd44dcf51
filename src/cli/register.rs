//! `shipit register`: a task definition, and nothing of a service.

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::pipeline::{Pipeline, TaskDefinitionSource, WhenSame};

use super::session::{complain, refuse};
use crate::app::{self, Target};
use crate::config::{Contexts, Given, Overrides, load_given};
use crate::engine::register::{Registered, register};
use crate::report;

/// Register a task definition and print its ARN; what its newest revision says already is not registered again.
#[derive(Clone, Debug, Args)]
pub struct Register {
    /// The task definition, a file of ECS's JSON or YAML that names its images
    #[arg(value_name = "FILE")]
    definition: String,
    /// The region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The profile of the AWS configuration
    #[arg(long, env = "AWS_PROFILE", value_name = "NAME")]
    profile: Option<String>,
    /// Use the sandbox instead of AWS; one is started if none runs
    #[arg(long, env = "SHIPIT_SANDBOX")]
    sandbox: bool,
}

/// Registers.
pub async fn run(args: Register) -> Exit {
    match registered(args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn registered(args: Register) -> Result<Exit, Exit> {
    let pipeline = pipeline(&args)?;
    let definition = pipeline.services.first().map(|service| &service.task_definition);
    let Some(TaskDefinitionSource::File { definition, .. }) = definition else {
        let failure = Failure::new(Code::Usage, format!("`{}` is no file of a task definition", args.definition));
        return Err(refuse(&[failure.next("name the file as `./running`, if that is what it is called")]));
    };
    let target = match args.sandbox {
        true => Target::Sandbox { folder: pipeline.folder.clone() },
        false => Target::Aws { profile: args.profile },
    };
    let connected = app::connect(&target, &pipeline).await.map_err(|failure| refuse(&[failure]))?;
    let end = register(&connected.ports, connected.clock, definition).await.map_err(|failure| refuse(&[failure]))?;
    let (word, revision) = match &end {
        Registered::New(revision) => ("registered", revision),
        Registered::Same(revision) => ("unchanged", revision),
    };
    report::say(&report::safe::line(&format!("{word}: {}", revision.short())));
    report::registered(word, revision);
    report::data(revision.as_str());
    Ok(Exit::Done)
}

/// The pipeline of no service but this definition.
fn pipeline(args: &Register) -> Result<Pipeline, Exit> {
    let folder = std::env::current_dir().map_err(|error| {
        refuse(&[Failure::new(Code::FileTrouble, "the current folder cannot be had").because(error.to_string())])
    })?;
    let given =
        Given { service: "register".to_owned(), task_definition: Some(args.definition.clone()), when_same: WhenSame::Leave };
    let overrides = Overrides { region: args.region.clone(), contexts: Contexts::NotNeeded, ..Overrides::default() };
    let loaded = load_given(&given, &folder, &overrides, &|name: &str| std::env::var(name).ok());
    loaded.map(|loaded| loaded.pipeline).map_err(|complaints| complain(&complaints))
}
