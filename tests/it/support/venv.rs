//! The virtual environment with the pinned strangers: botocore's models, boto3, the AWS CLI. Made by `make venv`.

use std::path::PathBuf;

/// `$SHIPIT_VENV`, else `.venv` of the repository. Missing is a failure, not a skip.
pub fn folder() -> PathBuf {
    let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".venv");
    let folder = std::env::var_os("SHIPIT_VENV").map_or_else(here, PathBuf::from);
    assert!(folder.join("requirements.txt").exists(), "`{}` is not a complete environment: run `make venv`", folder.display());
    folder
}

/// Where its packages are.
pub fn site_packages() -> PathBuf {
    let lib = folder().join("lib");
    let entries = std::fs::read_dir(&lib).unwrap_or_else(|error| panic!("`{}`: {error}; run `make venv`", lib.display()));
    let mut pythons = entries.filter_map(|entry| Some(entry.ok()?.path().join("site-packages")));
    pythons.find(|path| path.is_dir()).unwrap_or_else(|| panic!("`{}` has no python; run `make venv`", lib.display()))
}

/// One of its programs.
pub fn program(name: &str) -> PathBuf {
    folder().join("bin").join(name)
}
