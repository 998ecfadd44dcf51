//! A rollout over time: tasks by revision, traffic as it was set and as it was measured, both versions minute by minute.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use shipit_core::analysis::Beside;
use shipit_core::event::{Compared, RolloutSeen};
use shipit_core::pipeline::Share;
use shipit_core::release::Revision;

/// A rollout over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// What the looks showed, oldest first; of looks that show the same the first and the last.
    pub looks: Vec<Look>,
    /// What both versions served, by the minute's beginning.
    pub minutes: BTreeMap<Timestamp, Beside>,
    /// How the candidate compared with the stable version at the last look that judged.
    pub compared: Option<Compared>,
    /// Stages as they were first seen, in ECS's words.
    pub stages: Vec<(Timestamp, String)>,
    /// What ECS said, each once, with the look at which it was first seen.
    pub said: Vec<(Timestamp, String)>,
    /// First looks after the run was cut off: what was between them and the looks before is not known.
    again: BTreeSet<Timestamp>,
    looking: Looking,
    candidate: Option<Revision>,
    stable: Option<Revision>,
}

/// Whether the next look follows the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Looking {
    /// It does.
    #[default]
    On,
    /// The run was cut off in between.
    Anew,
}

/// One look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// `desiredCount`.
    pub desired: u32,
    /// The candidate's tasks: RUNNING, and not yet.
    pub candidate: (u32, u32),
    /// The stable version's tasks that are RUNNING.
    pub stable: u32,
    /// Tasks of the candidate that had failed by then.
    pub failed: u32,
    /// The candidate's share of the traffic as the platform has set it, where traffic is shifted.
    pub share: Option<Share>,
}

impl Look {
    fn shows_the_same(&self, other: &Self) -> bool {
        Self { at: other.at, ..*self } == *other
    }
}

impl Course {
    /// The run goes on after it was cut off.
    pub fn begin(&mut self) {
        self.looking = if self.looks.is_empty() { Looking::On } else { Looking::Anew };
    }

    /// Each look with the one that followed it, as long as somebody looked.
    pub fn pairs(&self) -> impl Iterator<Item = (&Look, &Look)> {
        let pairs = self.looks.windows(2).map(|pair| (&pair[0], &pair[1]));
        pairs.filter(|(_, next)| !self.again.contains(&next.at))
    }

    /// The candidate's revision and the one it replaces.
    pub fn revisions(&self) -> Option<(&Revision, Option<&Revision>)> {
        self.candidate.as_ref().map(|candidate| (candidate, self.stable.as_ref()))
    }

    /// The first look and the last, or the minutes beside them.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.looks.first()?.at, self.looks.last()?.at))
    }

    /// Traffic was shifted: not where tasks were replaced.
    pub fn shifts(&self) -> bool {
        self.looks.iter().any(|look| look.share.is_some())
    }

    /// Takes a look in.
    pub fn look(&mut self, at: Timestamp, seen: &RolloutSeen) {
        let look = Look {
            at,
            desired: seen.desired,
            candidate: (seen.candidate.running, seen.candidate.pending),
            stable: seen.stable.as_ref().map_or(0, |stable| stable.running),
            failed: seen.failed_tasks,
            share: seen.shift.as_ref().and_then(|shift| shift.share),
        };
        if std::mem::take(&mut self.looking) == Looking::Anew {
            self.again.insert(at);
        }
        let is_first = |look: &Look| self.again.contains(&look.at);
        match self.looks.as_mut_slice() {
            [.., before, last]
                if before.shows_the_same(last) && last.shows_the_same(&look) && !is_first(last) && !is_first(&look) =>
            {
                *last = look;
            }
            _ => self.looks.push(look),
        }
        self.candidate = Some(seen.candidate.revision.clone());
        if let Some(stable) = &seen.stable {
            self.stable = Some(stable.revision.clone());
        }
        if let Some(event) = seen.event.as_ref().filter(|event| self.said.iter().all(|(_, said)| said != *event)) {
            self.said.push((at, event.clone()));
        }
        let Some(shift) = &seen.shift else { return };
        if self.stages.last().is_none_or(|(_, stage)| *stage != shift.stage) {
            self.stages.push((at, shift.stage.clone()));
        }
        if let Some(compared) = &shift.compared {
            self.compared = Some((**compared).clone());
        }
    }

    /// Takes minutes in; what has been counted further replaces what was known.
    pub fn serve(&mut self, minutes: &[Beside]) {
        self.minutes.extend(minutes.iter().map(|minute| (minute.start, *minute)));
    }
}
