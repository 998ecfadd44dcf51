//! In what order a push sends: a registry that holds back one request until it has another shows what waits for what.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::try_join;
use shipit_core::pipeline::Compression;
use shipit_core::push::PushedBy;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::PATIENCE;
use crate::support::front::Front;
use crate::support::pushing::{World, docker, push};

/// Passes on to the registry; requests that begin with the one wait until one with the other in its first line has come.
async fn held(to: SocketAddr, waits: &'static str, for_this: String) -> Front {
    let (come, wait) = watch::channel(false);
    let for_this = Arc::new(for_this);
    Front::serve("127.0.0.1:0", move |stream, seen| {
        let (come, mut wait, for_this) = (come.clone(), wait.clone(), for_this.clone());
        async move {
            let (mut from_client, mut to_client) = stream.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(to).await?.into_split();
            let back = async { copy(&mut from_server, &mut to_client).await.map(drop) };
            let there = async {
                let mut buffer = [0; 64 * 1024];
                loop {
                    let read = from_client.read(&mut buffer).await?;
                    if read == 0 {
                        return Err::<(), _>(io::Error::other("over"));
                    }
                    // Whoever sends waits for the reply before the next request: a request begins where a piece does.
                    let first = buffer[..read].split(|byte| *byte == b'\r').next().unwrap_or_default();
                    let first = String::from_utf8_lossy(first).into_owned();
                    if first.ends_with(" HTTP/1.1") {
                        seen.lock().unwrap().push(first.clone());
                        if first.contains(for_this.as_str()) {
                            come.send_replace(true);
                        }
                        if first.contains(waits) && !first.contains(for_this.as_str()) {
                            let _come = wait.wait_for(|come| *come).await;
                        }
                    }
                    to_server.write_all(&buffer[..read]).await?;
                }
            };
            try_join(back, there).await.map(drop)
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_configuration_goes_up_beside_the_layers() {
    let world = World::start("beside").await;
    let id = docker(&["inspect", "--format", "{{.Id}}", &world.image], &[]).unwrap();
    // No layer goes through before the configuration has come, and the configuration not before a layer has.
    for (name, waits, for_this) in [("config", "PATCH ", format!("digest={id}")), ("layers", "PUT ", "PATCH ".to_owned())] {
        let front = held(world.sandbox.address, waits, for_this).await;
        let (uri, login) = (world.repository(&format!("beside/{name}")), world.login());
        let [registry, address] = [world.sandbox.address, front.address].map(|address| address.to_string());
        let through = uri.replace(&registry, &address);
        docker(&["tag", &world.image, &format!("{through}:v1")], &[]).unwrap();
        world.sandbox.shared.lock().address = address;
        let pusher = world.pusher(name).await;
        let pushed = tokio::time::timeout(PATIENCE, push(&pusher, &through, Compression::Gzip, &login)).await;
        world.sandbox.shared.lock().address = registry;
        docker(&["rmi", &format!("{through}:v1")], &[]).unwrap();
        let pushed = pushed.unwrap_or_else(|_| panic!("{name}: each waits for the other: {:#?}", front.seen())).unwrap();
        assert_eq!(pushed.by, PushedBy::Shipit { sent: 4, layers: 4 });
        assert!(front.seen().iter().any(|line| line.starts_with("PATCH ")), "{name}: {:#?}", front.seen());
        assert_eq!(world.stored(&uri).await, Some(pushed.digest));
    }
}
