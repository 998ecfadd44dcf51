//! `shipit lock`: who works in the pipeline's folder; the lock given back in place of someone else.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shipit_core::failure::{Exit, Failure};

use super::Common;
use super::session::{load_without_contexts, refuse};
use crate::app::lock::{self, Force, Standing};
use crate::report::{self, Output, json};

/// The lock of the pipeline's folder.
#[derive(Debug, Subcommand)]
pub enum Lock {
    /// Say who holds it
    Status(Status),
    /// Give it back in place of its holder, whose process has ended
    Release(Release),
}

/// Say who holds it.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    common: Common,
}

/// Give it back.
#[derive(Debug, Args)]
pub struct Release {
    #[command(flatten)]
    common: Common,
    /// Also from a process that lives: two runs may then be under way at once
    #[arg(long)]
    force: bool,
}

/// Carries a lock command out.
pub fn run(command: Lock) -> Exit {
    let result = match command {
        Lock::Status(args) => status(&args),
        Lock::Release(args) => release(&args),
    };
    result.unwrap_or_else(|trouble| match trouble {
        Trouble::Said(exit) => exit,
        Trouble::Failure(failure) => refuse(&[*failure]),
    })
}

enum Trouble {
    Said(Exit),
    Failure(Box<Failure>),
}

impl From<Exit> for Trouble {
    fn from(exit: Exit) -> Self {
        Trouble::Said(exit)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failure(Box::new(failure))
    }
}

fn status(args: &Status) -> Result<Exit, Trouble> {
    let standing = lock::standing(&load_without_contexts(&args.common)?.pipeline.folder)?;
    report::data(&match args.common.output {
        Output::Auto | Output::Lines => words(&standing),
        Output::Json => json::compact(&as_json(&standing)),
    });
    Ok(Exit::Done)
}

fn release(args: &Release) -> Result<Exit, Trouble> {
    let force = if args.force { Force::Yes } else { Force::No };
    report::say(&match lock::release(&load_without_contexts(&args.common)?.pipeline.folder, force)? {
        Standing::Free => "nobody holds the lock".to_owned(),
        Standing::Held(None) => "the lock is released by force; its process goes on".to_owned(),
        Standing::Held(Some(holder)) => format!("the lock of {} is released by force; its process goes on: {holder}", holder.by),
        Standing::Left(holder) => format!("the lock of {} is released: {holder} has ended", holder.by),
    });
    Ok(Exit::Done)
}

fn words(standing: &Standing) -> String {
    match standing {
        Standing::Free => "nobody holds the lock".to_owned(),
        Standing::Held(None) => "the lock is held by a process that has not written who it is yet".to_owned(),
        Standing::Held(Some(holder)) => format!("{} holds the lock since {:.0}: {holder}", holder.by, holder.since),
        Standing::Left(holder) => {
            format!("{} left the lock of {:.0} behind, the next run takes it over: {holder} has ended", holder.by, holder.since)
        }
    }
}

fn as_json(standing: &Standing) -> Value {
    match standing {
        Standing::Free => json!({"lock": "free"}),
        Standing::Held(holder) => json!({"lock": "held", "holder": holder}),
        Standing::Left(holder) => json!({"lock": "left", "holder": holder}),
    }
}
