//! The Docker Engine as the judge: it pushes, is refused, pulls what it pushed, and the scan loop looks into it.

use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::{CreateImageOptionsBuilder, PushImageOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::{Stream, TryStreamExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ecr;
use crate::ecr::stories::ask;
use crate::engine::connect;
use crate::loops::Loops;
use crate::owner::Owner;
use crate::state::{Shared, State};

const HOST: &str = "unix:///var/run/docker.sock";

/// Runs a stream of progress to its end; the error is the Engine's text.
async fn run<T>(stream: impl Stream<Item = Result<T, bollard::errors::Error>>) -> Result<(), String> {
    stream.try_for_each(|_| async { Ok(()) }).await.map_err(|error| error.to_string())
}

/// An image of one layer with a package database and something that makes it differ. Answers its id.
async fn import(docker: &Docker, repository: &str, tag: &str, content: &str) -> Result<String, String> {
    let mut tar = tar::Builder::new(Vec::new());
    let status = "Package: openssl\nStatus: install ok installed\nVersion: 3.0.11-1\n";
    for (path, text) in
        [("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"), ("var/lib/dpkg/status", status), ("content", content)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).build();
    let body = bollard::body_full(tar.into_inner().unwrap().into());
    let steps: Vec<_> =
        docker.create_image(Some(options), Some(body), None).try_collect().await.map_err(|error| error.to_string())?;
    let mut texts = steps.into_iter().filter_map(|step| step.status);
    texts.find(|text| text.starts_with("sha256:")).ok_or_else(|| "no id".to_owned())
}

struct Pushed {
    first: Result<(), String>,
    again: Result<(), String>,
    other: Result<(), String>,
    pulled: Result<(), String>,
    stranger: Result<(), String>,
    status: Option<String>,
}

async fn push_and_pull(docker: &Docker, shared: &Shared, repository: &str, made: &mut Vec<String>) -> Result<Pushed, String> {
    let password = shared.lock().registry_password();
    let good = DockerCredentials { username: Some("AWS".into()), password: Some(password), ..Default::default() };
    let bad = DockerCredentials { password: Some("guess".into()), ..good.clone() };
    let options = || Some(PushImageOptionsBuilder::new().tag("v1").build());
    let remove = || RemoveImageOptionsBuilder::new().force(true).build();

    made.push(import(docker, repository, "v1", "one").await?);
    let first = run(docker.push_image(repository, options(), Some(good.clone()))).await;
    let again = run(docker.push_image(repository, options(), Some(good.clone()))).await;
    let stranger = run(docker.push_image(repository, options(), Some(bad))).await;
    made.push(import(docker, repository, "v1", "other").await?);
    let other = run(docker.push_image(repository, options(), Some(good.clone()))).await;

    let image = format!("{repository}:v1");
    docker.remove_image(&image, Some(remove()), None).await.map_err(|error| error.to_string())?;
    let from = CreateImageOptionsBuilder::new().from_image(&image).build();
    let pulled = run(docker.create_image(Some(from), None, Some(good))).await;

    let mut changes = shared.changes();
    let scanned = async {
        loop {
            let body = json!({"repositoryName": "docker/web", "imageId": {"imageTag": "v1"}});
            let reply = ask(&mut shared.lock(), "DescribeImageScanFindings", body).ok();
            let status = reply.and_then(|reply| reply["imageScanStatus"]["status"].as_str().map(str::to_owned));
            if status.as_deref().is_some_and(|status| status != "IN_PROGRESS") || changes.changed().await.is_err() {
                return status;
            }
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(20), scanned).await.ok().flatten();
    Ok(Pushed { first, again, other, pulled, stranger, status })
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_engine_pushes_and_pulls() {
    let docker = connect(HOST).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start(1000.0);
    let mut state = State::new("123456789012".into(), "eu-central-1".into(), clock, folder.path().to_owned());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    state.address = listener.local_addr().unwrap().to_string();
    let repository = format!("{}/docker/web", state.address);
    let settings = json!({"repositoryName": "docker/web", "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": true}});
    ask(&mut state, "CreateRepository", settings).unwrap();
    let shared = Arc::new(Shared::new(state));
    let router = super::router(Arc::clone(&shared));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let stop = CancellationToken::new();
    let owner = Owner::this(format!("push-{}", std::process::id()));
    let loops = Loops { shared: Arc::clone(&shared), docker: None, owner, stop: stop.clone() };
    let tasks = ecr::start(&loops);

    let mut made = Vec::new();
    let pushed = push_and_pull(&docker, &shared, &repository, &mut made).await;
    for image in made {
        let remove = RemoveImageOptionsBuilder::new().force(true).build();
        // Where all went well one of the two is already gone.
        let _ = docker.remove_image(&image, Some(remove), None).await;
    }
    stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }

    let pushed = pushed.unwrap();
    assert_eq!(pushed.first, Ok(()));
    assert_eq!(pushed.again, Ok(()), "the same image under the same tag is a success");
    let text = "cannot be overwritten because the tag is immutable";
    assert!(pushed.other.as_ref().is_err_and(|error| error.contains(text)), "{:?}", pushed.other);
    assert!(pushed.stranger.as_ref().is_err_and(|error| error.contains("unauthorized")), "{:?}", pushed.stranger);
    assert_eq!(pushed.pulled, Ok(()));
    assert_eq!(pushed.status.as_deref(), Some("COMPLETE"));
}
