//! `shipit rollback`: to an earlier revision that is known to be good, waited for like every rollout.

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::pipeline::Service;

use super::Common;
use super::finish::carry_out;
use super::session::{Session, refuse};
use crate::engine::rollback::{Speed, Wanted, in_order, plan, target};
use crate::report;

/// Go back to the last good revision, further back, or to a named one.
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
    session.claim("rollback").await?;
    let services = match args.all {
        true => in_order(&session.pipeline().services),
        false => vec![wanted(&session.pipeline().services, args.service.as_deref()).map_err(|failure| refuse(&[failure]))?],
    };
    let wanted = args.to.map_or(Wanted::Steps(args.steps.into()), Wanted::Named);
    let speed = if args.fast { Speed::Fast } else { Speed::Own };
    let context = session.context(&|_| {});
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
