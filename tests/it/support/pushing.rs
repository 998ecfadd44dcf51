//! A registry of the sandbox's, an Engine, and an image on its way from one to the other.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use shipit::adapter::aws::http::{Trust, Web};
use shipit::adapter::docker::Docker;
use shipit::adapter::oci::Repository;
use shipit::port::{Builder, Login, PortResult, PushedImage, Secret};
use shipit_core::pipeline::Compression;
use shipit_core::release::{Digest, Tag};
use shipit_sandbox::faults::Fault;
use shipit_sandbox::{Options, Running, serve};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, UnixStream};

/// Bytes of the one large layer that differs from test to test.
const LARGE: usize = 6_000_000;
const SOCKET: &str = "/var/run/docker.sock";

/// A registry, an Engine, and one image in it.
pub struct World {
    pub sandbox: Running,
    /// Its own, gone with it.
    pub folder: tempfile::TempDir,
    /// The image's name in the Engine.
    pub image: String,
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
    /// A registry that keeps what comes in the test's own folder.
    pub async fn start(name: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("sandbox");
        World::keeping(name, folder, kept).await
    }

    /// A registry that keeps what comes there.
    pub async fn keeping(name: &str, folder: tempfile::TempDir, kept: PathBuf) -> World {
        let id = format!("it-pushes-{name}-{}", std::process::id());
        let sandbox = serve(Options::new(kept, id.clone())).await.unwrap();
        // An image of its own in each test: what one removes is not another's.
        let seed = name.bytes().fold(u64::from(std::process::id()), |seed, byte| (seed << 8) ^ u64::from(byte));
        let mut world = World { sandbox, folder, image: format!("{id}:1"), seed };
        world.build("one");
        world
    }

    /// A layer that no other image has, one of a few bytes, and a file that is removed again.
    pub fn build(&mut self, small: &str) {
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
    pub fn repository(&self, name: &str) -> String {
        let body = json!({"repositoryName": name, "imageTagMutability": "IMMUTABLE"});
        let seed = json!([{"service": "ecr", "operation": "CreateRepository", "body": body}]);
        shipit_sandbox::seed::play(&self.sandbox.shared, &serde_json::from_value::<Vec<_>>(seed).unwrap()).unwrap();
        let uri = format!("{}/{name}", self.sandbox.address);
        docker(&["tag", &self.image, &format!("{uri}:v1")], &[]).unwrap();
        uri
    }

    /// A login that the registry knows.
    pub fn login(&self) -> Login {
        let password = self.sandbox.shared.lock().registry_password();
        Login { server: self.sandbox.address.to_string(), username: "AWS".into(), password: Secret::new(password) }
    }

    /// A pusher with a memory of that name.
    pub async fn pusher(&self, memory: &str) -> Docker {
        Docker::connect().await.unwrap().pushing(Web::new(Trust::System), self.folder.path().join(memory))
    }

    /// Pushes it, remembering nothing of other repositories.
    pub async fn push(&self, uri: &str) -> PortResult<PushedImage> {
        let memory = uri.replace(['/', ':'], "-");
        push(&self.pusher(&memory).await, uri, Compression::Gzip, &self.login()).await
    }

    /// Has something go wrong.
    pub fn fault(&self, fault: Value) {
        self.sandbox.shared.lock().faults.add(Fault::read(fault).unwrap());
    }

    /// How often each fault happened; none stands afterwards.
    pub fn happened(&self) -> Vec<u64> {
        let mut state = self.sandbox.shared.lock();
        let listed = state.faults.list();
        state.faults.clear();
        listed.as_array().unwrap().iter().map(|fault| fault["happened"].as_u64().unwrap()).collect()
    }

    /// The image under the tag, if any: then all of it must be there.
    pub async fn stored(&self, uri: &str) -> Option<Digest> {
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

/// The Docker CLI: what it says, or what it complains of.
pub fn docker(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
    let done = Command::new("docker").args(arguments).envs(environment.iter().copied()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}

/// Pushes `<uri>:v1`.
pub async fn push(docker: &Docker, uri: &str, compression: Compression, login: &Login) -> PortResult<PushedImage> {
    docker.push(uri, &Tag("v1".into()), compression, login, &|_| ()).await
}

/// skopeo with that login: what it says.
pub fn skopeo(login: &Login, arguments: &[&str]) -> String {
    let creds = format!("AWS:{}", login.password.reveal());
    let (verb, rest) = arguments.split_first().unwrap();
    let (creds_flag, tls_flag) =
        if *verb == "copy" { ("--src-creds", "--src-tls-verify=false") } else { ("--creds", "--tls-verify=false") };
    let done = Command::new("skopeo").args([*verb, creds_flag, &creds, tls_flag]).args(rest).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// The Engine by TCP: then its files are not this machine's business.
pub async fn by_tcp() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(relayed(listener, async || UnixStream::connect(SOCKET).await));
    host
}

/// Connections to here are connections to there.
pub async fn relayed<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    listener: TcpListener,
    connect: impl AsyncFn() -> std::io::Result<S>,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        let mut far = connect().await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
    }
}
