//! What the plan knows of a push: which way it will go, or may, before anybody knows the image's layers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Reach;
use crate::pipeline::Compression;

/// Which way a push will go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Expected {
    /// shipit's own, for the Engine's knows gzip alone.
    Shipit,
    /// shipit's own, unless the Engine remembers large layers that shipit does not.
    LayerByLayer,
    /// The Engine's.
    Engine {
        /// Why not shipit's own.
        why: String,
    },
}

/// The way that [`choose`](super::choose) will take of a push, as far as its layers leave no choice.
///
/// # Errors
/// Why layers cannot be kept so.
pub fn expected(compression: Compression, reach: Reach) -> Result<Expected, &'static str> {
    match (compression, reach) {
        (Compression::Zstd, Reach::None { why }) => Err(why),
        (Compression::Zstd, Reach::Layers | Reach::Archive) => Ok(Expected::Shipit),
        (Compression::Gzip, Reach::Layers) => Ok(Expected::LayerByLayer),
        (Compression::Gzip, Reach::Archive) => Ok(Expected::Engine { why: "its files cannot be read here".to_owned() }),
        (Compression::Gzip, Reach::None { why }) => Ok(Expected::Engine { why: why.to_owned() }),
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Shipit => f.write_str("by shipit, with zstd"),
            Expected::LayerByLayer => f.write_str("by shipit, layer by layer, unless the Engine remembers more of it"),
            Expected::Engine { why } => write!(f, "by the Engine: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Because, Known, Layer, Way, choose};
    use super::*;

    /// Whatever the layers turn out to be, the push goes a way that was announced.
    #[test]
    fn what_is_expected_is_what_is_chosen() {
        let layers =
            |ours, engines| [Layer { size: 200_000_000, ours, engines }, Layer { size: 10, ours: Known::No, engines: Known::No }];
        for compression in [Compression::Gzip, Compression::Zstd] {
            for reach in [Reach::Layers, Reach::Archive, Reach::None { why: "its image store is containerd's" }] {
                let expected = expected(compression, reach);
                for (ours, engines) in
                    [(Known::No, Known::No), (Known::Yes, Known::No), (Known::No, Known::Yes), (Known::Yes, Known::Yes)]
                {
                    let way = choose(compression, reach, &layers(ours, engines));
                    let is_announced = match &expected {
                        Ok(Expected::Shipit) => way == Way::Ours,
                        Ok(Expected::LayerByLayer) => {
                            way == Way::Ours || (engines, way) == (Known::Yes, Way::Engines(Because::SmallIsNew))
                        }
                        Ok(Expected::Engine { .. }) => matches!(way, Way::Engines(Because::Store | Because::Archive)),
                        Err(why) => way == Way::Refused { why },
                    };
                    assert!(is_announced, "{compression:?} {reach:?}: {expected:?}, and {way:?}");
                }
            }
        }
    }

    #[test]
    fn the_way_in_words() {
        let words = |compression, reach| expected(compression, reach).map(|expected| expected.to_string());
        let none = Reach::None { why: "its image store is containerd's" };
        for (compression, reach, said) in [
            (Compression::Gzip, Reach::Layers, "by shipit, layer by layer, unless the Engine remembers more of it"),
            (Compression::Gzip, Reach::Archive, "by the Engine: its files cannot be read here"),
            (Compression::Gzip, none, "by the Engine: its image store is containerd's"),
            (Compression::Zstd, Reach::Layers, "by shipit, with zstd"),
        ] {
            assert_eq!(words(compression, reach).as_deref(), Ok(said));
        }
        assert_eq!(words(Compression::Zstd, none), Err("its image store is containerd's"));
    }
}
