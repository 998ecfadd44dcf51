//! `.shipit/build.json`: what `build`, `push` and `scan` hand over to whoever reads on, by image. It is for reading: no verb of
//! shipit decides on it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gate::Verdict;
use crate::pipeline::Name;
use crate::release::{Commit, Digest, Tag};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// The pipeline's name.
    pub pipeline: Name,
    /// Its images.
    pub images: BTreeMap<Name, Handed>,
}

/// One image, as far as the verbs have brought it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// The ECR repository's name.
    pub repository: String,
    /// The commit it was made of.
    pub commit: Commit,
    /// The tag of that commit.
    pub tag: Tag,
    /// Its digest in the registry; none while it is only built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What the gate said of that digest, and when; none until it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gated>,
    /// When this entry was written.
    pub at: Timestamp,
}

/// What the gate said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gated {
    /// When.
    pub judged_at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Handover {
    /// The file with these images brought up to date; what is there of others stays. A file that cannot be read, or is of another
    /// pipeline, is begun anew.
    pub fn updated(before: Option<&str>, pipeline: &str, images: BTreeMap<Name, Handed>) -> Self {
        let before: Option<Handover> = before.and_then(|text| serde_json::from_str(text).ok());
        let mut all = before.filter(|before| before.pipeline == pipeline).map(|before| before.images).unwrap_or_default();
        for (name, mut image) in images {
            // A verdict is of a digest: it stays with it.
            let same = all.get(&name).filter(|known| known.digest.is_some() && known.digest == image.digest);
            image.gate = image.gate.or_else(|| same.and_then(|known| known.gate.clone()));
            all.insert(name, image);
        }
        Self { pipeline: pipeline.to_owned(), images: all }
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(digest: Option<&str>) -> Handed {
        Handed {
            repository: "shop/web".into(),
            commit: Commit("4f2a91c".into()),
            tag: Tag("4f2a91c".into()),
            digest: digest.map(|digest| Digest(digest.into())),
            gate: None,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn updated(before: Option<&str>, name: &str, image: Handed) -> Handover {
        Handover::updated(before, "shop", BTreeMap::from([(name.to_owned(), image)]))
    }

    #[test]
    fn a_verb_brings_its_images_up_to_date_and_keeps_the_others() {
        let gate = Some(Gated { judged_at: Timestamp::UNIX_EPOCH, verdict: Verdict::Pass(Box::default()) });
        let judged = updated(None, "web", Handed { gate: gate.clone(), ..handed(Some("sha256:1")) });
        let text = judged.text();
        assert_eq!(serde_json::from_str::<Handover>(&text).unwrap(), judged);
        let other = updated(Some(&text), "api", handed(None));
        assert_eq!(other.images["web"], judged.images["web"], "not its image");
        assert_eq!(updated(Some(&text), "web", handed(Some("sha256:1"))).images["web"].gate, gate, "the same digest");
        for changed in [Some("sha256:2"), None] {
            assert_eq!(
                updated(Some(&text), "web", handed(changed)).images["web"].gate,
                None,
                "{changed:?}: nobody has judged it"
            );
        }
    }

    #[test]
    fn what_is_not_ours_is_begun_anew() {
        let elsewhere = Handover::updated(None, "mall", BTreeMap::from([("web".to_owned(), handed(None))])).text();
        for text in ["", "{", "[]", &elsewhere] {
            assert_eq!(updated(Some(text), "api", handed(None)).images.len(), 1, "{text}");
        }
    }
}
