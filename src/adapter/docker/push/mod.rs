//! An image into the registry: the way is chosen here, from what is known of its layers, and the Engine's push is what is left
//! where shipit's own cannot be carried out.

mod engine;
mod given;
mod layers;
mod ledger;
mod ours;
mod press;
mod reach;
mod sending;
mod store;

use std::path::PathBuf;

use bollard::models::SystemInfo;
use shipit_core::failure::{Code, Failure};
use shipit_core::pipeline::Compression;
use shipit_core::push::{Because, Known, Layer, Reach, Way, choose};
use shipit_core::release::{Digest, Tag};
use tokio::sync::OnceCell;

use self::layers::Layers;
use self::ledger::Ledger;
use self::ours::{End, Image, Ours};
use self::press::{Hands, recipe};
use self::store::Store;
use super::connect::Engine;
use super::trouble;
use crate::adapter::aws::http::Web;
use crate::adapter::oci::{Repository, Trouble};
use crate::port::{Login, PortError, PortResult, PushedImage, Tell};

pub(super) use engine::credentials;
pub(super) use reach::reach;

/// What shipit's own push needs.
pub(super) struct Pusher {
    web: Web,
    ledger: Ledger,
    hands: OnceCell<Hands>,
}

impl Pusher {
    /// Remembers below that folder.
    pub(super) fn new(web: Web, folder: PathBuf) -> Self {
        Self { web, ledger: Ledger::new(Some(folder)), hands: OnceCell::new() }
    }
}

/// A push that is asked for.
pub(super) struct Push<'a> {
    pub(super) engine: &'a Engine,
    /// `<registry>/<repository>`.
    pub(super) uri: &'a str,
    pub(super) tag: &'a Tag,
    pub(super) compression: Compression,
    pub(super) login: &'a Login,
    pub(super) tell: Tell<'a>,
}

