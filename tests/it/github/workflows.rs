//! The workflows that show how the action is used: what they ask of it, it has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use serde_json::Value;
use shipit::cli::Cli;

use super::action::action;

/// What `uses:` names.
const OURS: &str = "shipit/shipit@";

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(of: &Value) -> BTreeSet<String> {
    of.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn examples() -> Vec<PathBuf> {
    let folder = action().join("pipelines/github");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// Names behind `steps.<id>.outputs.` of that step.
fn asked_outputs<'t>(text: &'t str, id: &str) -> Vec<&'t str> {
    let ends = |rest: &'t str| rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').next();
    text.split(&format!("steps.{id}.outputs.")).skip(1).filter_map(ends).collect()
}

#[test]
fn every_example_asks_the_action_for_what_it_has() {
    let file = yaml(&action().join("action.yml"));
    let (inputs, outputs) = (names(&file["inputs"]), names(&file["outputs"]));
    assert_eq!(examples().len(), 3);
    for path in examples() {
        let (text, workflow) = (std::fs::read_to_string(&path).unwrap(), yaml(&path));
        let mut ours = 0;
        for step in workflow["jobs"].as_object().unwrap().values().flat_map(|job| job["steps"].as_array().unwrap()) {
            if step["uses"].as_str().is_some_and(|uses| uses.starts_with(OURS)) {
                ours += 1;
                assert!(names(&step["with"]).is_subset(&inputs), "{}: {step}", path.display());
                if let Some(id) = step["id"].as_str() {
                    let asked = asked_outputs(&text, id);
                    assert!(asked.iter().all(|name| outputs.contains(*name)), "{}: {asked:?}", path.display());
                }
                let takes_role = step["with"]["role-to-assume"].is_string();
                assert!(!takes_role || workflow["permissions"]["id-token"] == "write", "{}", path.display());
            }
            if let Some(run) = step["run"].as_str() {
                let read = Command::new("bash").args(["-n", "-c", run]).status().unwrap();
                assert!(read.success() && !run.contains("${{"), "{}: {run}", path.display());
                for line in run.lines().filter(|line| line.trim_start().starts_with("shipit ")) {
                    let words = line.split(" > ").next().unwrap().split_whitespace();
                    assert!(Cli::try_parse_from(words).is_ok(), "{}: {line}", path.display());
                }
            }
        }
        assert!(ours > 0, "{}", path.display());
    }
}

#[test]
fn every_input_of_the_action_is_used_and_every_output_comes_from_shipit() {
    let text = std::fs::read_to_string(action().join("action.yml")).unwrap();
    let file = yaml(&action().join("action.yml"));
    for (name, input) in file["inputs"].as_object().unwrap() {
        let means_nothing = input["description"].as_str().unwrap().starts_with("Has no effect");
        let used = text.contains(&format!("${{{{ inputs.{name} }}}}"));
        assert!(used != means_nothing || name == "codedeploy-appspec", "{name}");
    }
    for (name, output) in file["outputs"].as_object().unwrap() {
        assert_eq!(output["value"], format!("${{{{ steps.run.outputs.{name} }}}}"));
    }
}
