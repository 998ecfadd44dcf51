//! `.github/workflows`: read as YAML, and every shell body as bash reads it.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use super::{home, names, ran};

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(home().join(".github/workflows").join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `job step`, and the step.
fn steps(workflow: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (job, body) in workflow["jobs"].as_object().unwrap() {
        for (number, step) in body["steps"].as_array().unwrap().iter().enumerate() {
            all.push((format!("{job} {}", number + 1), step.clone()));
        }
    }
    all
}

#[test]
fn every_shell_body_is_bash_without_expressions_and_names_scripts_that_are_there() {
    let mut bodies = 0;
    for file in names(&home().join(".github/workflows")) {
        let workflow = read(&file);
        for (place, step) in steps(&workflow) {
            if let Some(uses) = step["uses"].as_str() {
                assert!(step.get("run").is_none() && uses.contains('@'), "{file}, {place}: {uses}");
                continue;
            }
            let body = step["run"].as_str().unwrap_or_else(|| panic!("{file}, {place} does nothing"));
            assert!(!body.contains("${{"), "{file}, {place}: an expression is text in a script: it comes by `env:`");
            let checked = ran(Command::new("bash").args(["-n", "-c", body]));
            assert!(checked.status.success(), "{file}, {place}: {}", String::from_utf8_lossy(&checked.stderr));
            for line in body.lines() {
                for script in line.split([' ', '(', ')']).filter(|word| word.starts_with("scripts/")) {
                    let found =
                        std::fs::metadata(home().join(script)).unwrap_or_else(|error| panic!("{place}: {script}: {error}"));
                    let copied = line.trim_start().starts_with("cp ");
                    assert!(copied || found.permissions().mode() & 0o111 != 0, "{place}: {script} cannot be run");
                }
            }
            bodies += 1;
        }
    }
    assert!(bodies > 10, "{bodies}");
}

#[test]
fn a_release_waits_for_every_build_and_its_rights_are_as_few_as_they_can_be() {
    let release = read("release.yml");
    assert_eq!(release["permissions"], serde_json::json!({"contents": "read"}));
    let targets: Vec<&str> = release["jobs"]["build"]["strategy"]["matrix"]["include"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["target"].as_str().unwrap())
        .collect();
    assert_eq!(
        targets,
        [
            "x86_64-unknown-linux-musl",
            "aarch64-unknown-linux-musl",
            "x86_64-apple-darwin",
            "aarch64-apple-darwin",
            "x86_64-pc-windows-gnu"
        ]
    );
    assert_eq!(release["jobs"]["windows"]["needs"], "build");
    for job in ["publish", "image"] {
        assert_eq!(release["jobs"][job]["needs"], serde_json::json!(["build", "windows"]), "{job}");
    }
    for (job, rights) in [("build", 3), ("windows", 1), ("publish", 1), ("image", 4)] {
        let permissions = release["jobs"][job]["permissions"].as_object().unwrap();
        assert_eq!(permissions.len(), rights, "{job}: {permissions:?}");
    }
    // What is built is told apart by name in one folder afterwards.
    let image = std::fs::read_to_string(home().join("scripts/release/Dockerfile")).unwrap();
    assert!(image.contains("COPY ${TARGETARCH}/shipit "), "{image}");
    let unpacks = release["jobs"]["image"].to_string();
    for architecture in ["image/amd64 shipit", "image/arm64 shipit"] {
        assert!(unpacks.contains(architecture), "{architecture}");
    }
}
