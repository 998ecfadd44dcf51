//! Layers straight from the Engine's own store, where this machine is the Engine's and its files may be read.
//!
//! The Engine keeps a layer unpacked, and beside it everything of its tar that is not a file's content (`tar-split`). Nothing
//! of that is an agreed interface, so what comes of it is believed only when its hash is the layer's id.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shipit_core::release::Digest;

use crate::adapter::content::hex;

/// What `tar-split` numbers a file's entry.
const FILE: u8 = 1;
/// What it numbers bytes of the tar.
const SEGMENT: u8 = 2;

/// The Engine's store.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: PathBuf,
}

/// A layer in it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Of its tar.
    pub(super) diff: Digest,
    /// Bytes of the files in it.
    pub(super) size: u64,
    split: PathBuf,
    files: PathBuf,
}

impl Store {
    /// The store below the Engine's data root.
    pub(super) fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// An image's configuration as it was made, if it is here and its bytes are those of its id.
    pub(super) fn config(&self, id: &Digest) -> Option<Vec<u8>> {
        let path = self.root.join("image/overlay2/imagedb/content/sha256").join(id.0.strip_prefix("sha256:")?);
        fs::read(path).ok().filter(|bytes| crate::adapter::content::digest_of(bytes) == *id)
    }

    /// The layers of these ids, lowest first, if all of them can be read here.
    pub(super) fn layers(&self, diffs: &[Digest]) -> Option<Vec<Kept>> {
        let mut chain: Option<String> = None;
        let mut all = Vec::new();
        for diff in diffs {
            let above = match &chain {
                None => diff.0.clone(),
                Some(below) => format!("sha256:{}", hex(&Sha256::digest(format!("{below} {diff}")))),
            };
            let folder = self.root.join("image/overlay2/layerdb/sha256").join(above.strip_prefix("sha256:")?);
            let cache = fs::read_to_string(folder.join("cache-id")).ok()?;
            let size = fs::read_to_string(folder.join("size")).ok()?.trim().parse().ok()?;
            let files = self.root.join("overlay2").join(cache.trim()).join("diff");
            let split = folder.join("tar-split.json.gz");
            let is_here = fs::metadata(&files).is_ok_and(|found| found.is_dir()) && File::open(&split).is_ok();
            all.push(is_here.then(|| Kept { diff: diff.clone(), size, split, files })?);
            chain = Some(above);
        }
        Some(all)
    }
}

impl Kept {
    /// Its tar, put together while it is read.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub(super) fn tar(&self) -> io::Result<impl Read + use<>> {
        let entries = BufReader::new(GzDecoder::new(File::open(&self.split)?));
        Ok(Tar { entries, files: self.files.clone(), line: Vec::new(), part: Part::Bytes(Cursor::new(Vec::new())) })
    }
}

/// One line of `tar-split`.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: u8,
    name: Option<String>,
    name_raw: Option<String>,
    #[serde(default)]
    size: u64,
    payload: Option<String>,
}

enum Part {
    Bytes(Cursor<Vec<u8>>),
    File(io::Take<File>),
}

struct Tar<R> {
    entries: R,
    files: PathBuf,
    line: Vec<u8>,
    part: Part,
}

impl<R: BufRead> Tar<R> {
    /// The next part; none at the end.
    fn next(&mut self) -> io::Result<Option<Part>> {
        loop {
            self.line.clear();
            if self.entries.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            let entry: Entry = serde_json::from_slice(&self.line)?;
            match (entry.kind, &entry.payload) {
                (SEGMENT, Some(payload)) => return Ok(Some(Part::Bytes(Cursor::new(decoded(payload)?)))),
                (FILE, _) if entry.size > 0 => {
                    let path = inside(&self.files, &entry)?;
                    return Ok(Some(Part::File(File::open(path)?.take(entry.size))));
                }
                _ => {}
            }
        }
    }
}

impl<R: BufRead> Read for Tar<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.part {
                Part::Bytes(bytes) => bytes.read(into)?,
                Part::File(file) => file.read(into)?,
            };
            match (read, &self.part) {
                (0, Part::File(file)) if file.limit() > 0 && !into.is_empty() => {
                    return Err(io::Error::other("a file of the layer is shorter than it was"));
                }
                (0, _) if !into.is_empty() => match self.next()? {
                    Some(part) => self.part = part,
                    None => return Ok(0),
                },
                _ => return Ok(read),
            }
        }
    }
}

fn decoded(text: &str) -> io::Result<Vec<u8>> {
    STANDARD.decode(text).map_err(io::Error::other)
}

