//! `shipit build`, `push`, `scan`: the first half of a deploy, as far as asked.

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::plan::{Plan, StepKind};

use super::finish::carry_out;
use super::session::{Session, refuse};
use super::{Common, SourceArgs};

/// A part of the pipeline's first half.
#[derive(Clone, Debug, Args)]
pub struct Part {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    source: SourceArgs,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Only build.
    Build,
    /// Build and push.
    Push,
    /// Only the gate, for images that are in the registry.
    Scan,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Build => "build",
            Verb::Push => "push",
            Verb::Scan => "scan",
        }
    }
}

/// Does that part.
pub async fn run(args: Part, verb: Verb) -> Exit {
    match part(args, verb).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn part(args: Part, verb: Verb) -> Result<Exit, Exit> {
    let session = Session::open(&args.common, args.source.strategy.as_ref()).await?;
    session.claim(verb.name()).await?;
    let planned = session.plan(&args.source, None).await?;
    let missing: Vec<&str> = planned
        .plan
        .steps
        .iter()
        .filter(|step| matches!(step.kind, StepKind::Push { .. }))
        .map(|step| step.kind.subject())
        .collect();
    if verb == Verb::Scan && !missing.is_empty() {
        let failure = Failure::new(Code::Usage, format!("{} is not in the registry under this commit", missing.join(" and ")))
            .because("the gate judges what the registry has scanned")
            .now("nothing was touched")
            .next("shipit push, then shipit scan");
        return Err(refuse(&[failure]));
    }
    let plan = only(planned.plan.clone(), verb);
    Ok(carry_out(&session, &plan, &planned.remarks(), args.common.output, Vec::new()).await)
}

fn only(mut plan: Plan, verb: Verb) -> Plan {
    plan.steps.retain(|step| match step.kind {
        StepKind::Build { .. } => verb != Verb::Scan,
        StepKind::Push { .. } => verb == Verb::Push,
        StepKind::Gate { .. } => verb == Verb::Scan,
        _ => false,
    });
    plan.unchanged.clear();
    plan
}
