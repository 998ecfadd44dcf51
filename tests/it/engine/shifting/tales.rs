//! What the new version of a judged shift is like, and how that ends when nothing else goes wrong.

use shipit_core::failure::Exit;

use super::stories::{By, fares, judged, tasks};
use crate::support::revisions::Behaviour;
use crate::support::routed::Quality;
use crate::support::scenario::Scenario;

/// What the new version is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tale {
    Good,
    Crashes,
    FailsUnderTraffic,
}

impl Tale {
    /// Each with each strategy.
    pub fn with_strategies() -> Vec<(By, Tale)> {
        let all = [Tale::Good, Tale::Crashes, Tale::FailsUnderTraffic];
        By::BY_SHARES.into_iter().flat_map(|by| all.map(|tale| (by, tale))).collect()
    }

    pub fn told(self, by: By) -> Scenario {
        match self {
            Tale::Good => judged(by),
            Tale::Crashes => tasks(judged(by), Behaviour::Crashes),
            Tale::FailsUnderTraffic => fares(judged(by), Quality::FAILS_UNDER_TRAFFIC),
        }
    }

    pub fn exit(self) -> Exit {
        if self == Tale::Good { Exit::Done } else { Exit::TurnedBack }
    }

    pub fn serves(self) -> &'static str {
        if self == Tale::Good { "web:2" } else { "web:1" }
    }

    /// The shares that the candidate has had in the end.
    pub fn shares(self, by: By) -> Vec<u32> {
        match self {
            Tale::Good => by.shares().to_vec(),
            Tale::Crashes => vec![0],
            Tale::FailsUnderTraffic => vec![0, by.shares()[1], 0],
        }
    }

    /// At which of its calls it is cut: at each of the first, which write, and at every few of the looks that follow; at other
    /// places for each strategy.
    pub fn places(self, by: By, calls: usize) -> impl Iterator<Item = usize> {
        let (first, few) = (40, 9);
        let offset = match by {
            By::BlueGreen => 0,
            By::Canary => 1,
            By::Linear => 3,
        };
        (0..first.min(calls))
            .filter(move |number| by == By::Canary || number % 4 == offset)
            .chain((first + offset..calls).step_by(few))
    }
}
