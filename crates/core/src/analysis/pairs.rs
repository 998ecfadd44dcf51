//! Which minute of the candidate is compared with which of the stable version.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Moved;

/// A minute of each side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair<T> {
    /// When the candidate's minute began.
    pub(super) start: Timestamp,
    pub(super) candidate: T,
    pub(super) stable: T,
    pub(super) beside: Beside,
}

/// Which of the stable version's minutes it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// The same one.
    Same,
    /// An earlier one: in the same one the stable version had no traffic any more.
    Before,
}

impl<T> Pair<T> {
    pub(super) fn map<U>(&self, of: impl Fn(&T) -> Option<U>) -> Option<Pair<U>> {
        let (candidate, stable) = (of(&self.candidate)?, of(&self.stable)?);
        Some(Pair { start: self.start, candidate, stable, beside: self.beside })
    }
}

/// Pairs, the candidate's oldest minute first. As long as both serve, the same minutes; once the candidate serves alone, its
/// minutes one after the other with those of the stable version before that, the latest first. Each minute is in one pair
/// at most, and which pair that is depends on no number in it: so each pair is a fair bet, whatever came before.
pub(super) fn pair<T: Copy>(moved: &Moved, candidate: &BTreeMap<Timestamp, T>, stable: &BTreeMap<Timestamp, T>) -> Vec<Pair<T>> {
    let is_alone = |start: Timestamp| moved.alone().is_some_and(|alone| start >= alone);
    let beside = |start: Timestamp| stable.get(&start).filter(|_| start >= moved.since() && !is_alone(start));
    let mut spare = stable.iter().rev().filter(|(start, _)| {
        moved.alone().is_some() && !is_alone(**start) && !(**start >= moved.since() && candidate.contains_key(*start))
    });
    let pairs = candidate.iter().filter_map(|(&start, &candidate)| match beside(start) {
        Some(&stable) => Some(Pair { start, candidate, stable, beside: Beside::Same }),
        None if is_alone(start) => {
            let (_, &stable) = spare.next()?;
            Some(Pair { start, candidate, stable, beside: Beside::Before })
        }
        None => None,
    });
    pairs.collect()
}

/// How many of the pairs are with an earlier minute.
pub(super) fn before<T>(pairs: &[Pair<T>]) -> u32 {
    u32::try_from(pairs.iter().filter(|pair| pair.beside == Beside::Before).count()).unwrap_or(u32::MAX)
}

/// The pairs from then on.
pub(super) fn from<T>(pairs: &[Pair<T>], from: Timestamp) -> &[Pair<T>] {
    &pairs[pairs.partition_point(|pair| pair.start < from)..]
}
