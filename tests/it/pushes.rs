//! shipit's own push against the sandbox's registry: what arrives, what the Engine and skopeo make of it, and every fault on
//! the way: success or a clear error, and never a tag of something that is not all there.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use serde_json::{Value, json};
use shipit::adapter::aws::http::{Trust, Web};
use shipit::adapter::docker::Docker;
use shipit::adapter::oci::Repository;
use shipit::port::{Builder, Login, PortError, PortResult, PushedImage, Secret};
use shipit_core::event::Progress;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Compression;
use shipit_core::push::{Because, PushedBy};
use shipit_core::release::{Digest, Tag};
use shipit_sandbox::faults::Fault;
use shipit_sandbox::{Options, Running, serve};
use tokio::net::{TcpListener, UnixStream};

/// Bytes of the one large layer that differs from test to test.
const LARGE: usize = 6_000_000;
const SOCKET: &str = "/var/run/docker.sock";

/// A registry, an Engine, and one image in it.
struct World {
    sandbox: Running,
    folder: tempfile::TempDir,
    image: String,
    seed: u64,
}

impl Drop for World {
    fn drop(&mut self) {
        let pattern = format!("reference={}/*/*", self.sandbox.address);
        let listed = Command::new("docker").args(["images", "--quiet", "--no-trunc", "--filter", &pattern]).output().unwrap();
        for id in String::from_utf8(listed.stdout).unwrap().lines().chain([self.image.as_str()]) {
            let _ = Command::new("docker").args(["rmi", "--force", id]).output();
        }
    }
}

impl World {
    async fn start(name: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let id = format!("it-pushes-{name}-{}", std::process::id());
        let sandbox = serve(Options::new(folder.path().join("sandbox"), id.clone())).await.unwrap();
        // An image of its own in each test: what one removes is not another's.
        let seed = name.bytes().fold(u64::from(std::process::id()), |seed, byte| (seed << 8) ^ u64::from(byte));
        let mut world = World { sandbox, folder, image: format!("{id}:1"), seed };
        world.build("one");
        world
    }

    /// A layer that no other image has, one of a few bytes, and a file that is removed again.
    fn build(&mut self, small: &str) {
        let context = self.folder.path().join("context");
        fs::create_dir_all(&context).unwrap();
        let mut state = self.seed | 1;
        let noise = (0..LARGE).map(|at| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if at / 5000 % 2 == 0 { (state >> 56) as u8 } else { b'a' + (state >> 62) as u8 }
        });
        fs::write(context.join("large"), noise.collect::<Vec<_>>()).unwrap();
        fs::write(context.join("small"), small).unwrap();
        let dockerfile =
            "FROM shipit-busybox:1\nCOPY large /\nCOPY small /\nRUN ln /small /hard && ln -s /large /soft && rm /large\n";
        fs::write(context.join("Dockerfile"), dockerfile).unwrap();
        let arguments = ["build", "--quiet", "--tag", &self.image, &context.display().to_string()];
        docker(&arguments, &[("DOCKER_BUILDKIT", "0")]).unwrap();
    }

    /// A repository of that name, and the image named for it.
    fn repository(&self, name: &str) -> String {
        let body = json!({"repositoryName": name, "imageTagMutability": "IMMUTABLE"});
        let seed = json!([{"service": "ecr", "operation": "CreateRepository", "body": body}]);
        shipit_sandbox::seed::play(&self.sandbox.shared, &serde_json::from_value::<Vec<_>>(seed).unwrap()).unwrap();
        let uri = format!("{}/{name}", self.sandbox.address);
        docker(&["tag", &self.image, &format!("{uri}:v1")], &[]).unwrap();
        uri
    }

    fn login(&self) -> Login {
        let password = self.sandbox.shared.lock().registry_password();
        Login { server: self.sandbox.address.to_string(), username: "AWS".into(), password: Secret::new(password) }
    }

    /// A pusher with a memory of that name.
    async fn pusher(&self, memory: &str) -> Docker {
        Docker::connect().await.unwrap().pushing(Web::new(Trust::System), self.folder.path().join(memory))
    }

    async fn push(&self, uri: &str) -> PortResult<PushedImage> {
        let memory = uri.replace(['/', ':'], "-");
        push(&self.pusher(&memory).await, uri, Compression::Gzip, &self.login()).await
    }

    fn fault(&self, fault: Value) {
        self.sandbox.shared.lock().faults.add(Fault::read(fault).unwrap());
    }

    /// How often each fault happened; none stands afterwards.
    fn happened(&self) -> Vec<u64> {
        let mut state = self.sandbox.shared.lock();
        let listed = state.faults.list();
        state.faults.clear();
        listed.as_array().unwrap().iter().map(|fault| fault["happened"].as_u64().unwrap()).collect()
    }

    /// The image under the tag, if any: then all of it must be there.
    async fn stored(&self, uri: &str) -> Option<Digest> {
        let repository = Repository::new(Web::new(Trust::System), uri, &self.login());
        let manifest = repository.manifest("v1").await.unwrap()?;
        let read: Value = serde_json::from_slice(&manifest.bytes).unwrap();
        for part in read["layers"].as_array().unwrap().iter().chain([&read["config"]]) {
            let digest = Digest(part["digest"].as_str().unwrap().to_owned());
            assert!(repository.blob(&digest).await.unwrap().is_some_and(|blob| blob.len() as u64 == part["size"]), "{digest}");
        }
        Some(manifest.digest)
    }
}

