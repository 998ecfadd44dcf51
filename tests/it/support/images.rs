//! Images: the Engine that builds them, the repositories that hold them, the scans that judge them.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipit::port::{
    Ask, BuildWish, Builder, BuiltImage, Holds, Login, PortError, PortResult, PushedImage, Registry, ScanWish, Scans, Searched,
    Secret, Tagged, Tell,
};
use shipit_core::attest::Referrer;
use shipit_core::content::{Base, Bases, ContentKey, Inputs};
use shipit_core::event::Progress;
use shipit_core::gate::{Finding, Fix, ImageScan, Scan, Severity, Status};
use shipit_core::inventory::Inventory;
use shipit_core::leak::Leak;
use shipit_core::pipeline::{Compression, Image};
use shipit_core::push::{Because, PushedBy, Reach};
use shipit_core::release::{Digest, Tag};
use shipit_core::snapshot::{Child, RepositorySeen, Stored, StoredImage};
use shipit_scheduler::{Span, Time};

use super::faults::Op;
use super::world::Fake;

/// The registry's address.
pub const REGISTRY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// What the Engine runs on.
const PLATFORM: &str = "linux/amd64";
/// How long a build and a push take.
const BUILD: Duration = Duration::from_secs(20);
const PUSH: Duration = Duration::from_secs(5);

/// The Engine and the registry.
#[derive(Default)]
pub struct Images {
    /// What the context of each image of the pipeline holds.
    pub contexts: BTreeMap<String, String>,
    /// The image that each image of the pipeline is built on; every other is on the same.
    pub bases: BTreeMap<String, Digest>,
    /// Built images in the Engine, by `<registry>/<repository>:<tag>`.
    pub engine: BTreeMap<String, BTreeMap<String, String>>,
    /// What the last build of each image of the pipeline took its cache from.
    pub caches: BTreeMap<String, Vec<String>>,
    /// Secrets that end up in each image of the pipeline.
    pub leaks: BTreeMap<String, Vec<Leak>>,
    /// What refers to each digest, with what it says.
    pub attached: BTreeMap<Digest, Vec<(Referrer, Vec<u8>)>>,
    /// The images of each index.
    pub indices: BTreeMap<Digest, Vec<Child>>,
    /// How layers can be had from the Engine; none where it does not tell.
    pub reach: Option<Reach>,
    /// Repositories: what is under each tag, and since when.
    pub repositories: BTreeMap<String, BTreeMap<String, (StoredImage, Time)>>,
    /// What the scan of a repository's images comes to; nothing found, unless said otherwise.
    pub scans: BTreeMap<String, ScanStory>,
    /// Whoever comes first with a tag of a repository gives it to this image.
    pub raced: BTreeMap<String, Digest>,
    /// How long a repository's scans take, where it is not 15 s.
    pub scans_take: BTreeMap<String, Span>,
}

/// What a scan comes to.
#[derive(Clone, Debug)]
pub enum ScanStory {
    /// Running for a while after the push, then these findings.
    Finds(Vec<Finding>),
    /// It stands so from the first look on, and has found nothing.
    Stands(Status),
    /// These findings, eight days before the push.
    Old(Vec<Finding>),
    /// It never ends.
    NeverEnds,
}

/// A finding of this severity.
pub fn finding(id: &str, severity: Severity) -> Finding {
    Finding {
        id: id.into(),
        severity,
        package: Some("openssl".into()),
        version: Some("3.0.1".into()),
        fix: Fix::Untold,
        url: None,
    }
}

/// What an image is now, of its sources alone.
pub fn key_of(image: &Image) -> ContentKey {
    let sources = shipit::adapter::docker::sources(image, None).unwrap();
    let inputs = Inputs::Unknown { why: "a test".to_owned() };
    ContentKey { sources, bases: Bases::default(), platforms: Vec::new(), inputs }
}

/// A digest of some text.
pub fn digest(text: &str) -> Digest {
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Digest(format!("sha256:{hash}"))
}

impl Images {
    /// A repository without images.
    pub fn create_repository(&mut self, name: &str) {
        self.repositories.entry(name.into()).or_default();
    }
}

/// The image of that digest, under whatever tag.
fn under<'a>(tags: &'a BTreeMap<String, (StoredImage, Time)>, digest: &Digest) -> Option<&'a (StoredImage, Time)> {
    tags.values().find(|(stored, _)| stored.digest == *digest)
}

#[async_trait]
impl Builder for Fake {
    async fn key(&self, image: &Image, _logins: &[Login]) -> PortResult<ContentKey> {
        self.call(Op::HashInputs, &image.name, Value::Null, |world| {
            let context = world.images.contexts.get(&image.name).cloned().unwrap_or_default();
            let sources = digest(&format!("{context} {:?} {:?} {:?}", image.args, image.target, image.platforms));
            let base = world.images.bases.get(&image.name).cloned().unwrap_or_else(|| digest("busybox"));
            let bases = Bases(BTreeMap::from([("busybox:1".to_owned(), Base::Digest(base))]));
            let platforms = if image.platforms.is_empty() { vec![PLATFORM.to_owned()] } else { image.platforms.clone() };
            let inputs = Inputs::Known(digest(&format!("{sources} {}", bases.label())));
            Ok(ContentKey { sources, bases, platforms, inputs })
        })
        .await
    }

