//! Layers lying on each other: what is above covers what is below.

use std::collections::BTreeMap;

use super::Told;
use crate::release::Digest;

/// What one layer does, as far as the inventory goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its uncompressed tar.
    pub digest: Digest,
    /// What it takes away from those below it.
    pub gone: Vec<Gone>,
    /// What its files told, by path without a leading slash.
    pub files: BTreeMap<String, Told>,
}

/// What a layer takes away from those below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The path and all beneath it.
    Path(String),
    /// All beneath the folder.
    Beneath(String),
}

impl Gone {
    /// What an entry of a layer's tar takes away, in the words of the OCI image specification ("Whiteouts").
    pub fn whiteout(path: &str) -> Option<Gone> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let name = name.strip_prefix(".wh.")?;
        if name == ".wh..opq" {
            return Some(Gone::Beneath(folder.to_owned()));
        }
        Some(Gone::Path(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }))
    }

    fn covers(&self, path: &str) -> bool {
        let beneath = |folder: &str| folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        match self {
            Gone::Path(gone) => path == gone || beneath(gone),
            Gone::Beneath(folder) => beneath(folder),
        }
    }
}

/// The files that are there in the end, with the layer that wrote each.
pub(super) fn stack(layers: Vec<Layer>) -> BTreeMap<String, (Told, Digest)> {
    let mut files: BTreeMap<String, (Told, Digest)> = BTreeMap::new();
    for Layer { digest, gone, files: written } in layers {
        if !files.is_empty() && !gone.is_empty() {
            files.retain(|path, _| !gone.iter().any(|gone| gone.covers(path)));
        }
        files.extend(written.into_iter().map(|(path, told)| (path, (told, digest.clone()))));
    }
    files
}
