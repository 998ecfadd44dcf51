//! Layers that cannot be read as they should be: what the Engine pushes instead, and what nobody can push.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use shipit::adapter::aws::http::{Trust, Web};
use shipit::adapter::docker::Docker;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Compression;
use shipit_core::push::{Because, PushedBy};

use crate::support::engine::SecondEngine;
use crate::support::pushing::{World, docker, push};

/// Enough for the image and what the Engine keeps beside it.
const DISK: u64 = 64 << 20;

/// The first file of that name below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let here = entries.iter().find(|path| path.is_file() && path.ends_with(name)).cloned();
    here.or_else(|| entries.iter().filter(|path| path.is_dir() && !path.is_symlink()).find_map(|path| find(path, name)))
}

/// Another byte in the large layer's file, which is as long as before.
fn change(root: &Path) {
    let large = find(&root.join("overlay2"), "large").expect("a layer has it");
    let mut file = File::options().write(true).open(large).unwrap();
    file.seek(SeekFrom::Start(1000)).unwrap();
    file.write_all(b"other").unwrap();
}

/// An Engine with the image, whose files this machine cannot see.
async fn engine(world: &World, uri: &str) -> (SecondEngine, Docker) {
    let engine = SecondEngine::on_disk(DISK).await;
    engine.reaching(world.sandbox.address);
    engine.load(&format!("{uri}:v1")).await;
    let docker = Docker::at(&engine.host()).await.unwrap();
    (engine, docker.pushing(Web::new(Trust::System), world.folder.path().join("memory")))
}

/// Files as they were once, where the Engine says that its own are.
fn stale_copy(engine: &SecondEngine) -> PathBuf {
    let root = engine.data_root();
    for part in ["image", "overlay2"] {
        let copied = Command::new("cp").arg("-a").arg(engine.files().join(part)).arg(&root).status().unwrap();
        assert!(copied.success());
    }
    root
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn layers_that_are_not_what_their_ids_say_are_pushed_by_the_engine() {
    let world = World::start("fallback").await;
    let (uri, login) = (world.repository("shop/fallback"), world.login());
    let (engine, docker) = engine(&world, &uri).await;
    let root = stale_copy(&engine);
    change(&root);
    let refused = Failure::from(push(&docker, &uri, Compression::Zstd, &login).await.unwrap_err());
    assert_eq!(refused.code, Code::PushFailed);
    assert!(refused.what.contains("`compression: zstd`"), "{refused:#?}");
    assert!(refused.because[0].contains("is another one"), "{refused:#?}");
    assert_eq!(world.stored(&uri).await, None);

    let pushed = push(&docker, &uri, Compression::Gzip, &login).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Engine { because: Because::Fallback });
    assert_eq!(world.stored(&uri).await, Some(pushed.digest.clone()));
    pulls(&world, &format!("{uri}@{}", pushed.digest));

    // What stands in the way of a tar ends early: the same.
    let second = world.repository("shop/cut");
    engine.docker(&["tag", &format!("{uri}:v1"), &format!("{second}:v1")]).await;
    let layers = root.join("image/overlay2/layerdb/sha256");
    for layer in fs::read_dir(&layers).unwrap() {
        let split = layer.unwrap().path().join("tar-split.json.gz");
        let length = fs::metadata(&split).unwrap().len();
        File::options().write(true).open(&split).unwrap().set_len(length / 2).unwrap();
    }
    let pushed = push(&docker, &second, Compression::Gzip, &login).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Engine { because: Because::Fallback });
    assert_eq!(world.stored(&second).await, Some(pushed.digest));

    // Where it is not there at all, the Engine's archive is read instead.
    let third = world.repository("shop/gone");
    engine.docker(&["tag", &format!("{uri}:v1"), &format!("{third}:v1")]).await;
    for layer in fs::read_dir(&layers).unwrap() {
        fs::remove_file(layer.unwrap().path().join("tar-split.json.gz")).unwrap();
    }
    let pushed = push(&docker, &third, Compression::Zstd, &login).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Shipit { sent: 4, layers: 4 });
    assert_eq!(world.stored(&third).await, Some(pushed.digest));
}

/// The first Engine has it from the registry, and it runs.
fn pulls(world: &World, named: &str) {
    let login = world.login();
    let config = world.folder.path().join("docker").display().to_string();
    docker(&["--config", &config, "login", "--username", "AWS", "--password", login.password.reveal(), &login.server], &[])
        .unwrap();
    docker(&["--config", &config, "pull", "--quiet", named], &[]).unwrap();
    assert_eq!(docker(&["run", "--rm", named, "cat", "/small"], &[]).unwrap(), "one");
    docker(&["rmi", "--force", named], &[]).unwrap();
}

/// The Engine tries it five times, which takes it a minute.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_of_layers_that_nobody_can_read_which_are_a_clear_error_and_no_tag() {
    let world = World::start("damaged").await;
    let (uri, login) = (world.repository("shop/damaged"), world.login());
    let (engine, docker) = engine(&world, &uri).await;
    change(&engine.files());
    let failure = Failure::from(push(&docker, &uri, Compression::Gzip, &login).await.unwrap_err());
    assert_eq!(failure.code, Code::PushFailed, "{failure:#?}");
    assert!(failure.what.starts_with("the Docker Engine's layers of `"), "{failure:#?}");
    assert!(failure.because[0].contains("large"), "{failure:#?}");
    assert_eq!(world.stored(&uri).await, None);
}
