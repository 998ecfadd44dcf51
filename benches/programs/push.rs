//! One image out of the Engine into a registry, as the push step does it: `push REPOSITORY:TAG gzip|zstd FOLDER`, with the
//! registry's password in `PASSWORD` and what was sent before remembered in FOLDER. Says who pushed, and how much.

use std::path::PathBuf;

use shipit::adapter::aws::http::{Trust, Web};
use shipit::adapter::docker::Docker;
use shipit::port::{Builder, Login, Secret};
use shipit_core::pipeline::Compression;
use shipit_core::release::Tag;

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut words = std::env::args().skip(1);
    let mut word = |what: &str| words.next().ok_or_else(|| format!("{what} is missing"));
    let (image, compression, folder) = (word("REPOSITORY:TAG")?, word("gzip or zstd")?, PathBuf::from(word("FOLDER")?));
    let (repository, tag) = image.rsplit_once(':').ok_or("an image is REPOSITORY:TAG")?;
    let compression = match compression.as_str() {
        "zstd" => Compression::Zstd,
        _ => Compression::Gzip,
    };
    let server = repository.split('/').next().unwrap_or(repository).to_owned();
    let login = Login { server, username: "AWS".to_owned(), password: Secret::new(std::env::var("PASSWORD")?) };
    let docker = Docker::when_needed().pushing(Web::new(Trust::System), folder);
    let pushed = docker.push(repository, &Tag(tag.to_owned()), compression, &login, &|_| ()).await;
    let pushed = pushed.map_err(|error| format!("{error:?}"))?;
    println!("{}", serde_json::json!({"digest": pushed.digest.0, "sent": pushed.sent, "by": pushed.by}));
    Ok(())
}
