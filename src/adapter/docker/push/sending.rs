//! The layers that a registry lacks: read, pressed and sent at the same time.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shipit_core::event::Progress;
use shipit_core::release::Digest;
use tokio::sync::mpsc;

use super::layers::{Layers, Pour, Poured};
use super::ledger::Sent;
use super::ours::{End, Held, Image, Ours, count};
use super::press::{Hands, Pressed, recipe};
use crate::adapter::aws::http::Content;
use crate::adapter::oci::{Patience, Trouble};
use crate::port::Tell;

/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);
/// An upload of which nothing is taken for so long is given up.
const STALLED: Duration = Duration::from_secs(90);

/// What came of sending layers.
pub(super) struct Brought {
    /// All of the image's layers.
    pub(super) there: Held,
    /// Bytes that were sent.
    pub(super) sent: u64,
    /// Layers that were sent.
    pub(super) layers: u32,
    /// The image's configuration, where anything was read.
    pub(super) config: Option<Vec<u8>>,
}

impl Ours<'_> {
    /// Sends the layers that are not there. The configuration is read too, unless its size is known.
    pub(super) async fn layers(
        &self,
        image: &Image,
        layers: &Layers,
        hands: &Hands,
        there: Held,
        config: Option<u64>,
    ) -> Result<Brought, End> {
        let mut wanted: BTreeSet<Digest> = image.diffs.iter().filter(|diff| !there.contains_key(*diff)).cloned().collect();
        let told = Told { tell: self.tell, read: Arc::default(), image, reused: there.keys().cloned().collect() };
        told.now();
        let mut brought = Brought { there, sent: 0, layers: 0, config: None };
        let mut patience = Patience::default();
        while !wanted.is_empty() || (config.is_none() && brought.config.is_none()) {
            let round = self.round(&wanted, layers, hands, &told).await;
            if !round.done.is_empty() {
                patience = Patience::default();
            }
            for (diff, pressed) in round.done {
                brought.sent += pressed.size;
                brought.layers += 1;
                wanted.remove(&diff);
                brought.there.insert(diff, (pressed.digest, pressed.size));
            }
            brought.config = brought.config.or(round.config);
            match round.failed {
                None if wanted.is_empty() && brought.config.is_some() => {}
                None => {
                    let message = "the Engine does not give out every layer";
                    return Err(End::Layers(io::Error::new(io::ErrorKind::InvalidData, message)));
                }
                Some(End::Registry(trouble)) => patience.after(trouble).await?,
                Some(other) => return Err(other),
            }
        }
        Ok(brought)
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