    async fn build(&self, wish: &BuildWish<'_>, tell: Tell<'_>) -> PortResult<BuiltImage> {
        let BuildWish { image, platform, name, labels, .. } = *wish;
        tell(Progress::Build { current: "[1/2] FROM busybox".into(), done: 0, total: 2 });
        self.call(Op::Build, &image.name, json!(labels), |world| {
            world.images.caches.insert(image.name.clone(), image.cache.from.clone());
            Ok(())
        })
        .await?;
        tokio::time::sleep(BUILD).await;
        let mut labels = labels.clone();
        if let Some(platform) = platform {
            labels.insert("platform".into(), platform.to_owned());
        }
        self.lock().images.engine.insert(name.into(), labels);
        Ok(BuiltImage { id: digest(name).0, ran: 2, steps: 2, builder: "BuildKit" })
    }

    async fn leaks(&self, image: &Image, name: &str) -> PortResult<Searched> {
        self.call(Op::SearchImage, &image.name, json!({"name": name}), |world| {
            Ok(Searched { leaks: world.images.leaks.get(&image.name).cloned().unwrap_or_default(), too_short: Vec::new() })
        })
        .await
    }

    async fn reach(&self) -> Option<Reach> {
        self.call(Op::AskEngine, "", Value::Null, |world| Ok(world.images.reach)).await.ok().flatten()
    }

    async fn inventory(&self, name: &str) -> PortResult<Inventory> {
        self.call(Op::ReadLayers, name, Value::Null, |world| match world.images.engine.contains_key(name) {
            true => Ok(Inventory::default()),
            false => Err(PortError::NotFound { what: format!("image {name}") }),
        })
        .await
    }

    async fn push(&self, repository: &str, tag: &Tag, _: Compression, login: &Login, _tell: Tell<'_>) -> PortResult<PushedImage> {
        assert_eq!(login.server, REGISTRY);
        tokio::time::sleep(PUSH).await;
        let name = repository.strip_prefix(&format!("{REGISTRY}/")).unwrap_or(repository).to_owned();
        self.call(Op::Push, &name, json!({"tag": tag}), |world| {
            let built = world.images.engine.get(&format!("{repository}:{tag}")).cloned();
            let labels = built.ok_or_else(|| PortError::NotFound { what: format!("image {repository}:{tag}") })?;
            let digest = digest(&format!("{name} {labels:?}"));
            let now = world.now();
            let pushed_at = Some(world.timestamp(now));
            let tags = world.images.repositories.get_mut(&name);
            let tags = tags.ok_or_else(|| PortError::NotFound { what: format!("repository {name}") })?;
            match tags.get(&tag.0) {
                Some((stored, _)) if stored.digest != digest => {
                    return Err(PortError::Refused {
                        action: "ecr:PutImage".into(),
                        code: "ImageTagAlreadyExistsException".into(),
                        message: format!("the tag {tag} is immutable"),
                    });
                }
                Some(_) => {}
                None => {
                    let platforms = vec![PLATFORM.to_owned()];
                    let stored = StoredImage { digest: digest.clone(), labels, pushed_at, tags: 1, platforms };
                    tags.insert(tag.0.clone(), (stored, now));
                }
            }
            Ok(PushedImage { digest, sent: 3_100_000, by: PushedBy::Engine { because: Because::Alone } })
        })
        .await
    }
}

#[async_trait]
impl Registry for Fake {
    async fn look(&self, repository: &str, tag: &Tag, source: Option<&Tag>) -> PortResult<RepositorySeen> {
        self.call(Op::DescribeRepository, repository, json!({"tag": tag}), |world| {
            let Some(tags) = world.images.repositories.get(repository) else { return Ok(RepositorySeen::Missing) };
            let under = |tag: &Tag| tags.get(&tag.0).map(|(stored, _)| stored.clone());
            let of_content = || source.and_then(under).map_or(Stored::Nothing, Stored::OfContent);
            let held = under(tag).map_or_else(of_content, Stored::OfCommit);
            Ok(RepositorySeen::Present { uri: format!("{REGISTRY}/{repository}"), held })
        })
        .await
    }

    async fn image(&self, repository: &str, digest: &Digest) -> PortResult<Option<StoredImage>> {
        self.call(Op::DescribeRepository, repository, json!({"digest": digest}), |world| {
            Ok(world.images.repositories.get(repository).and_then(|tags| under(tags, digest)).map(|(stored, _)| stored.clone()))
        })
        .await
    }