#[cfg(unix)]
fn raw_name(bytes: Vec<u8>) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(windows)]
fn raw_name(bytes: Vec<u8>) -> io::Result<PathBuf> {
    String::from_utf8(bytes).map(PathBuf::from).map_err(io::Error::other)
}

/// Where a file of the layer lies. A name that leads out of it is nobody's file.
fn inside(files: &Path, entry: &Entry) -> io::Result<PathBuf> {
    let name = match (&entry.name, &entry.name_raw) {
        (_, Some(raw)) => raw_name(decoded(raw)?)?,
        (Some(name), None) => PathBuf::from(name),
        (None, None) => return Err(io::Error::other("an entry without a name")),
    };
    let mut path = files.to_owned();
    for part in name.components() {
        match part {
            std::path::Component::Normal(part) => path.push(part),
            std::path::Component::CurDir | std::path::Component::RootDir => {}
            _ => return Err(io::Error::other("an entry that leads out of its layer")),
        }
    }
    // A folder on the way may be a link of the image to anywhere.
    let parent = path.parent().unwrap_or(files).canonicalize()?;
    let is_inside = parent.starts_with(files.canonicalize()?);
    let is_file = fs::symlink_metadata(&path)?.is_file();
    if is_inside && is_file { Ok(path) } else { Err(io::Error::other("an entry that is no file of its layer")) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::adapter::content::digest_of;

    fn split(lines: &[serde_json::Value]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        lines.iter().for_each(|line| writeln!(gz, "{line}").unwrap());
        gz.finish().unwrap()
    }

    fn store(lines: &[serde_json::Value], file: &[u8], diff: &Digest) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let layer = root.path().join("image/overlay2/layerdb/sha256").join(diff.0.strip_prefix("sha256:").unwrap());
        fs::create_dir_all(&layer).unwrap();
        fs::write(layer.join("cache-id"), "cached").unwrap();
        fs::write(layer.join("size"), "5").unwrap();
        fs::write(layer.join("tar-split.json.gz"), split(lines)).unwrap();
        let files = root.path().join("overlay2/cached/diff/etc");
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("motd"), file).unwrap();
        root
    }

    fn read(lines: &[serde_json::Value], file: &[u8]) -> io::Result<Vec<u8>> {
        let diff = digest_of(b"any");
        let root = store(lines, file, &diff);
        let kept = Store::below(root.path()).layers(std::slice::from_ref(&diff)).unwrap();
        assert_eq!((kept[0].diff.clone(), kept[0].size), (diff, 5));
        let mut all = Vec::new();
        kept[0].tar()?.read_to_end(&mut all).map(|_| all)
    }

    fn lines(name: &str) -> Vec<serde_json::Value> {
        vec![
            serde_json::json!({"type": 2, "payload": STANDARD.encode("head "), "position": 0}),
            serde_json::json!({"type": 1, "name": name, "size": 5, "payload": "AAAAAAAAAAA=", "position": 1}),
            serde_json::json!({"type": 2, "payload": STANDARD.encode(" tail"), "position": 2}),
        ]
    }

    #[test]
    fn a_tar_is_put_together_from_its_parts() {
        assert_eq!(read(&lines("./etc/motd"), b"hello").unwrap(), b"head hello tail");
        assert_eq!(read(&lines("etc/motd"), b"hello, and more").unwrap(), b"head hello tail");
    }

    #[test]
    fn what_is_not_as_it_was_is_an_error() {
        assert!(read(&lines("etc/motd"), b"hell").is_err(), "shorter");
        assert!(read(&lines("etc/none"), b"hello").is_err(), "not there");
        assert!(read(&lines("../../../image/overlay2/layerdb"), b"hello").is_err(), "elsewhere");
    }

    #[test]
    fn a_link_of_the_image_does_not_lead_out_of_its_layer() {
        let diff = digest_of(b"any");
        let root = store(&lines("out/secret"), b"hello", &diff);
        fs::write(root.path().join("secret"), "12345").unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("overlay2/cached/diff/out")).unwrap();
        let kept = Store::below(root.path()).layers(&[diff]).unwrap();
        assert!(kept[0].tar().unwrap().read_to_end(&mut Vec::new()).is_err());
    }

    #[test]
    fn a_layer_that_is_not_here_is_none() {
        let root = store(&lines("etc/motd"), b"hello", &digest_of(b"any"));
        assert!(Store::below(root.path()).layers(&[digest_of(b"other")]).is_none());
        assert!(Store::below(Path::new("/nowhere")).layers(&[digest_of(b"any")]).is_none());
    }
}
