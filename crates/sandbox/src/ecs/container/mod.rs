//! All that ECS says to the Docker Engine: a network for the sandbox, containers with their output, health and end.

mod watch;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, NetworkCreateRequest, NetworkingConfig, PortBinding,
};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptionsBuilder,
};
use futures_util::StreamExt;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use super::pause;
use crate::owner::Owner;

pub(super) use watch::Exit;

/// The Engine as this sandbox uses it.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    docker: Docker,
    owner: Owner,
    network: Arc<OnceCell<String>>,
    /// Calls that make or start something.
    calls: TaskTracker,
}

/// A container to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spec {
    /// The image's name or id, which the Engine has.
    pub image: String,
    /// `KEY=value`.
    pub env: Vec<String>,
    /// Instead of the image's command; empty leaves it.
    pub command: Vec<String>,
    /// Instead of the image's entry point; empty leaves it.
    pub entry_point: Vec<String>,
    /// Instead of the image's user.
    pub user: Option<String>,
    /// Instead of the image's working directory.
    pub working_directory: Option<String>,
    /// Hard limit, bytes.
    pub memory: Option<i64>,
    /// Soft limit, bytes.
    pub memory_reservation: Option<i64>,
    /// The root file system cannot be written.
    pub read_only: bool,
    /// An init process reaps and forwards signals.
    pub init: bool,
    /// The container health check; without one the image's own is off, as in ECS.
    pub health: Option<HealthCheck>,
    /// Labels beside the sandbox's.
    pub labels: HashMap<String, String>,
}

/// A health check in wall time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HealthCheck {
    /// `CMD …` or `CMD-SHELL …`.
    pub command: Vec<String>,
    /// Between two probes.
    pub interval: Duration,
    /// A probe fails after so long.
    pub timeout: Duration,
    /// Failed probes in a row that make it unhealthy.
    pub retries: u32,
    /// Failed probes do not count for so long.
    pub start_period: Duration,
}

/// Where a container's network comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Network {
    /// Its own, in the sandbox's network.
    Own {
        /// Ports published on the loopback.
        ports: Vec<u16>,
        /// Names by which other tasks reach it.
        aliases: Vec<String>,
    },
    /// That of another container.
    Of(String),
    /// None but its own loopback.
    None,
}

/// What the Engine answers when it refuses.
pub(super) fn message(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => format!("Error response from daemon: {}", message.trim()),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        other => other.to_string(),
    }
}

impl Engine {
    /// The Engine for this owner; nothing is asked of it yet.
    pub(super) fn new(docker: Docker, owner: Owner) -> Self {
        Self { docker, owner, network: Arc::default(), calls: TaskTracker::new() }
    }

