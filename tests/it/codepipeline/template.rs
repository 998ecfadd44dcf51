//! `pipelines/codepipeline.yaml` and `pipelines/buildspec.yml`, as they stand in the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::venv;

/// A file of `pipelines/`.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name)
}

/// What CodeBuild is told.
pub fn buildspec() -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(file("buildspec.yml")).unwrap()).unwrap()
}

#[test]
fn the_template_passes_cfn_lint() {
    let done = Command::new(venv::program("cfn-lint")).arg("--").arg(file("codepipeline.yaml")).output();
    let done = done.unwrap_or_else(|error| panic!("cfn-lint: {error}; run `make venv`"));
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.is_empty(), "nothing to remark either: {said}");
}

#[test]
fn template_and_buildspec_name_what_the_storefront_has() {
    let template = std::fs::read_to_string(file("codepipeline.yaml")).unwrap();
    let storefront: Value = serde_saphyr::from_str(&std::fs::read_to_string(file("storefront.yaml")).unwrap()).unwrap();
    let artefacts = buildspec()["artifacts"]["secondary-artifacts"].take();
    let names: Vec<&String> = artefacts.as_object().unwrap().keys().collect();
    assert_eq!(names, storefront["services"].as_object().unwrap().keys().collect::<Vec<_>>());
    for name in names {
        assert_eq!(artefacts[name]["base-directory"], format!("pipelines/.shipit/artifacts/{name}"));
        // Of the build, and to the deploy.
        assert_eq!(template.matches(&format!("{{ Name: {name} }}")).count(), 2, "{name}");
    }
    for operation in shipit::adapter::aws::operation::OPERATIONS.iter().filter(|operation| operation.service == "codepipeline") {
        assert!(template.contains(&format!("- {}\n", operation.action())), "the worker may not call {}", operation.action());
    }
}
