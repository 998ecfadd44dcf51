//! The folders in which commands of the pages are typed: made of the pages' own files where a page has them, else of the fixtures.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{home, page};

/// In place of a program of the internet: it stands still until it is told to stop.
const STANDS: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

/// The page's first block of that language that has the words in it.
fn shown(name: &str, language: &str, words: &str) -> String {
    let page = page(name);
    let fence = format!("\n```{language}\n");
    let mut found = page.text.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next());
    found.find(|text| text.contains(words)).unwrap_or_else(|| panic!("{name}: no {language} with {words}")).to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // What runs of a person have left there is no part of it.
        if entry.file_name() == ".shipit" {
            continue;
        }
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// With an image that is here, and a program that needs nothing.
fn stands(definition: &mut Value, image: &str) {
    let container = &mut definition["containerDefinitions"][0];
    container["image"] = image.into();
    container["command"] = json!(["sh", "-c", STANDS]);
    container["stopTimeout"] = 2.into();
}

/// The service of the quick start: its pipeline file, its seed.
pub(super) fn shop(folder: &Path) {
    fs::create_dir(folder.join("web")).unwrap();
    let mut seed: Value = serde_json::from_str(&shown("docs/quick-start.md", "json", "CreateService")).unwrap();
    for entry in seed.as_array_mut().unwrap() {
        if entry["operation"] == "RegisterTaskDefinition" {
            stands(&mut entry["body"], "shipit-busybox:1");
        }
    }
    fs::write(folder.join("seed.json"), seed.to_string()).unwrap();
    fs::write(folder.join("shipit.yaml"), shown("docs/quick-start.md", "yaml", "pipeline: shop")).unwrap();
    fs::write(folder.join("web/Dockerfile"), "FROM shipit-busybox:1\nCOPY commit /\n").unwrap();
    commit(folder, "web/commit", 0);
}

/// The same, with the pipeline file that the migration page has for who comes from a script, and the script's placeholder.
pub(super) fn script(folder: &Path) {
    shop(folder);
    let mut definition = json!({"family": "shop-web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "executionRoleArn": "arn:aws:iam::123456789012:role/shop-execution",
        "containerDefinitions": [{"name": "web", "essential": true}]});
    stands(&mut definition, "IMAGE");
    fs::write(folder.join("taskdef.json"), definition.to_string()).unwrap();
    fs::write(folder.join("shipit.yaml"), shown("docs/migration.md", "yaml", "the placeholder may stay")).unwrap();
    fs::write(folder.join("Dockerfile"), "FROM shipit-busybox:1\nCOPY web/commit /\n").unwrap();
    fs::write(folder.join(".dockerignore"), "*\n!web\n").unwrap();
    fs::write(folder.join(".gitignore"), ".shipit\nrendered.json\nimagedefinitions.json\n").unwrap();
}

/// The storefront, with README's pipeline file.
pub(super) fn storefront(folder: &Path) {
    copy(&home().join("fixtures/storefront"), folder);
    // Fewer customers come here than to a shop.
    let pipeline = shown("README.md", "yaml", "pipeline:").replace("at_least: 500 requests", "at_least: 50 requests");
    fs::write(folder.join("shipit.yaml"), pipeline).unwrap();
}

/// The storefront's frontend, with a pause that waits for a person.
pub(super) fn paused(folder: &Path) {
    copy(&home().join("fixtures/storefront"), folder);
    let pipeline = "pipeline: shop\nregion: ap-northeast-2\ncluster: storefront\n\
        images:\n  web: { context: frontend, repository: storefront/frontend }\n\
        services:\n  web:\n    service: frontend\n    task_definition: running\n    containers: { web: web }\n    \
        strategy: { blue_green: { terminate_after: 1m } }\n    pause: { at: [before-production], timeout: 2h }\n";
    fs::write(folder.join("shipit.yaml"), pipeline).unwrap();
}

/// What there is of the storefront in a clone of this repository.
pub(super) fn checkout(folder: &Path) {
    copy(&home().join("fixtures/storefront"), &folder.join("fixtures/storefront"));
    fs::create_dir(folder.join("pipelines")).unwrap();
    let pipeline = fs::read_to_string(home().join("pipelines/storefront.yaml")).unwrap();
    fs::write(folder.join("pipelines/storefront.yaml"), &pipeline).unwrap();
}

/// The same; a pipeline file at the top shares its sandbox.
pub(super) fn checkout_with_sandbox(folder: &Path) {
    checkout(folder);
    let pipeline = fs::read_to_string(folder.join("pipelines/storefront.yaml")).unwrap();
    fs::write(folder.join("shipit.yaml"), pipeline.replace("../fixtures", "fixtures")).unwrap();
    std::os::unix::fs::symlink("../.shipit", folder.join("pipelines/.shipit")).unwrap();
}

/// Something for the machine's owner to check: an archive of a release, and its checksum.
pub(super) fn release(folder: &Path) {
    // `sha256sum` of nothing.
    let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let name = "shipit-1.2.3-x86_64-unknown-linux-musl.tar.gz";
    fs::write(folder.join(name), "").unwrap();
    fs::write(folder.join("SHA256SUMS"), format!("{sum}  {name}\n{sum}  shipit-1.2.3-aarch64-apple-darwin.tar.gz\n")).unwrap();
}

/// A change of the commit that is built.
pub(super) fn commit(folder: &Path, file: &str, number: usize) {
    fs::write(folder.join(file), format!("{number}\n")).unwrap();
}
