//! GitLab's and Buildkite's examples: read as YAML, every command one that shipit takes, and their scripts run.

use clap::Parser;
use serde_json::Value;
use shipit::cli::Cli;

use super::agent::Build;
use super::example;
use super::groovy::bodies;
use crate::together::stage::Stage;

fn read(name: &str) -> Value {
    serde_saphyr::from_str(&example(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::String(line) => vec![line.clone()],
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect(),
        other => panic!("{other} is no script"),
    }
}

/// GitLab's script of a job, with what runs before.
fn gitlab(job: &str) -> String {
    let file = read("gitlab-ci.yml");
    let stages = lines(&file["stages"]);
    assert!(stages.contains(&file[job]["stage"].as_str().unwrap().to_owned()), "{job} is of no stage");
    [lines(&file["default"]["before_script"]), lines(&file[job]["script"])].concat().join("\n")
}

fn buildkite(label: &str) -> String {
    let file = read("buildkite.yml");
    let step = file["steps"].as_array().unwrap().iter().find(|step| step["label"] == label);
    lines(&step.unwrap_or_else(|| panic!("no step {label}"))["command"]).join("\n")
}

#[test]
fn every_command_of_every_example_is_one_that_shipit_takes() {
    let jenkins = bodies(&example("Jenkinsfile")).into_iter().map(|body| body.script);
    let gitlab = ["plan", "build", "gate", "deploy"].map(gitlab);
    let buildkite = ["build", "gate", "deploy"].map(buildkite);
    let mut commands = 0;
    for script in jenkins.chain(gitlab).chain(buildkite) {
        for line in script.lines().map(str::trim).filter(|line| line.starts_with("shipit ")) {
            let words = line.split_whitespace().take_while(|word| *word != ">");
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            commands += 1;
        }
    }
    assert_eq!(commands, 5 + 4 + 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_scripts_of_gitlab_and_buildkite_deploy() {
    let stage = Stage::new("gitlab").await;
    let home = stage.home();
    let folder = home.display().to_string();
    let own = [
        ("CI", "true"),
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_DIR", folder.as_str()),
        ("CI_JOB_ID", "77"),
        ("CI_JOB_URL", "https://gitlab.shop.example/shop/-/jobs/77"),
        ("SHIPIT_ID_TOKEN", "header.claims.signature"),
    ];
    let mut pipeline = Build::with(&home, "gitlab", &own);
    for job in ["plan", "build", "gate", "deploy"] {
        let ended = pipeline.run_by_bash(job, &gitlab(job)).await;
        assert_eq!(ended.exit, 0, "{job}: {}", ended.log);
        assert!(!ended.log.contains("header.claims"), "{}", ended.log);
    }
    let token = format!("{folder}.tmp/shipit-token");
    assert_eq!(std::fs::read_to_string(token).unwrap(), "header.claims.signature");
    let runs = std::fs::read_dir(home.join(".shipit/runs")).unwrap().flatten();
    assert!(runs.into_iter().all(|run| run.path().join("junit.xml").exists()), "the glob of the reports finds each");
    assert!(home.join(".shipit-gate.xml").exists() && home.join(".shipit/artifacts").is_dir());

    let own = [
        ("CI", "true"),
        ("BUILDKITE", "true"),
        ("BUILDKITE_BUILD_URL", "https://buildkite.com/shop/shop/builds/7"),
        ("BUILDKITE_BRANCH", "main"),
    ];
    let mut pipeline = Build::with(&home, "buildkite", &own);
    for step in ["build", "gate", "deploy"] {
        let ended = pipeline.run_by_bash(step, &buildkite(step)).await;
        assert_eq!(ended.exit, 0, "{step}: {}", ended.log);
    }
    stage.finish().await;
}
