//! `shipit schema`: the JSON Schema of the pipeline file.

use clap::Args;
use shipit_core::failure::Exit;

use crate::{config, report};

/// Print the JSON Schema of the pipeline file.
#[derive(Clone, Debug, Args)]
pub struct Schema {
    /// Every key as the page `docs/reference.md`
    #[arg(long)]
    markdown: bool,
}

/// Prints it.
pub fn run(args: &Schema) -> Exit {
    let schema = config::schema::schema();
    if args.markdown {
        report::data(config::schema::page::markdown(&schema).trim_end());
    } else {
        report::data(&serde_json::to_string_pretty(&schema).unwrap_or_default());
    }
    Exit::Done
}
