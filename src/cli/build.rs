//! `shipit build`, `push`: the first half of a deploy, as far as asked.

use std::collections::BTreeSet;

use clap::Args;
use shipit_core::event::Outcome;
use shipit_core::failure::Exit;
use shipit_core::handover::Handed;
use shipit_core::plan::{Plan, StepId, StepKind};

use super::finish::carried_out;
use super::session::{Session, refuse};
use super::{Common, SourceArgs};
use crate::engine::handover::hand_over;

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
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Build => "build",
            Verb::Push => "push",
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
    let plan = only(planned.plan.clone(), verb);
    let outcome = carried_out(&session, &plan, &planned.remarks(), args.common.output, Vec::new()).await?;
    if outcome.exit == Exit::Done {
        tell_others(&session, &plan, &outcome).await?;
    }
    Ok(outcome.exit)
}

fn only(mut plan: Plan, verb: Verb) -> Plan {
    plan.steps.retain(|step| match step.kind {
        StepKind::Build { .. } => true,
        StepKind::Push { .. } | StepKind::Tag { .. } | StepKind::Attest { .. } => verb == Verb::Push,
        _ => false,
    });
    let kept: BTreeSet<StepId> = plan.steps.iter().map(|step| step.id.clone()).collect();
    for step in &mut plan.steps {
        step.needs.retain(|need| kept.contains(need));
    }
    plan.unchanged.clear();
    plan
}

async fn tell_others(session: &Session, plan: &Plan, outcome: &Outcome) -> Result<(), Exit> {
    let at = session.connected.clock.now();
    let handed = session.pipeline().images.iter().map(|image| {
        let (repository, digest) = (image.repository.clone(), outcome.images.get(&image.name).cloned());
        let (commit, tag) = (plan.source.commit.clone(), plan.tag.clone());
        (image.name.clone(), Handed { repository, commit, tag, digest, gate: None, at })
    });
    let told = hand_over(&session.connected.ports, &session.pipeline().name, handed.collect()).await;
    told.map_err(|failure| refuse(&[failure]))
}
