//! `shipit completions`: a completion script.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use shipit_core::failure::Exit;

use super::Cli;
use crate::report;

/// Print a completion script for a shell.
#[derive(Clone, Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints it.
pub fn run(args: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "shipit", &mut script);
    report::data(&String::from_utf8_lossy(&script));
    Exit::Done
}
