//! The Docker Engine: reaching it, and removing what a sandbox has left in it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::NetworkDisconnectRequest;
use bollard::query_parameters::{
    InspectNetworkOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveImageOptions,
};
use futures_util::stream::{self, StreamExt};

use crate::owner::{LABEL_ID, Life, Owner};

/// Containers removed at the same time.
const AT_ONCE: usize = 8;
/// How long the Engine may take to remove everything of a sandbox.
const PATIENCE: Duration = Duration::from_secs(60);
/// A network that is empty and yet refused for so long is one whose endpoints the Engine has miscounted.
const STALE: Duration = Duration::from_secs(5);
/// Between two looks at what is still there.
const PAUSE: Duration = Duration::from_millis(100);

/// Reaches the Engine at a host such as `unix:///var/run/docker.sock`.
///
/// # Errors
/// The Engine's, or that there is none.
pub async fn connect(host: &str) -> Result<Docker, bollard::errors::Error> {
    Docker::connect_with_host(host)?.negotiate_version().await
}

/// What a sandbox has in the Engine: containers and networks, by id, with their owner.
struct Left {
    containers: Vec<(String, Owner)>,
    networks: Vec<(String, Owner)>,
}

/// Removes everything of this sandbox, and of no other that has the same id. What appears meanwhile is removed too, and
/// what the Engine is just removing is waited for: a network goes only after its containers.
///
/// # Errors
/// The Engine's, when it cannot be asked or something stays.
pub async fn remove_all(docker: &Docker, owner: &Owner) -> Result<(), bollard::errors::Error> {
    let begin = Instant::now();
    loop {
        let mut left = left(docker, &format!("{LABEL_ID}={}", owner.id)).await?;
        left.containers.retain(|(_, of)| of == owner);
        left.networks.retain(|(_, of)| of == owner);
        if left.containers.is_empty() && left.networks.is_empty() {
            return Ok(());
        }
        let (elapsed, containers) = (begin.elapsed(), left.containers.len());
        match remove(docker, left).await {
            Ok(Removed::ButStale) if containers == 0 && elapsed > STALE => return Ok(()),
            Err(error) if elapsed > PATIENCE => return Err(error),
            _ => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Removes the names under which the Engine keeps images of the registry at `address`: once it is gone they lead nowhere.
/// Layers that a build may use again stay in the builder's cache.
///
/// # Errors
/// The Engine's, when it cannot be asked; an image that something else still uses stays.
pub async fn forget_images(docker: &Docker, address: &str) -> Result<(), bollard::errors::Error> {
    let ours = format!("{address}/");
    for image in docker.list_images(Some(ListImagesOptionsBuilder::new().build())).await? {
        let names = image.repo_tags.iter().chain(&image.repo_digests).filter(|name| name.starts_with(&ours));
        for name in names {
            let _in_use = docker.remove_image(name, None::<RemoveImageOptions>, None).await;
        }
    }
    Ok(())
}

/// Removes what sandboxes have left whose process is dead; answers their ids. What does not go now is tried again by the next.
///
/// # Errors
/// The Engine's, when it cannot be asked.
pub async fn sweep(docker: &Docker) -> Result<Vec<String>, bollard::errors::Error> {
    let mut left = left(docker, LABEL_ID).await?;
    let dead = |owner: &Owner| owner.process.life() == Life::Dead;
    left.containers.retain(|(_, owner)| dead(owner));
    left.networks.retain(|(_, owner)| dead(owner));
    let mut ids: Vec<String> = left.containers.iter().chain(&left.networks).map(|(_, owner)| owner.id.clone()).collect();
    ids.sort();
    ids.dedup();
    let _ = remove(docker, left).await;
    Ok(ids)
}

async fn left(docker: &Docker, label: &str) -> Result<Left, bollard::errors::Error> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = docker.list_containers(Some(options)).await?;
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let networks = docker.list_networks(Some(options)).await?;
    let owner = |labels: Option<HashMap<String, String>>| Owner::from_labels(&labels.unwrap_or_default());
    Ok(Left {
        containers: containers.into_iter().filter_map(|it| Some((it.id?, owner(it.labels)?))).collect(),
        networks: networks.into_iter().filter_map(|it| Some((it.id?, owner(it.labels)?))).collect(),
    })
}

/// What came of removing.
enum Removed {
    /// All is gone, or is going.
    All,
    /// All but networks in which the Engine counts endpoints and lists none. Engine 20.10 miscounts when many
    /// containers start and end at once, and counts anew only when it starts itself: no call removes such a network before.
    ButStale,
}

async fn remove(docker: &Docker, left: Left) -> Result<Removed, bollard::errors::Error> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let containers = stream::iter(left.containers)
        .map(|(id, _)| {
            let options = options.clone();
            async move { gone(docker.remove_container(&id, Some(options)).await) }
        })
        .buffer_unordered(AT_ONCE)
        .fold(Ok(()), |all, one| async { Result::and(all, one) })
        .await;
    let (mut networks, mut stale) = (Ok(()), 0);
    for (id, _) in left.networks {
        match docker.remove_network(&id).await {
            Err(error @ bollard::errors::Error::DockerResponseServerError { status_code: 403, .. }) => {
                match cut_off(docker, &id).await {
                    0 => stale += 1,
                    _ => networks = Err(error),
                }
            }
            result => networks = networks.and(gone(result)),
        }
    }
    containers.and(networks)?;
    Ok(if stale == 0 { Removed::All } else { Removed::ButStale })
}

/// Takes the endpoints from a network whose containers are gone: the Engine keeps those of a container that was removed while
/// it started, and then the network too. Answers how many there were.
async fn cut_off(docker: &Docker, network: &str) -> usize {
    let found = docker.inspect_network(network, None::<InspectNetworkOptions>).await;
    let endpoints = found.ok().and_then(|network| network.containers).unwrap_or_default();
    let count = endpoints.len();
    for (id, endpoint) in endpoints {
        // One whose container is gone is listed under `ep-…` and known by the container's name only.
        let container = if id.starts_with("ep-") { endpoint.name.unwrap_or(id) } else { id };
        let request = NetworkDisconnectRequest { container, force: Some(true) };
        let _gone_meanwhile = docker.disconnect_network(network, request).await;
    }
    count
}

/// Not being there, or being removed by someone else just now, is what was wanted.
fn gone(result: Result<(), bollard::errors::Error>) -> Result<(), bollard::errors::Error> {
    match result {
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
    use bollard::query_parameters::{CreateContainerOptions, StartContainerOptions};

    use super::*;
    use crate::owner::Process;

    const HOST: &str = "unix:///var/run/docker.sock";

    async fn network(docker: &Docker, name: &str, owner: &Owner) {
        let request = NetworkCreateRequest { name: name.to_owned(), labels: Some(owner.labels()), ..Default::default() };
        docker.create_network(request).await.unwrap();
    }

    async fn there(docker: &Docker, id: &str) -> usize {
        left(docker, &format!("{LABEL_ID}={id}")).await.unwrap().networks.len()
    }

    #[tokio::test]
    #[ignore = "needs Docker"]
    async fn what_is_left_of_the_dead_goes_and_what_is_of_others_stays() {
        let docker = connect(HOST).await.unwrap();
        let this = Owner::this(format!("sweep-{}", std::process::id()));
        let dead = Owner { process: Process { started: this.process.started + 1, ..this.process.clone() }, ..this.clone() };
        network(&docker, &format!("{}-dead", this.id), &dead).await;
        network(&docker, &format!("{}-mine", this.id), &this).await;
        let swept = sweep(&docker).await;
        let after_sweep = there(&docker, &this.id).await;
        network(&docker, &format!("{}-dead", this.id), &dead).await;
        let removed = remove_all(&docker, &this).await;
        let after_removal = there(&docker, &this.id).await;
        let cleaned = remove_all(&docker, &dead).await;

        assert!(swept.unwrap().contains(&this.id));
        assert_eq!(after_sweep, 1, "the living one's stays");
        removed.unwrap();
        assert_eq!(after_removal, 1, "one of the same id, but of another process, stays");
        cleaned.unwrap();
    }

    #[tokio::test]
    #[ignore = "needs Docker"]
    async fn a_network_goes_although_something_else_is_in_it() {
        let docker = connect(HOST).await.unwrap();
        let this = Owner::this(format!("held-{}", std::process::id()));
        network(&docker, &this.id, &this).await;
        let host = HostConfig { network_mode: Some(this.id.clone()), ..Default::default() };
        let image = crate::ecs::pause::image(&docker).await.unwrap();
        let body = ContainerCreateBody { image: Some(image), host_config: Some(host), ..Default::default() };
        let other = docker.create_container(None::<CreateContainerOptions>, body).await.unwrap().id;
        let started = docker.start_container(&other, None::<StartContainerOptions>).await;
        let removed = remove_all(&docker, &this).await;
        let left = there(&docker, &this.id).await;
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        docker.remove_container(&other, Some(options)).await.unwrap();

        started.unwrap();
        removed.unwrap();
        assert_eq!(left, 0);
    }
}
