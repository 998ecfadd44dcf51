//! `shipit resume`: goes on with a run that was cut, by its journal; without one, by what the services tell of it.

use std::path::PathBuf;

use clap::Args;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::release::RunId;

use super::Common;
use super::finish::go_on;
use super::session::{Session, new_run, refuse};
use crate::engine::resume::{Asked, Foreign, Which, find};

/// Go on with a run that was cut.
#[derive(Clone, Debug, Args)]
pub struct Resume {
    /// The run; the last one that has not ended, if left out
    run: Option<String>,
    /// The run's journal from another machine: `.shipit/runs/<run>/journal.jsonl`
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    journal: Option<PathBuf>,
    /// Go on though someone else has deployed since: what runs now is replaced, and is what a turn-back goes back to
    #[arg(long)]
    take_over: bool,
    #[command(flatten)]
    common: Common,
}

/// Resumes.
pub async fn run(args: Resume) -> Exit {
    let asked = match asked(&args) {
        Ok(asked) => asked,
        Err(failure) => return refuse(&[failure]),
    };
    // The contexts are not needed where all images are built; where one is not, its build says so.
    let session = match Session::open_without_contexts(&args.common).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    if let Err(exit) = session.claim("resume").await {
        return exit;
    }
    let found = match find(&session.context(&|_| {}), &asked).await {
        Ok(found) => found,
        Err(failures) => return refuse(&failures),
    };
    let not_whole = found.not_whole();
    match (go_on(&session, found.book, &found.remarks, args.common.output).await, not_whole) {
        (Exit::Done, Some(failure)) => refuse(&[failure]),
        (exit, _) => exit,
    }
}

fn asked(args: &Resume) -> Result<Asked, Failure> {
    let which = match (&args.journal, &args.run) {
        (Some(path), _) => Which::Journal(std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Code::NoJournal, format!("`{}` cannot be read", path.display())).because(error.to_string())
        })?),
        (None, Some(run)) => Which::Named(RunId(run.clone())),
        (None, None) => Which::Last,
    };
    let foreign = if args.take_over { Foreign::TakeOver } else { Foreign::Refuse };
    Ok(Asked { which, foreign, fresh: new_run(jiff::Timestamp::now()) })
}
