//! Whole stories of the ECR operations, through the dispatcher as clients call them, on a clock that the tests move.

mod images;
mod scans;
mod settings;

use std::path::Path;

use serde_json::{Value, json};
use shipit_scheduler::Span;
use tempfile::TempDir;

use super::manifest::DOCKER_IMAGE;
use crate::clock::Clock;
use crate::dispatch::{Service, call};
use crate::error::AwsError;
use crate::registry::store::digest_of;
use crate::scanner::layers::tests::layer;
use crate::state::State;

const ACCOUNT: &str = "123456789012";

/// A state whose clock stands still unless it is moved.
pub(crate) fn state(folder: &Path) -> State {
    let mut state = State::new(ACCOUNT.into(), "eu-central-1".into(), Clock::start(0.0), folder.to_owned());
    state.address = "127.0.0.1:5000".into();
    state
}

fn pass(state: &mut State, span: Span) {
    state.clock.virtual0 += span.0;
}

pub(crate) fn ask(state: &mut State, operation: &str, body: Value) -> Result<Value, AwsError> {
    call(state, Service::Ecr, operation, body)
}

fn ok(state: &mut State, operation: &str, body: Value) -> Value {
    ask(state, operation, body).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn code(state: &mut State, operation: &str, body: Value) -> String {
    ask(state, operation, body).unwrap_err().code
}

fn create(state: &mut State, name: &str, mutability: &str) {
    ok(
        state,
        "CreateRepository",
        json!({"repositoryName": name, "imageTagMutability": mutability, "imageScanningConfiguration": {"scanOnPush": true}}),
    );
}

fn blob(state: &mut State, name: &str, bytes: &[u8]) -> String {
    let digest = digest_of(bytes);
    state.store().write_blob(&digest, bytes).unwrap();
    state.change(name, |contents| contents.blobs.insert(digest.clone(), bytes.len() as u64)).unwrap();
    digest
}

/// The manifest of an image whose one layer has these files.
fn image(state: &mut State, name: &str, files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let layer = std::fs::read(layer(folder.path(), "layer", files).path).unwrap();
    let size = layer.len();
    let (config, layer) = (blob(state, name, b"{}"), blob(state, name, &layer));
    json!({
        "schemaVersion": 2,
        "mediaType": DOCKER_IMAGE,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": layer, "size": size}],
    })
    .to_string()
}

fn put(state: &mut State, name: &str, manifest: &str, tag: &str) -> Result<Value, AwsError> {
    ask(state, "PutImage", json!({"repositoryName": name, "imageManifest": manifest, "imageTag": tag}))
}

fn look(state: &mut State) -> usize {
    let due = state.due_looks();
    for look in &due {
        let outcome = look.outcome(&state.folder);
        state.looked(look, &outcome);
    }
    due.len()
}

const DEBIAN: &[(&str, &str)] = &[
    ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
    ("var/lib/dpkg/status", "Package: openssl\nStatus: install ok installed\nVersion: 3.0.11-1\n"),
];

fn world() -> (TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path());
    (folder, state)
}
