//! An image as the Engine gives it out (`GET /images/{name}/get`), read once while it comes: nothing of it is kept but what was
//! looked for.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use bollard::errors::Error;
use flate2::read::MultiGzDecoder;
use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::Value;
use shipit_core::failure::{Code, Failure};
use shipit_core::inventory::Layer;
use shipit_core::leak::{Found, Search};
use shipit_core::release::Digest;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::connect::Engine;
use super::{layer, trouble};

/// No manifest or configuration is larger.
const LARGEST_JSON: u64 = 16 << 20;

/// Where a tar header says that it is one.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// What was looked for in an image.
pub(super) struct Image {
    /// Its layers, lowest first.
    pub(super) layers: Vec<Layer>,
    /// What looks like a secret, or is one: of each layer the files, and what is in them.
    pub(super) found: Vec<Vec<(String, Found)>>,
    /// Its configuration.
    pub(super) config: Value,
}

/// One image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// Reads the image of that name, and searches it where there is something to search for.
pub(super) async fn read(engine: &Engine, name: &str, search: Option<Search>) -> Result<Image, Failure> {
    let bytes = engine.api.export_image(name).map_err(io::Error::other);
    let bytes = SyncIoBridge::new(StreamReader::new(Box::pin(bytes)));
    let read = tokio::task::spawn_blocking(move || of(bytes, search.as_ref())).await;
    let read = read.unwrap_or_else(|error| Err(io::Error::other(format!("it ended early: {error}"))));
    read.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(engine) if trouble::is_gone(engine) => {
            trouble::gone(&format!("while it gave out `{name}`"), &trouble::words(engine))
        }
        Some(engine) => unreadable(name, &trouble::words(engine)),
        None => unreadable(name, &error.to_string()),
    })
}

fn unreadable(name: &str, why: &str) -> Failure {
    Failure::new(Code::ImageUnreadable, format!("the image `{name}` cannot be read"))
        .because(why)
        .now("it lies in the Engine, and was not pushed")
        .next("run the same command again; the Engine's log: journalctl -u docker")
}

/// Reads the archive, in which what says how its parts belong together comes last, or first.
pub(super) fn of(from: impl Read, search: Option<&Search>) -> io::Result<Image> {
    let mut parts = Parts { search, texts: BTreeMap::new(), layers: BTreeMap::new(), links: BTreeMap::new() };
    for entry in tar::Archive::new(from).entries()? {
        parts.take(entry?)?;
    }
    parts.image()
}

struct Parts<'s> {
    search: Option<&'s Search>,
    texts: BTreeMap<String, Vec<u8>>,
    layers: BTreeMap<String, layer::Read>,
    /// The Engine gives out a layer once; where an image has it again there is a link.
    links: BTreeMap<String, String>,
}

impl Parts<'_> {
    fn take(&mut self, mut entry: tar::Entry<'_, impl Read>) -> io::Result<()> {
        let path = layer::normal(&entry.path()?);
        if let Some(target) = entry.link_name()?.filter(|_| entry.header().entry_type().is_symlink()) {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            self.links.insert(path.clone(), beside(folder, &target.to_string_lossy()));
            return Ok(());
        }
        if !entry.header().entry_type().is_file() {
            return Ok(());
        }
        // Names differ from Engine to Engine; what it is is in its first bytes.
        let mut head = Vec::with_capacity(512);
        entry.by_ref().take(512).read_to_end(&mut head)?;
        let (at, magic) = TAR_MAGIC;
        let is_tar = head.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let is_empty_tar = head.len() == 512 && head.iter().all(|byte| *byte == 0);
        if is_tar || is_empty_tar {
            self.layers.insert(path, layer::read(Cursor::new(head).chain(entry), self.search)?);
        } else if head.starts_with(GZIP_MAGIC) {
            self.layers.insert(path, layer::read(MultiGzDecoder::new(Cursor::new(head).chain(entry)), self.search)?);
        } else if head.starts_with(ZSTD_MAGIC) {
            let zstd = ruzstd::decoding::StreamingDecoder::new(Cursor::new(head).chain(entry)).map_err(io::Error::other)?;
            self.layers.insert(path, layer::read(zstd, self.search)?);
        } else if head.starts_with(b"{") || head.starts_with(b"[") {
            if entry.size() > LARGEST_JSON {
                return Err(io::Error::other(format!("`{path}` is too large for what it is: {} bytes", entry.size())));
            }
            entry.read_to_end(&mut head)?;
            self.texts.insert(path, head);
        }
        Ok(())
    }

    fn image(self) -> io::Result<Image> {
        let text = |path: &str| {
            let text = self.texts.get(path).ok_or_else(|| io::Error::other(format!("`{path}` is missing in it")))?;
            Ok::<_, io::Error>(text.as_slice())
        };
        let manifests: Vec<Manifest> = serde_json::from_slice(text("manifest.json")?)?;
        let [manifest] = manifests.as_slice() else {
            return Err(io::Error::other(format!("it holds {} images", manifests.len())));
        };
        let config: Value = serde_json::from_slice(text(&manifest.config)?)?;
        let digests = Config::deserialize(&config)?.rootfs.diff_ids;
        if digests.len() != manifest.layers.len() {
            return Err(io::Error::other(format!("it has {} layers, not {}", manifest.layers.len(), digests.len())));
        }
        let (mut layers, mut all) = (Vec::new(), Vec::new());
        for (path, digest) in manifest.layers.iter().zip(digests) {
            let path = self.links.get(path).unwrap_or(path);
            let read = self.layers.get(path).ok_or_else(|| io::Error::other(format!("the layer `{path}` is missing in it")))?;
            let layer::Read { gone, files, found } = read.clone();
            layers.push(Layer { digest, gone, files });
            all.push(found);
        }
        Ok(Image { layers, found: all, config })
    }
}

/// The path that a link in a folder leads to.
fn beside(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}
