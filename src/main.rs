//! The `shipit` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    shipit::cli::run()
}
