//! `shipit deploy`: the whole way.

use clap::Args;
use shipit_core::failure::Exit;

use super::finish::carry_out;
use super::session::{planned, refuse};
use super::{Common, SourceArgs};

/// Build, push, gate, register, roll out and wait until it has settled.
#[derive(Clone, Debug, Args)]
pub struct Deploy {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    source: SourceArgs,
}

/// Deploys.
pub async fn run(args: Deploy) -> Exit {
    let (session, planned) = match planned(&args.common, &args.source).await {
        Ok(both) => both,
        Err(exit) => return exit,
    };
    let refusals = planned.refusals();
    if !refusals.is_empty() {
        return refuse(&refusals);
    }
    carry_out(&session, &planned.plan, &planned.remarks(), args.common.output, Vec::new()).await
}