fn docker(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
    let done = Command::new("docker").args(arguments).envs(environment.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}

async fn push(docker: &Docker, uri: &str, compression: Compression, login: &Login) -> PortResult<PushedImage> {
    docker.push(uri, &Tag("v1".into()), compression, login, &|_| ()).await
}

fn skopeo(login: &Login, arguments: &[&str]) -> String {
    let creds = format!("AWS:{}", login.password.reveal());
    let (verb, rest) = arguments.split_first().unwrap();
    let (creds_flag, tls_flag) =
        if *verb == "copy" { ("--src-creds", "--src-tls-verify=false") } else { ("--creds", "--tls-verify=false") };
    let done = Command::new("skopeo").args([*verb, creds_flag, &creds, tls_flag]).args(rest).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// The Engine by TCP: then its files are not this machine's business.
async fn by_tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut far = UnixStream::connect(SOCKET).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    host
}

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
    let by_files = push(&world.pusher("files").await, &first, Compression::Gzip, &login).await.unwrap();
    let given = Docker::at(&by_tcp().await).await.unwrap().pushing(Web::new(Trust::System), world.folder.path().join("given"));
    let by_archive = push(&given, &second, Compression::Gzip, &login).await.unwrap();
    assert_eq!(by_archive, by_files);
    assert_eq!(world.stored(&second).await, Some(by_files.digest.clone()));

    // With another repository's layers known, but no memory of this one's: asked for, and sent anew.
    let third = world.repository("shop/third");
    let sent_anew = push(&given, &third, Compression::Gzip, &login).await.unwrap();
    assert_eq!(sent_anew, by_files, "a registry that mounts nothing");

    world.build("two");
    for (uri, pusher) in [(&first, &world.pusher("files").await), (&second, &given)] {
        docker(&["tag", &world.image, &format!("{uri}:v1")], &[]).unwrap();
        let taken = push(pusher, uri, Compression::Gzip, &login).await.unwrap_err();
        assert_eq!(Failure::from(taken).code, Code::TagTaken);
        assert_eq!(world.stored(uri).await, Some(by_files.digest.clone()), "the tag stays");
    }
    let fourth = world.repository("shop/files2");
    let pushed = push(&world.pusher("none").await, &fourth, Compression::Gzip, &login).await.unwrap();
    assert_eq!(pushed.by, PushedBy::Shipit { sent: 4, layers: 4 });
    assert_ne!(pushed.digest, by_files.digest);
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
async fn a_memory_that_cannot_be_written_costs_time_alone() {
    let world = World::start("full").await;
    let (uri, login) = (world.repository("shop/full"), world.login());
    // Nothing but what is remembered is written: `/dev/full` takes nothing.
    let pusher = Docker::connect().await.unwrap().pushing(Web::new(Trust::System), Path::new("/dev/full").to_owned());
    for layers in [4, 4] {
        let pushed = push(&pusher, &uri, Compression::Gzip, &login).await.unwrap();
        assert_eq!(pushed.by, PushedBy::Shipit { sent: layers, layers: 4 });
        assert_eq!(world.stored(&uri).await, Some(pushed.digest));
    }
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
