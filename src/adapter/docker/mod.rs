//! The `Builder` port: images built and pushed by the Docker Engine, through its API.

mod archive;
mod bases;
mod build;
mod connect;
mod contents;
mod context;
mod dockerfile;
mod ended;
mod external;
mod ignore;
mod layer;
mod login;
mod mask;
mod own;
mod progress;
mod push;
mod request;
mod secrets;
mod sent;
mod session;
mod tarball;
mod trouble;
mod walk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use shipit_core::content::ContentKey;
use shipit_core::failure::{Code, Failure};
use shipit_core::inventory::Inventory;
use shipit_core::leak::{self, Leak, Place, Rule, Search};
use shipit_core::pipeline::{Compression, Image};
use shipit_core::push::{Because, Reach};
use shipit_core::release::{Digest, Tag};
use tokio::sync::OnceCell;

use crate::adapter::aws::http::Web;
use crate::port::{BuildWish, Builder, BuiltImage, Login, PortResult, PushedImage, Searched, Tell};
use connect::Engine;
pub(crate) use context::fingerprint;
use context::{Context, Dockerfile};
use login::Logins;
use push::{Push, Pusher};
use secrets::Held;

/// The Docker Engine of this machine, or the one that `DOCKER_HOST` names.
pub struct Docker {
    engine: OnceCell<Engine>,
    config: Option<PathBuf>,
    agent: Option<PathBuf>,
    /// Of images that were searched: whoever asks for what is installed in one does not have it read again.
    inventories: Mutex<BTreeMap<String, Inventory>>,
    /// Where it remembers what it has read.
    cache: Option<PathBuf>,
    /// None leaves every push to the Engine.
    pusher: Option<Pusher>,
}

impl Docker {
    /// For commands that may not need an Engine at all: it is looked for when something is built or pushed.
    pub fn when_needed() -> Docker {
        Docker {
            engine: OnceCell::new(),
            config: login::config_folder(),
            agent: secrets::agent(),
            inventories: Mutex::default(),
            cache: None,
            pusher: None,
        }
    }

    /// The same, remembering in this folder what it has read.
    #[must_use]
    pub fn remembering(self, folder: PathBuf) -> Docker {
        Docker { cache: Some(folder), ..self }
    }

    /// The Engine at that address, as `DOCKER_HOST` would name it.
    ///
    /// # Errors
    /// `SHIP306` when none answers there.
    pub async fn at(host: &str) -> Result<Docker, Failure> {
        Ok(Docker { engine: OnceCell::new_with(Some(Engine::at(host).await?)), ..Docker::when_needed() })
    }

    /// The same, which also pushes by itself where that is sooner, and remembers below `folder` what it has pushed.
    pub fn pushing(self, web: Web, folder: PathBuf) -> Docker {
        Docker { pusher: Some(Pusher::new(web, folder)), ..self }
    }

    /// Finds the Engine and greets it.
    ///
    /// # Errors
    /// `SHIP306` with what was tried and what to install or start.
    pub async fn connect() -> Result<Docker, Failure> {
        let docker = Docker::when_needed();
        docker.engine().await?;
        Ok(docker)
    }

    /// Where the Engine answers, as `DOCKER_HOST` would name it.
    ///
    /// # Errors
    /// `SHIP306` when none answers.
    pub async fn host(&self) -> Result<String, Failure> {
        Ok(self.engine().await?.address.to_string())
    }

    async fn held(&self, image: &Image) -> Result<Held, Failure> {
        let (owned, agent) = (image.clone(), self.agent.clone());
        reading(move || Held::read(&owned, agent)).await
    }

    async fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.get_or_try_init(Engine::find).await
    }
}

#[async_trait]
impl Builder for Docker {
    async fn key(&self, image: &Image, logins: &[Login]) -> PortResult<ContentKey> {
        let (owned, cache) = (image.clone(), self.cache.clone());
        let read = move || {
            let context = Context::read(&owned, cache.as_deref())?;
            Ok((context.digest(&owned), external::named(&context.dockerfile.text, &owned.args)))
        };
        let (sources, named) = reading(read).await?;
        let logins = Logins::new(logins, self.config.as_deref());
        let engine = match named.is_empty() && !image.platforms.is_empty() {
            true => Ok(None),
            false => self.engine().await.map(Some).map_err(|failure| failure.what),
        };
        Ok(bases::key(image, sources, named, engine, &logins).await)
    }

