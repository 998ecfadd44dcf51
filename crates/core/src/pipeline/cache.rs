//! Where a build looks for what it finds not in the Engine's own cache.

use serde::{Deserialize, Serialize};

use super::Image;
use crate::release::Digest;

/// `cache:`, and the images that carry one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// What the pipeline file says.
    pub kept: Kept,
    /// Images with an inline cache, by digest: what runs now is the nearest to what is built next.
    pub from: Vec<String>,
}

/// Where the cache of a build is kept for other machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Nowhere.
    #[default]
    Nowhere,
    /// In the image itself: which of its layers came of what. Of the last stage alone.
    Inline,
    /// In the registry beside the image, of all stages.
    Registry,
}

impl Image {
    /// The image, to be built with the cache of those that run, where it keeps one.
    #[must_use]
    pub fn cached_by(&self, repository: &str, running: &[Digest]) -> Image {
        let kept = self.cache.kept;
        let running = if kept == Kept::Nowhere { &[] } else { running };
        let from = running.iter().map(|digest| format!("{repository}@{digest}")).collect();
        Image { cache: Cache { kept, from }, ..self.clone() }
    }
}
