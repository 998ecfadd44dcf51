//! `shipit scan` as it is typed, with any image of a registry.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::rows::KNOWN;
use super::stand::Stand;
use crate::support::sandbox::{REGION, TestSandbox};

const PIPELINE: &str = "pipeline: shop
cluster: shop
images:
  app: { context: nowhere, repository: gate/app }
services:
  app: { task_definition: running, containers: { app: app } }
gate:
  waivers:
    - { id: CVE-2026-7, until: 2026-01-01, reason: over }
";

async fn scan(sandbox: &TestSandbox, folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipit"));
    command.arg("scan").args(arguments).current_dir(folder).env_clear();
    command
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ENDPOINT_URL", sandbox.endpoint()).env("AWS_REGION", REGION);
    command.env("AWS_ACCESS_KEY_ID", "AKIASANDBOX").env("AWS_SECRET_ACCESS_KEY", "sandbox");
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap(), text(&done.stdout), text(&done.stderr))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn any_image_of_the_registry_is_held_at_the_gate_without_a_source_tree() {
    let sandbox = TestSandbox::without_engine("scan-verb").await;
    let digest = sandbox.image("gate/app", &KNOWN).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shipit.yaml"), PIPELINE).unwrap();
    for reference in [format!("gate/app@{digest}"), "gate/app:one".to_owned()] {
        let (exit, table, said) = scan(&sandbox, folder.path(), &[&reference]).await;
        assert_eq!(exit, 3, "{table}{said}");
        assert!(table.contains("CVE-2026-7") && table.contains("blocks"), "{table}");
        assert!(said.contains("SHIP411") && said.contains("ended on 2026-01-01 (shipit.yaml:9:7)"), "{said}");
    }
    let reference = format!("gate/app@{digest}");
    let (exit, log, _) = scan(&sandbox, folder.path(), &[&reference, "--output", "sarif"]).await;
    let log: Value = serde_json::from_str(&log).unwrap();
    assert_eq!((exit, &log["version"], &log["runs"][0]["results"][0]["ruleId"]), (3, &"2.1.0".into(), &"CVE-2026-7".into()));
    let (exit, _, said) = scan(&sandbox, folder.path(), &["gate/app:two"]).await;
    assert_eq!(exit, 2, "{said}");
    assert!(!folder.path().join(".shipit/build.json").exists(), "it is not an image that this pipeline has brought here");
    sandbox.finish().await;
}
