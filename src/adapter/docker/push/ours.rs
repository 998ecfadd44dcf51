//! shipit's own push: what the registry lacks is sent, and the manifest after it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use shipit_core::event::Progress;
use shipit_core::pipeline::Compression;
use shipit_core::push::PushedBy;
use shipit_core::release::{Digest, Tag};

use super::layers::Layers;
use super::ledger::{Ledger, Sent};
use super::press::{Hands, recipe};
use crate::adapter::content::digest_of;
use crate::adapter::oci::{MANIFEST, Mount, Repository, Trouble};
use crate::port::{PushedImage, Tell};

/// Blobs that are asked for at the same time.
const ASKED: usize = 8;

/// An image in the Engine.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// Its id, the digest of its configuration.
    pub(super) id: Digest,
    /// Its layers, lowest first.
    pub(super) diffs: Vec<Digest>,
    /// Bytes of the files in each.
    pub(super) sizes: BTreeMap<Digest, u64>,
}

/// Layers that the registry has, with digest and size there.
pub(super) type Held = BTreeMap<Digest, (Digest, u64)>;

/// Why an image is not in the registry.
#[derive(Debug)]
pub(super) enum End {
    /// The registry.
    Registry(Trouble),
    /// Its layers cannot be read, or are not what their ids say.
    Layers(io::Error),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        End::Registry(trouble)
    }
}

/// One push.
pub(super) struct Ours<'a> {
    pub(super) repository: &'a Repository,
    /// `<registry>/<repository>`.
    pub(super) uri: &'a str,
    pub(super) tag: &'a Tag,
    pub(super) compression: Compression,
    pub(super) ledger: &'a Ledger,
    pub(super) tell: Tell<'a>,
}

impl Ours<'_> {
    /// The digest under the tag, where it is that of the image: then there is nothing to do. An image that was pushed before is
    /// tagged anew by its manifest alone.
    pub(super) async fn is_there(&self, image: &Image) -> Result<Option<PushedImage>, Trouble> {
        let Some(manifest) = self.ledger.manifest(recipe(self.compression), &image.id) else { return Ok(None) };
        let digest = digest_of(manifest.as_bytes());
        let (tagged, held) =
            futures_util::try_join!(self.repository.digest(self.tag.as_str()), self.repository.digest(digest.as_str()))?;
        if held.as_ref() != Some(&digest) {
            return Ok(None);
        }
        if tagged.as_ref() != Some(&digest) {
            self.repository.put_manifest(self.tag.as_str(), self.media_types().manifest, manifest.as_bytes()).await?;
        }
        let layers = count(image.diffs.len());
        (self.tell)(Progress::Push { sent: 0, total: 0, layers_reused: layers, layers });
        Ok(Some(PushedImage { digest, sent: 0, by: PushedBy::Shipit { sent: 0, layers } }))
    }

    /// Sends what the registry lacks, then the manifest.
    pub(super) async fn run(&self, image: &Image, layers: &Layers, hands: &Hands) -> Result<PushedImage, End> {
        let (there, known) = futures_util::try_join!(self.held(image), self.repository.size(&image.id))?;
        // Where the configuration is a file it goes beside the layers; out of an archive it comes with them.
        let (size, beside) = match layers {
            Layers::Files { config, .. } => (Some(config.len() as u64), Some(config.as_slice())),
            Layers::Given { .. } => (known.filter(|size| *size > 0), None),
        };
        let lacking = |config| if known.is_none() { config } else { None };
        let (brought, ()) =
            futures_util::try_join!(self.layers(image, layers, hands, there, size), self.config(image, lacking(beside)),)?;
        if beside.is_none() {
            self.config(image, lacking(brought.config.as_deref())).await?;
        }
        let size = size.or(brought.config.map(|config| config.len() as u64)).unwrap_or_default();
        let manifest = self.manifest(image, size, &brought.there);
        let digest = self.repository.put_manifest(self.tag.as_str(), self.media_types().manifest, manifest.as_bytes()).await?;
        self.ledger.keep_manifest(recipe(self.compression), &image.id, &manifest);
        let by = PushedBy::Shipit { sent: brought.layers, layers: count(image.diffs.len()) };
        Ok(PushedImage { digest, sent: brought.sent, by })
    }

    async fn config(&self, image: &Image, lacking: Option<&[u8]>) -> Result<(), End> {
        match lacking {
            Some(config) => Ok(self.repository.send_blob(&image.id, config).await?),
            None => Ok(()),
        }
    }

    /// The layers that the registry has already, with digest and size there.
    async fn held(&self, image: &Image) -> Result<Held, Trouble> {
        let recipe = recipe(self.compression);
        let unique: BTreeSet<&Digest> = image.diffs.iter().collect();
        let known: Vec<(Digest, Sent)> =
            unique.into_iter().filter_map(|diff| Some((diff.clone(), self.ledger.layer(recipe, diff)?))).collect();
        let mut asked = stream::iter(known)
            .map(|(diff, sent)| async move {
                let size = self.repository.size(&sent.digest).await?;
                Ok::<_, Trouble>((diff, sent, size.is_some()))
            })
            .buffer_unordered(ASKED);
        let mut held = Held::new();
        let mut elsewhere = Vec::new();
        while let Some(answer) = asked.next().await {
            match answer? {
                (diff, sent, true) => drop(held.insert(diff, (sent.digest, sent.size))),
                (diff, sent, false) => elsewhere.push((diff, sent)),
            }
        }
        let registry = self.uri.split('/').next();
        for (diff, sent) in elsewhere {
            let Some((host, from)) = sent.to.split_once('/') else { continue };
            if Some(host) != registry || sent.to == self.uri {
                continue;
            }
            match self.repository.mount(&sent.digest, from).await? {
                Mount::Mounted => drop(held.insert(diff, (sent.digest, sent.size))),
                // A registry that does not mount one layer mounts none.
                Mount::Begun(_) => break,
            }
        }
        Ok(held)
    }

    fn manifest(&self, image: &Image, config: u64, there: &Held) -> String {
        let types = self.media_types();
        let layers: Vec<_> = image
            .diffs
            .iter()
            .filter_map(|diff| there.get(diff))
            .map(|(digest, size)| json!({"mediaType": types.layer, "size": size, "digest": digest}))
            .collect();
        let config = json!({"mediaType": types.config, "size": config, "digest": image.id});
        json!({"schemaVersion": 2, "mediaType": types.manifest, "config": config, "layers": layers}).to_string()
    }

    fn media_types(&self) -> &'static MediaTypes {
        match self.compression {
            Compression::Gzip => &DOCKER,
            Compression::Zstd => &OCI,
        }
    }
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

struct MediaTypes {
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
}

/// What the Engine's push makes, too.
const DOCKER: MediaTypes = MediaTypes {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/// Docker's own types have no zstd.
const OCI: MediaTypes = MediaTypes {
    manifest: MANIFEST,
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+zstd",
};
