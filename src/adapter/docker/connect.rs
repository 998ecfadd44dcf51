//! Finding the Engine: what the environment says, Docker's context, the usual sockets, Podman's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use shipit_core::failure::{Code, Failure};

use crate::adapter::content::hex;

/// A build or push may be silent for long; the Engine's end of the connection is the only honest sign.
const PATIENCE: u64 = 24 * 60 * 60;
const GREETING: Duration = Duration::from_secs(10);

/// An Engine that answers.
pub(super) struct Engine {
    pub(super) api: bollard::Docker,
    pub(super) address: Address,
    pub(super) way: Way,
    /// What it runs on, e.g. `linux/amd64`.
    pub(super) platform: Option<String>,
}

/// How it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// BuildKit, which fetches what it needs of the context from a session of ours.
    Session,
    /// BuildKit, with the context as a tar stream: where no session can be opened (TLS). A Dockerfile that the ignore file
    /// names is still in that stream, for BuildKit must read it there.
    Stream,
    /// The classic builder, with the context as a tar stream.
    Classic,
}

/// Where it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket's path.
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
    /// TLS, or anything else that only the client library can speak, by its URL.
    Other(String),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(place) => write!(f, "tcp://{place}"),
            Address::Other(host) => f.write_str(host),
        }
    }
}

impl Engine {
    /// The one at that address alone.
    pub(super) async fn at(host: &str) -> Result<Engine, Failure> {
        greet(host).await.map_err(|why| unreachable(&[(host.to_owned(), why)]))
    }

    pub(super) async fn find() -> Result<Engine, Failure> {
        let mut tried = Vec::new();
        for host in candidates() {
            match greet(&host).await {
                Ok(engine) => return Ok(engine),
                Err(why) => tried.push((host, why)),
            }
        }
        Err(unreachable(&tried))
    }
}

async fn greet(host: &str) -> Result<Engine, String> {
    let tls = std::env::var_os("DOCKER_TLS_VERIFY").is_some();
    let (address, api) = match host.split_once("://") {
        Some(("unix", path)) => (Address::Unix(path.into()), bollard::Docker::connect_with_host(host)),
        Some(("tcp" | "http", place)) if !tls => {
            (Address::Tcp(place.trim_end_matches('/').to_owned()), bollard::Docker::connect_with_host(host))
        }
        _ => (Address::Other(host.to_owned()), bollard::Docker::connect_with_host(host)),
    };
    let api = api.map_err(|error| plain(&error))?.with_timeout(Duration::from_secs(PATIENCE));
    // bollard names no version in what it asks for, so there is none to agree on: that would be the same question once more.
    let version = match tokio::time::timeout(GREETING, api.version()).await {
        Ok(Ok(version)) => version,
        Ok(Err(error)) => return Err(plain(&error)),
        Err(_) => return Err(format!("no answer within {} s", GREETING.as_secs())),
    };
    let platform = version.os.zip(version.arch).map(|(os, machine)| format!("{os}/{machine}"));
    let parts = version.components.unwrap_or_default();
    let podman = parts.iter().any(|part| part.name.contains("Podman"));
    let way = match &address {
        // Podman speaks the Engine's API, but has no BuildKit.
        _ if podman || !has_buildkit(version.api_version.as_deref()) => Way::Classic,
        Address::Other(_) => Way::Stream,
        Address::Unix(_) | Address::Tcp(_) => Way::Session,
    };
    Ok(Engine { api: api.with_request_modifier(super::request::header_alphabet), address, way, platform })
}

/// The Engine's API has BuildKit since 1.39.
fn has_buildkit(api: Option<&str>) -> bool {
    let parts = api.and_then(|version| version.split_once('.'));
    let number = parts.and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    number.is_some_and(|number| number >= (1, 39))
}

/// The innermost cause: "No such file or directory", "Permission denied", "Connection refused".
fn plain(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error;
    match error {
        Error::SocketNotFoundError(_) => "no such socket".to_owned(),
        Error::UnsupportedURISchemeError { .. } => "only unix://, tcp:// and https:// are understood".to_owned(),
        error => {
            let mut inner: &dyn std::error::Error = error;
            while let Some(source) = inner.source() {
                inner = source;
            }
            inner.to_string()
        }
    }
}

