//! What other CI systems run: the examples of `pipelines/`, by the bodies that stand in them and as those systems run them.

mod agent;
mod examples;
pub mod groovy;
mod jenkins;

use std::path::Path;

/// A file of `pipelines/`.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
