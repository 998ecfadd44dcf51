//! The first half of a plan: which images the registry has already, under this commit or by their content, and which are built.

use std::collections::BTreeMap;

use super::against::{against, running};
use super::refusal;
use super::{Reused, Step, StepId, StepKind};
use crate::content::{Bases, ContentKey, Inputs};
use crate::failure::Failure;
use crate::imagedefinitions::Which;
use crate::pipeline::{Image, Name, Pipeline};
use crate::plan::REVISION_LABEL;
use crate::push::expected;
use crate::release::Tag;
use crate::snapshot::{ImageSeen, RepositorySeen, Snapshot, Stored, StoredImage};

/// ECR takes 1,000 tags an image; the rest is left to people and to the tag of its content.
const MOST_TAGS: usize = 900;

/// Whether an image that the registry has may serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// The one of the same content does.
    #[default]
    Same,
    /// None does: everything is built anew (`--rebuild`).
    Nothing,
}

/// Whether it has to be built, and pushed: whatever serves in its place is in the registry.
pub fn is_built(seen: &ImageSeen, reuse: Reuse) -> bool {
    match (&seen.repository, reuse) {
        (RepositorySeen::Missing | RepositorySeen::Present { held: Stored::OfCommit(_) | Stored::Given(_), .. }, _) => false,
        (RepositorySeen::Present { held: Stored::OfContent(same), .. }, Reuse::Same) => !seen.key.made(&same.labels),
        (RepositorySeen::Present { .. }, _) => true,
    }
}

/// What the images of a pipeline come to.
#[derive(Default)]
pub(super) struct Images {
    /// Why there can be no plan.
    pub(super) refusals: Vec<Failure>,
    /// Building, pushing, tagging, gates.
    pub(super) steps: Vec<Step>,
    /// What is not built.
    pub(super) reused: BTreeMap<Name, Reused>,
    /// `<registry>/<name>` of each.
    pub(super) repositories: BTreeMap<Name, String>,
    /// What each runs on, as far as it is known.
    pub(super) platforms: BTreeMap<Name, Vec<String>>,
}

pub(super) fn images(pipeline: &Pipeline, snapshot: &Snapshot, reuse: Reuse) -> Images {
    let mut images = Images::default();
    for image in &pipeline.images {
        let Some(seen) = snapshot.images.get(&image.name) else { continue };
        match &seen.repository {
            RepositorySeen::Missing => images.refusals.push(refusal::repository_missing(image, &snapshot.region)),
            RepositorySeen::Present { uri, held } => {
                images.repositories.insert(image.name.clone(), uri.clone());
                let one = One { pipeline, image, seen, uri, tag: snapshot.source.tag(), snapshot };
                let ready = match (held, reuse) {
                    (Stored::Given(stored), _) => Some(one.given(stored, &mut images)),
                    (Stored::OfCommit(stored), Reuse::Same) => one.under_its_tag(stored, &mut images),
                    (Stored::OfCommit(stored), Reuse::Nothing) => {
                        images.refusals.push(refusal::built_before(image, uri, &one.tag, stored));
                        None
                    }
                    (Stored::OfContent(same), Reuse::Same) if seen.key.made(&same.labels) => {
                        Some(one.by_content(same, &mut images))
                    }
                    (Stored::OfContent(same), _) => Some(one.build(Some(same), reuse, &mut images)),
                    (Stored::Nothing, _) => Some(one.build(None, reuse, &mut images)),
                };
                if let Some(needs) = ready {
                    images.steps.push(one.gate(pipeline, needs));
                }
            }
        }
    }
    images
}

struct One<'a> {
    pipeline: &'a Pipeline,
    image: &'a Image,
    seen: &'a ImageSeen,
    uri: &'a str,
    tag: Tag,
    snapshot: &'a Snapshot,
}

