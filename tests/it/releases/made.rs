//! A release from its tag to a runner and a container: the shell bodies of `release.yml` in their order, with the development
//! program in place of what an hour of building makes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::{SHIPIT, home, names, ran, said};
use crate::github::action::{action, releases};
use crate::github::runner::{Cancel, Runner};
use crate::together::stage::git;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const LINUX: &str = "x86_64-unknown-linux-musl";
const MACHINES: [&str; 3] = [WINDOWS, LINUX, "aarch64-unknown-linux-musl"];
const PIPELINE: &str = "\
pipeline: shop
region: ap-northeast-2
cluster: shop
images:
  web: { context: web, repository: shop/web }
services:
  web:
    task_definition: web.json
    containers: { web: web }
    strategy: rolling
";
/// Stands for what is asked of `cargo` and `gh`: it writes down how it was called, and makes what would be made.
const STANDS_IN: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$SAID\"\ncase \"$*\" in\n\
    cyclonedx*) echo '{\"bomFormat\": \"CycloneDX\"}' >shipit.cdx.json ;;\n\
    build*) mkdir -p \"target/$TARGET/release\" && cp \"$BUILT\" \"target/$TARGET/release/$PROGRAM\" ;;\nesac\n";

/// The checkout in which the jobs work.
struct Checkout {
    folder: tempfile::TempDir,
    workflow: Value,
}

impl Checkout {
    async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("release").tempdir().unwrap();
        let place = folder.path().join("work");
        std::fs::create_dir(&place).unwrap();
        let mut copy = Command::new("cp");
        said(
            copy.arg("-r")
                .args(["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "scripts"])
                .arg(&place)
                .current_dir(home()),
        );
        git(&place, &["init", "-q"]).await;
        git(&place, &["add", "."]).await;
        git(&place, &["commit", "-q", "-m", "release"]).await;
        let programs = folder.path().join("programs");
        std::fs::create_dir(&programs).unwrap();
        for name in ["cargo", "gh"] {
            runnable(&programs.join(name), STANDS_IN.as_bytes());
        }
        let text = std::fs::read_to_string(home().join(".github/workflows/release.yml")).unwrap();
        Self { workflow: serde_saphyr::from_str(&text).unwrap(), folder }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn commit(&self) -> String {
        said(Command::new("git").arg("-C").arg(self.work()).args(["rev-parse", "HEAD"])).trim().to_owned()
    }

    /// What `cargo` has made for that target.
    fn built(&self, machine: &str) -> PathBuf {
        self.work().join("target").join(machine).join("release").join(program(machine))
    }

    /// The shell body of that step, as a runner runs it.
    fn step(&self, job: &str, name: &str, environment: &[(&str, &str)]) -> Output {
        let steps = self.workflow["jobs"][job]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("{job} has no step `{name}`"));
        let path = format!("{}:{}", self.folder.path().join("programs").display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]).current_dir(self.work());
        bash.env("PATH", path).env("GITHUB_REF_NAME", format!("v{VERSION}")).env("GITHUB_REPOSITORY", "Shop/ShipIt");
        bash.env("SAID", self.folder.path().join("said")).env("GITHUB_OUTPUT", self.folder.path().join("outputs"));
        ran(bash.envs(environment.iter().copied()))
    }

    #[track_caller]
    fn done(&self, job: &str, name: &str, environment: &[(&str, &str)]) {
        let done = self.step(job, name, environment);
        assert!(done.status.success(), "{job}, {name}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// How `cargo` and `gh` were called since the last question.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
        let _none = std::fs::remove_file(self.folder.path().join("said"));
        text.lines().map(str::to_owned).collect()
    }
}

/// What a program is called there.
fn program(machine: &str) -> &'static str {
    if machine == WINDOWS { "shipit.exe" } else { "shipit" }
}

fn runnable(place: &Path, content: &[u8]) {
    std::fs::write(place, content).unwrap();
    std::fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
}

