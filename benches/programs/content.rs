//! The hash over all that a pipeline gives to the build of an image: `content CONTEXT [FOLDER]`, with what was read remembered
//! in FOLDER.

use std::path::PathBuf;

use shipit::adapter::docker::sources;
use shipit_core::pipeline::{Cache, Compression, Image, Secrets};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let context = words.next().ok_or("CONTEXT is missing")?.canonicalize()?;
    let image = Image {
        name: "context".into(),
        context,
        dockerfile: "Dockerfile".into(),
        repository: "bench/context".to_owned(),
        args: Default::default(),
        target: None,
        platforms: Vec::new(),
        secrets: Secrets::default(),
        cache: Cache::default(),
        compression: Compression::default(),
    };
    let digest = sources(&image, words.next().as_deref()).map_err(|failure| failure.what)?;
    println!("{digest}");
    Ok(())
}
