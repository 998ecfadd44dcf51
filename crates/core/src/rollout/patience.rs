//! When standing still is a stall: a bake and an open hook are waited for as long as the platform does.

use jiff::{SignedDuration, Timestamp};

use super::{Policy, Rollout};
use crate::settled::{HookSeen, HookStatus, ShiftSeen, Stage};

/// How long ECS lets one stage take, and its default for a pause.
const LONGEST_STAGE: SignedDuration = SignedDuration::from_hours(24);

/// Whether it has stood still for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    Yes,
    No,
}

pub(super) fn stalled(policy: &Policy, rollout: &Rollout, shift: Option<&ShiftSeen>, at: Timestamp) -> Stall {
    let Some(moved_at) = rollout.moved_at else { return Stall::No };
    let until = shift.map_or(moved_at, |shift| still_until(policy, shift, moved_at).max(moved_at));
    if at.duration_since(until) > policy.patience { Stall::Yes } else { Stall::No }
}

/// Until when nothing has to move.
fn still_until(policy: &Policy, shift: &ShiftSeen, moved_at: Timestamp) -> Timestamp {
    let after = |span: SignedDuration| moved_at.saturating_add(span).unwrap_or(moved_at);
    let open = |hook: &&HookSeen| !matches!(hook.status, HookStatus::Succeeded | HookStatus::Failed | HookStatus::TimedOut);
    if let Some(last) = shift.hooks.iter().filter(open).map(|hook| hook.expires_at.unwrap_or(after(LONGEST_STAGE))).max() {
        return last;
    }
    match &shift.stage {
        Stage::BakeTime => shift.baking_until.unwrap_or(moved_at).max(after(policy.bake)),
        // The bake of a step belongs to it.
        Stage::ProductionTrafficShift => after(policy.bake),
        Stage::Other(_) => after(LONGEST_STAGE),
        _ => moved_at,
    }
}
