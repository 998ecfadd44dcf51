//! One layer's tar, read once from its beginning to its end.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::path::{Component, Path};

use shipit_core::inventory::{self, Gone, Told, Wanted};

/// Bytes taken at once.
const PIECE: usize = 64 * 1024;

/// Package databases are read whole; a larger one is named as unread.
const LARGEST: u64 = 32 << 20;

/// What was looked for in a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) gone: Vec<Gone>,
    pub(super) files: BTreeMap<String, Told>,
}

/// Reads a layer.
pub(super) fn read(from: impl io::Read) -> io::Result<Read> {
    let mut layer = Read::default();
    let mut archive = tar::Archive::new(BufReader::with_capacity(PIECE, from));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = normal(&entry.path()?);
        let kind = entry.header().entry_type();
        if let Some(gone) = Gone::whiteout(&path) {
            layer.gone.push(gone);
        } else if kind.is_file() || kind.is_contiguous() {
            layer.file(path, &mut entry)?;
        } else if !kind.is_dir() && !path.is_empty() {
            // A link or a device in the place of a file, or of a folder with all that was in it.
            layer.files.remove(&path);
            layer.gone.push(Gone::Path(path));
        }
    }
    Ok(layer)
}

impl Read {
    fn file(&mut self, path: String, entry: &mut tar::Entry<'_, impl io::Read>) -> io::Result<()> {
        let told = match inventory::wanted(&path) {
            None => None,
            Some(Wanted::Content) if entry.size() <= LARGEST => {
                let mut content = Vec::new();
                io::Read::read_to_end(entry, &mut content)?;
                inventory::read(&path, &content)
            }
            Some(Wanted::Content | Wanted::Presence) => Some(Told::Unread),
        };
        match told {
            Some(told) => drop(self.files.insert(path, told)),
            // An emptied database covers the one below it.
            None if inventory::wanted(&path).is_some() => self.gone.push(Gone::Path(path)),
            None => {}
        }
        Ok(())
    }
}

/// The path without `/`, `./` and `..` in it.
pub(super) fn normal(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}