    async fn tag(&self, repository: &str, digest: &Digest, tag: &Tag) -> PortResult<Tagged> {
        self.call(Op::Tag, repository, json!({"tag": tag, "digest": digest}), |world| {
            let missing = || PortError::NotFound { what: format!("image {repository}@{digest}") };
            let tags = world.images.repositories.get_mut(repository).ok_or_else(missing)?;
            if let Some(other) = world.images.raced.remove(repository) {
                let (image, at) = under(tags, digest).cloned().ok_or_else(missing)?;
                tags.insert(tag.0.clone(), (StoredImage { digest: other, ..image }, at));
            }
            if let Some((there, _)) = tags.get(&tag.0) {
                return Ok(if there.digest == *digest { Tagged::Yes } else { Tagged::Taken { by: there.digest.clone() } });
            }
            let image = under(tags, digest).cloned().ok_or_else(missing)?;
            tags.insert(tag.0.clone(), image);
            Ok(Tagged::Yes)
        })
        .await
    }

    async fn children(&self, _repository: &str, digest: &Digest) -> PortResult<Vec<Child>> {
        self.call(Op::ReadIndex, digest.as_str(), Value::Null, |world| {
            Ok(world.images.indices.get(digest).cloned().unwrap_or_default())
        })
        .await
    }

    async fn join(&self, repository: &str, children: &[Child], tag: &Tag) -> PortResult<Digest> {
        self.call(Op::Join, repository, json!({"tag": tag}), |world| {
            let missing = || PortError::NotFound { what: format!("repository {repository}") };
            let tags = world.images.repositories.get_mut(repository).ok_or_else(missing)?;
            let (first, at) = children.first().and_then(|child| under(tags, &child.digest)).cloned().ok_or_else(missing)?;
            let index = digest(&format!("{children:?}"));
            world.images.indices.insert(index.clone(), children.to_vec());
            let platforms = children.iter().map(|child| child.platform.clone()).collect();
            tags.insert(tag.0.clone(), (StoredImage { digest: index.clone(), platforms, ..first }, at));
            Ok(index)
        })
        .await
    }

    async fn holds(&self, image: &str) -> PortResult<Holds> {
        self.call(Op::DescribeRepository, image, Value::Null, |world| {
            let named = image.strip_prefix(&format!("{REGISTRY}/")).and_then(|name| name.split_once(['@', ':']));
            let Some((repository, which)) = named else { return Ok(Holds::Elsewhere) };
            let Some(tags) = world.images.repositories.get(repository) else { return Ok(Holds::Elsewhere) };
            let there = tags.contains_key(which) || tags.values().any(|(stored, _)| stored.digest.as_str() == which);
            Ok(if there { Holds::Yes } else { Holds::No })
        })
        .await
    }

    async fn login(&self) -> PortResult<Login> {
        self.call(Op::Login, "", Value::Null, |_| {
            Ok(Login { server: REGISTRY.into(), username: "AWS".into(), password: Secret::new("token".into()) })
        })
        .await
    }

    async fn login_anew(&self, _refused: &Login) -> PortResult<Login> {
        self.login().await
    }
}

#[async_trait]
impl Scans for Fake {
    async fn look(&self, repository: &str, digest: &Digest, wish: ScanWish) -> PortResult<Vec<ImageScan>> {
        self.call(Op::DescribeScan, repository, json!({"digest": digest, "ask": format!("{:?}", wish.ask)}), |world| {
            let tags = world.images.repositories.get(repository);
            let pushed = tags.and_then(|tags| tags.values().find(|(stored, _)| stored.digest == *digest)).map(|(_, at)| *at);
            let Some(pushed) = pushed else {
                let missing = PortError::NotFound { what: format!("image {repository}@{digest}") };
                return if wish.ask == Ask::Never { Ok(Vec::new()) } else { Err(missing) };
            };
            let takes = world.images.scans_take.get(repository).copied().unwrap_or(Span::seconds(15));
            let ended = world.now() - pushed >= takes;
            let completed = |findings: &[Finding], age: SignedDuration| {
                let at = Some(world.timestamp(pushed + takes) - age);
                let findings = findings.to_vec();
                Scan { findings, completed_at: at, source_updated_at: at, ..Scan::of(Status::Complete, "") }
            };
            let scan = match world.images.scans.get(repository) {
                Some(ScanStory::Stands(status)) => Scan::of(status.clone(), "the operating system is not supported"),
                Some(ScanStory::Finds(findings)) if ended => completed(findings, SignedDuration::ZERO),
                Some(ScanStory::Old(findings)) => completed(findings, SignedDuration::from_hours(8 * 24)),
                None if ended => completed(&[], SignedDuration::ZERO),
                Some(ScanStory::Finds(_) | ScanStory::NeverEnds) | None => Scan::of(Status::InProgress, ""),
            };
            Ok(vec![ImageScan { platform: None, scan }])
        })
        .await
    }
}
