//! `shipit wait`: follows deployments that are in progress, whoever asked for them.

use std::time::Duration;

use clap::Args;
use shipit_core::failure::Exit;
use shipit_core::pipeline::Service;
use shipit_core::rollout::Until;
use shipit_core::settled::Stage;

use super::Common;
use super::follow::{Ends, Follow, follow};
use super::session::Session;

/// Wait for the deployments in progress.
#[derive(Clone, Debug, Args)]
pub struct Wait {
    #[command(flatten)]
    common: Common,
    /// Give the wait up after so many minutes of AWS's time; the deployments go on
    #[arg(long, default_value_t = 60, value_name = "MINUTES")]
    minutes: u64,
    /// `stable` or `deployed`, `paused`, `traffic-shifted`, or a stage of ECS such as `bake-time`
    #[arg(long, default_value = "deployed", value_name = "WHAT", value_parser = until)]
    until: Ends,
}

fn until(word: &str) -> Result<Ends, String> {
    let stage = Stage::of(&word.to_uppercase().replace('-', "_"));
    match (word, stage) {
        ("stable" | "deployed", _) => Ok(Ends::At(Until::Deployed)),
        ("traffic-shifted", _) => Ok(Ends::At(Until::TrafficShifted)),
        ("paused", _) => Ok(Ends::Paused),
        (_, Stage::Other(_)) => {
            let stages: Vec<String> = Stage::known().map(|stage| stage.word().to_lowercase().replace('_', "-")).collect();
            Err(format!("take `stable`, `deployed`, `paused`, `traffic-shifted` or a stage: {}", stages.join(", ")))
        }
        (_, stage) => Ok(Ends::At(Until::Stage(stage))),
    }
}

/// Waits.
pub async fn run(args: Wait) -> Exit {
    let session = match Session::open_without_contexts(&args.common).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let services: Vec<(&Service, _)> = session.pipeline().services.iter().map(|service| (service, None)).collect();
    let how = Follow { ends: args.until, limit: Duration::from_secs(args.minutes.saturating_mul(60)) };
    follow(&session, &services, &how).await
}
