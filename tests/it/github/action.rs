//! `action.yml` without AWS: what is installed, which flags its inputs become, who hears a cancel.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::runner::{Cancel, Ran, Runner};

/// The folder of `action.yml`.
pub fn action() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with a `shipit` that is this script; as `--version` it says that of the action.
fn program(folder: &Path, script: &str) -> PathBuf {
    let place = folder.join("bin");
    std::fs::create_dir_all(&place).unwrap();
    let version = concat!("shipit ", env!("CARGO_PKG_VERSION"));
    let text = format!("#!/bin/bash\n[ \"${{1:-}}\" != --version ] || {{ echo '{version}'; exit; }}\n{script}\n");
    std::fs::write(place.join("shipit"), text).unwrap();
    std::fs::set_permissions(place.join("shipit"), std::fs::Permissions::from_mode(0o755)).unwrap();
    place
}

/// The action with a `shipit` that is this script.
async fn with_program(script: &str, with: &[(&str, &str)], cancel: Cancel<'_>) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let place = program(folder.path(), script);
    Runner::new(folder.path()).path(&place).uses(action(), with, cancel).await
}

/// What its inputs become.
async fn flags(with: &[(&str, &str)]) -> (Option<i32>, String) {
    let ran = with_program("printf '<%s>' \"$@\"; echo \" as ${AWS_ROLE_ARN:-nobody}\"", with, Cancel::Never).await;
    (ran.exit, ran.log.trim_end().to_owned())
}

#[tokio::test]
async fn inputs_become_flags() {
    for (with, expected) in [
        (&[][..], "<deploy> as nobody"),
        (
            &[("file", "ci/web shop.yaml"), ("environment", "production"), ("strategy", "canary"), ("on-interrupt", "leave")],
            "<deploy><--file=ci/web shop.yaml><--env=production><--strategy=canary><--on-interrupt=leave> as nobody",
        ),
        (
            &[("task-definition", "web.json"), ("service", "web"), ("cluster", "shop"), ("force-new-deployment", "True")],
            "<deploy><--service=web><--task-definition=web.json><--cluster=shop><--force-new-deployment> as nobody",
        ),
        (
            &[
                ("task-definition", "web.json"),
                ("service", "web"),
                ("wait-for-service-stability", "true"),
                ("wait-for-minutes", "9"),
            ],
            "<deploy><--service=web><--task-definition=web.json> as nobody",
        ),
        (
            &[
                ("aws-region", "eu-west-1"),
                ("role-to-assume", "arn:aws:iam::123456789012:role/ci"),
                ("arguments", "--allow-dirty -v"),
            ],
            "<deploy><--region=eu-west-1><--allow-dirty><-v> as arn:aws:iam::123456789012:role/ci",
        ),
        (&[("run-task", "false"), ("service", "$(touch pwned); `id`")], "<deploy><--service=$(touch pwned); `id`> as nobody"),
        (
            &[("task-definition", "-web.json"), ("cluster", "shop"), ("aws-region", "eu-west-1")],
            "<register><--region=eu-west-1><--><-web.json> as nobody",
        ),
        (&[("command", "install")], ""),
    ] {
        assert_eq!(flags(with).await, (Some(0), expected.to_owned()), "{with:?}");
    }
}

#[tokio::test]
async fn what_the_aws_action_does_and_shipit_does_not_is_refused() {
    for (with, wrong) in [
        (&[("run-task", "true")][..], "run-task"),
        (&[("desired-count", "3")], "desired-count"),
        (&[("propagate-tags", "SERVICE")], "propagate-tags"),
        (&[("codedeploy-deployment-config", "CodeDeployDefault.ECSAllAtOnce")], "codedeploy-deployment-config"),
        (&[("task-definition", "web.json"), ("environment", "production")], "pipeline file"),
        (&[("command", "destroy")], "command"),
    ] {
        let ran = with_program("echo 'it was run'", with, Cancel::Never).await;
        assert_eq!((ran.exit, ran.commands.len()), (Some(2), 1), "{with:?}: {}", ran.log);
        assert_eq!(ran.commands[0].name, "error");
        assert!(ran.commands[0].data.contains(wrong) && !ran.log.contains("it was run"), "{}", ran.log);
    }
}

