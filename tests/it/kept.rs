//! What is kept of a run, and what is not: a secret of the build is in nothing that anyone could read afterwards; what `build`
//! and `push` hand over is written, and not believed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use shipit_core::leak::forms;
use tokio::process::Command;

use crate::together::stage::{Ended, Stage, ended, git};

/// Two lines, with characters that are written differently everywhere, and longer than tools print in one.
const FIRST: &str = "tok/en+with \"all\"~5&aB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cDaB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cD5ec0nd";
const SECOND: &str = "5ec0nd=line%of:it?and-more-that-is-long-enough";

/// Whatever a command could do to show it: as it is, encoded, wrapped, letter by letter.
const SHOWS: &str = "cat /run/secrets/token; echo \"Bearer $(cat /run/secrets/token)\" >&2; base64 -w0 /run/secrets/token; echo; \
    base64 /run/secrets/token; od -An -v -tx1 /run/secrets/token | tr -d ' \\n'; echo; \
    od -An -v -tx1 /run/secrets/token | tr -d ' \\n' | sed 's/.\\{60\\}/&\\n/g'; echo; \
    sed 's/%/%25/g; s,/,%2F,g; s/+/%2B/g; s/ /%20/g; s/\"/%22/g; s/&/%26/g; s/=/%3D/g; s/:/%3A/g; s/?/%3F/g' /run/secrets/token";

fn value() -> String {
    format!("{FIRST}\n{SECOND}")
}

/// So much of it in one place is a trace of it.
const TRACE: usize = 20;

/// What must be nowhere: so many bytes of the value, or of one of its lines, in any form.
struct Traces {
    all: HashSet<Vec<u8>>,
    begins: Vec<bool>,
}

impl Traces {
    fn new() -> Traces {
        let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
        let texts = [value(), FIRST.to_owned(), SECOND.to_owned()];
        let mut whole: Vec<Vec<u8>> = texts.iter().flat_map(|text| forms(text.as_bytes())).collect();
        whole.extend(texts.iter().map(|text| hex(text)));
        let all: HashSet<Vec<u8>> = whole.iter().flat_map(|form| form.windows(TRACE)).map(<[u8]>::to_vec).collect();
        let mut begins = vec![false; 1 << 16];
        all.iter().for_each(|trace| begins[usize::from(u16::from_be_bytes([trace[0], trace[1]]))] = true);
        Traces { all, begins }
    }

    fn absent(&self, what: &str, bytes: &[u8]) {
        for window in bytes.windows(TRACE) {
            let is_there = self.begins[usize::from(u16::from_be_bytes([window[0], window[1]]))] && self.all.contains(window);
            assert!(!is_there, "{what} has `{}`", String::from_utf8_lossy(window));
        }
    }
}

/// Everything that is a file there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Nothing that shipit, the sandbox and the Engine keep has it, but the file that it comes from.
async fn assert_kept_nowhere(stage: &Stage, said: &str, images: &[String]) {
    let traces = Traces::new();
    traces.absent("what was said", said.as_bytes());
    let kept = files(stage.home().parent().unwrap());
    assert!(kept.iter().any(|path| path.ends_with("events.jsonl")) && kept.iter().any(|path| path.ends_with("exchanges.jsonl")));
    for path in kept.iter().filter(|path| !path.ends_with("token")) {
        traces.absent(&path.display().to_string(), &std::fs::read(path).unwrap());
    }
    for image in images {
        for verb in [&["save"][..], &["history", "--no-trunc"], &["inspect"]] {
            let output = Command::new("docker").args(verb).arg(image).output().await.unwrap();
            assert!(output.status.success() && !output.stdout.is_empty(), "{verb:?} {image}");
            traces.absent(&format!("docker {verb:?}"), &output.stdout);
        }
    }
}

/// With every log that a library could write.
async fn loudly(stage: &Stage, agent: &Path) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipit"));
    command.args(["deploy", "--sandbox", "--output", "lines"]).current_dir(stage.home()).stdin(Stdio::null());
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").env("NOTE", "kept").env("SSH_AUTH_SOCK", agent);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    ended(command.spawn().unwrap()).await
}

async fn committed(stage: &Stage, dockerfile: &str) {
    std::fs::write(stage.home().join("web/Dockerfile"), dockerfile).unwrap();
    git(&stage.home(), &["add", "--all"]).await;
    git(&stage.home(), &["commit", "-q", "-m", "next"]).await;
}