impl Push<'_> {
    /// By the Engine alone.
    pub(super) async fn by_engine(&self, because: Because) -> PortResult<PushedImage> {
        match self.compression {
            Compression::Gzip => Ok(engine::push(self.engine, self.uri, self.tag, self.login, self.tell, because).await?),
            Compression::Zstd => Err(self.no_zstd("the Engine's own push knows gzip alone").into()),
        }
    }

    /// Whichever way should be done sooner.
    pub(super) async fn run(&self, pusher: &Pusher) -> PortResult<PushedImage> {
        // Asked for meanwhile: it takes the Engine longer than all else that is asked of it.
        let api = self.engine.api.clone();
        let info = tokio::spawn(async move { api.info().await.unwrap_or_default() });
        let Some(mut image) = self.image().await else { return self.by_engine(Because::Store).await };
        let repository = Repository::new(pusher.web.clone(), self.uri, self.login);
        let Self { uri, tag, compression, tell, .. } = *self;
        let ours = Ours { repository: &repository, uri, tag, compression, ledger: &pusher.ledger, tell };
        match ours.is_there(&image).await {
            Ok(Some(there)) => return Ok(there),
            Ok(None) => {}
            Err(trouble) => return Err(self.failed(trouble)),
        }
        let (reach, layers) = self.reach(&mut image, info.await.unwrap_or_default()).await;
        let facts: Vec<Layer> = image.diffs.iter().map(|diff| pusher.fact(uri, compression, &image, diff)).collect();
        let because = match (choose(compression, reach, &facts), layers) {
            (Way::Refused { why }, _) => {
                return Err(self.no_zstd(&format!("the Engine pushes this image, and knows gzip alone: {why}")).into());
            }
            (Way::Engines(because), _) => because,
            (Way::Ours, None) => Because::Store,
            (Way::Ours, Some(layers)) => match self.ours(&ours, &image, &layers, pusher).await {
                Ok(pushed) => return Ok(pushed),
                Err(End::Registry(trouble)) => return Err(self.failed(trouble)),
                Err(End::Layers(error)) if compression == Compression::Zstd => {
                    return Err(self.no_zstd(&error.to_string()).into());
                }
                Err(End::Layers(_)) => Because::Fallback,
            },
        };
        let pushed = self.by_engine(because).await?;
        pusher.ledger.keep_by_engine(uri, &image.diffs);
        Ok(pushed)
    }

    async fn ours(&self, ours: &Ours<'_>, image: &Image, layers: &Layers, pusher: &Pusher) -> Result<PushedImage, End> {
        let hands = pusher.hands.get_or_try_init(async || Hands::new()).await.map_err(End::Layers)?;
        ours.run(image, layers, hands).await
    }

    /// The image as the Engine has it; none where it does not tell.
    async fn image(&self) -> Option<Image> {
        let found = self.engine.api.inspect_image(&format!("{}:{}", self.uri, self.tag)).await.ok()?;
        let diffs: Vec<Digest> = found.root_fs?.layers?.into_iter().map(Digest).collect();
        Some(Image { id: Digest(found.id?), diffs, sizes: Default::default() })
    }

    /// How its layers can be had. Their sizes become known by it.
    async fn reach(&self, image: &mut Image, info: SystemInfo) -> (Reach, Option<Layers>) {
        if reach::is_containerds(&info) {
            return (Reach::None { why: reach::CONTAINERDS }, None);
        }
        if image.diffs.is_empty() {
            return (Reach::None { why: "the image has no layers" }, None);
        }
        let root = reach::root(self.engine, info);
        let (id, diffs) = (image.id.clone(), image.diffs.clone());
        let files = tokio::task::spawn_blocking(move || {
            let store = Store::below(&root?);
            Some((store.layers(&diffs)?, store.config(&id)?))
        });
        if let Ok(Some((kept, config))) = files.await {
            image.sizes = kept.iter().map(|kept| (kept.diff.clone(), kept.size)).collect();
            return (Reach::Layers, Some(Layers::Files { kept, config }));
        }
        image.sizes = self.sizes(image).await;
        let layers = Layers::Given { api: self.engine.api.clone(), image: image.id.clone(), diffs: image.diffs.clone() };
        (Reach::Archive, Some(layers))
    }

    /// The sizes of layers by the image's history, which does not say which of its entries made one: where that is not clear,
    /// each has its share of all.
    async fn sizes(&self, image: &Image) -> std::collections::BTreeMap<Digest, u64> {
        let history = self.engine.api.image_history(&image.id.0).await.unwrap_or_default();
        let sizes: Vec<u64> = history.iter().rev().filter_map(|entry| u64::try_from(entry.size).ok()).collect();
        let large: Vec<u64> = sizes.iter().copied().filter(|size| *size > 0).collect();
        let share = sizes.iter().sum::<u64>() / image.diffs.len().max(1) as u64;
        let is_clear = large.len() == image.diffs.len();
        let sized = |at: usize| if is_clear { large[at] } else { share };
        image.diffs.iter().enumerate().map(|(at, diff)| (diff.clone(), sized(at))).collect()
    }

    fn failed(&self, trouble: Trouble) -> PortError {
        match trouble {
            passing @ (Trouble::Unreachable { .. } | Trouble::Throttled { .. }) => passing.into(),
            other => trouble::refused(self.uri, self.tag.as_str(), &other.words()).into(),
        }
    }

    fn no_zstd(&self, why: &str) -> Failure {
        Failure::new(Code::PushFailed, format!("`{}:{}` cannot be pushed with `compression: zstd`", self.uri, self.tag))
            .because(why)
            .now("nothing is deployed; layers that were pushed stay")
            .next("leave `compression:` out, or say `compression: gzip`")
    }
}

impl Pusher {
    fn fact(&self, uri: &str, compression: Compression, image: &Image, diff: &Digest) -> Layer {
        let known = self.ledger.layer(recipe(compression), diff).is_some_and(|sent| sent.to == uri);
        Layer {
            size: image.sizes.get(diff).copied().unwrap_or_default(),
            ours: if known { Known::Yes } else { Known::No },
            engines: self.ledger.by_engine(uri, diff),
        }
    }
}
