//! The `Builder` port: images built and pushed by the Docker Engine, through its API.

mod archive;
mod build;
mod connect;
mod context;
mod dockerfile;
mod ended;
mod ignore;
mod layer;
mod login;
mod progress;
mod push;
mod request;
mod session;
mod tarball;
mod trouble;

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use shipit_core::failure::{Code, Failure};
use shipit_core::inventory::Inventory;
use shipit_core::pipeline::Image;
use shipit_core::release::{Digest, Tag};
use tokio::sync::OnceCell;

use crate::port::{Builder, BuiltImage, Login, PortResult, PushedImage, Tell};
use connect::Engine;
use context::Context;
pub(crate) use context::fingerprint;
use login::Logins;

/// The Docker Engine of this machine, or the one that `DOCKER_HOST` names.
pub struct Docker {
    engine: OnceCell<Engine>,
    config: Option<PathBuf>,
}

impl Docker {
    /// For commands that may not need an Engine at all: it is looked for when something is built or pushed.
    pub fn when_needed() -> Docker {
        Docker { engine: OnceCell::new(), config: login::config_folder() }
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

    async fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.get_or_try_init(Engine::find).await
    }
}

#[async_trait]
impl Builder for Docker {
    async fn inputs(&self, image: &Image) -> PortResult<Digest> {
        let owned = image.clone();
        Ok(reading(move || Context::read(&owned)?.digest(&owned)).await?)
    }

    async fn build(
        &self,
        image: &Image,
        name: &str,
        labels: &BTreeMap<String, String>,
        logins: &[Login],
        tell: Tell<'_>,
    ) -> PortResult<BuiltImage> {
        let owned = image.clone();
        let context = reading(move || Context::read(&owned)).await?;
        let logins = Logins::new(logins, self.config.as_deref());
        let build = build::Build { image, name, labels, context: context.into(), logins };
        Ok(build.run(self.engine().await?, tell).await?)
    }

    async fn inventory(&self, name: &str) -> PortResult<Inventory> {
        Ok(Inventory::of(archive::read(self.engine().await?, name).await?.layers))
    }

    async fn push(&self, repository: &str, tag: &Tag, login: &Login, tell: Tell<'_>) -> PortResult<PushedImage> {
        Ok(push::push(self.engine().await?, repository, tag, login, tell).await?)
    }
}

/// Reads files where that may block.
async fn reading<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Failure::new(Code::Unexpected, "reading the build context ended early").because(error.to_string()))
    })
}

#[cfg(test)]
mod tests;
