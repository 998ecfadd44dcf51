//! shipit's own push: what the registry lacks is read, pressed and sent at the same time; the manifest goes last.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, FuturesUnordered};
use serde_json::json;
use shipit_core::event::Progress;
use shipit_core::pipeline::Compression;
use shipit_core::push::PushedBy;
use shipit_core::release::{Digest, Tag};
use tokio::sync::mpsc;

use super::layers::{Layers, Pour, Poured};
use super::ledger::{Ledger, Sent};
use super::press::{Hands, Pressed, recipe};
use crate::adapter::aws::http::Content;
use crate::adapter::content::digest_of;
use crate::adapter::oci::{MANIFEST, Mount, Patience, Repository, Trouble};
use crate::port::{PushedImage, Tell};

/// Blobs that are asked for at the same time.
const ASKED: usize = 8;
/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);
/// An upload of which nothing is taken for so long is given up.
const STALLED: Duration = Duration::from_secs(90);

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
        let (mut there, is_config_there) = futures_util::try_join!(self.held(image), self.repository.size(&image.id))?;
        let mut wanted: BTreeSet<Digest> = image.diffs.iter().filter(|diff| !there.contains_key(*diff)).cloned().collect();
        let told = Told { tell: self.tell, read: Arc::default(), image, reused: there.keys().cloned().collect() };
        told.now();
        let mut config = match layers {
            Layers::Files { config, .. } => Some(config.clone()),
            Layers::Given { .. } => None,
        };
        let (mut sent, mut sent_layers) = (0, 0);
        let mut config_size = is_config_there.filter(|size| *size > 0);
        let mut patience = Patience::default();
        while !wanted.is_empty() || (config.is_none() && config_size.is_none()) {
            let round = self.round(&wanted, layers, hands, &told).await;
            if !round.done.is_empty() {
                patience = Patience::default();
            }
            for (diff, pressed) in round.done {
                sent += pressed.size;
                sent_layers += 1;
                wanted.remove(&diff);
                there.insert(diff, (pressed.digest, pressed.size));
            }
            config = config.or(round.config);
            match round.failed {
                None if wanted.is_empty() && config.is_some() => {}
                None => {
                    return Err(End::Layers(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the Engine does not give out every layer",
                    )));
                }
                Some(End::Registry(trouble)) => patience.after(trouble).await?,
                Some(other) => return Err(other),
            }
        }
        if let Some(config) = &config {
            config_size = Some(config.len() as u64);
            if is_config_there.is_none() {
                self.repository.put_blob(config).await?;
            }
        }
        let manifest = self.manifest(image, config_size.unwrap_or_default(), &there);
        let digest = self.repository.put_manifest(self.tag.as_str(), self.media_types().manifest, manifest.as_bytes()).await?;
        self.ledger.keep_manifest(recipe(self.compression), &image.id, &manifest);
        let by = PushedBy::Shipit { sent: sent_layers, layers: count(image.diffs.len()) };
        Ok(PushedImage { digest, sent, by })
    }

    /// The layers that the registry has already, with digest and size there.
    async fn held(&self, image: &Image) -> Result<BTreeMap<Digest, (Digest, u64)>, Trouble> {
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
        let mut held = BTreeMap::new();
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

    /// Pours what is wanted and sends it as it comes. What fails is named, and what came through stays.
    async fn round(&self, wanted: &BTreeSet<Digest>, layers: &Layers, hands: &Hands, told: &Told<'_>) -> Round {
        let (out, mut coming) = mpsc::channel(1);
        let pour = Pour { hands: hands.clone(), how: self.compression, read: Arc::clone(&told.read), out };
        let mut pouring = std::pin::pin!(layers.pour(wanted.clone(), pour));
        let mut uploads = FuturesUnordered::new();
        let mut round = Round { done: Vec::new(), config: None, failed: None };
        let mut tick = tokio::time::interval(TELL);
        let (mut is_poured, mut is_taken) = (false, false);
        while !(is_poured && is_taken && uploads.is_empty()) {
            tokio::select! {
                poured = coming.recv(), if !is_taken => match poured {
                    Some(poured) => uploads.push(self.upload(poured, &told.read)),
                    None => is_taken = true,
                },
                ended = &mut pouring, if !is_poured => {
                    is_poured = true;
                    match ended {
                        Ok(config) => round.config = Some(config),
                        // Then the upload that broke it off tells why.
                        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                        Err(error) => drop(round.failed.get_or_insert(End::Layers(error))),
                    }
                }
                Some((diff, sent)) = uploads.next() => match sent {
                    Ok(pressed) => round.done.push((diff, pressed)),
                    Err(end) => {
                        let passes = matches!(&end, End::Registry(trouble) if trouble.passes().is_some());
                        round.failed.get_or_insert(end);
                        if !passes {
                            // Nothing else would come through either.
                            coming.close();
                            break;
                        }
                    }
                },
                _ = tick.tick() => told.now(),
            }
        }
        told.now();
        round
    }

    /// Sends one layer, once: what was read is not kept, so it is read again where this fails.
    async fn upload(&self, poured: Poured, read: &AtomicU64) -> (Digest, Result<Pressed, End>) {
        let Poured { diff, pieces, pressed } = poured;
        let sending = async {
            let upload = self.repository.begin().await?;
            self.repository.send(upload, pieces).await
        };
        let sent = tokio::select! {
            sent = sending => sent,
            () = stalled(read) => Err(Trouble::Unreachable {
                registry: self.uri.to_owned(),
                message: format!("it took nothing for {} s", STALLED.as_secs()),
                wait: None,
            }),
        };
        let pressed = pressed.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
        let ended = match (sent, pressed) {
            (_, Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(End::Layers(error)),
            (Err(trouble), _) => Err(End::Registry(trouble)),
            (Ok(_), Err(_)) => Err(End::Registry(Trouble::Unreachable {
                registry: self.uri.to_owned(),
                message: "it answered before it had all of a layer".to_owned(),
                wait: None,
            })),
            (Ok(upload), Ok(pressed)) => {
                let ended = self.repository.end(&upload, &pressed.digest, pressed.size, Content::Nothing).await;
                ended.map(|()| pressed).map_err(End::Registry)
            }
        };
        if let Ok(pressed) = &ended {
            let sent = Sent { digest: pressed.digest.clone(), size: pressed.size, to: self.uri.to_owned() };
            self.ledger.keep_layer(recipe(self.compression), &diff, &sent);
        }
        (diff, ended)
    }

    fn manifest(&self, image: &Image, config: u64, there: &BTreeMap<Digest, (Digest, u64)>) -> String {
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

/// Ends when nothing has been read for a while: whoever sends has stopped taking.
async fn stalled(read: &AtomicU64) {
    let mut before = read.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(STALLED).await;
        let now = read.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

/// What came of one pouring.
struct Round {
    done: Vec<(Digest, Pressed)>,
    config: Option<Vec<u8>>,
    failed: Option<End>,
}

/// How far a push is, in bytes of layers before they are pressed.
struct Told<'a> {
    tell: Tell<'a>,
    read: Arc<AtomicU64>,
    image: &'a Image,
    reused: BTreeSet<Digest>,
}

impl Told<'_> {
    fn now(&self) {
        let Image { diffs, sizes, .. } = self.image;
        let total = sizes.iter().filter(|(diff, _)| !self.reused.contains(*diff)).map(|(_, size)| size).sum();
        let layers_reused = count(diffs.iter().filter(|diff| self.reused.contains(*diff)).count());
        let sent = self.read.load(Ordering::Relaxed).min(total);
        (self.tell)(Progress::Push { sent, total, layers_reused, layers: count(diffs.len()) });
    }
}

fn count(number: usize) -> u32 {
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