impl One<'_> {
    /// The commit's tag is there: its image serves, on whatever bases it was built, for a tag is never overwritten.
    fn under_its_tag(&self, stored: &StoredImage, images: &mut Images) -> Option<Vec<StepId>> {
        let key = &self.seen.key;
        if !key.same_sources(&stored.labels) {
            images.refusals.push(refusal::taken(self.image, self.uri, &self.tag.0, stored, key));
            return None;
        }
        let mut because =
            format!("{} is in the registry under this tag and was built from the same inputs", stored.digest.short());
        let moved = moved(key, stored);
        if !moved.is_empty() {
            because = format!("{because}; {}: the next commit is built on it", moved.join(", "));
        }
        self.reuse(stored, because, images);
        Some(Vec::new())
    }

    /// Another stage built it: it is taken as it is, by the digest that the registry stored.
    fn given(&self, stored: &StoredImage, images: &mut Images) -> Vec<StepId> {
        let since = stored.pushed_at.map_or_else(String::new, |at| format!(", pushed on {}", at.strftime("%Y-%m-%d")));
        let tag = self.pipeline.given.get(&self.image.name).and_then(|given| match &given.which {
            Which::Tag(tag) => Some(format!("; `{tag}` is this one now")),
            Which::Digest(_) => None,
        });
        let because = format!("{} was built by another stage{since}{}", stored.digest.short(), tag.unwrap_or_default());
        self.reuse(stored, because, images);
        Vec::new()
    }

    /// Another commit had the same content: nothing is built, and the commit's tag is added in the registry.
    fn by_content(&self, same: &StoredImage, images: &mut Images) -> Vec<StepId> {
        let digest = same.digest.short();
        let of = same.labels.get(REVISION_LABEL).map(|commit| commit.get(..7).unwrap_or(commit));
        let of = of.map_or_else(String::new, |commit| format!(" of {commit}"));
        let since = same.pushed_at.map_or_else(String::new, |at| format!(" on {}", at.strftime("%Y-%m-%d")));
        let because = format!("nothing it is built from has changed: {digest}{of}, pushed{since}, is reused");
        if same.tags >= MOST_TAGS {
            let because = format!("{because}; it has {} tags, so that this commit's is not added: it runs by digest", same.tags);
            self.reuse(same, because, images);
            return Vec::new();
        }
        self.reuse(same, because, images);
        let tag = Step {
            id: self.id("tag"),
            needs: Vec::new(),
            kind: StepKind::Tag {
                image: self.image.name.clone(),
                repository: self.image.repository.clone(),
                digest: same.digest.clone(),
                tag: self.tag.clone(),
            },
            because: format!("{digest} gets {} in the registry: nothing is pushed", self.short_tag()),
        };
        let id = tag.id.clone();
        images.steps.push(tag);
        vec![id]
    }

    fn build(&self, same: Option<&StoredImage>, reuse: Reuse, images: &mut Images) -> Vec<StepId> {
        let key = &self.seen.key;
        images.platforms.insert(self.image.name.clone(), key.platforms.clone());
        let image = Box::new(self.image.cached_by(self.uri, &running(self.pipeline, self.snapshot, &self.image.name)));
        let build = Step {
            id: self.id("build"),
            needs: Vec::new(),
            kind: StepKind::Build { image, key: key.clone(), repository: self.uri.to_owned() },
            because: self.because_build(reuse),
        };
        // A tag is never moved: what stands under that of this content stays there.
        let source = key.tag().filter(|_| same.is_none());
        // Where there is no way, the plan is refused for that.
        let way = self.snapshot.reach.and_then(|reach| expected(self.image.compression, reach).ok());
        let to = way.as_ref().map_or_else(|| format!("to {}", self.uri), |way| format!("to {} {way}", self.uri));
        let because = match (&key.inputs, same, key.tag()) {
            (Inputs::Unknown { why }, ..) => format!("{to}; not to be found by its content: {why}"),
            (_, Some(same), Some(tag)) => format!("{to}; `{tag}` stays with {}", same.digest.short()),
            _ => to,
        };
        let index = if self.image.platforms.len() > 1 { self.image.platforms.clone() } else { Vec::new() };
        let push = Step {
            id: self.id("push"),
            needs: vec![build.id.clone()],
            kind: StepKind::Push { image: self.image.name.clone(), repository: self.uri.to_owned(), index, source, way },
            because,
        };
        let needs = vec![push.id.clone()];
        images.steps.extend([build, push]);
        needs
    }

    /// What is new, beside what a service runs of this image.
    fn because_build(&self, reuse: Reuse) -> String {
        let free = format!("{} is not in `{}` yet", self.snapshot.source.commit.short(), self.image.repository);
        if reuse == Reuse::Nothing {
            return format!("{free}, and nothing is reused (`--rebuild`)");
        }
        let key = &self.seen.key;
        let Some(running) = &self.seen.running else { return free };
        let since = running.labels.get(REVISION_LABEL).map_or("what runs", |commit| commit.get(..7).unwrap_or(commit));
        let moved = moved(key, running);
        match (key.same_sources(&running.labels), moved.is_empty()) {
            (true, true) => free,
            (true, false) => format!("{} since {since}", moved.join(", ")),
            (false, true) => format!("its files, arguments or Dockerfile changed since {since}"),
            (false, false) => format!("its files, arguments or Dockerfile changed since {since}; {}", moved.join(", ")),
        }
    }

    fn reuse(&self, image: &StoredImage, because: String, images: &mut Images) {
        images.platforms.insert(self.image.name.clone(), image.platforms.clone());
        images.reused.insert(self.image.name.clone(), Reused { image: image.clone(), repository: self.uri.to_owned(), because });
    }

    fn gate(&self, pipeline: &Pipeline, needs: Vec<StepId>) -> Step {
        Step {
            id: self.id("gate"),
            needs,
            kind: StepKind::Gate {
                image: self.image.name.clone(),
                repository: self.image.repository.clone(),
                against: against(pipeline, self.snapshot, &self.image.name),
            },
            because: pipeline.gate.to_string(),
        }
    }

    fn id(&self, verb: &str) -> StepId {
        StepId(format!("{verb} {}", self.image.name))
    }

    /// The tag as a person reads it.
    fn short_tag(&self) -> String {
        let commit = &self.snapshot.source.commit;
        self.tag.0.replacen(&commit.0, commit.short(), 1)
    }
}

/// Bases that are other images now than when this one was built.
fn moved(key: &ContentKey, image: &StoredImage) -> Vec<String> {
    Bases::of(&image.labels).map(|before| key.bases.moved_since(&before)).unwrap_or_default()
}
