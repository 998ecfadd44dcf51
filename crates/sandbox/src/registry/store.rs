//! The registry's files, content-addressed: `registry/blobs/sha256/<hex>` holds layers, configs and manifests alike.
//!
//! Beside them: `repositories/<name>/_contents.json` (what a repository holds; a name's component cannot begin with `_`),
//! `inventories/<hex>.json` (what an image's layers hold) and `uploads/` (unfinished). Every file is written elsewhere and
//! renamed into place, so a reader never sees half of one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::ecr::repository::Contents;
use crate::scanner::Inventory;

/// The registry's folder.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

static UPLOADS: AtomicU64 = AtomicU64::new(0);

impl Store {
    /// The store in a sandbox's folder.
    pub fn new(folder: &Path) -> Self {
        Self { root: folder.join("registry") }
    }

    /// Where a blob lies, or would lie.
    pub fn blob(&self, digest: &str) -> PathBuf {
        self.root.join("blobs").join(file_name(digest))
    }

    /// Where unfinished files lie.
    pub fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// A blob's bytes; for manifests, which are small.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn read_blob(&self, digest: &str) -> io::Result<Vec<u8>> {
        fs::read(self.blob(digest))
    }

    /// Writes a blob whose digest is known to be right.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write_blob(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(&self.blob(digest), bytes)
    }

    /// What a repository held when it was last kept; empty when it never was.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn load_contents(&self, name: &str) -> io::Result<Contents> {
        Ok(load(&self.contents(name))?.unwrap_or_default())
    }

    /// Keeps what a repository holds.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn save_contents(&self, name: &str, contents: &Contents) -> io::Result<()> {
        self.save(&self.contents(name), contents)
    }

    /// Forgets what a repository held.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove_contents(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.contents(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What an image's layers hold, if it was looked at before.
    pub fn load_inventory(&self, digest: &str) -> Option<Inventory> {
        load(&self.inventory(digest)).ok().flatten()
    }

    /// Keeps what an image's layers hold.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn save_inventory(&self, digest: &str, inventory: &Inventory) -> io::Result<()> {
        self.save(&self.inventory(digest), inventory)
    }

    /// Writes a file at once: elsewhere first, then renamed into place.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.unfinished()?;
        let written = fs::write(&unfinished, bytes).and_then(|()| place(&unfinished, path));
        if written.is_err() {
            // The write's own error is the one to tell.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// A name in [`Store::uploads`] that no other file has; the folder is there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn unfinished(&self) -> io::Result<PathBuf> {
        let folder = self.uploads();
        fs::create_dir_all(&folder)?;
        let count = UPLOADS.fetch_add(1, Ordering::Relaxed);
        Ok(folder.join(format!("{}-{count}", std::process::id())))
    }

    fn save(&self, path: &Path, value: &impl Serialize) -> io::Result<()> {
        self.write(path, &serde_json::to_vec(value)?)
    }

    fn contents(&self, name: &str) -> PathBuf {
        self.root.join("repositories").join(name).join("_contents.json")
    }

    fn inventory(&self, digest: &str) -> PathBuf {
        let mut path = self.root.join("inventories").join(file_name(digest));
        path.set_extension("json");
        path
    }
}

/// Renames a finished file into place.
///
/// # Errors
/// The disk does not take it.
pub fn place(unfinished: &Path, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(unfinished, path)
}

fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `sha256/<hex>`; whatever is not a digest lands on a name that no blob has.
fn file_name(digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    let is_hex = !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    Path::new("sha256").join(if is_hex { hex } else { "none" })
}

/// `sha256:…` of some bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Bytes in hexadecimal, lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
