//! `shipit schema`: the JSON Schema of the pipeline file.

use shipit_core::failure::Exit;

use crate::{config, report};

/// Prints it.
pub fn run() -> Exit {
    report::data(&serde_json::to_string_pretty(&config::schema::schema()).unwrap_or_default());
    Exit::Done
}
