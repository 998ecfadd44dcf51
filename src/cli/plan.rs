//! `shipit plan`: what a deploy would do, and nothing done.

use clap::{Args, ValueEnum};
use serde_json::json;
use shipit_core::failure::Exit;

use super::built::BuiltArgs;
use super::session::{planned, refuse};
use super::{Place, SourceArgs};
use crate::config::Origin;
use crate::report::{self, Colour, json, listing, planned};

/// Say what a deploy would do, why and how long it should take.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    built: BuiltArgs,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t)]
    output: Written,
    /// Exit 10 when there is something to do
    #[arg(long)]
    detailed_exitcode: bool,
}

/// How the plan is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Written {
    /// For a person.
    #[default]
    Text,
    /// For a program.
    Json,
    /// For the comment under a pull request.
    Markdown,
}

/// Plans.
pub async fn run(args: PlanArgs) -> Exit {
    let (session, planned) = match planned(&args.place, &args.source, &args.built).await {
        Ok(both) => both,
        Err(exit) => return exit,
    };
    let origins = surprising(&session.loaded.origins);
    report::data(&match args.output {
        Written::Text => listing::plan(&planned.plan, &planned.remarks(), &origins, Colour::No),
        Written::Json => json::compact(&json!({"plan": planned.plan, "notes": planned.notes})),
        Written::Markdown => planned::markdown(&planned.plan, &planned.notes, &origins),
    });
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
