//! The Docker adapter against the sandbox's registry: pushes, refusals, a private base image.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Mutex;

use serde_json::json;
use shipit::adapter::docker::Docker;
use shipit::port::{BuildWish, Builder, BuiltImage, Login, PushedImage, Secret};
use shipit_core::event::Progress;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::{Cache, Compression, Image, Kept};
use shipit_core::release::Tag;
use shipit_sandbox::{Options, Running, serve};

use crate::support::images::key_of;

/// A registry with one repository of immutable tags, an Engine, and the names that must not stay in it.
struct World {
    sandbox: Running,
    docker: Docker,
    folder: tempfile::TempDir,
    made: Mutex<Vec<String>>,
}

impl Drop for World {
    fn drop(&mut self) {
        // Also what lost its tag to a later build and is known by its digest alone.
        let pattern = format!("reference={}/*/*", self.sandbox.address);
        let listed = Command::new("docker").args(["images", "--quiet", "--no-trunc", "--filter", &pattern]).output().unwrap();
        let ids = String::from_utf8(listed.stdout).unwrap();
        for id in self.made.get_mut().unwrap().iter().map(String::as_str).chain(ids.lines()) {
            let _ = Command::new("docker").args(["rmi", "--force", id]).output();
        }
    }
}

impl World {
    async fn start() -> World {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(folder.path().join("sandbox"), format!("it-docker-{}", std::process::id()));
        let sandbox = serve(options).await.unwrap();
        let body = json!({"repositoryName": "shop/web", "imageTagMutability": "IMMUTABLE"});
        let seed = json!([{"service": "ecr", "operation": "CreateRepository", "body": body}]);
        let entries: Vec<shipit_sandbox::seed::Entry> = serde_json::from_value(seed).unwrap();
        shipit_sandbox::seed::play(&sandbox.shared, &entries).unwrap();
        World { sandbox, docker: Docker::connect().await.unwrap(), folder, made: Mutex::default() }
    }

    fn login(&self) -> Login {
        let password = self.sandbox.shared.lock().registry_password();
        Login { server: self.sandbox.address.to_string(), username: "AWS".into(), password: Secret::new(password) }
    }

    fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.sandbox.address)
    }

    async fn build(&self, name: &str, files: &[(&str, &str)], logins: &[Login]) -> Result<BuiltImage, Failure> {
        self.build_with(name, files, logins, Cache::default()).await
    }

    async fn build_with(
        &self,
        name: &str,
        files: &[(&str, &str)],
        logins: &[Login],
        cache: Cache,
    ) -> Result<BuiltImage, Failure> {
        let context = self.folder.path().join("context");
        let _ = fs::remove_dir_all(&context);
        fs::create_dir(&context).unwrap();
        for (path, text) in files {
            fs::write(context.join(path), text).unwrap();
        }
        let image = Image {
            name: "web".into(),
            context,
            dockerfile: "Dockerfile".into(),
            repository: "shop/web".into(),
            args: BTreeMap::new(),
            target: None,
            platforms: Vec::new(),
            secrets: Default::default(),
            cache,
            compression: Compression::default(),
        };
        self.made.lock().unwrap().push(name.to_owned());
        let key = key_of(&image);
        let wish = BuildWish { image: &image, platform: None, name, labels: &BTreeMap::new(), key: &key, logins };
        self.docker.build(&wish, &|_| ()).await.map_err(Failure::from)
    }

    async fn push(&self, repository: &str, tag: &str, login: &Login) -> (Result<PushedImage, Failure>, Vec<Progress>) {
        let told = Mutex::new(Vec::new());
        let tell = |progress| told.lock().unwrap().push(progress);
        let pushed = self.docker.push(repository, &Tag(tag.into()), Compression::Gzip, login, &tell).await.map_err(Failure::from);
        (pushed, told.into_inner().unwrap())
    }

    /// The digest under a tag, as the registry's own API tells it.
    fn stored(&self, tag: &str) -> String {
        let body = json!({"repositoryName": "shop/web", "imageIds": [{"imageTag": tag}]});
        let entry = json!([{"service": "ecr", "operation": "DescribeImages", "body": body,
                            "as": "digest", "take": "imageDetails.0.imageDigest"}]);
        let entries: Vec<shipit_sandbox::seed::Entry> = serde_json::from_value(entry).unwrap();
        let taken = shipit_sandbox::seed::play(&self.sandbox.shared, &entries).unwrap();
        taken["digest"].as_str().unwrap().to_owned()
    }
}

