//! `SHIPIT_VERSION`: the version, and in a release build the commit. It builds from a clone, from an archive and from a
//! packed crate alike: where no commit is known, none is told.

use std::env;
use std::path::Path;
use std::process::Command;

/// What the commit speaks for.
const SOURCES: [&str; 5] = ["src", "crates", "build.rs", "Cargo.toml", "Cargo.lock"];
/// As much of a hash as people read out to each other.
const SHORT: usize = 12;

fn main() {
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rerun-if-env-changed=SHIPIT_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    // A development build is not rebuilt for each commit: it would soon tell a wrong one.
    let told = if env::var("PROFILE").as_deref() == Ok("release") {
        for source in SOURCES {
            println!("cargo::rerun-if-changed={source}");
        }
        commit().map(|commit| format!(" ({commit})")).unwrap_or_default()
    } else {
        " (development)".to_owned()
    };
    println!("cargo::rustc-env=SHIPIT_VERSION={version}{told}");
}

/// What the builder says, else the repository of this folder (not one around it), else the packed crate's own note.
fn commit() -> Option<String> {
    let home = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".to_owned());
    let home = Path::new(&home);
    let said = env::var("SHIPIT_COMMIT").ok().and_then(|said| hash(&said));
    said.or_else(|| git_commit(home)).or_else(|| {
        let note = std::fs::read_to_string(home.join(".cargo_vcs_info.json")).ok()?;
        hash(note.split_once("\"sha1\"")?.1.split('"').nth(1)?)
    })
}

fn git_commit(home: &Path) -> Option<String> {
    for file in ["HEAD", "logs/HEAD"] {
        let place = git(home, &["rev-parse", "--git-path", file])?;
        if home.join(&place).exists() {
            println!("cargo::rerun-if-changed={place}");
        }
    }
    let commit = hash(&git(home, &["rev-parse", "HEAD"])?)?;
    let changes = git(home, &[&["status", "--porcelain", "--untracked-files=no", "--"][..], &SOURCES[..]].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}-dirty") })
}

fn git(home: &Path, arguments: &[&str]) -> Option<String> {
    // A repository further up is another's.
    let ceiling = home.parent().unwrap_or(home);
    let done = Command::new("git").arg("-C").arg(home).args(arguments).env("GIT_CEILING_DIRECTORIES", ceiling).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// The short form of what is a hash.
fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() >= SHORT && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text[..SHORT].to_owned())
}
