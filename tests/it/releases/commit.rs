//! `--version`: the build script by itself, in each kind of folder that it is run in.

use std::path::Path;
use std::process::Command;

use super::{SHIPIT, home, said};
use crate::together::stage::git;

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the build script says for a folder.
fn told(script: &Path, folder: &Path, profile: &str, said_by_builder: Option<&str>) -> String {
    let mut command = Command::new(script);
    command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder).env("CARGO_PKG_VERSION", "1.2.3").env("PROFILE", profile);
    command.env_remove("SHIPIT_COMMIT");
    if let Some(commit) = said_by_builder {
        command.env("SHIPIT_COMMIT", commit);
    }
    let lines = said(&mut command);
    let line = lines.lines().find_map(|line| line.strip_prefix("cargo::rustc-env=SHIPIT_VERSION="));
    line.unwrap_or_else(|| panic!("{lines}")).to_owned()
}

#[tokio::test]
async fn the_version_tells_the_commit_where_one_is_known_and_builds_where_none_is() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    said(Command::new("rustc").args(["--edition", "2024", "-o"]).arg(&script).arg(home().join("build.rs")));

    let clone = folder.path().join("clone");
    std::fs::create_dir_all(clone.join("src")).unwrap();
    std::fs::write(clone.join("src/main.rs"), "fn main() {}").unwrap();
    git(&clone, &["init", "-q"]).await;
    git(&clone, &["add", "."]).await;
    git(&clone, &["commit", "-q", "-m", "first"]).await;
    let commit = said(Command::new("git").arg("-C").arg(&clone).args(["rev-parse", "HEAD"]))[..12].to_owned();
    assert_eq!(told(&script, &clone, "release", None), format!("1.2.3 ({commit})"));
    assert_eq!(told(&script, &clone, "debug", None), "1.2.3 (development)");
    std::fs::write(clone.join("src/main.rs"), "fn main() { }").unwrap();
    assert_eq!(told(&script, &clone, "release", None), format!("1.2.3 ({commit}-dirty)"));
    assert_eq!(told(&script, &clone, "release", Some(HASH)), format!("1.2.3 ({})", &HASH[..12]));

    let inside = clone.join("vendor/shipit");
    std::fs::create_dir_all(&inside).unwrap();
    assert_eq!(told(&script, &inside, "release", None), "1.2.3", "the repository around it is another's");
    for odd in ["", "main", "0123456789ab; rm -rf /", "0123"] {
        assert_eq!(told(&script, &inside, "release", Some(odd)), "1.2.3", "{odd}");
    }

    let packed = clone.join("packed");
    std::fs::create_dir(&packed).unwrap();
    let note = format!("{{\n  \"git\": {{\n    \"sha1\": \"{HASH}\"\n  }},\n  \"path_in_vcs\": \"\"\n}}");
    std::fs::write(packed.join(".cargo_vcs_info.json"), note).unwrap();
    assert_eq!(told(&script, &packed, "release", None), format!("1.2.3 ({})", &HASH[..12]));
    std::fs::create_dir(packed.join(".git")).unwrap();
    std::fs::write(packed.join(".cargo_vcs_info.json"), "\"sha1\"").unwrap();
    assert_eq!(
        told(&script, &packed, "release", None),
        "1.2.3",
        "neither can be read, and the repository around it is another's"
    );
}

#[test]
fn a_development_build_tells_no_commit_that_would_soon_be_wrong() {
    let version = concat!(env!("CARGO_PKG_VERSION"), " (development)");
    assert_eq!(said(Command::new(SHIPIT).arg("--version")).trim(), format!("shipit {version}"));
    assert_eq!(said(Command::new(SHIPIT).args(["deploy", "--version"])).trim(), format!("shipit-deploy {version}"));
}