const DOCKERFILE: &str = "FROM shipit-busybox:1\nCOPY Dockerfile content /\n";

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_push_answers_the_digest_that_is_stored_and_is_refused_in_words() {
    let world = World::start().await;
    let (repository, login) = (world.repository("shop/web"), world.login());
    let content = format!("{}", jiff::Timestamp::now());
    let name = format!("{repository}:v1");
    world.build(&name, &[("Dockerfile", DOCKERFILE), ("content", &content)], &[]).await.unwrap();

    let (pushed, told) = world.push(&repository, "v1", &login).await;
    let pushed = pushed.unwrap();
    assert_eq!(pushed.digest.0, world.stored("v1"));
    assert!(pushed.sent > 1_000_000, "busybox is larger than {} bytes", pushed.sent);
    let Some(Progress::Push { sent, total, layers_reused: 0, layers: 2 }) = told.last() else { panic!("{told:?}") };
    assert_eq!((sent, total), (&pushed.sent, &pushed.sent));

    let (again, told) = world.push(&repository, "v1", &login).await;
    assert_eq!(
        again.unwrap(),
        PushedImage { digest: pushed.digest.clone(), sent: 0, by: pushed.by },
        "what is there already is no conflict"
    );
    assert!(matches!(told.last(), Some(Progress::Push { sent: 0, layers_reused: 2, layers: 2, .. })), "{told:?}");

    world.build(&name, &[("Dockerfile", DOCKERFILE), ("content", "other")], &[]).await.unwrap();
    let taken = world.push(&repository, "v1", &login).await.0.unwrap_err();
    assert_eq!(taken.code, Code::TagTaken, "{taken:#?}");
    assert_eq!(world.stored("v1"), pushed.digest.0);

    let stranger = Login { password: Secret::new("guess".into()), ..login.clone() };
    let refused = world.push(&repository, "v1", &stranger).await.0.unwrap_err();
    assert_eq!(refused.code, Code::RegistryLogin, "{refused:#?}");

    let missing = world.repository("shop/none");
    world.build(&format!("{missing}:v1"), &[("Dockerfile", DOCKERFILE), ("content", "")], &[]).await.unwrap();
    let refused = world.push(&missing, "v1", &login).await.0.unwrap_err();
    assert_eq!(refused.code, Code::RepositoryMissing, "{refused:#?}");

    world.sandbox.shared.lock().clock.virtual0 += 12 * 3600 * 1000;
    let late = world.push(&repository, "v1", &login).await.0.unwrap_err();
    assert_eq!(late.code, Code::ExpiredCredentials, "{late:#?}");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_private_base_image_is_opened_by_the_login() {
    let world = World::start().await;
    let (repository, login) = (world.repository("shop/web"), world.login());
    let base = format!("{repository}:base");
    let content = format!("{}", jiff::Timestamp::now());
    world.build(&base, &[("Dockerfile", DOCKERFILE), ("content", &content)], &[]).await.unwrap();
    world.push(&repository, "base", &login).await.0.unwrap();
    let removed = Command::new("docker").args(["rmi", "--force", &base]).output().unwrap();
    assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));

    let dockerfile = format!("FROM {base}\nRUN test \"$(cat /content)\" = \"{content}\"\n");
    let name = format!("{repository}:v2");
    let refused = world.build(&name, &[("Dockerfile", &dockerfile)], &[]).await.unwrap_err();
    assert_eq!(refused.code, Code::BaseImage, "{refused:#?}");
    assert!(refused.next.iter().any(|next| next.contains("docker login")), "{refused:#?}");
    world.build(&name, &[("Dockerfile", &dockerfile)], &[login]).await.unwrap();
    world.made.lock().unwrap().push(base);
}

/// Makes this Engine forget what it has built with this line in its description, and nothing else.
fn forget(line: &str) {
    let records =
        Command::new("docker").args(["system", "df", "--verbose", "--format", "{{json .BuildCache}}"]).output().unwrap();
    let records: Vec<serde_json::Value> = serde_json::from_slice(&records.stdout).unwrap();
    let mine = records.iter().filter(|record| record["Description"].as_str().is_some_and(|text| text.contains(line)));
    let ids: Vec<&str> = mine.filter_map(|record| record["ID"].as_str()).collect();
    assert!(!ids.is_empty(), "the Engine keeps what it builds");
    for id in ids {
        let filter = format!("id={id}");
        let pruned = Command::new("docker").args(["builder", "prune", "--all", "--force", "--filter", &filter]).output().unwrap();
        assert!(pruned.status.success(), "{}", String::from_utf8_lossy(&pruned.stderr));
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn another_machine_builds_with_the_cache_of_the_image_that_runs() {
    let world = World::start().await;
    let (repository, login) = (world.repository("shop/web"), world.login());
    let line = format!("echo {} > /made", jiff::Timestamp::now().as_nanosecond());
    let dockerfile = format!("FROM shipit-busybox:1\nRUN {line}\n");
    let files = [("Dockerfile", dockerfile.as_str())];
    let logins = [login.clone()];
    let inline = |from: &[String]| Cache { kept: Kept::Inline, from: from.to_vec() };
    let name = format!("{repository}:v1");
    assert_eq!(world.build_with(&name, &files, &logins, inline(&[])).await.unwrap().ran, 1);
    let pushed = world.push(&repository, "v1", &login).await.0.unwrap();
    let gone = || {
        assert!(Command::new("docker").args(["rmi", "--force", &name]).output().unwrap().status.success());
        forget(&line);
    };
    gone();
    assert_eq!(world.build_with(&name, &files, &logins, inline(&[])).await.unwrap().ran, 1, "nothing is left of it");
    gone();
    let from = format!("{repository}@{}", pushed.digest);
    assert_eq!(world.build_with(&name, &files, &logins, inline(&[from])).await.unwrap().ran, 0, "the registry has it");

    let missing = format!("{repository}@sha256:{}", "0".repeat(64));
    let failing = [("Dockerfile", "FROM shipit-busybox:1\nRUN echo this one && exit 3\n")];
    let failure = world.build_with(&name, &failing, &logins, inline(&[missing])).await.unwrap_err();
    assert!(failure.what.contains("RUN echo this one"), "an image that is gone is not what failed: {failure:#?}");
}