#[tokio::test]
async fn a_cancel_is_heard_by_the_program_itself() {
    // A shell hears a signal after each of its own commands.
    let hears = "trap 'echo \"heard as $0\"; exit 130' INT; exec 3<> <(:); echo ready; while :; do read -rt 0.05 -u 3 || :; done";
    let ran = with_program(hears, &[], Cancel::Once("ready")).await;
    assert_eq!((ran.exit, ran.signals.as_slice()), (Some(130), &["INT"][..]), "{}", ran.log);
    assert!(ran.log.contains("/bin/shipit"), "{}", ran.log);
}

#[tokio::test]
#[ignore = "takes the ten seconds that GitHub gives"]
async fn full_matrix_who_does_not_hear_a_cancel_is_ended_with_all_that_it_started() {
    let deaf = "trap '' INT; trap 'echo begged' TERM; sleep 600 & echo \"ready $!\"; for _ in {1..600}; do sleep 0.05; done";
    let ran = with_program(deaf, &[], Cancel::Once("ready")).await;
    assert_eq!((ran.exit, ran.signals.as_slice()), (None, &["INT", "TERM", "KILL"][..]), "{}", ran.log);
    assert!(ran.log.contains("begged"), "{}", ran.log);
    let child = ran.log.lines().find_map(|line| line.strip_prefix("ready ")).unwrap();
    assert!(!Path::new("/proc").join(child).join("exe").exists(), "{child} still runs");
}

/// A server of releases; answers its address.
pub async fn releases(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 4096];
            let count = stream.read(&mut asked).await.unwrap();
            let asked = String::from_utf8_lossy(&asked[..count]).into_owned();
            let path = asked.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
            let (status, body) = match std::fs::read(folder.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _left = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_release_is_installed_only_when_its_checksum_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("shipit/shipit/releases/download/v9.8.7");
    std::fs::create_dir_all(&place).unwrap();
    let inside = program(folder.path(), "echo \"installed: $*\"");
    let name = "shipit-9.8.7-x86_64-unknown-linux-musl.tar.gz";
    let tar = Command::new("tar").arg("-czf").arg(place.join(name)).arg("-C").arg(&inside).arg("shipit").status().unwrap();
    assert!(tar.success());
    let right: String =
        Sha256::digest(std::fs::read(place.join(name)).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    let wrong = "0".repeat(64);
    let server = releases(folder.path().to_owned()).await;
    let install = async |list: Option<&str>, with: &[(&str, &str)]| {
        match list {
            Some(sum) => std::fs::write(place.join("SHA256SUMS"), format!("{wrong}  other.tar.gz\n{sum}  {name}\n")).unwrap(),
            None => drop(std::fs::remove_file(place.join("SHA256SUMS"))),
        }
        let with = [&[("version", "v9.8.7")], with].concat();
        Runner::new(folder.path()).env("GITHUB_SERVER_URL", &server).uses(action(), &with, Cancel::Never).await
    };
    for (list, with, installed) in [
        (Some(right.as_str()), &[][..], true),
        (Some(&wrong), &[("checksum", &*right)], true),
        (Some(&wrong), &[], false),
        (Some(&right), &[("checksum", &*wrong)], false),
        (None, &[], false),
        (Some(&right), &[("version", "9.8.6")], false),
        (Some(&right), &[("version", "../../evil")], false),
    ] {
        let ran = install(list, with).await;
        assert_eq!(ran.log.contains("installed: deploy"), installed, "{list:?} {with:?}: {}", ran.log);
        let expected = if installed { (Some(0), 0) } else { (Some(1), 1) };
        assert_eq!((ran.exit, ran.commands.len()), expected, "{list:?} {with:?}: {}", ran.log);
    }
}
