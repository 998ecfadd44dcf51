//! `shipit prune`: old revisions of the services' families, deregistered where nothing uses them.

use clap::Args;
use shipit_core::failure::Exit;
use shipit_core::prune::Fate;

use super::Common;
use super::session::{Session, refuse};
use crate::engine::prune::{deregister, look};
use crate::report::{self, listing};

/// What cannot be seen, and must be said.
const UNSEEN: &str = "schedules and rules of EventBridge are not read: one is seen only while a task that it started is listed,      an hour long; name the revisions that they use with `--spare`";

/// Deregister old revisions that nothing uses.
#[derive(Clone, Debug, Args)]
pub struct Prune {
    /// How many of the newest old revisions stay, and how many revisions back a rollback must still reach
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    /// Say what would go, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Keep this revision, `family:number` or its ARN; may be given several times
    #[arg(long, value_name = "REVISION")]
    spare: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Prunes.
pub async fn run(args: Prune) -> Exit {
    match prune(args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn prune(args: Prune) -> Result<Exit, Exit> {
    let session = Session::open_without_contexts(&args.common).await?;
    if !args.dry_run {
        session.claim("prune").await?;
    }
    let context = session.context(&|_| {});
    let fates = look(&context, args.keep.into(), &args.spare).await.map_err(|failure| refuse(&[failure]))?;
    report::data(&listing::fates(&fates));
    report::say(&format!("notice: {UNSEEN}"));
    let goes: Vec<_> = fates.iter().filter(|(_, fate)| *fate == Fate::Goes).map(|(revision, _)| revision).collect();
    if args.dry_run {
        report::say(&format!("nothing was done; {} would be deregistered", counted(goes.len())));
        return Ok(Exit::Done);
    }
    for (done, revision) in goes.iter().enumerate() {
        deregister(&context, revision).await.map_err(|failure| {
            refuse(&[failure.now(format!("{} of {} deregistered before", done, counted(goes.len())))]);
            Exit::Failed
        })?;
    }
    report::say(&format!("{} deregistered; what runs goes on", counted(goes.len())));
    Ok(Exit::Done)
}

fn counted(count: usize) -> String {
    if count == 1 { "1 revision".to_owned() } else { format!("{count} revisions") }
}
