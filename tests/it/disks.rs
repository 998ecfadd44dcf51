//! Disks that are really full: the registry's, the Engine's, and where shipit remembers. A clear error and no tag, or time lost
//! and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use shipit::adapter::aws::http::{Trust, Web};
use shipit::adapter::docker::Docker;
use shipit::port::{BuildWish, Builder};
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Compression, Image};
use shipit_core::push::{Because, PushedBy};

use crate::support::PATIENCE;
use crate::support::disk::SmallDisk;
use crate::support::engine::SecondEngine;
use crate::support::images::key_of;
use crate::support::pushing::{World, push};

/// More than the image takes, and not twice of it.
const REGISTRY: usize = 8 << 20;

/// A world whose registry has a disk of its own.
async fn world(name: &str) -> (SmallDisk, World) {
    let disk = SmallDisk::of(REGISTRY);
    let world = World::keeping(name, tempfile::tempdir().unwrap(), disk.path().to_owned()).await;
    (disk, world)
}

/// Nothing in the registry's folder is less than its name says.
fn is_whole(disk: &SmallDisk) {
    for blob in fs::read_dir(disk.path().join("registry/blobs/sha256")).into_iter().flatten() {
        let blob = blob.unwrap();
        let digest = shipit_sandbox::registry::store::digest_of(&fs::read(blob.path()).unwrap());
        assert_eq!(digest, format!("sha256:{}", blob.file_name().display()));
    }
}

fn says_that_the_registry_is_full(failure: &Failure, world: &World, cause: &str) {
    assert_eq!(failure.code, Code::PushFailed, "{failure:#?}");
    let registry = format!("the registry `{}` has no space left", world.sandbox.address);
    assert!(failure.what.starts_with(&registry), "{failure:#?}");
    assert!(failure.because.iter().any(|line| line.contains(cause)), "{failure:#?}");
    assert!(!failure.now.is_empty() && failure.next.len() == 2, "{failure:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_registry_that_is_full_is_named_and_has_no_tag_until_there_is_space() {
    let (disk, world) = world("registry").await;
    let uri = world.repository("full/layers");
    // With no byte left, and in the middle of the large layer.
    for pages in [0, 300] {
        disk.fill_but(pages);
        let failure = Failure::from(world.push(&uri).await.unwrap_err());
        says_that_the_registry_is_full(&failure, &world, "No space left on device");
        assert_eq!(world.stored(&uri).await, None);
        is_whole(&disk);
        disk.make_space();
    }
    // All layers are there; then page by page, until the manifest and what the repository holds can be kept.
    world.fault(json!({"match": {"service": "ecr", "operation": "PutImage"}, "kind": "deny", "times": 1}));
    world.push(&uri).await.unwrap_err();
    world.happened();
    let mut refused = 0;
    let pushed = loop {
        disk.fill_but(refused);
        match world.push(&uri).await {
            Ok(pushed) => break pushed,
            Err(error) => says_that_the_registry_is_full(&Failure::from(error), &world, "No space left on device"),
        }
        assert_eq!(world.stored(&uri).await, None, "{refused}");
        is_whole(&disk);
        disk.make_space();
        refused += 1;
    };
    assert!(refused > 1, "the manifest was there, and not what the repository holds");
    assert_eq!(pushed.by, PushedBy::Shipit { sent: 0, layers: 4 });
    assert_eq!(world.stored(&uri).await, Some(pushed.digest));
}

/// A second Engine that has the image and reaches the registry.
async fn engine(world: &World, uri: &str) -> (SecondEngine, Docker) {
    let engine = SecondEngine::start().await;
    engine.reaching(world.sandbox.address);
    engine.load(&format!("{uri}:v1")).await;
    let docker = Docker::at(&engine.host()).await.unwrap();
    (engine, docker)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_engine_s_push_to_a_registry_that_is_full_is_told_as_clearly() {
    let (disk, world) = world("engines").await;
    let uri = world.repository("full/engine");
    let (_engine, docker) = engine(&world, &uri).await;
    // The layers are there, the manifest does not fit.
    world.fault(json!({"match": {"service": "ecr", "operation": "PutImage"}, "kind": "deny", "times": 1}));
    push(&docker, &uri, Compression::Gzip, &world.login()).await.unwrap_err();
    world.happened();
    refused_until_there_is_space(&disk, &world, &docker, &uri).await;
}

/// The Engine tries a layer five times, which takes it a minute.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_of_a_registry_that_is_full_in_the_middle_of_the_engine_s_layer() {
    let (disk, world) = world("engines-layer").await;
    let uri = world.repository("full/layer");
    let (_engine, docker) = engine(&world, &uri).await;
    refused_until_there_is_space(&disk, &world, &docker, &uri).await;
}

async fn refused_until_there_is_space(disk: &SmallDisk, world: &World, docker: &Docker, uri: &str) {
    disk.fill_but(0);
    let failure = Failure::from(push(docker, uri, Compression::Gzip, &world.login()).await.unwrap_err());
    says_that_the_registry_is_full(&failure, world, "507 Insufficient Storage");
    assert_eq!(world.stored(uri).await, None);
    is_whole(disk);
    disk.make_space();
    let pushed = push(docker, uri, Compression::Gzip, &world.login()).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Engine { because: Because::Alone });
    assert_eq!(world.stored(uri).await, Some(pushed.digest));
}

