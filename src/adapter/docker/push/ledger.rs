//! What earlier pushes have found out, one small file a fact: a layer's digest as sent, an image's manifest, what the Engine
//! has pushed. All of it can be found out again, so what cannot be read or written is as good as not known.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shipit_core::push::Known;
use shipit_core::release::Digest;

use crate::adapter::content::hex;

/// The folder of facts; without one nothing is remembered.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    folder: Option<PathBuf>,
}

/// A layer that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sent {
    /// Of what was sent.
    pub(super) digest: Digest,
    /// Its bytes.
    pub(super) size: u64,
    /// `<registry>/<repository>` it was sent to last.
    pub(super) to: String,
}

impl Ledger {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// What the layer of that id became by that recipe.
    pub(super) fn layer(&self, recipe: &str, diff: &Digest) -> Option<Sent> {
        self.read(&["layers", recipe, plain(diff)?])
    }

    pub(super) fn keep_layer(&self, recipe: &str, diff: &Digest, sent: &Sent) {
        if let Some(name) = plain(diff) {
            self.write(&["layers", recipe, name], sent);
        }
    }

    /// The manifest that the image of that id had by that recipe.
    pub(super) fn manifest(&self, recipe: &str, image: &Digest) -> Option<String> {
        self.read(&["manifests", recipe, plain(image)?])
    }

    pub(super) fn keep_manifest(&self, recipe: &str, image: &Digest, manifest: &str) {
        if let Some(name) = plain(image) {
            self.write(&["manifests", recipe, name], &manifest);
        }
    }

    /// Whether the Engine has pushed the layer to that repository.
    pub(super) fn by_engine(&self, repository: &str, diff: &Digest) -> Known {
        let read = plain(diff).and_then(|name| self.read::<()>(&["engine", &hashed(repository), name]));
        if read.is_some() { Known::Yes } else { Known::No }
    }

    pub(super) fn keep_by_engine(&self, repository: &str, diffs: &[Digest]) {
        for name in diffs.iter().filter_map(plain) {
            self.write(&["engine", &hashed(repository), name], &());
        }
    }

    fn read<T: DeserializeOwned>(&self, place: &[&str]) -> Option<T> {
        let mut path = self.folder.clone()?;
        path.extend(place);
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    fn write(&self, place: &[&str], fact: &impl Serialize) {
        let Some(mut path) = self.folder.clone() else { return };
        path.extend(place);
        // Nothing is lost by it but time.
        let _ = serde_json::to_vec(fact).map_err(io::Error::other).and_then(|text| put(&path, &text));
    }
}

/// Beside it first, then renamed over it: nobody reads half a fact.
fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let beside = path.with_extension(format!("{}-{:?}", std::process::id(), std::thread::current().id()));
    let done = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        let _ = fs::remove_file(&beside);
    }
    done
}

/// The digits of a digest, which alone become a file's name.
fn plain(digest: &Digest) -> Option<&str> {
    digest.0.strip_prefix("sha256:").filter(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn hashed(repository: &str) -> String {
    hex(&Sha256::digest(repository))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::content::digest_of;

    #[test]
    fn facts_are_kept_by_recipe_and_repository() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(Some(folder.path().join("cache")));
        let (one, other) = (digest_of(b"1"), digest_of(b"2"));
        let sent = Sent { digest: other.clone(), size: 7, to: "r/a".to_owned() };
        ledger.keep_layer("gzip", &one, &sent);
        assert_eq!(ledger.layer("gzip", &one), Some(sent));
        assert_eq!(ledger.layer("zstd", &one), None);
        ledger.keep_manifest("gzip", &one, "{}");
        assert_eq!(ledger.manifest("gzip", &one).as_deref(), Some("{}"));
        ledger.keep_by_engine("r/a", std::slice::from_ref(&one));
        assert_eq!((ledger.by_engine("r/a", &one), ledger.by_engine("r/b", &one)), (Known::Yes, Known::No));
        assert_eq!(ledger.by_engine("r/a", &other), Known::No);
    }

    #[test]
    fn what_cannot_be_kept_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let digest = digest_of(b"1");
        for ledger in [Ledger::new(None), Ledger::new(Some(file))] {
            ledger.keep_manifest("gzip", &digest, "{}");
            assert_eq!(ledger.manifest("gzip", &digest), None);
        }
        let ledger = Ledger::new(Some(folder.path().join("cache")));
        ledger.keep_manifest("gzip", &digest, "{}");
        let name = folder.path().join("cache/manifests/gzip").join(plain(&digest).unwrap());
        fs::write(name, "\"{").unwrap();
        assert_eq!(ledger.manifest("gzip", &digest), None, "half a fact");
        ledger.keep_manifest("gzip", &Digest("sha256:../../x".to_owned()), "{}");
        assert!(!folder.path().join("cache/x").exists());
    }
}
