//! What an image is made of, as one key: the same content has the same key on every machine, in every clone, on every Engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::release::{Digest, Tag};

/// The label that carries the hash of everything a build reads: see [`ContentKey::inputs`].
pub const INPUTS_LABEL: &str = "dev.shipit.inputs";
/// The label that carries the hash of what the pipeline itself gives to the build: see [`ContentKey::sources`].
pub const SOURCES_LABEL: &str = "dev.shipit.sources";
/// The label that carries the base images, as [`Bases::label`] writes them.
pub const BASES_LABEL: &str = "dev.shipit.bases";

/// Hex digits of a source tag: 128 bits, far beyond what meets by chance; the label has all of them.
const DIGITS: usize = 32;

/// The content of an image before it is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentKey {
    /// Hash over Dockerfile, build arguments, target, wanted platforms and the context as `.dockerignore` leaves it.
    pub sources: Digest,
    /// The images it is built on.
    pub bases: Bases,
    /// What it is built for, e.g. `linux/amd64`: as wanted, or the Engine's own; empty where no Engine could be asked.
    pub platforms: Vec<String>,
    /// Hash over all of these.
    pub inputs: Inputs,
}

/// The hash over everything a build reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// It.
    Known(Digest),
    /// There is none: such an image is never known again by its content.
    Unknown {
        /// Why.
        why: String,
    },
}

/// A base image, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// By the digest of its manifest or index, as its registry has it.
    Digest(Digest),
    /// By the id that is the hash of its config: it lies in the Engine alone.
    Image(Digest),
}

impl Base {
    /// The hash, whatever it is of.
    pub fn digest(&self) -> &Digest {
        match self {
            Base::Digest(digest) | Base::Image(digest) => digest,
        }
    }
}

/// Base images by the name that the Dockerfile gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bases(pub BTreeMap<String, Base>);

impl Bases {
    /// As the label has it.
    pub fn label(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From the labels of an image; none where it has no such label, or one that is not ours.
    pub fn of(labels: &BTreeMap<String, String>) -> Option<Bases> {
        serde_json::from_str(labels.get(BASES_LABEL)?).ok()
    }

    /// What is another image under the same name now, in words.
    pub fn moved_since(&self, before: &Bases) -> Vec<String> {
        let moved = |(name, base): (&String, &Base)| {
            let earlier = before.0.get(name).filter(|earlier| *earlier != base)?;
            Some(format!("base `{name}` moved from {} to {}", earlier.digest().short(), base.digest().short()))
        };
        self.0.iter().filter_map(moved).collect()
    }
}

impl ContentKey {
    /// Of an image that is not built here, for that reason.
    pub fn not_built(why: &str) -> ContentKey {
        let inputs = Inputs::Unknown { why: why.to_owned() };
        ContentKey { sources: Digest(String::new()), bases: Bases::default(), platforms: Vec::new(), inputs }
    }

    /// The immutable tag by which an image of this content is found from any machine.
    pub fn tag(&self) -> Option<Tag> {
        let Inputs::Known(inputs) = &self.inputs else { return None };
        let hex = inputs.0.rsplit(':').next().unwrap_or_default();
        Some(Tag(format!("src-{}", hex.get(..DIGITS).unwrap_or(hex))))
    }

    /// An image with these labels was built from exactly this.
    pub fn made(&self, labels: &BTreeMap<String, String>) -> bool {
        matches!(&self.inputs, Inputs::Known(inputs) if labels.get(INPUTS_LABEL) == Some(&inputs.0))
    }

    /// An image with these labels was built from the same sources, on whatever base images.
    pub fn same_sources(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(SOURCES_LABEL) == Some(&self.sources.0)
    }

    /// The labels of an image that is built from this.
    pub fn labels(&self) -> Vec<(String, String)> {
        let mut labels = vec![(SOURCES_LABEL.to_owned(), self.sources.0.clone()), (BASES_LABEL.to_owned(), self.bases.label())];
        if let Inputs::Known(inputs) = &self.inputs {
            labels.push((INPUTS_LABEL.to_owned(), inputs.0.clone()));
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(inputs: &str, base: &str) -> ContentKey {
        ContentKey {
            sources: Digest("sha256:s".to_owned()),
            bases: Bases(BTreeMap::from([("debian:12".to_owned(), Base::Digest(Digest(base.to_owned())))])),
            platforms: vec!["linux/amd64".to_owned()],
            inputs: Inputs::Known(Digest(inputs.to_owned())),
        }
    }

    #[test]
    fn the_tag_is_one_that_every_registry_takes() {
        let inputs = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(key(&inputs, "b").tag(), Some(Tag("src-0123456789abcdef0123456789abcdef".to_owned())));
        let unknown = ContentKey { inputs: Inputs::Unknown { why: "no Engine".to_owned() }, ..key("", "") };
        assert_eq!(unknown.tag(), None);
        assert!(!unknown.made(&BTreeMap::new()), "no key is not the same as no label");
    }

    #[test]
    fn an_image_is_known_again_by_its_labels() {
        let first = key("sha256:1", "sha256:b1");
        let labels: BTreeMap<String, String> = first.labels().into_iter().collect();
        assert!(first.made(&labels) && first.same_sources(&labels));
        assert_eq!(Bases::of(&labels), Some(first.bases.clone()));
        let moved = key("sha256:2", "sha256:b2");
        assert!(!moved.made(&labels) && moved.same_sources(&labels));
        assert_eq!(moved.bases.moved_since(&first.bases), ["base `debian:12` moved from sha256:b1 to sha256:b2"]);
        assert!(first.bases.moved_since(&first.bases).is_empty());
        assert!(moved.bases.moved_since(&Bases::default()).is_empty(), "a base that is new has not moved");
        let strange = BTreeMap::from([(BASES_LABEL.to_owned(), "debian".to_owned())]);
        assert_eq!(Bases::of(&strange), None);
    }
}
