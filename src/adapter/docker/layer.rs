//! One layer's tar, read once from its beginning to its end.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::path::{Component, Path};

use shipit_core::inventory::{self, Gone, Told, Wanted};
use shipit_core::leak::{Found, Reader, Scope, Search};

/// Bytes taken at once.
const PIECE: usize = 64 * 1024;

/// Package databases are read whole; a larger one is named as unread.
const LARGEST: u64 = 32 << 20;

/// What was looked for in a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) gone: Vec<Gone>,
    pub(super) files: BTreeMap<String, Told>,
    /// What looks like a secret, or is one: the file, and what is in it.
    pub(super) found: Vec<(String, Found)>,
}

/// Reads a layer.
pub(super) fn read(from: impl io::Read, search: Option<&Search>) -> io::Result<Read> {
    let mut layer = Read::default();
    let mut reader = search.map(|search| Reader::new(search, Scope::Anywhere));
    let mut archive = tar::Archive::new(BufReader::with_capacity(PIECE, from));
    let mut piece = vec![0; PIECE];
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = normal(&entry.path()?);
        let kind = entry.header().entry_type();
        if let Some(gone) = Gone::whiteout(&path) {
            layer.gone.push(gone);
        } else if kind.is_file() || kind.is_contiguous() {
            let wanted = inventory::wanted(&path);
            let mut content = (wanted == Some(Wanted::Content) && entry.size() <= LARGEST).then(Vec::new);
            if reader.is_some() || content.is_some() {
                pour(&mut entry, &mut piece, reader.as_mut(), content.as_mut())?;
            }
            let found = reader.as_mut().map(Reader::end).unwrap_or_default();
            layer.found.extend(found.into_iter().map(|found| (path.clone(), found)));
            if wanted.is_some() {
                layer.database(path, content);
            }
        } else if !kind.is_dir() && !path.is_empty() {
            // A link or a device in the place of a file, or of a folder with all that was in it.
            layer.files.remove(&path);
            layer.gone.push(Gone::Path(path));
        }
    }
    Ok(layer)
}

/// Reads an entry to its end: through the search, and whole where it is wanted.
fn pour(
    entry: &mut impl io::Read,
    piece: &mut [u8],
    mut reader: Option<&mut Reader<'_>>,
    mut content: Option<&mut Vec<u8>>,
) -> io::Result<()> {
    loop {
        let read = match entry.read(piece) {
            Ok(0) => return Ok(()),
            Ok(length) => &piece[..length],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Some(reader) = &mut reader {
            reader.feed(read);
        }
        if let Some(content) = &mut content {
            content.extend_from_slice(read);
        }
    }
}

impl Read {
    /// A package database, or what says which system it is; without content it was not read.
    fn database(&mut self, path: String, content: Option<Vec<u8>>) {
        let told = match content {
            Some(content) => inventory::read(&path, &content),
            None => Some(Told::Unread),
        };
        match told {
            Some(told) => drop(self.files.insert(path, told)),
            // An emptied database covers the one below it.
            None => self.gone.push(Gone::Path(path)),
        }
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
