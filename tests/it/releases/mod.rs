//! What a release is made by: the version and its commit, the archive, the workflow's own shell bodies.

mod commit;
mod made;
mod workflows;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory;
use shipit::cli::Cli;

const SHIPIT: &str = env!("CARGO_BIN_EXE_shipit");

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn ran(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

#[track_caller]
fn said(command: &mut Command) -> String {
    let done = ran(command);
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_verb_has_a_manual_page_that_tells_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("new/man1");
    assert_eq!(said(Command::new(SHIPIT).arg("man").arg(&man)), "");
    let pages = names(&man);
    let visible = Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()).count();
    assert!(pages.contains(&"shipit.1".to_owned()) && visible > 15, "{pages:?}");
    for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        assert!(pages.contains(&format!("shipit-{}.1", verb.get_name())), "{} has no page: {pages:?}", verb.get_name());
    }
    let deploy = std::fs::read_to_string(man.join("shipit-deploy.1")).unwrap();
    assert!(deploy.contains("allow\\-dirty") && deploy.contains("SHIPIT_FILE"), "{deploy}");

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = ran(Command::new(SHIPIT).arg("man").arg(&file));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && told.contains("SHIP002"), "{told}");
}

#[test]
fn the_archive_of_a_release_has_all_that_the_action_and_a_package_want() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    let package = home().join("scripts/release/package");
    let target = "x86_64-unknown-linux-musl";
    // Small in place of the development build's hundreds of megabytes.
    let program = folder.path().join("shipit");
    let text = format!("#!/bin/sh\nexec '{SHIPIT}' \"$@\"\n");
    std::fs::write(&program, &text).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let archive = said(Command::new(&package).arg(folder.path()).arg(target).arg(&dist));
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("shipit-{version}-{target}.tar.gz");
    assert_eq!(archive.trim(), dist.join(&name).display().to_string());

    let place = folder.path().join("place");
    std::fs::create_dir(&place).unwrap();
    said(Command::new("tar").arg("-xzf").arg(dist.join(&name)).arg("-C").arg(&place).arg("shipit"));
    assert_eq!(names(&place), ["shipit"], "the program is taken out by its name alone");
    assert_eq!(std::fs::read_to_string(place.join("shipit")).unwrap(), text);
    assert!(said(Command::new(place.join("shipit")).arg("--version")).contains(version));
    said(Command::new("tar").arg("-xzf").arg(dist.join(&name)).arg("-C").arg(&place));
    assert_eq!(names(&place), ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "completions", "man", "shipit"]);
    assert_eq!(names(&place.join("completions")), ["_shipit", "shipit.bash", "shipit.fish"]);
    said(Command::new("bash").arg("-n").arg(place.join("completions/shipit.bash")));

    std::fs::write(dist.join(format!("shipit-{version}-{target}.cdx.json")), "{}").unwrap();
    let sums = said(Command::new(home().join("scripts/release/checksums")).arg(&dist));
    assert_eq!(sums.lines().map(|line| line.split("  ").nth(1).unwrap()).collect::<Vec<_>>(), {
        let mut all = names(&dist);
        all.retain(|name| name != "SHA256SUMS");
        all.sort_by_key(|name| !name.ends_with(".tar.gz"));
        all
    });
    said(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&dist));
}

#[test]
fn a_tag_that_is_not_the_version_makes_no_release() {
    let same = home().join("scripts/release/same-version");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(said(Command::new(&same).arg(format!("v{version}"))).trim(), version);
    for other in [version, "v9.9.9", "", "v", &format!("v{version}-rc.1")] {
        assert_eq!(ran(Command::new(&same).arg(other)).status.code(), Some(1), "{other}");
    }
}