async fn tag(stage: &Stage) -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(stage.home()).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Images of that tag in the Engine.
async fn images(tag: &str) -> Vec<String> {
    let list = Command::new("docker").args(["images", "--format", "{{.Repository}}:{{.Tag}}"]).output().await.unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    list.lines().filter(|name| name.ends_with(tag)).map(str::to_owned).collect()
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_secret_that_a_build_prints_is_kept_nowhere() {
    let stage = Stage::new("kept").await;
    let home = stage.home();
    let file = std::fs::read_to_string(home.join("shipit.yaml")).unwrap();
    let given = "repository: shop/web, ssh: default, secrets: { token: { file: token } } }";
    std::fs::write(home.join("shipit.yaml"), file.replace("repository: shop/web }", given)).unwrap();
    std::fs::write(home.join(".gitignore"), ".shipit\ntoken\n").unwrap();
    std::fs::write(home.join("token"), value()).unwrap();
    let agent = home.join("token.agent");
    let _listens = std::os::unix::net::UnixListener::bind(&agent).unwrap();
    std::fs::write(home.join(".git/info/exclude"), "token.agent\n").unwrap();

    // A step that no build before has in its cache.
    let fresh = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now());
    let step = format!("RUN --mount=type=secret,id=token --mount=type=ssh echo '{fresh}'; {SHOWS}");
    let from = "FROM shipit-busybox:1\nLABEL stage=kept\n";
    committed(&stage, &format!("{from}{step}\n")).await;
    let done = loudly(&stage, &agent).await;
    done.done();
    let told = files(&home.join(".shipit")).into_iter().filter(|path| path.ends_with("events.jsonl"));
    assert!(told.map(|path| std::fs::read_to_string(path).unwrap()).any(|text| text.contains("Bearer ***")), "{}", done.said);
    let built = images(&tag(&stage).await).await;
    assert_eq!(built.len(), 1, "{built:?}");
    assert_kept_nowhere(&stage, &done.said, &built).await;

    committed(&stage, &format!("{from}{step}; exit 3\n")).await;
    let failed = loudly(&stage, &agent).await;
    assert_eq!(failed.exit, 1, "{}", failed.said);
    assert!(failed.said.contains("SHIP304") && failed.said.contains("***"), "{}", failed.said);
    assert_kept_nowhere(&stage, &failed.said, &[]).await;

    // A command that writes it down is found out, and what is told of it is told without it.
    committed(&stage, &format!("{from}RUN --mount=type=secret,id=token cp /run/secrets/token /kept\n")).await;
    let found = loudly(&stage, &agent).await;
    assert_eq!(found.exit, 1, "{}", found.said);
    assert!(found.said.contains("SHIP413"), "{}", found.said);
    assert_kept_nowhere(&stage, &found.said, &[]).await;
    let leaky = images(&tag(&stage).await).await;
    let removed = Command::new("docker").args(["rmi", "--force"]).args(&leaky).output().await.unwrap();
    assert!(removed.status.success(), "{leaky:?}");
    stage.finish().await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn what_build_and_push_hand_over_is_written_and_not_believed() {
    let stage = Stage::new("handed").await;
    let home = stage.home();
    let place = home.join(".shipit/build.json");
    let handed = || serde_json::from_slice::<Value>(&std::fs::read(&place).unwrap()).unwrap();
    let pushed = handed();
    let ids = json!({"repositoryName": "shop/web"});
    let stored = stage.call_of("ecr", "DescribeImages", ids).await["imageDetails"][0]["imageDigest"].take();
    let (first, web) = (tag(&stage).await, &pushed["images"]["web"]);
    assert_eq!(pushed["pipeline"], "shop");
    assert_eq!((&web["repository"], &web["commit"], &web["tag"]), (&json!("shop/web"), &json!(first), &json!(first)));
    assert_eq!((&web["digest"], &web["gate"]), (&stored, &Value::Null), "nobody has judged it");

    committed(&stage, "FROM shipit-busybox:1\nLABEL stage=handed again=1\n").await;
    stage.run(&home, &["build", "--sandbox"], "built").await.done();
    let built = handed()["images"]["web"].take();
    assert_eq!((&built["commit"], &built["digest"]), (&json!(tag(&stage).await), &Value::Null), "it is in no registry");

    // Someone says that the older image is this commit's, and that the gate has let it pass; the gate says no.
    let mut forged = handed();
    forged["images"]["web"]["digest"] = stored.clone();
    forged["images"]["web"]["gate"] = json!({"judged_at": "2026-11-20T10:00:00Z", "pass": {}});
    std::fs::write(&place, forged.to_string()).unwrap();
    let file = std::fs::read_to_string(home.join("shipit.yaml")).unwrap();
    let strict = file.replace("gate: { fail_on: never, allow_status: [UNSUPPORTED_IMAGE] }", "gate: { fail_on: low }");
    assert_ne!(strict, file);
    std::fs::write(home.join("shipit.yaml"), strict).unwrap();
    git(&home, &["commit", "-q", "-a", "-m", "strict"]).await;
    let findings = json!([{"name": "CVE-2026-1", "severity": "LOW"}]);
    let fault = stage.fault(json!({"match": {}, "kind": "scan", "status": "COMPLETE", "findings": findings})).await;
    let held = ended(stage.deploy(&home, "handed")).await;
    assert_eq!(held.exit, 3, "the verdict of the file does not count: {}", held.said);

    stage.end_fault(&fault).await;
    std::fs::write(&place, forged.to_string()).unwrap();
    std::fs::write(home.join("shipit.yaml"), file).unwrap();
    git(&home, &["commit", "-q", "-a", "-m", "as before"]).await;
    let since = stage.exchanges();
    ended(stage.deploy(&home, "handed")).await.done();
    let registered = stage.answered(since, "RegisterTaskDefinition");
    let image = registered[0]["request"]["containerDefinitions"][0]["image"].as_str().unwrap();
    assert!(image.contains("@sha256:") && !image.ends_with(stored.as_str().unwrap()), "the digest of the file does not count");
    stage.finish().await;
}
