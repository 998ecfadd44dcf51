//! `shipit rollback`: to an earlier revision that is known to be good, waited for like every rollout.

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::pipeline::Service;
use shipit_core::rollback::{Direction, direction};
use shipit_core::settled::{Begun, Settled};

use super::Common;
use super::finish::carry_out;
use super::follow::{Follow, follow};
use super::session::{Session, refuse};
use crate::engine::Context;
use crate::engine::rollback::{Speed, Wanted, in_order, plan, target};
use crate::engine::underway::{Underway, again, underway};
use crate::port::StopType;
use crate::report;

/// Go back: out of a deployment in progress, else to the last good revision, further back, or to a named one.
#[derive(Clone, Debug, Args)]
pub struct Rollback {
    /// The service; may be left out where there is one
    #[arg(conflicts_with = "all")]
    service: Option<String>,
    /// The revision: `family:number` or its ARN
    #[arg(long, value_name = "REVISION", conflicts_with = "all")]
    to: Option<String>,
    /// How many good revisions back
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "to", value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
    /// Every service, each by as many revisions; one after the other, those that need others first
    #[arg(long)]
    all: bool,
    /// All traffic at once, judged and asked by nobody, instead of by the service's own strategy
    #[arg(long)]
    fast: bool,
    #[command(flatten)]
    common: Common,
}

/// Rolls back.
pub async fn run(args: Rollback) -> Exit {
    match roll_back(args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn roll_back(args: Rollback) -> Result<Exit, Exit> {
    let session = Session::open_without_contexts(&args.common).await?;
    let mut services = match args.all {
        true => in_order(&session.pipeline().services),
        false => vec![wanted(&session.pipeline().services, args.service.as_deref()).map_err(|failure| refuse(&[failure]))?],
    };
    let wanted = args.to.map_or(Wanted::Steps(args.steps.into()), Wanted::Named);
    let speed = if args.fast { Speed::Fast } else { Speed::Own };
    let context = session.context(&|_| {});
    if wanted == Wanted::Steps(1) {
        // What is in progress goes back by one call, also from the folder of whoever waits for it.
        let going = call_back(&context, &services).await.map_err(|failure| refuse(&[failure]))?;
        if !going.is_empty() {
            match follow(&session, &going, &Follow::back()).await {
                Exit::Done => services.retain(|service| going.iter().all(|(gone, _)| gone.name != service.name)),
                exit => return Ok(exit),
            }
        }
        if services.is_empty() {
            return Ok(Exit::Done);
        }
    }
    session.claim("rollback").await?;
    let (mut targets, mut failures) = (Vec::new(), Vec::new());
    for service in services {
        match target(&context, service, &wanted, speed).await {
            Ok(target) => targets.push(target),
            Err(failure) => failures.push(failure),
        }
    }
    if !failures.is_empty() {
        return Err(refuse(&failures));
    }
    targets.retain(|target| !target.is_there());
    if targets.is_empty() {
        report::say("nothing to do: that revision runs");
        return Ok(Exit::Done);
    }
    let (plan, facts) = plan(&context, &targets, speed);
    Ok(carry_out(&session, &plan, &[], args.common.output, facts).await)
}

/// Services with the deployment that goes back.
type Going<'a> = Vec<(&'a Service, Option<Begun>)>;

/// Asks AWS to take back what is in progress; answers the services of which something is.
async fn call_back<'a>(context: &Context<'_>, services: &[&'a Service]) -> Result<Going<'a>, Failure> {
    let mut moving = Vec::new();
    for service in services {
        if let Some(underway) = underway(context, service).await? {
            moving.extend(goes_forward(&service.name, underway)?.map(|(begun, settled)| (*service, begun, settled)));
        }
    }
    let mut going = Vec::new();
    for (service, begun, settled) in moving {
        let (name, from) = (&service.name, begun.revision.short());
        if let Settled::RollingBack { reason } = settled {
            report::say(&format!("`{name}` goes back from {from} already: {reason}"));
        } else {
            again(context, name, async || context.ports.service.stop(&begun, StopType::Rollback).await).await?;
            report::say(&format!("`{name}` goes back: the deployment of {from} is stopped in AWS"));
        }
        going.push((service, Some(begun)));
    }
    Ok(going)
}

/// What can be taken back, or goes back by itself. A way back in progress is neither: to stop it would bring the later
/// revision again.
fn goes_forward(name: &str, underway: Underway) -> Result<Option<(Begun, Settled)>, Failure> {
    let Underway { begun, settled, stable, .. } = underway;
    match (&settled, stable) {
        (Settled::Pending, Some(later)) if direction(&later, &begun.revision) == Direction::Back => {
            let to = begun.revision.short();
            Err(Failure::new(Code::DeploymentInProgress, format!("`{name}` is on its way back to {to} already"))
                .because(format!("to stop that deployment would bring {} again", later.short()))
                .next("shipit wait"))
        }
        (Settled::Pending | Settled::RollingBack { .. }, _) => Ok(Some((begun, settled))),
        _ => Ok(None),
    }
}

fn wanted<'a>(services: &'a [Service], name: Option<&str>) -> Result<&'a Service, Failure> {
    let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    match (name, services) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::new(Code::Usage, "which service?")
            .because(format!("the pipeline has {}", names.join(", ")))
            .next(format!("shipit rollback {}", names.first().copied().unwrap_or("SERVICE")))
            .next("shipit rollback --all")),
        (Some(name), _) => services.iter().find(|service| service.name == name).ok_or_else(|| {
            Failure::new(Code::Usage, format!("there is no service `{name}` in the pipeline file"))
                .because(format!("it has {}", names.join(", ")))
        }),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use shipit_core::release::{DeploymentId, Revision};

    use super::*;

    fn web(number: u32) -> Revision {
        Revision(format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:{number}"))
    }

    fn moves(from: u32, to: u32, settled: Settled) -> Underway {
        let asked_at = Timestamp::UNIX_EPOCH;
        let begun = Begun { service: "web".into(), revision: web(to), deployment: DeploymentId("ecs-svc/1".into()), asked_at };
        Underway { begun, settled, shift: None, stable: Some(web(from)) }
    }

    #[test]
    fn a_way_back_is_never_taken_back() {
        let failure = goes_forward("web", moves(7, 6, Settled::Pending)).unwrap_err();
        assert_eq!(
            (failure.code, failure.what.as_str()),
            (Code::DeploymentInProgress, "`web` is on its way back to web:6 already")
        );
        assert_eq!(failure.because, ["to stop that deployment would bring web:7 again"]);
        assert!(goes_forward("web", moves(6, 7, Settled::Pending)).unwrap().is_some());
        let returning = Settled::RollingBack { reason: "an alarm".into() };
        assert!(goes_forward("web", moves(6, 7, returning)).unwrap().is_some(), "it is waited for");
        assert!(goes_forward("web", moves(6, 7, Settled::Failed { reason: "no tasks".into() })).unwrap().is_none());
    }
}
