//! `shipit deploy`: the whole way.

use clap::{Args, ValueEnum};
use shipit_core::ancestry::Forced;
use shipit_core::failure::Exit;
use shipit_core::rollout::Until;

use super::built::BuiltArgs;
use super::finish::carry_out;
use super::session::{Session, refuse};
use super::{Common, SourceArgs};

/// Build, push, gate, register, roll out and wait until it has settled.
#[derive(Clone, Debug, Args)]
pub struct Deploy {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    built: BuiltArgs,
    /// Deploy though the service runs a newer commit
    #[arg(long, requires = "reason")]
    force: bool,
    /// When the wait ends: once it is deployed, or once all traffic has moved, with the bake left to AWS; CodeDeploy's
    /// termination wait is left to AWS unless asked for, or judged
    #[arg(long, value_enum)]
    until: Option<UntilArg>,
    /// Why the older commit is wanted; it stays in the journal and on the revision
    #[arg(long, requires = "force", value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: Option<String>,
}

/// When the wait ends.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum UntilArg {
    /// The deployment has succeeded.
    Deployed,
    /// All traffic has moved and nothing is judged or asked any more.
    TrafficShifted,
}

impl From<UntilArg> for Until {
    fn from(until: UntilArg) -> Self {
        match until {
            UntilArg::Deployed => Until::Deployed,
            UntilArg::TrafficShifted => Until::TrafficShifted,
        }
    }
}

/// Deploys.
pub async fn run(args: Deploy) -> Exit {
    match deploy(args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn deploy(args: Deploy) -> Result<Exit, Exit> {
    let mut session = Session::open_built(&args.common, args.source.strategy.as_ref(), &args.built).await?;
    session.until = args.until.map(Until::from).unwrap_or_default();
    session.claim("deploy").await?;
    let planned = session.plan(&args.source, args.reason.map(|reason| Forced { reason })).await?;
    let refusals = planned.refusals();
    if !refusals.is_empty() {
        return Err(refuse(&refusals));
    }
    Ok(carry_out(&session, &planned.plan, &planned.remarks(), args.common.output, Vec::new()).await)
}