/// The libraries that the development program needs, in a folder as it looks for them.
fn libraries(program: &Path, folder: &Path) {
    for word in said(Command::new("ldd").arg(program)).split_whitespace().filter(|word| word.starts_with('/')) {
        let place = folder.join(word.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(word, place).unwrap();
    }
}

/// `docker`, with what it said.
fn docker(arguments: &[&str]) -> Output {
    ran(Command::new("docker").args(arguments))
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn full_matrix_a_release_is_made_by_the_workflow_installed_by_the_action_and_run_in_a_container() {
    let checkout = Checkout::new().await;
    let place = |name: &str| checkout.folder.path().join(name);
    let small = place("small");
    said(Command::new("strip").arg("-o").arg(&small).arg(SHIPIT));
    let stand_in = place("stand-in");
    let says =
        format!("#!/bin/sh\n[ \"$*\" != --version ] || {{ echo 'shipit {VERSION} ({})'; exit; }}\n", &checkout.commit()[..12]);
    runnable(&stand_in, format!("{says}exec '{SHIPIT}' \"$@\"\n").as_bytes());

    for machine in MACHINES {
        let built = if machine == LINUX { &small } else { &stand_in };
        let environment = [("TARGET", machine), ("BUILT", SHIPIT), ("PROGRAM", program(machine))];
        checkout.done("build", "The tag is the version", &environment);
        checkout.done("build", "Build", &environment);
        assert_eq!(checkout.calls(), [format!("cargo build --release --locked --package shipit --target {machine}")]);
        if machine != WINDOWS {
            checked(&checkout, &stand_in, &environment);
        }
        std::fs::copy(built, checkout.built(machine)).unwrap();
        checkout.done("build", "Bill of materials", &environment);
        let bill = format!("cargo cyclonedx --manifest-path Cargo.toml --format json --spec-version 1.5 --target {machine}");
        assert_eq!(checkout.calls()[1..], [bill]);
        checkout.done("build", "Archive", &environment);
        if machine == WINDOWS {
            // The job has its archive alone in the folder.
            let starts = "It starts there, and knows its commit";
            checkout.done("windows", starts, &[("GITHUB_SHA", &checkout.commit())]);
            assert!(!checkout.step("windows", starts, &[("GITHUB_SHA", &"0".repeat(40))]).status.success());
        }
    }
    checkout.done("publish", "Checksums", &[]);
    checkout.done("publish", "Release", &[]);
    let dist = checkout.work().join("dist");
    let all = names(&dist);
    let mut expected: Vec<String> = Vec::new();
    for machine in MACHINES {
        expected.extend(["cdx.json", "tar.gz"].map(|end| format!("shipit-{VERSION}-{machine}.{end}")));
    }
    expected.push("SHA256SUMS".to_owned());
    expected.sort();
    assert_eq!(all, expected);
    let assets: Vec<String> = all.iter().map(|name| format!("dist/{name}")).collect();
    let mut given: Vec<String> = checkout.calls().concat().split(' ').map(str::to_owned).collect();
    let mut given_assets = given.split_off(6);
    given_assets.sort();
    assert_eq!(given.join(" "), format!("gh release create v{VERSION} --verify-tag --generate-notes"));
    assert_eq!(given_assets, assets);

    installed(checkout.folder.path(), &dist).await;

    checkout.done("image", "The programs by architecture", &[]);
    let outputs = std::fs::read_to_string(place("outputs")).unwrap();
    assert_eq!(outputs, format!("tag=ghcr.io/shop/shipit:{VERSION}\nname=ghcr.io/shop/shipit\n"));
    repository(&place("repository")).await;
    contained(&checkout, &small);
}

/// What the build checks: a development program does not know its commit, one that knows it may need libraries, one that needs
/// none is taken.
fn checked(checkout: &Checkout, knowing: &Path, environment: &[(&str, &str)]) {
    const STARTS: &str = "It starts, knows its commit, and needs no library on Linux";
    assert!(!checkout.step("build", STARTS, environment).status.success(), "this one does not know its commit");
    std::fs::copy(knowing, checkout.built(environment[0].1)).unwrap();
    let readelf = checkout.folder.path().join("programs/readelf");
    runnable(&readelf, b"#!/bin/sh\necho '  INTERP 0x318'\n");
    assert!(!checkout.step("build", STARTS, environment).status.success(), "this one needs libraries");
    std::fs::remove_file(readelf).unwrap();
    checkout.done("build", STARTS, environment);
}

/// What was published, as a user of the action gets it: whole, or not at all.
async fn installed(folder: &Path, dist: &Path) {
    let place = folder.join(format!("shipit/shipit/releases/download/v{VERSION}"));
    said(Command::new("mkdir").arg("-p").arg(&place));
    said(Command::new("cp").arg("-r").arg(format!("{}/.", dist.display())).arg(&place));
    let server = releases(folder.to_owned()).await;
    let install = async || {
        let mut runner = Runner::new(folder);
        let with = [("version", VERSION), ("arguments", "--version")];
        runner.env("GITHUB_SERVER_URL", &server).uses(action(), &with, Cancel::Never).await
    };
    let ran = install().await;
    assert_eq!((ran.exit, ran.log.trim()), (Some(0), format!("shipit-deploy {VERSION} (development)").as_str()));

    let archive = place.join(format!("shipit-{VERSION}-{LINUX}.tar.gz"));
    let mut content = std::fs::read(&archive).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&archive, content).unwrap();
    let ran = install().await;
    assert!(ran.exit == Some(1) && ran.log.contains("it was not unpacked"), "{}", ran.log);
}

/// The image, on a base that has what this program needs in place of alpine.
fn contained(checkout: &Checkout, program: &Path) {
    let context = checkout.work().join("image");
    assert_eq!(names(&context), ["amd64", "arm64", "gitconfig"]);
    let base = checkout.folder.path().join("base");
    libraries(program, &base);
    std::fs::write(base.join("Dockerfile"), "FROM shipit-busybox:1\nCOPY . /\n").unwrap();
    let names = Images(["base", "image"].map(|name| format!("shipit-release-{name}:{}", std::process::id())));
    let [base_name, name] = &names.0;
    let built = docker(&["build", "--quiet", "--tag", base_name, base.to_str().unwrap()]);
    assert!(built.status.success(), "{}", told(&built));
    let file = checkout.work().join("scripts/release/Dockerfile");
    let based = format!("BASE={base_name}");
    let arguments = ["--build-arg", &based, "--build-arg", "TARGETARCH=amd64", "--file", file.to_str().unwrap()];
    let built = docker(&[&["build", "--quiet", "--tag", name], &arguments[..], &[context.to_str().unwrap()]].concat());
    assert!(built.status.success(), "{}", told(&built));

    let help = docker(&["run", "--rm", "--network", "none", name]);
    assert!(told(&help).contains("Usage: shipit"), "{}", told(&help));

    // The repository of one user, mounted for another, in a place without AWS: it is read, and AWS is what is missed.
    let repository = checkout.folder.path().join("repository");
    let mount = format!("{}:/work", repository.display());
    let alone = ["run", "--rm", "--network", "none", "--volume", &mount, "--workdir", "/work"];
    let aws = ["AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_ACCESS_KEY_ID=none", "AWS_SECRET_ACCESS_KEY=none"];
    let aws: Vec<&str> = aws.iter().flat_map(|pair| ["--env", pair]).collect();
    for user in ["4243", "0"] {
        let planned = docker(&[&alone[..], &aws, &["--user", user, name, "shipit", "plan"]].concat());
        let told = told(&planned);
        assert!(told.contains("SHIP504") && !told.contains("does not trust"), "as {user}: {told}");
    }
}

/// The smallest repository that can be planned, of a user who is nobody else here.
async fn repository(place: &Path) {
    std::fs::create_dir_all(place.join("web")).unwrap();
    std::fs::write(place.join("web/Dockerfile"), "FROM shipit-busybox:1\n").unwrap();
    let container = r#"{"name": "web", "image": "web", "essential": true}"#;
    let definition = format!(r#"{{"family": "web", "cpu": "256", "memory": "512", "containerDefinitions": [{container}]}}"#);
    std::fs::write(place.join("web.json"), definition).unwrap();
    std::fs::write(place.join("shipit.yaml"), PIPELINE).unwrap();
    git(place, &["init", "-q"]).await;
    git(place, &["add", "."]).await;
    git(place, &["commit", "-q", "-m", "first"]).await;
    said(Command::new("chown").args(["-R", "4242:4242"]).arg(place));
    said(Command::new("chmod").args(["-R", "a+rwX"]).arg(place));
}

/// Images, removed when dropped.
struct Images([String; 2]);

impl Drop for Images {
    fn drop(&mut self) {
        for name in &self.0 {
            docker(&["rmi", "--force", name]);
        }
    }
}
