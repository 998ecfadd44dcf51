//! Where an image's layers come from, and how they are poured out: read, pressed, handed to whoever sends them.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt;
use shipit_core::pipeline::Compression;
use shipit_core::release::Digest;
use tokio::sync::{mpsc, oneshot};
use tokio_util::bytes::Bytes;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::given::Given;
use super::press::{Hands, Pressed};
use super::store::Kept;

/// Pieces of a layer that may wait to be sent.
const WAITING: usize = 2;
/// Layers read at the same time, where each can be read by itself.
const READERS: usize = 2;

/// Where the layers of one image come from.
pub(super) enum Layers {
    /// The Engine's own files.
    Files {
        /// All of its layers.
        kept: Vec<Kept>,
        /// Its configuration.
        config: Vec<u8>,
    },
    /// The Engine gives all of them out.
    Given {
        /// The Engine.
        api: bollard::Docker,
        /// The image's id.
        image: Digest,
        /// Its layers, lowest first.
        diffs: Vec<Digest>,
    },
}

/// A layer that is being poured.
pub(super) struct Poured {
    /// Which.
    pub(super) diff: Digest,
    /// What is to be sent.
    pub(super) pieces: mpsc::Receiver<io::Result<Bytes>>,
    /// What it was, once all of it is handed on.
    pub(super) pressed: oneshot::Receiver<io::Result<Pressed>>,
}

/// What a pouring needs.
#[derive(Clone)]
pub(super) struct Pour {
    pub(super) hands: Hands,
    pub(super) how: Compression,
    /// Bytes of tars read.
    pub(super) read: Arc<AtomicU64>,
    pub(super) out: mpsc::Sender<Poured>,
}

impl Layers {
    /// Pours the layers that are wanted; answers the image's configuration. A layer that nobody takes any more is given up, and
    /// the others still come.
    ///
    /// # Errors
    /// What reading says.
    pub(super) async fn pour(&self, wanted: BTreeSet<Digest>, pour: Pour) -> io::Result<Vec<u8>> {
        match self {
            Layers::Files { kept, config } => {
                let queue: VecDeque<Kept> = kept.iter().filter(|kept| wanted.contains(&kept.diff)).cloned().collect();
                let queue = Arc::new(Mutex::new((queue, BTreeSet::new())));
                let readers = (0..READERS).map(|_| {
                    let (queue, pour) = (Arc::clone(&queue), pour.clone());
                    tokio::task::spawn_blocking(move || {
                        while let Some(kept) = next(&queue) {
                            pour.layer(&kept.diff, kept.tar()?)?;
                        }
                        Ok(())
                    })
                });
                for reader in readers.collect::<Vec<_>>() {
                    reader.await.unwrap_or_else(|error| Err(io::Error::other(error)))?;
                }
                Ok(config.clone())
            }
            Layers::Given { api, image, diffs } => {
                let given = Given::new(image.clone(), diffs.clone());
                let archive = Box::pin(api.export_image(&image.0).map_err(io::Error::other));
                let archive = SyncIoBridge::new(StreamReader::new(archive));
                let mut wanted = wanted;
                let read = tokio::task::spawn_blocking(move || {
                    given.read(archive, |diff, tar| if wanted.remove(diff) { pour.layer(diff, tar) } else { Ok(()) })
                });
                read.await.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
        }
    }
}

/// The next layer of the queue that has not come yet: an image may have the same layer twice.
fn next(queue: &Mutex<(VecDeque<Kept>, BTreeSet<Digest>)>) -> Option<Kept> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    let (waiting, taken) = &mut *queue;
    std::iter::from_fn(|| waiting.pop_front()).find(|kept| taken.insert(kept.diff.clone()))
}

impl Pour {
    /// One layer. That nobody takes it is no error, that nobody takes any is.
    fn layer(&self, diff: &Digest, tar: impl Read) -> io::Result<()> {
        let (to, pieces) = mpsc::channel(WAITING);
        let (done, pressed) = oneshot::channel();
        let poured = Poured { diff: diff.clone(), pieces, pressed };
        self.out.blocking_send(poured).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let tar = Counted { from: tar, read: &self.read };
        let pressed = self
            .hands
            .press(tar, self.how, |piece| to.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe)));
        let pressed = pressed.and_then(|pressed| match pressed.diff == *diff {
            true => Ok(pressed),
            false => Err(io::Error::new(io::ErrorKind::InvalidData, format!("layer {diff} is another one: {}", pressed.diff))),
        });
        if let Err(error) = &pressed {
            // Whoever sends it must not take what came for all of it.
            let _ = to.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        // Whoever sent it may have given up.
        let _ = done.send(pressed);
        Ok(())
    }
}

struct Counted<'a, R> {
    from: R,
    read: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
