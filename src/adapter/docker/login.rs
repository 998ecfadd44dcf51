//! Logins for registries as Docker itself finds them: `config.json` and the credential helpers it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::port::{Login, Secret};

const HUB: &str = "https://index.docker.io/v1/";

/// `~/.docker/config.json`, as far as logins go.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Auth>,
    creds_store: String,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// Where logins are looked up: those given first, then Docker's own.
#[derive(Clone)]
pub(super) struct Logins {
    given: Vec<Login>,
    config: Config,
}

/// `$DOCKER_CONFIG`, else `~/.docker`.
pub(super) fn config_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    set("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(PathBuf::from(set(home)?).join(".docker")))
}

impl Logins {
    /// A file that is missing or not JSON counts as no logins, as it does for Docker when nothing needs one.
    pub(super) fn new(given: &[Login], folder: Option<&Path>) -> Logins {
        let config = folder
            .and_then(|folder| std::fs::read(folder.join("config.json")).ok())
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Logins { given: given.to_vec(), config }
    }

    /// The login for a registry's host; `registry-1.docker.io` and `docker.io` mean Docker Hub. A username that is empty comes
    /// with an identity token as password.
    pub(super) async fn of(&self, host: &str) -> Option<Login> {
        if let Some(login) = self.given.iter().find(|login| same_host(&login.server, host)) {
            return Some(login.clone());
        }
        let server = if matches!(host, "registry-1.docker.io" | "docker.io" | "index.docker.io") { HUB } else { host };
        let helper = self.config.cred_helpers.iter().find(|(key, _)| same_host(key, server)).map(|(_, helper)| helper);
        let helper = helper.or(Some(&self.config.creds_store).filter(|name| !name.is_empty()));
        if let Some(helper) = helper
            && let Some(program) = program(helper)
            && let Some(login) = ask(program, server).await
        {
            return Some(login);
        }
        self.config.auths.iter().find(|(key, _)| same_host(key, server)).and_then(|(_, auth)| auth.login(server))
    }

    /// All logins there are without asking by name: what the classic builder is sent.
    pub(super) async fn all(&self) -> Vec<Login> {
        let mut hosts: Vec<&str> = self.config.auths.keys().chain(self.config.cred_helpers.keys()).map(String::as_str).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let mut logins = self.given.clone();
        for host in hosts.into_iter().filter(|host| !self.given.iter().any(|login| same_host(&login.server, host))) {
            logins.extend(self.of(host).await);
        }
        logins
    }
}

impl Auth {
    fn login(&self, server: &str) -> Option<Login> {
        let login = |username: &str, password: &str| Login {
            server: server.to_owned(),
            username: username.to_owned(),
            password: Secret::new(password.to_owned()),
        };
        if !self.identitytoken.is_empty() {
            return Some(login("", &self.identitytoken));
        }
        if !self.username.is_empty() {
            return Some(login(&self.username, &self.password));
        }
        let plain = base64::engine::general_purpose::STANDARD.decode(&self.auth).ok()?;
        let plain = String::from_utf8(plain).ok()?;
        let (username, password) = plain.split_once(':')?;
        Some(login(username, password.trim_end_matches('\0')))
    }
}

/// `docker-credential-<helper>`; a name that would lead elsewhere is none.
fn program(helper: &str) -> Option<Command> {
    (!helper.contains(['/', '\\'])).then(|| Command::new(format!("docker-credential-{helper}")))
}

/// `<program> get`, with the server on its standard input.
async fn ask(mut program: Command, server: &str) -> Option<Login> {
    let mut child =
        program.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().ok()?;
    child.stdin.take()?.write_all(server.as_bytes()).await.ok()?;
    let output = child.wait_with_output().await.ok()?;
    let helped: Helped = serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success())?;
    let username = if helped.username == "<token>" { String::new() } else { helped.username };
    Some(Login { server: server.to_owned(), username, password: Secret::new(helped.secret) })
}

fn same_host(one: &str, other: &str) -> bool {
    fn host(text: &str) -> &str {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        text.split('/').next().unwrap_or(text)
    }
    host(one).eq_ignore_ascii_case(host(other))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        folder
    }

    async fn found(logins: &Logins, host: &str) -> Option<(String, String)> {
        logins.of(host).await.map(|login| (login.username, login.password.reveal().clone()))
    }

    #[tokio::test]
    async fn logins_are_found_as_docker_finds_them() {
        let auth = base64::engine::general_purpose::STANDARD.encode("joe:se:cret");
        let folder = folder(&format!(
            r#"{{"auths":{{"{HUB}":{{"auth":"{auth}"}},"reg.example:5000":{{"username":"u","password":"p"}},
                "tok.example":{{"identitytoken":"t"}},"empty.example":{{}}}}}}"#
        ));
        let given = Login { server: "1.dkr.ecr.example".into(), username: "AWS".into(), password: Secret::new("token".into()) };
        let logins = Logins::new(&[given], Some(folder.path()));
        let pair = |user: &str, secret: &str| Some((user.to_owned(), secret.to_owned()));
        assert_eq!(found(&logins, "1.dkr.ecr.example").await, pair("AWS", "token"));
        assert_eq!(found(&logins, "registry-1.docker.io").await, pair("joe", "se:cret"));
        assert_eq!(found(&logins, "reg.example:5000").await, pair("u", "p"));
        assert_eq!(found(&logins, "tok.example").await, pair("", "t"));
        for host in ["empty.example", "other.example", "reg.example"] {
            assert_eq!(found(&logins, host).await, None, "{host}");
        }
        assert_eq!(logins.all().await.len(), 4);
        assert_eq!(found(&Logins::new(&[], None), "reg.example:5000").await, None);
    }

    #[tokio::test]
    async fn a_helper_is_asked_on_its_standard_input() {
        let programs = tempfile::tempdir().unwrap();
        let program = programs.path().join("docker-credential-shipit-test");
        std::fs::write(&program, "#!/bin/sh\nread -r server\nprintf '{\"Username\":\"h\",\"Secret\":\"%s\"}' \"$server\"\n")
            .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let login = ask(Command::new(&program), "reg.example").await.unwrap();
        assert_eq!((login.username.as_str(), login.password.reveal().as_str()), ("h", "reg.example"));
        assert!(ask(Command::new(programs.path().join("missing")), "reg.example").await.is_none());
        std::fs::write(&program, "#!/bin/sh\ncat >/dev/null; echo credentials not found in native keychain; exit 1\n").unwrap();
        assert!(ask(Command::new(&program), "reg.example").await.is_none());
        assert!(super::program("../../bin/sh").is_none());
    }
}
