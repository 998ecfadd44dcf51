//! How far a rollout is: more of the candidate, fewer of the others, a later stage, is further.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rollout;
use crate::pipeline::Share;
use crate::release::Revision;
use crate::settled::{Begun, Evidence, ShiftSeen, Stage, shift_of};

/// How far a rollout is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Most RUNNING tasks of the followed deployment seen so far.
    pub arrived: u32,
    /// Fewest tasks of other deployments seen so far; none before the first look.
    pub leaving: Option<u32>,
    /// The furthest that traffic has been: the followed version's share, and the stage with it.
    #[serde(default)]
    pub shifted: (Share, u8),
}

impl Progress {
    /// Reads it off a look. Tasks of the followed revision count as arrived only in the PRIMARY deployment: on the way back
    /// the tasks that never left belong to an earlier deployment of the same revision, and are replaced as well.
    pub fn of(evidence: &Evidence, begun: &Begun, followed: &Revision) -> Self {
        let (ours, others): (Vec<_>, Vec<_>) =
            evidence.deployments.iter().partition(|deployment| deployment.role == "PRIMARY" && deployment.revision == *followed);
        Self {
            arrived: ours.iter().map(|deployment| deployment.running).sum(),
            leaving: Some(others.iter().map(|deployment| deployment.running + deployment.pending).sum()),
            shifted: shift_of(begun, evidence).map_or((Share::NONE, 0), |shift| shifted(shift, followed == &begun.revision)),
        }
    }

    pub(super) fn best(self, other: Progress) -> Progress {
        Progress {
            arrived: self.arrived.max(other.arrived),
            leaving: match (self.leaving, other.leaving) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            shifted: self.shifted.max(other.shifted),
        }
    }
}

fn shifted(shift: &ShiftSeen, forward: bool) -> (Share, u8) {
    let share = shift.production.unwrap_or_default();
    match forward {
        true => (share, rank(&shift.stage, share)),
        false => (Share(Share::ALL.0.saturating_sub(share.0)), u8::from(shift.stage == Stage::CleanUp)),
    }
}

/// The place of a stage among those that are passed at one share. While traffic moves by steps the shift comes first, then the
/// hook before the next one.
fn rank(stage: &Stage, share: Share) -> u8 {
    match stage {
        Stage::ProductionTrafficShift if share > Share::NONE => 1,
        Stage::PreProductionTrafficShift if share > Share::NONE => 2,
        Stage::Other(_) => 0,
        Stage::ReconcileService => 1,
        Stage::PreScaleUp => 2,
        Stage::ScaleUp => 3,
        Stage::PostScaleUp => 4,
        Stage::TestTrafficShift => 5,
        Stage::PostTestTrafficShift => 6,
        Stage::PreProductionTrafficShift => 7,
        Stage::ProductionTrafficShift => 8,
        Stage::PostProductionTrafficShift => 9,
        Stage::BakeTime => 10,
        Stage::CleanUp => 11,
    }
}

/// The rollout after a look that showed this.
pub(super) fn moved(rollout: Rollout, progress: Progress, at: Timestamp) -> Rollout {
    let best = rollout.best.best(progress);
    let moved_at = if best == rollout.best { rollout.moved_at.or(Some(at)) } else { Some(at) };
    Rollout { best, moved_at, ..rollout }
}
