//! When production traffic moved to the candidate, and how the odds are shared out over its steps.

use jiff::Timestamp;

use crate::pipeline::Share;

/// When production traffic moved, as it was seen. What was judged before a step says nothing of the share after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Each share and when it was first seen; never empty.
    seen: Vec<(Timestamp, Share)>,
    /// How many shares the candidate gets one after the other.
    planned: usize,
}

/// What is known of the share that the candidate has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newest {
    /// It is the first one.
    First,
    /// It is one on the way; it began then.
    Step(Timestamp),
    /// It is all, and was less before; it began then.
    All(Timestamp),
}

/// A stretch of the minutes that is judged by a bet of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Minutes that began then or later.
    pub(super) from: Timestamp,
    /// Its part of the stake: all parts make 1, so that all bets together reach 100 in 1 run of 100 at the most.
    pub(super) stake: f64,
}

impl Moved {
    /// The candidate has its first share of so many.
    pub fn first(at: Timestamp, share: Share, planned: usize) -> Self {
        Self { seen: vec![(at, share)], planned }
    }

    /// The candidate has this share now.
    pub fn see(&mut self, at: Timestamp, share: Share) {
        if self.seen.last().is_none_or(|(_, last)| *last < share) {
            self.seen.push((at, share));
        }
    }

    /// When the candidate got production traffic first.
    pub fn since(&self) -> Timestamp {
        self.seen[0].0
    }

    /// When it got the share that it has now.
    pub fn last(&self) -> Timestamp {
        self.seen[self.seen.len() - 1].0
    }

    /// Since when no other version serves.
    pub(super) fn alone(&self) -> Option<Timestamp> {
        self.seen.iter().find(|(_, share)| *share >= Share::ALL).map(|(at, _)| *at)
    }

    pub(super) fn newest(&self) -> Newest {
        match self.seen.as_slice() {
            [_] => Newest::First,
            [.., (at, share)] if *share >= Share::ALL => Newest::All(*at),
            [.., (at, _)] => Newest::Step(*at),
            [] => Newest::First,
        }
    }

    /// The whole run has half of the stake; the other half is shared out evenly over the steps after the first.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let steps = self.planned.max(self.seen.len()) - 1;
        let whole = Stretch { from: self.since(), stake: if steps == 0 { 1.0 } else { 0.5 } };
        let each = 0.5 / steps.max(1) as f64;
        let later = self.seen.iter().skip(1).map(|(from, _)| Stretch { from: *from, stake: each });
        std::iter::once(whole).chain(later).collect()
    }
}