    /// Lets a call end that makes or starts something, also when nobody waits for it any more: one that is dropped half-way
    /// leaves an endpoint behind, which keeps its network from going.
    async fn whole<T: Send + 'static>(&self, call: impl Future<Output = T> + Send + 'static) -> T {
        match self.calls.spawn(call).await {
            Ok(answer) => answer,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Returns when nothing is being made or started any more.
    pub(super) async fn at_rest(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// The sandbox's network, made when it is first needed.
    async fn network(&self) -> Result<&str, Error> {
        let name = format!("shipit-{}", self.owner.id);
        let make = || async {
            let request =
                NetworkCreateRequest { name: name.clone(), labels: Some(self.owner.labels()), ..NetworkCreateRequest::default() };
            let docker = self.docker.clone();
            self.whole(async move { docker.create_network(request).await }).await.map(|made| made.id)
        };
        self.network.get_or_try_init(make).await.map(String::as_str)
    }

    /// Pulls an image. The error is the registry's or the Engine's own text.
    pub(super) async fn pull(&self, image: &str, credentials: Option<DockerCredentials>) -> Result<(), String> {
        let options = CreateImageOptionsBuilder::new().from_image(image).build();
        let mut progress = std::pin::pin!(self.docker.create_image(Some(options), None, credentials));
        while let Some(step) = progress.next().await {
            let step = step.map_err(|error| message(&error))?;
            if let Some(text) = step.error_detail.and_then(|detail| detail.message) {
                return Err(text);
            }
        }
        Ok(())
    }

    /// The digest under which the image came from its repository; none when the Engine does not have it, an empty text
    /// when it was never in a registry.
    pub(super) async fn digest(&self, image: &str) -> Option<String> {
        let found = self.docker.inspect_image(image).await.ok()?;
        let repository = repository(image);
        let digests = found.repo_digests.unwrap_or_default();
        let of_it = digests.iter().find_map(|digest| digest.strip_prefix(repository)?.strip_prefix('@'));
        Some(of_it.unwrap_or_default().to_owned())
    }

    /// Makes a container, not started. Answers its id.
    pub(super) async fn create(&self, spec: &Spec, network: &Network) -> Result<String, Error> {
        let mut host = HostConfig {
            memory: spec.memory,
            memory_swap: spec.memory,
            memory_reservation: spec.memory_reservation,
            readonly_rootfs: Some(spec.read_only),
            init: Some(spec.init),
            ..HostConfig::default()
        };
        let mut body = ContainerCreateBody {
            image: Some(spec.image.clone()),
            env: Some(spec.env.clone()),
            cmd: filled(&spec.command),
            entrypoint: filled(&spec.entry_point),
            user: spec.user.clone(),
            working_dir: spec.working_directory.clone(),
            healthcheck: Some(health_config(spec.health.as_ref())),
            labels: Some(self.labels(spec)),
            ..ContainerCreateBody::default()
        };
        match network {
            Network::None => host.network_mode = Some("none".to_owned()),
            Network::Of(container) => host.network_mode = Some(format!("container:{container}")),
            Network::Own { ports, aliases } => {
                let network = self.network().await?.to_owned();
                let key = |port: &u16| format!("{port}/tcp");
                let loopback = PortBinding { host_ip: Some(Ipv4Addr::LOCALHOST.to_string()), host_port: Some(String::new()) };
                body.exposed_ports = Some(ports.iter().map(key).collect());
                host.port_bindings = Some(ports.iter().map(|port| (key(port), Some(vec![loopback.clone()]))).collect());
                host.network_mode = Some(network.clone());
                let endpoint = EndpointSettings { aliases: Some(aliases.clone()), ..EndpointSettings::default() };
                let endpoints = HashMap::from([(network, endpoint)]);
                body.networking_config = Some(NetworkingConfig { endpoints_config: Some(endpoints) });
            }
        }
        body.host_config = Some(host);
        let docker = self.docker.clone();
        let made = self.whole(async move { docker.create_container(None::<CreateContainerOptions>, body).await }).await;
        made.map(|made| made.id)
    }

    /// Makes and starts the container that only holds a network for others.
    pub(super) async fn hold_network(&self, network: &Network, labels: HashMap<String, String>) -> Result<String, Error> {
        let image = pause::image(&self.docker).await?;
        let spec = Spec { image, labels, ..Spec::default() };
        let id = self.create(&spec, network).await?;
        self.start(&id).await?;
        Ok(id)
    }

    fn labels(&self, spec: &Spec) -> HashMap<String, String> {
        let mut labels = spec.labels.clone();
        labels.extend(self.owner.labels());
        labels
    }

    /// Starts a container.
    pub(super) async fn start(&self, id: &str) -> Result<(), Error> {
        let (docker, id) = (self.docker.clone(), id.to_owned());
        self.whole(async move { docker.start_container(&id, None::<StartContainerOptions>).await }).await
    }

    /// Where the published ports listen: container port to address.
    pub(super) async fn ports(&self, id: &str) -> Result<BTreeMap<u16, SocketAddr>, Error> {
        let found = self.docker.inspect_container(id, None).await?;
        let ports = found.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
        let address = |(key, bindings): (String, Option<Vec<PortBinding>>)| {
            let port = key.split('/').next()?.parse().ok()?;
            let host = bindings?.into_iter().find_map(|binding| binding.host_port?.parse().ok())?;
            Some((port, SocketAddr::from((Ipv4Addr::LOCALHOST, host))))
        };
        Ok(ports.into_iter().filter_map(address).collect())
    }

    /// SIGTERM (or the image's own stop signal), and SIGKILL after `timeout`.
    pub(super) async fn stop(&self, id: &str, timeout: Duration) -> Result<(), Error> {
        let seconds = i32::try_from(timeout.as_millis().div_ceil(1000)).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::new().t(seconds).build();
        gone(self.docker.stop_container(id, Some(options)).await)
    }

    /// SIGKILL.
    pub(super) async fn kill(&self, id: &str) -> Result<(), Error> {
        gone(self.docker.kill_container(id, None::<bollard::query_parameters::KillContainerOptions>).await)
    }

    /// Removes a container with its anonymous volumes, whatever it does.
    pub(super) async fn remove(&self, id: &str) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        gone(self.docker.remove_container(id, Some(options)).await)
    }
}

fn filled(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}

fn health_config(check: Option<&HealthCheck>) -> HealthConfig {
    let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    match check {
        None => HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() },
        Some(check) => HealthConfig {
            test: Some(check.command.clone()),
            interval: Some(nanos(check.interval)),
            timeout: Some(nanos(check.timeout)),
            retries: Some(i64::from(check.retries)),
            start_period: Some(nanos(check.start_period)),
            start_interval: None,
        },
    }
}

/// An image's name without tag and digest.
fn repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

/// Not being there, or not running any more, is what was wanted.
fn gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::DockerResponseServerError { status_code: 304 | 404 | 409, .. }) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_image_without_tag_and_digest() {
        let cases = [
            ("nginx", "nginx"),
            ("nginx:1", "nginx"),
            ("127.0.0.1:5000/web", "127.0.0.1:5000/web"),
            ("127.0.0.1:5000/web:1", "127.0.0.1:5000/web"),
            ("127.0.0.1:5000/web@sha256:00", "127.0.0.1:5000/web"),
            ("127.0.0.1:5000/web:1@sha256:00", "127.0.0.1:5000/web"),
        ];
        for (image, expected) in cases {
            assert_eq!(repository(image), expected, "{image}");
        }
    }

    #[test]
    fn the_images_own_health_check_is_off() {
        assert_eq!(health_config(None).test, Some(vec!["NONE".to_owned()]));
    }
}