    async fn build(&self, wish: &BuildWish<'_>, tell: Tell<'_>) -> PortResult<BuiltImage> {
        let BuildWish { image, platform, name, labels, key, logins } = *wish;
        let (owned, key, cache) = (image.clone(), key.clone(), self.cache.clone());
        let read = move || {
            let mut context = Context::read(&owned, cache.as_deref())?;
            if context.digest(&owned) != key.sources {
                return Err(context::changed(&owned.name, "its files, its Dockerfile or what the pipeline file gives to it"));
            }
            context.dockerfile.text = external::pinned(&context.dockerfile.text, &owned.args, &key.bases);
            Ok(context)
        };
        let context = reading(read).await?;
        let logins = Logins::new(logins, self.config.as_deref());
        let held = self.held(image).await?.into();
        let build = build::Build { image, platform, name, labels, context: context.into(), logins, held };
        Ok(build.run(self.engine().await?, tell).await?)
    }

    async fn reach(&self) -> Option<Reach> {
        let engine = self.engine().await.ok()?;
        match self.pusher {
            Some(_) => push::reach(engine).await,
            None => Some(Reach::None { why: "shipit does not push by itself" }),
        }
    }

    async fn inventory(&self, name: &str) -> PortResult<Inventory> {
        let known = self.inventories.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(match known {
            Some(known) => known,
            None => Inventory::of(archive::read(self.engine().await?, name, None).await?.layers),
        })
    }

    async fn leaks(&self, image: &Image, name: &str) -> PortResult<Searched> {
        let held = self.held(image).await?;
        let search = || Search::new(held.values());
        let archive::Image { layers, found, config } = archive::read(self.engine().await?, name, Some(search())).await?;
        let owned = image.clone();
        let dockerfile = reading(move || Dockerfile::read(&owned)).await?;
        let base = found.len().saturating_sub(own::layers(&dockerfile.text, image.target.as_deref()));
        let mut leaks = Vec::new();
        for (at, (found, layer)) in found.into_iter().zip(&layers).enumerate() {
            // What a base image has in it is its maker's to answer for; a secret of ours is not.
            for (path, found) in found.into_iter().filter(|(_, found)| at >= base || matches!(found.rule, Rule::Value(_))) {
                let place = Place::File { number: at + 1, layer: layer.digest.clone(), path, line: found.line };
                leaks.push(Leak { rule: found.rule, place });
            }
        }
        leaks.extend(leak::in_config(&search(), &config));
        let too_short = search().too_short().to_vec();
        let mut inventories = self.inventories.lock().unwrap_or_else(PoisonError::into_inner);
        inventories.insert(name.to_owned(), Inventory::of(layers));
        Ok(Searched { leaks, too_short })
    }

    async fn push(
        &self,
        repository: &str,
        tag: &Tag,
        compression: Compression,
        login: &Login,
        tell: Tell<'_>,
    ) -> PortResult<PushedImage> {
        let push = Push { engine: self.engine().await?, uri: repository, tag, compression, login, tell };
        match &self.pusher {
            Some(pusher) => push.run(pusher).await,
            None => push.by_engine(Because::Alone).await,
        }
    }
}

/// Hash over all that a pipeline gives to the build of an image, see [`ContentKey::sources`]; what was read is remembered in
/// `cache`.
///
/// # Errors
/// `SHIP305` with what cannot be read.
pub fn sources(image: &Image, cache: Option<&Path>) -> Result<Digest, Failure> {
    Ok(Context::read(image, cache)?.digest(image))
}

/// Reads files where that may block.
async fn reading<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Failure::new(Code::Unexpected, "reading the build context ended early").because(error.to_string()))
    })
}

#[cfg(test)]
mod tests;
