//! A repository whose folder `web` is a context, and what is looked at of it.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use sha1::{Digest as _, Sha1};

use super::super::*;
use crate::adapter::docker::contents::{self, Id};
use crate::adapter::docker::walk::Kind;
use crate::adapter::git::forged;

/// A repository whose folder `web` is a context, and a place where it is remembered.
pub(super) struct Tree {
    pub(super) folder: tempfile::TempDir,
    pub(super) cache: tempfile::TempDir,
}

impl Tree {
    pub(super) fn new(files: &[(&str, &str)]) -> Tree {
        let tree = Tree { folder: folder(files), cache: tempfile::tempdir().unwrap() };
        tree.write("web/Dockerfile", "FROM a\n");
        tree.git(&["init", "-q", "-b", "main"]);
        tree
    }

    /// Everything is committed, so long ago that git and we are sure of it.
    pub(super) fn committed(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::new(files);
        tree.commit();
        tree
    }

    pub(super) fn commit(&self) {
        self.tick();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "all"]);
        self.tick();
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
    }

    pub(super) fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=Joe", "-c", "user.email=joe@shop.example", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git is needed for these tests");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub(super) fn image(&self) -> Image {
        image(&self.at("web"))
    }

    pub(super) fn read(&self) -> Context {
        Context::read(&self.image(), Some(self.cache.path())).unwrap()
    }

    /// Everything is remembered, as if it were old.
    pub(super) fn remember(&self) {
        let context = self.read();
        let kept = context.entries.iter().zip(&context.contents).filter_map(|(entry, id)| Some((entry, (*id)?)));
        let place = contents::memory(self.cache.path(), &context.root);
        contents::remember(&place, kept, SystemTime::now() + Duration::from_secs(3600)).unwrap();
        self.tick();
    }

    /// Until the clock of the file system has moved on.
    pub(super) fn tick(&self) {
        let time = || File::create(self.cache.path().join("tick")).unwrap().metadata().unwrap().modified().unwrap();
        let before = time();
        while time() == before {}
    }

    /// Every hash is that of the bytes, and the key that of a machine that remembers nothing.
    pub(super) fn holds(&self, what: &str) {
        let context = self.read();
        for (entry, id) in context.entries.iter().zip(&context.contents) {
            let expected = matches!(entry.kind, Kind::File { .. }).then(|| of_bytes(&self.at("web").join(&entry.path)));
            assert_eq!(*id, expected, "{what}: `{}`", entry.path);
        }
        assert_eq!(context.digest(&self.image()).0, digest(&self.image()), "{what}");
    }

    /// What git's index says of a file becomes that it was just looked at; it keeps the content that it had.
    pub(super) fn forge(&self, path: &str, change: impl FnOnce(&mut forged::IndexEntry)) {
        forged::forge(self.folder.path(), path, change);
    }
}

pub(super) fn of_bytes(path: &Path) -> Id {
    let bytes = fs::read(path).unwrap();
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(&bytes);
    hash.finalize().into()
}

pub(super) fn modified(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

pub(super) fn set_modified(path: &Path, to: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(to).unwrap();
}

pub(super) fn long_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600)
}
