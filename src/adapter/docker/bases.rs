//! Base images by what is in them: the digest that their registry has under the name, or the id of what lies in the Engine alone.

use std::time::Duration;

use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};
use shipit_core::content::{Base, Bases, ContentKey, Inputs};
use shipit_core::pipeline::Image;
use shipit_core::release::Digest;

use super::connect::Engine;
use super::external::repository;
use super::login::Logins;
use super::push;
use crate::adapter::content::hex;

/// A registry that does not answer within this time is as good as none: what the Engine has serves then.
const PATIENCE: Duration = Duration::from_secs(5);

/// The whole key: what the Engine and registries know, beside what lies in files. No engine is needed where nothing is asked.
pub(super) async fn key(
    image: &Image,
    sources: Digest,
    named: Vec<Result<String, String>>,
    engine: Result<Option<&Engine>, String>,
    logins: &Logins,
) -> ContentKey {
    let written = named.iter().find_map(|name| name.as_ref().err());
    let mut unknown = written.map(|written| format!("`{written}` is known in the build alone"));
    let names: Vec<String> = named.into_iter().flatten().collect();
    let mut platforms = image.platforms.clone();
    let mut bases = Bases::default();
    match engine {
        Ok(Some(engine)) => {
            if platforms.is_empty() {
                platforms.extend(engine.platform.clone());
            }
            let mut looks = Vec::new();
            for name in &names {
                looks.push(base(engine, name, logins));
            }
            let found = join_all(looks).await;
            for (name, base) in names.into_iter().zip(found) {
                match base {
                    Ok(base) => drop(bases.0.insert(name, base)),
                    Err(why) => unknown = unknown.or_else(|| Some(format!("base `{name}`: {why}"))),
                }
            }
        }
        Ok(None) => {}
        Err(why) => unknown = unknown.or(Some(why)),
    }
    if platforms.is_empty() {
        unknown = unknown.or_else(|| Some("the Engine does not say what it runs on".to_owned()));
    }
    let inputs = match unknown {
        Some(why) => Inputs::Unknown { why },
        None => Inputs::Known(whole(&sources, &bases, &platforms)),
    };
    ContentKey { sources, bases, platforms, inputs }
}

/// Nothing but hashes and names of images goes in, so that every machine has the same.
fn whole(sources: &Digest, bases: &Bases, platforms: &[String]) -> Digest {
    let text = format!("inputs 1\n{sources}\n{}\n{}\n", bases.label(), platforms.join(","));
    Digest(format!("sha256:{}", hex(&Sha256::digest(text))))
}

async fn base(engine: &Engine, name: &str, logins: &Logins) -> Result<Base, String> {
    if let Some((_, digest)) = name.split_once('@') {
        return Ok(Base::Digest(Digest(digest.to_owned())));
    }
    let here = engine.api.inspect_image(name).await.ok();
    let of_registry = here.as_ref().and_then(|image| {
        let digests = image.repo_digests.iter().flatten();
        let of_name = |digest: &&String| plain(repository(digest)) == plain(repository(name));
        digests.filter(of_name).find_map(|digest| Some(digest.split_once('@')?.1.to_owned())).map(Digest)
    });
    if let Some(image) = &here
        && of_registry.is_none()
        && let Some(id) = &image.id
    {
        return Ok(Base::Image(Digest(id.clone())));
    }
    let login = logins.of(host(name)).await;
    let asked = engine.api.inspect_registry_image(name, login.as_ref().map(push::credentials));
    let answer = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => found.descriptor.digest.map(Digest).ok_or_else(|| "its registry names no digest".to_owned()),
        Ok(Err(error)) => Err(super::trouble::words(&error)),
        Err(_) => Err(format!("its registry does not answer within {} s", PATIENCE.as_secs())),
    };
    answer.or_else(|why| of_registry.ok_or(why)).map(Base::Digest)
}

/// The registry of a name.
fn host(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

/// A name of Docker Hub in its shortest form.
fn plain(repository: &str) -> &str {
    let short = repository.strip_prefix("docker.io/").unwrap_or(repository);
    short.strip_prefix("library/").unwrap_or(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        for (name, of) in
            [("debian:12", "docker.io"), ("shop/web", "docker.io"), ("localhost/a", "localhost"), ("r:5000/a:1", "r:5000")]
        {
            assert_eq!(host(name), of);
        }
        assert_eq!(plain(repository("docker.io/library/debian:12")), plain(repository("debian@sha256:1")));
        assert_eq!(repository("r:5000/a"), "r:5000/a");
    }
}
