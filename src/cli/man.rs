//! `shipit man`: the manual pages, one a verb, from the same words as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use shipit_core::failure::{Code, Exit, Failure};

use super::Cli;
use super::session::refuse;

/// Write the manual pages into a folder.
#[derive(Clone, Debug, Args)]
pub struct Man {
    /// The folder; it is made if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// Writes them.
pub fn run(args: &Man) -> Exit {
    let written = std::fs::create_dir_all(&args.folder).and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder));
    match written {
        Ok(()) => Exit::Done,
        Err(error) => refuse(&[Failure::new(Code::Usage, "the manual pages cannot be written")
            .because(format!("`{}`: {error}", args.folder.display()))
            .next("name a folder that can be written")]),
    }
}
