//! Which way an image goes into the registry: shipit's own push or the Engine's. One place decides, from what was measured.

mod expected;

use serde::{Deserialize, Serialize};

use crate::pipeline::Compression;

pub use expected::{Expected, expected};

/// Bytes a second that the Engine's push takes in of layers it does not remember: one thread of gzip a layer.
const ENGINE: u64 = 33_000_000;
/// Bytes a second that shipit deflates and sends.
const OURS: u64 = 110_000_000;

/// How shipit gets at an image's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Each by itself, from the Engine's own files.
    Layers,
    /// All of them, as the Engine gives the image out.
    Archive,
    /// Not as layers that hash to their ids.
    None {
        /// Why.
        why: &'static str,
    },
}

/// A layer, as far as it matters for the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Bytes of the files in it.
    pub size: u64,
    /// shipit has sent it before and knows its digest.
    pub ours: Known,
    /// The Engine has pushed it there before.
    pub engines: Known,
}

/// Whether something is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// shipit's own push.
    Ours,
    /// The Engine's.
    Engines(Because),
    /// What the pipeline asks for cannot be had.
    Refused {
        /// Why.
        why: &'static str,
    },
}

/// Why the Engine pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It remembers the large layers.
    SmallIsNew,
    /// For one new layer it would have to give out the whole image, at every push again: what it remembers is worth more.
    Archive,
    /// Its store does not give out layers that hash to their ids.
    Store,
    /// shipit's own push could not be carried out.
    Fallback,
    /// Only the Engine was asked to push.
    Alone,
}

/// Who has pushed, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum PushedBy {
    /// shipit.
    Shipit {
        /// Layers sent.
        sent: u32,
        /// Layers in all.
        layers: u32,
    },
    /// The Engine.
    Engine {
        /// Why not shipit.
        because: Because,
    },
}

impl PushedBy {
    /// Of two pushes together: the Engine's, where one of them was.
    pub fn and(self, other: PushedBy) -> PushedBy {
        match (self, other) {
            (PushedBy::Shipit { sent, layers }, PushedBy::Shipit { sent: more, layers: others }) => {
                PushedBy::Shipit { sent: sent + more, layers: layers + others }
            }
            (engine @ PushedBy::Engine { .. }, _) | (_, engine) => engine,
        }
    }
}

/// Chooses: whichever should be done sooner, shipit where both are as soon; gzip out of an archive is the Engine's, for the
/// reason that [`Because::Archive`] gives.
pub fn choose(compression: Compression, reach: Reach, layers: &[Layer]) -> Way {
    match (reach, compression) {
        (Reach::None { why }, Compression::Zstd) => return Way::Refused { why },
        (Reach::None { .. }, Compression::Gzip) => return Way::Engines(Because::Store),
        // The Engine knows gzip alone.
        (_, Compression::Zstd) => return Way::Ours,
        (Reach::Archive, Compression::Gzip) => return Way::Engines(Because::Archive),
        (Reach::Layers, Compression::Gzip) => {}
    }
    let sum = |wanted: fn(&&Layer) -> bool| layers.iter().filter(wanted).map(|layer| layer.size).sum::<u64>();
    let ours = milliseconds(sum(|layer| layer.ours == Known::No), OURS);
    let engines = milliseconds(sum(|layer| layer.engines == Known::No), ENGINE);
    if ours <= engines { Way::Ours } else { Way::Engines(Because::SmallIsNew) }
}

fn milliseconds(bytes: u64, a_second: u64) -> u64 {
    bytes / (a_second / 1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Known::{No, Yes};

    const BIG: u64 = 200_000_000;

    fn layer(size: u64, ours: Known, engines: Known) -> Layer {
        Layer { size, ours, engines }
    }

    #[test]
    fn the_sooner_way_is_taken() {
        let cold = [layer(BIG, No, No), layer(10, No, No)];
        let small_after_ours = [layer(BIG, Yes, No), layer(10, No, No)];
        let small_after_engines = [layer(BIG, No, Yes), layer(10, No, No)];
        let unchanged_ours = [layer(BIG, Yes, No), layer(10, Yes, No)];
        let unchanged_engines = [layer(BIG, No, Yes), layer(10, No, Yes)];
        let engines = Way::Engines(Because::SmallIsNew);
        for (name, layers, way) in [
            ("cold", &cold, Way::Ours),
            ("a small layer after ours", &small_after_ours, Way::Ours),
            ("a small layer after the Engine's", &small_after_engines, engines),
            ("unchanged after ours", &unchanged_ours, Way::Ours),
            ("unchanged after the Engine's", &unchanged_engines, engines),
        ] {
            assert_eq!(choose(Compression::Gzip, Reach::Layers, layers), way, "{name}, from its files");
            assert_eq!(choose(Compression::Gzip, Reach::Archive, layers), Way::Engines(Because::Archive), "{name}, given out");
            assert_eq!(choose(Compression::Zstd, Reach::Archive, layers), Way::Ours, "{name}, zstd");
        }
    }

    #[test]
    fn a_store_without_layers_is_the_engine_s_own_affair() {
        let reach = Reach::None { why: "its store is containerd's" };
        let layers = [layer(BIG, No, No)];
        assert_eq!(choose(Compression::Gzip, reach, &layers), Way::Engines(Because::Store));
        assert_eq!(choose(Compression::Zstd, reach, &layers), Way::Refused { why: "its store is containerd's" });
    }

    proptest! {
        #[test]
        fn to_remember_more_never_moves_the_choice_away(sizes in proptest::collection::vec(0..1_u64 << 32, 1..40), at: usize) {
            let mut layers: Vec<Layer> = sizes.iter().map(|size| layer(*size, No, No)).collect();
            let at = at % layers.len();
            let before = choose(Compression::Gzip, Reach::Layers, &layers);
            layers[at].ours = Yes;
            let after = choose(Compression::Gzip, Reach::Layers, &layers);
            prop_assert!(before != Way::Ours || after == Way::Ours);
            layers.iter_mut().for_each(|layer| layer.ours = Yes);
            prop_assert_eq!(choose(Compression::Gzip, Reach::Layers, &layers), Way::Ours);
        }
    }
}
