//! shipit's own push against the sandbox's registry: what arrives, what the Engine and skopeo make of it, and every fault on
//! the way: success or a clear error, and never a tag of something that is not all there.

use std::fs;
use std::sync::Mutex;

use serde_json::{Value, json};
use shipit::adapter::aws::http::{Trust, Web};
use shipit::adapter::docker::Docker;
use shipit::port::{Builder, Login, PortError, Secret};
use shipit_core::event::Progress;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Compression;
use shipit_core::push::{Because, PushedBy};
use shipit_core::release::Tag;

use crate::support::pushing::{World, by_tcp, docker, push, skopeo};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn what_shipit_pushes_is_pulled_run_inspected_and_copied() {
    let world = World::start("whole").await;
    let (uri, login) = (world.repository("shop/web"), world.login());
    let told = Mutex::new(Vec::new());
    let pusher = world.pusher("memory").await;
    let tell = |progress| told.lock().unwrap().push(progress);
    let pushed = pusher.push(&uri, &Tag("v1".into()), Compression::Gzip, &login, &tell).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Shipit { sent: 4, layers: 4 });
    assert_eq!(world.stored(&uri).await, Some(pushed.digest.clone()));
    let told = told.into_inner().unwrap();
    assert!(matches!(told.last(), Some(Progress::Push { sent, total, layers: 4, .. }) if sent == total), "{told:?}");

    let again = push(&pusher, &uri, Compression::Gzip, &login).await.unwrap();
    assert_eq!((again.digest, again.sent), (pushed.digest.clone(), 0));

    // Docker pulls it by digest and runs it.
    let named = format!("{uri}@{}", pushed.digest);
    docker(&["rmi", "--force", &format!("{uri}:v1"), &world.image], &[]).unwrap();
    let config = world.folder.path().join("docker");
    fs::create_dir(&config).unwrap();
    let at = config.display().to_string();
    docker(&["--config", &at, "login", "--username", "AWS", "--password", login.password.reveal(), &login.server], &[]).unwrap();
    docker(&["--config", &at, "pull", "--quiet", &named], &[]).unwrap();
    assert_eq!(docker(&["run", "--rm", &named, "cat", "/small", "/hard"], &[]).unwrap(), "oneone");
    assert!(docker(&["run", "--rm", &named, "cat", "/soft"], &[]).unwrap_err().contains("No such file"));
    docker(&["rmi", "--force", &named], &[]).unwrap();

    let at_registry = format!("docker://{named}");
    assert_eq!(skopeo(&login, &["inspect", "--format", "{{.Digest}}", &at_registry]), pushed.digest.0);
    skopeo(&login, &["copy", &at_registry, &format!("oci:{}:v1", world.folder.path().join("gzip").display())]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn zstd_is_read_by_skopeo() {
    let world = World::start("zstd").await;
    let (uri, login) = (world.repository("shop/zstd"), world.login());
    let pusher = world.pusher("memory").await;
    let pushed = push(&pusher, &uri, Compression::Zstd, &login).await.unwrap();
    assert_eq!(world.stored(&uri).await, Some(pushed.digest.clone()));
    let at_registry = format!("docker://{uri}:v1");
    assert_eq!(skopeo(&login, &["inspect", "--format", "{{.Digest}}", &at_registry]), pushed.digest.0);
    let raw: Value = serde_json::from_str(&skopeo(&login, &["inspect", "--raw", &at_registry])).unwrap();
    assert_eq!(raw["layers"][1]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    // Unpacked by skopeo each layer is named by its id.
    let to = world.folder.path().join("zstd");
    skopeo(&login, &["copy", "--dest-decompress", &at_registry, &format!("dir:{}", to.display())]);
    let ids = docker(&["inspect", "--format", "{{range .RootFS.Layers}}{{.}} {{end}}", &world.image], &[]).unwrap();
    assert_eq!(ids.split_whitespace().count(), 4);
    for id in ids.split_whitespace() {
        assert!(to.join(id.trim_start_matches("sha256:")).is_file(), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn read_from_files_or_given_out_it_is_the_same_image_and_only_what_is_new_is_sent() {
    let mut world = World::start("ways").await;
    let (first, second, login) = (world.repository("shop/files"), world.repository("shop/given"), world.login());
    let by_files = push(&world.pusher("files").await, &first, Compression::Zstd, &login).await.unwrap();
    let given = Docker::at(&by_tcp().await).await.unwrap().pushing(Web::new(Trust::System), world.folder.path().join("given"));
    let by_archive = push(&given, &second, Compression::Zstd, &login).await.unwrap();
    assert_eq!(by_archive, by_files);
    assert_eq!(world.stored(&second).await, Some(by_files.digest.clone()));

    // With another repository's layers known, but no memory of this one's: asked for, and sent anew.
    let third = world.repository("shop/third");
    let sent_anew = push(&given, &third, Compression::Zstd, &login).await.unwrap();
    assert_eq!(sent_anew, by_files, "a registry that mounts nothing");

    world.build("two");
    for (uri, pusher) in [(&first, &world.pusher("files").await), (&second, &given)] {
        docker(&["tag", &world.image, &format!("{uri}:v1")], &[]).unwrap();
        let taken = push(pusher, uri, Compression::Zstd, &login).await.unwrap_err();
        assert_eq!(Failure::from(taken).code, Code::TagTaken);
        assert_eq!(world.stored(uri).await, Some(by_files.digest.clone()), "the tag stays");
    }
    let fourth = world.repository("shop/files2");
    let pushed = push(&world.pusher("none").await, &fourth, Compression::Zstd, &login).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Shipit { sent: 4, layers: 4 });
    assert_ne!(pushed.digest, by_files.digest);
    // With gzip the Engine's own push remembers more than its archive is worth.
    let fifth = world.repository("shop/gzip");
    let pushed = push(&given, &fifth, Compression::Gzip, &login).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Engine { because: Because::Archive });
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn only_the_small_layer_that_is_new_is_sent() {
    let mut world = World::start("small").await;
    let (uri, login) = (world.repository("shop/small"), world.login());
    let pusher = world.pusher("memory").await;
    push(&pusher, &uri, Compression::Gzip, &login).await.unwrap();
    world.build("two");
    docker(&["tag", &world.image, &format!("{uri}:v2")], &[]).unwrap();
    let pushed = pusher.push(&uri, &Tag("v2".into()), Compression::Gzip, &login, &|_| ()).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Shipit { sent: 2, layers: 4 }, "the file, and what was made of it");
    assert!(pushed.sent < 10_000, "{}", pushed.sent);
    // The same image under one more tag: its manifest alone.
    docker(&["tag", &world.image, &format!("{uri}:v3")], &[]).unwrap();
    let tagged = pusher.push(&uri, &Tag("v3".into()), Compression::Gzip, &login, &|_| ()).await.unwrap();
    assert_eq!((tagged.digest, tagged.sent), (pushed.digest, 0));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_connection_that_drops_at_each_tenth_of_an_upload_is_got_over() {
    let world = World::start("drops").await;
    let whole = world.push(&world.repository("drops/whole")).await.unwrap();
    for tenth in 0..=9 {
        let uri = world.repository(&format!("drops/at-{tenth}"));
        let after = whole.sent * tenth / 10;
        world.fault(json!({"match": {"operation": "UploadLayerPart"}, "kind": "cut", "after": after, "times": 1}));
        let pushed = world.push(&uri).await.unwrap();
        assert_eq!(world.happened(), [1], "at {after}");
        assert_eq!(pushed.digest, whole.digest, "at {after}");
        assert_eq!(world.stored(&uri).await, Some(whole.digest.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn bursts_of_refusals_are_got_over() {
    let world = World::start("bursts").await;
    for operation in ["BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage"]
    {
        for kind in [json!({"kind": "throttle"}), json!({"kind": "server_error", "status": 503}), json!({"kind": "drop"})] {
            let name = kind["kind"].as_str().unwrap().replace('_', "-");
            let uri = world.repository(&format!("bursts/{}-{name}", operation.to_lowercase()));
            let mut fault = kind;
            fault["match"] = json!({"service": "ecr", "operation": operation});
            fault["times"] = json!(2);
            world.fault(fault.clone());
            let pushed = world.push(&uri).await.unwrap_or_else(|error| panic!("{fault}: {error}"));
            assert_eq!(world.happened(), [2], "{fault}");
            assert_eq!(world.stored(&uri).await, Some(pushed.digest), "{fault}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn what_does_not_pass_is_a_clear_error_and_no_tag() {
    let world = World::start("lasting").await;
    let of = |operation: &str, kind: &str| json!({"match": {"service": "ecr", "operation": operation}, "kind": kind});
    for (name, fault, code) in [
        ("down", of("UploadLayerPart", "server_error"), Code::Unreachable),
        ("busy", of("UploadLayerPart", "throttle"), Code::Throttled),
        ("denied", of("InitiateLayerUpload", "deny"), Code::RegistryLogin),
        ("refused", of("PutImage", "deny"), Code::RegistryLogin),
    ] {
        let uri = world.repository(&format!("lasting/{name}"));
        world.fault(fault);
        let failure = Failure::from(world.push(&uri).await.unwrap_err());
        assert!(world.happened()[0] > 0, "{name}");
        assert_eq!(failure.code, code, "{name}: {failure:#?}");
        assert_eq!(world.stored(&uri).await, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_login_that_ends_midway_is_told_and_what_was_sent_stays() {
    let world = World::start("expired").await;
    let uri = world.repository("shop/expired");
    for operation in ["UploadLayerPart", "PutImage"] {
        let fault = json!({"match": {"service": "ecr", "operation": operation}, "kind": "expire", "times": 1});
        world.fault(fault);
        let error = world.push(&uri).await.unwrap_err();
        assert!(error.is_expired(), "{error}");
        assert_eq!(world.happened(), [1]);
        assert_eq!(world.stored(&uri).await, None);
    }
    let pushed = world.push(&uri).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Shipit { sent: 0, layers: 4 }, "only the manifest had not come");
    assert_eq!(world.stored(&uri).await, Some(pushed.digest));

    let stranger = Login { password: Secret::new("guess".into()), ..world.login() };
    let other = world.repository("shop/stranger");
    let refused = push(&world.pusher("stranger").await, &other, Compression::Gzip, &stranger).await.unwrap_err();
    assert_eq!(Failure::from(refused).code, Code::RegistryLogin);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_registry_that_drops_later_chunks_gets_each_layer_in_one() {
    let world = World::start("chunks").await;
    world.sandbox.shared.lock().ecr.later_chunks = shipit_sandbox::ecr::LaterChunks::Dropped;
    let uri = world.repository("shop/chunks");
    let pushed = world.push(&uri).await.unwrap();
    assert_eq!(world.stored(&uri).await, Some(pushed.digest));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_engine_alone_knows_no_zstd() {
    let world = World::start("engine").await;
    let (uri, login) = (world.repository("shop/engine"), world.login());
    let alone = push(&Docker::connect().await.unwrap(), &uri, Compression::Gzip, &login).await.unwrap();
    assert_eq!(alone.by, PushedBy::Engine { because: Because::Alone });
    let zstd = push(&Docker::connect().await.unwrap(), &uri, Compression::Zstd, &login).await.unwrap_err();
    assert!(matches!(zstd, PortError::Failed(failure) if failure.code == Code::PushFailed));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn layers_of_another_repository_are_mounted_and_no_byte_of_them_is_sent() {
    let world = World::start("mounts").await;
    let login = world.login();
    let pusher = world.pusher("memory").await;
    let first = push(&pusher, &world.repository("mounts/first"), Compression::Gzip, &login).await.unwrap();
    let setting = json!([{"service": "ecr", "operation": "PutAccountSetting",
                          "body": {"name": "BLOB_MOUNTING", "value": "ENABLED"}}]);
    shipit_sandbox::seed::play(&world.sandbox.shared, &serde_json::from_value::<Vec<_>>(setting).unwrap()).unwrap();
    let second = world.repository("mounts/second");
    // A part of a layer would be refused.
    world.fault(json!({"match": {"service": "ecr", "operation": "UploadLayerPart"}, "kind": "deny"}));
    let mounted = push(&pusher, &second, Compression::Gzip, &login).await.unwrap();
    assert_eq!(world.happened(), [0]);
    assert_eq!(mounted.by, PushedBy::Shipit { sent: 0, layers: 4 });
    assert_eq!((mounted.sent, &mounted.digest), (0, &first.digest));
    assert_eq!(world.stored(&second).await, Some(first.digest));
}
