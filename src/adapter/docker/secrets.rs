//! The secrets of one build: read when it begins, and served to BuildKit over its session, which alone may ask for them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bollard::moby::buildkit::secrets::v1::secrets_server;
use bollard::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard::moby::sshforward::v1::ssh_server::Ssh;
use bollard::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use futures_util::{Stream, StreamExt};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Agent, Image, SecretSource};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::ReaderStream;
use tonic::{Request, Response, Status, Streaming};

use crate::port::Secret;

/// BuildKit takes no larger one (`MaxSecretSize` of its secrets package).
const LARGEST: usize = 500 * 1024;

/// The only agent there is: `RUN --mount=type=ssh` asks for it when it names none.
const DEFAULT: &str = "default";

/// The secrets of one build.
#[derive(Default)]
pub(super) struct Held {
    values: BTreeMap<String, Secret<Vec<u8>>>,
    agent: Option<PathBuf>,
}

/// The socket of this machine's SSH agent.
pub(super) fn agent() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from)
}

impl Held {
    /// Reads what the image's build is to be given.
    ///
    /// # Errors
    /// `SHIP309` for one that is not there, by its name.
    pub(super) fn read(image: &Image, agent: Option<PathBuf>) -> Result<Held, Failure> {
        let mut values = BTreeMap::new();
        for (id, source) in &image.secrets.from {
            let value = match source {
                SecretSource::Env(name) => variable(name),
                SecretSource::File(path) => file(path),
            };
            let value = value.and_then(|value| match value.len() {
                0 => Err(format!("{} is empty", named(source))),
                length if length > LARGEST => Err(format!("{} has {length} bytes, BuildKit takes {LARGEST}", named(source))),
                _ => Ok(value),
            });
            let missing = |why| missing(format!("the secret `{id}` of `{}` is not there", image.name), why);
            values.insert(id.clone(), Secret::new(value.map_err(missing)?));
        }
        let agent = match image.secrets.agent {
            Agent::None => None,
            Agent::Forwarded => {
                let what = || format!("there is no SSH agent for `{}`", image.name);
                Some(agent.ok_or_else(|| missing(what(), "`SSH_AUTH_SOCK` is not set".to_owned()))?)
            }
        };
        Ok(Held { values, agent })
    }

    /// Every value, by its id.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.values.iter().map(|(id, value)| (id.as_str(), value.reveal().as_slice()))
    }

    fn agent(&self, id: &str) -> Result<&Path, Status> {
        match &self.agent {
            Some(agent) if id.is_empty() || id == DEFAULT => Ok(agent),
            Some(_) => Err(Status::not_found(format!("there is no agent `{id}`: `ssh: default` gives `{DEFAULT}`"))),
            None => Err(Status::not_found("the image has no `ssh: default` in the pipeline file")),
        }
    }
}

fn variable(name: &str) -> Result<Vec<u8>, String> {
    std::env::var_os(name).map(|value| value.into_encoded_bytes()).ok_or_else(|| format!("`{name}` is not set"))
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn named(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("`{name}`"),
        SecretSource::File(path) => format!("`{}`", path.display()),
    }
}

fn missing(what: String, why: String) -> Failure {
    Failure::new(Code::SecretMissing, what)
        .because(why)
        .now("nothing was built, nothing was pushed")
        .next("set it, then run the same command again")
}

#[tonic::async_trait]
impl secrets_server::Secrets for Held {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        // BuildKit mounts nothing for one that is not found, unless the Dockerfile says `required`.
        let value = self.values.get(id).ok_or_else(|| Status::not_found(format!("the image has no secret `{id}`")))?;
        Ok(Response::new(GetSecretResponse { data: value.reveal().clone() }))
    }
}

/// A connection to the agent's socket, to read from and to write to.
#[cfg(unix)]
async fn connected(agent: &Path) -> io::Result<(impl AsyncRead + use<>, impl AsyncWrite + use<>)> {
    Ok(tokio::net::UnixStream::connect(agent).await?.into_split())
}

/// On Windows it is a pipe.
#[cfg(windows)]
async fn connected(agent: &Path) -> io::Result<(impl AsyncRead + use<>, impl AsyncWrite + use<>)> {
    Ok(tokio::io::split(tokio::net::windows::named_pipe::ClientOptions::new().open(agent)?))
}

type Pieces = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

#[tonic::async_trait]
impl Ssh for Held {
    type ForwardAgentStream = Pieces;

    async fn check_agent(&self, request: Request<CheckAgentRequest>) -> Result<Response<CheckAgentResponse>, Status> {
        self.agent(&request.get_ref().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    /// One connection to the agent, as long as the container keeps its own open.
    async fn forward_agent(&self, request: Request<Streaming<BytesMessage>>) -> Result<Response<Pieces>, Status> {
        let id = request.metadata().get("buildkit.ssh.id").and_then(|id| id.to_str().ok()).unwrap_or(DEFAULT).to_owned();
        let agent = connected(self.agent(&id)?).await;
        let (from_agent, mut to_agent) =
            agent.map_err(|error| Status::unavailable(format!("the SSH agent does not answer: {error}")))?;
        let mut asked = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(piece)) = asked.next().await {
                if to_agent.write_all(&piece.data).await.is_err() {
                    return;
                }
            }
        });
        let message = |piece: io::Result<_>| match piece {
            Ok(data) => Ok(BytesMessage { data: Vec::from(data) }),
            Err(error) => Err(Status::unavailable(error.to_string())),
        };
        Ok(Response::new(Box::pin(ReaderStream::new(from_agent).map(message))))
    }
}
