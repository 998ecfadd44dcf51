//! `shipit plan`: what a deploy would do, and nothing done.

use clap::{Args, ValueEnum};
use serde_json::json;
use shipit_core::failure::Exit;

use super::session::{planned, refuse};
use super::{Common, SourceArgs};
use crate::config::Origin;
use crate::report::{self, Colour, Output, listing};

/// Say what a deploy would do, why and how long it should take.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    source: SourceArgs,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit 10 when there is something to do
    #[arg(long)]
    detailed_exitcode: bool,
}

/// How the plan is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For a person.
    #[default]
    Text,
    /// For a program.
    Json,
}

/// Plans.
pub async fn run(args: PlanArgs) -> Exit {
    let (session, planned) = match planned(&args.common, &args.source).await {
        Ok(both) => both,
        Err(exit) => return exit,
    };
    let format = if args.common.output == Output::Json { Format::Json } else { args.format };
    match format {
        Format::Text => {
            report::data(&listing::plan(&planned.plan, &planned.remarks(), &surprising(&session.loaded.origins), Colour::No))
        }
        Format::Json => report::data(&json!({"plan": planned.plan, "notes": planned.notes}).to_string()),
    }
    let refusals = planned.refusals();
    if !refusals.is_empty() {
        return refuse(&refusals);
    }
    if args.detailed_exitcode && planned.plan.steps.iter().any(|step| step.kind.verb() == "roll") {
        Exit::Changes
    } else {
        Exit::Done
    }
}

/// Values that do not simply stand in the file: from a flag, a variable, or an environment laid over it.
fn surprising(origins: &[(String, Origin)]) -> Vec<(String, Origin)> {
    let is_surprising = |origin: &Origin| match origin {
        Origin::File { environment, variables, .. } => environment.is_some() || !variables.is_empty(),
        Origin::Variable(_) | Origin::Flag(_) => true,
        Origin::Default => false,
    };
    origins.iter().filter(|(_, origin)| is_surprising(origin)).cloned().collect()
}
