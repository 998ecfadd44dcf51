//! The few files that matter out of an image's layers, as they are seen when the layers lie on each other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// A layer as it lies in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The digest of the compressed layer.
    pub digest: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// A layer that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("layer {digest} cannot be read: {cause}")]
pub struct LayerError {
    /// The layer's digest.
    pub digest: String,
    /// Why.
    pub cause: io::Error,
}

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The digest of the layer that it comes from.
    pub layer: String,
    /// What is in it, at most [`LARGEST`] bytes.
    pub content: Vec<u8>,
}

impl Found {
    /// Its content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

/// Larger package databases are cut here.
pub const LARGEST: u64 = 64 << 20;

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// The regular files whose path (without a leading slash) is wanted, after all layers, lowest first.
///
/// # Errors
/// A layer that is missing, damaged or compressed in an unknown way.
pub fn read(layers: &[Layer], wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Found>, LayerError> {
    let mut files = BTreeMap::new();
    for layer in layers {
        let changes = open(&layer.path)
            .and_then(|reader| changes(reader, &wanted))
            .map_err(|cause| LayerError { digest: layer.digest.clone(), cause })?;
        for gone in &changes.gone {
            files.retain(|path: &String, _| !gone.covers(path));
        }
        files.extend(changes.files.into_iter().map(|(path, content)| {
            let layer = layer.digest.clone();
            (path, Found { layer, content })
        }));
    }
    Ok(files)
}

/// What a layer takes away from those below it.
#[derive(Debug)]
enum Gone {
    /// The path and all beneath it.
    Path(String),
    /// All beneath the folder.
    Beneath(String),
}

impl Gone {
    fn covers(&self, path: &str) -> bool {
        let beneath = |folder: &str| folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        match self {
            Gone::Path(gone) => path == gone || beneath(gone),
            Gone::Beneath(folder) => beneath(folder),
        }
    }
}

#[derive(Debug, Default)]
struct Changes {
    gone: Vec<Gone>,
    files: BTreeMap<String, Vec<u8>>,
}

fn changes(reader: impl Read, wanted: impl Fn(&str) -> bool) -> io::Result<Changes> {
    let mut changes = Changes::default();
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let entry = entry?;
        let path = normal(&entry.path()?);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let kind = entry.header().entry_type();
        if name == OPAQUE {
            changes.gone.push(Gone::Beneath(folder.to_owned()));
        } else if let Some(name) = name.strip_prefix(WHITEOUT) {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            changes.gone.push(Gone::Path(path));
        } else if wanted(&path) && (kind.is_file() || kind.is_contiguous()) {
            let mut content = Vec::new();
            entry.take(LARGEST).read_to_end(&mut content)?;
            changes.files.insert(path, content);
        } else if !kind.is_dir() && !path.is_empty() {
            // A link or a file in the place of a wanted file or of a folder above it.
            changes.files.remove(&path);
            changes.gone.push(Gone::Path(path));
        }
    }
    Ok(changes)
}

/// The path without `/`, `./` and `..` in it.
fn normal(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(part) => Some(part.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    let file = BufReader::with_capacity(1 << 16, file);
    match magic.as_slice() {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd] => Err(io::Error::new(io::ErrorKind::Unsupported, "the sandbox does not read zstd")),
        _ => Ok(Box::new(file)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write;

    /// A layer with these files; an empty content makes a link.
    pub(crate) fn layer(folder: &Path, name: &str, files: &[(&str, &str)]) -> Layer {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            if content.is_empty() && !path.contains(WHITEOUT) {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                tar.append_link(&mut header, path, "elsewhere").unwrap();
            } else {
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, path, content.as_bytes()).unwrap();
            }
        }
        let path = folder.join(name);
        let bytes = tar.into_inner().unwrap().finish().unwrap();
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        Layer { digest: format!("sha256:{name}"), path }
    }

    fn seen(layers: &[Layer]) -> Vec<(String, String)> {
        let files = read(layers, |path| path.starts_with("a/") || path == "b").unwrap();
        files.into_iter().map(|(path, found)| (path, found.text())).collect()
    }

    fn text(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()
    }

    #[test]
    fn upper_layers_cover_lower_ones() {
        let folder = tempfile::tempdir().unwrap();
        let base = layer(folder.path(), "1", &[("./a/x", "1"), ("a/y", "1"), ("b", "1"), ("c", "1")]);
        assert_eq!(seen(std::slice::from_ref(&base)), text(&[("a/x", "1"), ("a/y", "1"), ("b", "1")]));
        let newer = layer(folder.path(), "2", &[("a/x", "2"), (".wh.b", "")]);
        assert_eq!(seen(&[base.clone(), newer.clone()]), text(&[("a/x", "2"), ("a/y", "1")]));
        let opaque = layer(folder.path(), "3", &[("a/z", "3"), ("a/.wh..wh..opq", "")]);
        assert_eq!(seen(&[base.clone(), newer, opaque]), text(&[("a/z", "3")]), "an opaque folder keeps what its own layer has");
        let link = layer(folder.path(), "4", &[("a", "")]);
        assert_eq!(seen(&[base.clone(), link]), text(&[("b", "1")]), "a link in the place of the folder");
        let folder_gone = layer(folder.path(), "5", &[(".wh.a", "")]);
        assert_eq!(seen(&[base, folder_gone]), text(&[("b", "1")]));
    }

    #[test]
    fn damage_is_an_error_and_names_the_layer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad");
        std::fs::write(&path, [0x1f, 0x8b, 1, 2, 3]).unwrap();
        let bad = Layer { digest: "sha256:bad".into(), path };
        let error = read(&[bad], |_| true).unwrap_err();
        assert!(error.to_string().contains("sha256:bad"), "{error}");
    }
}
