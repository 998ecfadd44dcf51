//! Secrets of a build: given to the command that asks, and nowhere else; those that got into the image are found.

use std::process::{Child, Command, Stdio};

use shipit_core::leak::{self, Place as At, Rule, VALUE};
use shipit_core::pipeline::{Agent, SecretSource};

use super::*;

/// A value that nothing else has.
fn value(place: &Path) -> String {
    let value = format!("t0k-{}-\"&%", unique());
    fs::write(place.join("token"), format!("{value}\n")).unwrap();
    value
}

fn with_token(place: &Path, context: &Path) -> Image {
    let mut image = image(context);
    image.secrets.from.insert("token".into(), SecretSource::File(place.join("token")));
    image.secrets.from.insert("home".into(), SecretSource::Env("CARGO_MANIFEST_DIR".into()));
    image
}

/// Everything that a person or another program gets to see of a build.
fn seen(told: &[Progress]) -> String {
    format!("{told:?}")
}

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_secret_is_read_by_the_command_that_mounts_it_and_is_nowhere_else() {
    let kept = tempfile::tempdir().unwrap();
    let token = value(kept.path());
    let dockerfile = format!(
        "FROM shipit-busybox:1\nRUN --mount=type=secret,id=token,required=true --mount=type=secret,id=home \\\n\
         \x20 echo {} && printf 'Bearer %s.\\n' \"$(cat /run/secrets/token)\" && base64 -w0 /run/secrets/token && echo \\\n\
         \x20 && wc -c < /run/secrets/token > /length && test \"$(wc -c < /run/secrets/home)\" = {}\n\
         RUN test ! -e /run/secrets/token\n",
        unique(),
        env!("CARGO_MANIFEST_DIR").len(),
    );
    let place = folder(&[("Dockerfile", &dockerfile)]);
    let image = with_token(kept.path(), place.path());
    let mut bench = Bench::new(Way::Session).await;
    let (built, told) = bench.build(&image).await;
    built.unwrap();
    assert!(output(&told).contains(&"Bearer ***."), "{told:#?}");
    assert!(!seen(&told).contains(&token) && !seen(&told).contains(token.trim_matches('"')), "{told:#?}");
    let encoded = token.as_bytes();
    assert!(!leak::forms(encoded).iter().any(|form| seen(&told).contains(&*String::from_utf8_lossy(form))), "{told:#?}");

    let name = bench.made.last().unwrap().clone();
    let searched = bench.docker.leaks(&image, &name).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(searched.leaks, []);
    assert_eq!(searched.too_short, Vec::<String>::new());
    for shown in [docker(&["history", "--no-trunc", &name]), docker(&["inspect", &name])] {
        assert!(!shown.contains(&token), "{shown}");
    }
    let inventory = bench.docker.inventory(&name).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(inventory.packages.len(), 1, "what the search read is not read again");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_failing_command_that_prints_its_secret_is_told_without_it() {
    let kept = tempfile::tempdir().unwrap();
    let token = value(kept.path());
    let dockerfile = format!(
        "FROM shipit-busybox:1\nRUN --mount=type=secret,id=token echo {} && cat /run/secrets/token && exit 3\n",
        unique()
    );
    let place = folder(&[("Dockerfile", &dockerfile)]);
    let (built, told) = Bench::new(Way::Session).await.build(&with_token(kept.path(), place.path())).await;
    let failure = built.unwrap_err();
    assert_eq!(failure.code, Code::BuildFailed);
    assert!(failure.because.iter().any(|line| line == "***"), "{failure:#?}");
    assert!(!format!("{failure:?}{}", seen(&told)).contains(&token), "{failure:#?}");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn an_engine_without_a_session_and_a_secret_that_is_not_there_are_refused_by_name() {
    let kept = tempfile::tempdir().unwrap();
    value(kept.path());
    let place = folder(&[("Dockerfile", "FROM shipit-busybox:1\nRUN true\n")]);
    let given = with_token(kept.path(), place.path());
    for way in [Way::Stream, Way::Classic] {
        let failure = Bench::new(way).await.build(&given).await.0.unwrap_err();
        assert_eq!(failure.code, Code::NoSecretsHere, "{way:?}: {failure:#?}");
        assert!(failure.what.contains("`web`"), "{failure:#?}");
    }
    let mut bench = Bench::new(Way::Session).await;
    for source in [
        SecretSource::Env("SHIPIT_NO_SUCH_VARIABLE".into()),
        SecretSource::File(kept.path().join("none")),
        SecretSource::File(place.path().join("empty")),
    ] {
        fs::write(place.path().join("empty"), "").unwrap();
        let mut image = image(place.path());
        image.secrets.from.insert("token".into(), source.clone());
        let failure = bench.build(&image).await.0.unwrap_err();
        assert_eq!(failure.code, Code::SecretMissing, "{source:?}: {failure:#?}");
        assert!(failure.what.contains("`token` of `web`"), "{failure:#?}");
    }
    let mut image = image(place.path());
    image.secrets.agent = Agent::Forwarded;
    let failure = bench.build(&image).await.0.unwrap_err();
    assert_eq!((failure.code, failure.because[0].as_str()), (Code::SecretMissing, "`SSH_AUTH_SOCK` is not set"));
}

/// `ssh-agent` with one key in it, until dropped.
struct SshAgent {
    process: Child,
    folder: tempfile::TempDir,
}

impl SshAgent {
    fn start() -> SshAgent {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let key = folder.path().join("key");
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
        assert!(made.success());
        let process = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let agent = SshAgent { process, folder };
        let add =
            || Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket).stderr(Stdio::null()).status().unwrap();
        assert!((0..200).any(|_| add().success() || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            false
        }));
        agent
    }

    fn key(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("key.pub")).unwrap();
        text.split_whitespace().nth(1).unwrap().to_owned()
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `ssh-add` and the libraries that it needs, at their places in the context.
fn put_ssh_add(context: &Path) {
    let program = Command::new("sh").args(["-c", "command -v ssh-add"]).output().unwrap();
    let program = String::from_utf8(program.stdout).unwrap().trim().to_owned();
    let needs = Command::new("ldd").arg(&program).output().unwrap();
    let needs = String::from_utf8(needs.stdout).unwrap();
    let libraries = needs.split_whitespace().filter(|word| word.starts_with('/'));
    for path in libraries.chain([program.as_str()]) {
        let to = context.join("root").join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_command_reaches_the_ssh_agent() {
    let agent = SshAgent::start();
    let dockerfile = format!(
        "FROM shipit-busybox:1\nCOPY root /\nRUN --mount=type=ssh echo {} && ssh-add -L\nRUN test -z \"$SSH_AUTH_SOCK\"\n",
        unique()
    );
    let place = folder(&[("Dockerfile", &dockerfile)]);
    put_ssh_add(place.path());
    let mut bench = Bench::new(Way::Session).await;
    bench.docker.agent = Some(agent.folder.path().join("agent.sock"));
    let mut image = image(place.path());
    let refused = bench.build(&image).await.0.unwrap_err();
    assert_eq!(refused.code, Code::BuildFailed, "what is not given is not there: {refused:#?}");
    image.secrets.agent = Agent::Forwarded;
    let (built, told) = bench.build(&image).await;
    built.unwrap();
    assert!(output(&told).iter().any(|line| line.contains(&agent.key())), "{told:#?}");
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn secrets_that_got_into_the_image_are_found_where_they_are() {
    let kept = tempfile::tempdir().unwrap();
    let token = value(kept.path());
    let (npm, github) = (format!("npm_{}", varied(36)), format!("ghp_{}", varied(36)));
    let mut bench = Bench::new(Way::Session).await;
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n", varied(64));
    let base = folder(&[("Dockerfile", "FROM shipit-busybox:1\nCOPY key.pem /base.pem\n"), ("key.pem", &pem)]);
    bench.build(&image(base.path())).await.0.unwrap();
    let from = bench.made.last().unwrap().clone();

    let dockerfile = format!(
        "FROM {from}\nARG PASS\nCOPY npmrc /app/.npmrc\nCOPY key.pem /app/test/key.pem\n\
         RUN --mount=type=secret,id=token cp /run/secrets/token /kept && echo {}\nRUN rm /kept\nENV TOKEN={github}\n\
         LABEL by={npm}\nRUN test -n \"$PASS\"\n",
        unique()
    );
    let npmrc = format!("# for the build\n//registry.npmjs.org/:_authToken={npm}\n");
    let place = folder(&[("Dockerfile", &dockerfile), ("npmrc", &npmrc), ("key.pem", &pem)]);
    let mut image = with_token(kept.path(), place.path());
    image.args.insert("PASS".into(), token.clone());
    bench.build(&image).await.0.unwrap();
    let searched = bench.docker.leaks(&image, bench.made.last().unwrap()).await.unwrap_or_else(|error| panic!("{error:?}"));
    let found: BTreeSet<String> = searched
        .leaks
        .iter()
        .map(|found| match &found.place {
            At::File { number, path, line, .. } => format!("{number} {path}:{line} {}", found.rule.name()),
            At::History(_) => format!("history {}", found.rule.name()),
            other => format!("{} {}", other.word(), found.rule.name()),
        })
        .collect();
    let expected = [
        "3 app/.npmrc:2 npm_token".to_owned(),
        "4 app/test/key.pem:1 private_key".to_owned(),
        format!("5 kept:1 {VALUE}"),
        "ENV TOKEN github_token".to_owned(),
        "LABEL by npm_token".to_owned(),
        format!("history {VALUE}"),
        "history github_token".to_owned(),
        "history npm_token".to_owned(),
    ];
    assert_eq!(found, expected.into_iter().collect::<BTreeSet<_>>(), "the base image's own key is not ours to answer for");
    let told = format!("{:?}", leak::refusal("web", &searched.leaks).unwrap());
    assert!(![&token, &npm, &github].iter().any(|value| told.contains(value.as_str())), "{told}");

    // A secret of ours that a base image has in it already is one all the same.
    fs::write(kept.path().join("token"), varied(64)).unwrap();
    let plain = folder(&[("Dockerfile", &format!("FROM {from}\nCOPY Dockerfile /\n"))]);
    let image = with_token(kept.path(), plain.path());
    bench.build(&image).await.0.unwrap();
    let searched = bench.docker.leaks(&image, bench.made.last().unwrap()).await.unwrap_or_else(|error| panic!("{error:?}"));
    let [leak] = searched.leaks.as_slice() else { panic!("{searched:#?}") };
    assert_eq!(leak.rule, Rule::Value("token".into()));
    assert!(matches!(&leak.place, At::File { number: 2, path, line: 2, .. } if path == "base.pem"), "{leak:?}");
}

/// Letters and digits as tokens have them.
fn varied(length: usize) -> String {
    "aB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cD".chars().cycle().take(length).collect()
}