/// `DOCKER_HOST` alone when it is set, else Docker's chosen context, else where an Engine usually listens.
fn candidates() -> Vec<String> {
    if let Some(host) = env("DOCKER_HOST") {
        return vec![host];
    }
    let folder = super::login::config_folder();
    if let Some(host) = folder.as_deref().and_then(|folder| chosen_context(folder, env("DOCKER_CONTEXT"))) {
        return vec![host];
    }
    usual()
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Docker Desktop's pipe.
#[cfg(windows)]
fn usual() -> Vec<String> {
    vec!["npipe:////./pipe/docker_engine".to_owned()]
}

/// The sockets where an Engine usually listens, and Podman's.
#[cfg(unix)]
fn usual() -> Vec<String> {
    let (home, runtime) = (env("HOME").map(PathBuf::from), env("XDG_RUNTIME_DIR").map(PathBuf::from));
    let mine = format!("/run/user/{}", rustix::process::getuid().as_raw());
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
    sockets.extend(home.map(|home| home.join(".docker/run/docker.sock")));
    sockets.extend(runtime.iter().map(|place| place.join("docker.sock")));
    sockets.extend(runtime.iter().map(|place| place.join("podman/podman.sock")));
    sockets.push(Path::new(&mine).join("podman/podman.sock"));
    sockets.push("/run/podman/podman.sock".into());
    sockets.dedup();
    sockets.iter().map(|path| format!("unix://{}", path.display())).collect()
}

/// The endpoint of `docker context use <name>`.
fn chosen_context(folder: &Path, named: Option<String>) -> Option<String> {
    let json = |path: PathBuf| serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).ok()?).ok();
    let name = named.or_else(|| json(folder.join("config.json"))?.get("currentContext")?.as_str().map(str::to_owned))?;
    if name.is_empty() || name == "default" {
        return None;
    }
    let meta = json(folder.join("contexts/meta").join(hex(&Sha256::digest(&name))).join("meta.json"))?;
    meta.pointer("/Endpoints/docker/Host")?.as_str().map(str::to_owned)
}

fn unreachable(tried: &[(String, String)]) -> Failure {
    let mut failure = Failure::new(Code::EngineUnreachable, "no Docker Engine answers");
    // Of the usual places only those say something where there is a socket; without any, the first stands for all.
    let telling: Vec<_> = tried.iter().filter(|(_, why)| why != "no such socket").collect();
    for (host, why) in if telling.is_empty() { tried.iter().take(1).collect() } else { telling } {
        failure = failure.because(format!("`{host}`: {why}"));
    }
    let denied = tried.iter().any(|(_, why)| why.contains("ermission denied"));
    let failure = failure.now("nothing was built, nothing was pushed");
    if denied {
        return failure.next("sudo usermod -aG docker $USER, then log in again");
    }
    if std::env::var_os("DOCKER_HOST").is_some() {
        return failure.next("start that Engine, or unset `DOCKER_HOST`");
    }
    failure
        .next("Debian, Ubuntu: sudo apt-get install -y docker.io && sudo systemctl start docker")
        .next("elsewhere: https://docs.docker.com/engine/install/, or Podman: systemctl --user start podman.socket")
        .next("an Engine on another host: DOCKER_HOST=tcp://<host>:2375 shipit deploy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_context_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let meta = folder.path().join("contexts/meta").join(hex(&Sha256::digest("colima")));
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(meta.join("meta.json"), r#"{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///c.sock"}}}"#).unwrap();
        assert_eq!(chosen_context(folder.path(), None), None);
        std::fs::write(folder.path().join("config.json"), r#"{"currentContext":"colima"}"#).unwrap();
        assert_eq!(chosen_context(folder.path(), None).as_deref(), Some("unix:///c.sock"));
        assert_eq!(chosen_context(folder.path(), Some("default".into())), None);
    }

    #[test]
    fn an_engine_before_1_39_builds_the_classic_way() {
        let said = |api| has_buildkit(Some(api));
        assert!(said("1.39") && said("1.41") && said("2.0"));
        assert!(!said("1.38") && !said("1.9") && !said("") && !said("new") && !has_buildkit(None));
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let host = format!("unix://{}/no.sock", folder.path().display());
        let why = greet(&host).await.err().unwrap();
        let told = unreachable(&[(host, why)]);
        assert_eq!(told.code, Code::EngineUnreachable);
        assert!(told.because[0].contains("no such socket"), "{told:?}");
        assert!(told.next[0].contains("docker.io"), "{told:?}");
        let silent = std::os::unix::net::UnixListener::bind(folder.path().join("dead.sock")).unwrap();
        drop(silent);
        let why = greet(&format!("unix://{}/dead.sock", folder.path().display())).await.err().unwrap();
        assert!(why.contains("onnection refused"), "{why}");
    }
}