fn image(context: &Path) -> Image {
    Image {
        name: "web".into(),
        context: context.to_owned(),
        dockerfile: "Dockerfile".into(),
        repository: "shop/web".into(),
        args: BTreeMap::new(),
        target: None,
        platforms: Vec::new(),
        secrets: Default::default(),
        cache: Default::default(),
        compression: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn an_engine_whose_disk_is_full_says_where_and_what_to_do() {
    let engine = SecondEngine::on_disk(24 << 20).await;
    let context = tempfile::tempdir().unwrap();
    fs::write(context.path().join("Dockerfile"), "FROM scratch\nCOPY large /\n").unwrap();
    fs::write(context.path().join("large"), vec![7; 32 << 20]).unwrap();
    let docker = Docker::at(&engine.host()).await.unwrap();
    let build = async || {
        let (image, labels) = (image(context.path()), BTreeMap::new());
        let key = key_of(&image);
        let wish = BuildWish { image: &image, platform: None, name: "web:1", labels: &labels, key: &key, logins: &[] };
        docker.build(&wish, &|_| ()).await.map_err(Failure::from)
    };
    let failure = build().await.unwrap_err();
    assert_eq!(failure.code, Code::BuildFailed);
    let root = engine.data_root();
    assert_eq!(failure.what, format!("the Docker Engine's disk (`{}`) is full: `web` cannot be built", root.display()));
    assert!(failure.because[0].contains("no space left on device"), "{failure:#?}");
    assert_eq!(failure.now, ["nothing was pushed"]);
    assert!(failure.next[0].starts_with("docker system df"), "{failure:#?}");
    assert_eq!(engine.images().await, [""; 0]);
    // What it says is what to do. What the failed build held, the Engine lets go of a moment later.
    fs::write(context.path().join("large"), "small").unwrap();
    let started = Instant::now();
    loop {
        assert!(engine.docker(&["builder", "prune", "--all", "--force"]).await.status.success());
        match build().await {
            Ok(_) => break,
            Err(again) => assert!(again.what == failure.what && started.elapsed() < PATIENCE, "{again:#?}"),
        }
    }
    assert_eq!(engine.images().await, ["web:1"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_memory_that_is_full_costs_time_alone() {
    let world = World::start("memory").await;
    let (uri, login) = (world.repository("shop/memory"), world.login());
    let disk = SmallDisk::of(1 << 20);
    disk.fill_but(0);
    let memory = disk.path().join("cache");
    let docker = Docker::connect().await.unwrap().remembering(memory.clone()).pushing(Web::new(Trust::System), memory.clone());
    for _ in 0..2 {
        let pushed = push(&docker, &uri, Compression::Gzip, &login).await.unwrap();
        assert_eq!(pushed.by, PushedBy::Shipit { sent: 4, layers: 4 });
        assert_eq!(world.stored(&uri).await, Some(pushed.digest));
    }
    // The hashes of a context's files are remembered there as well.
    let context = tempfile::tempdir().unwrap();
    fs::write(context.path().join("Dockerfile"), "FROM scratch\nCOPY web /\n").unwrap();
    fs::write(context.path().join("web"), "web").unwrap();
    let platforms = vec!["linux/amd64".to_owned()];
    let image = Image { platforms, ..image(context.path()) };
    let unremembered = Docker::when_needed().key(&image, &[]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(docker.key(&image, &[]).await.unwrap(), unremembered);
    }
    let mut folders = vec![memory];
    while let Some(folder) = folders.pop() {
        for left in fs::read_dir(folder).into_iter().flatten() {
            let left = left.unwrap().path();
            assert!(left.is_dir(), "{} is half a fact", left.display());
            folders.push(left);
        }
    }
}
