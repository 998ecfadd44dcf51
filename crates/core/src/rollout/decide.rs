//! The decision itself: phase by phase, at most one act.

use jiff::Timestamp;

use super::{Act, Decision, OnStall, Phase, Policy, Progress, Rollout, Route, Seen, Sight, Why, Wish};
use crate::release::Revision;
use crate::settled::{Begun, Settled};

/// Decides.
pub fn decide(policy: &Policy, rollout: Rollout, seen: &Seen) -> Decision {
    match rollout.phase.clone() {
        Phase::Beginning => match seen.wish {
            Wish::GoOn => Decision { rollout, act: Some(Act::Begin) },
            Wish::Abort => stay(Rollout::in_phase(Phase::Left { why: Why::Aborted })),
        },
        Phase::Rolling { begun } => rolling(policy, rollout, seen, &begun),
        Phase::TurningBack { .. } => turning_back(policy, rollout, seen),
        Phase::Returning { begun, route, why } => returning(policy, rollout, seen, (&begun, route, &why)),
        Phase::Promoted { .. }
        | Phase::TurnedBack { .. }
        | Phase::Superseded { .. }
        | Phase::Left { .. }
        | Phase::Stuck { .. } => stay(rollout),
    }
}

fn rolling(policy: &Policy, rollout: Rollout, seen: &Seen, begun: &Begun) -> Decision {
    let (settled, progress) = match &seen.sight {
        Sight::Deployment { settled, progress } => (settled, *progress),
        Sight::Nothing => return blind(policy, rollout, seen, |why| give_up(policy, begun, why)),
    };
    match settled {
        Settled::Done { strength } => stay(Rollout::in_phase(Phase::Promoted { strength: *strength })),
        Settled::Superseded { by } => stay(Rollout::in_phase(Phase::Superseded { by: by.clone() })),
        Settled::RolledBack { to, reason } => {
            stay(Rollout::in_phase(Phase::TurnedBack { to: to.clone(), why: Why::Ecs { reason: reason.clone() } }))
        }
        Settled::RollingBack { reason } => stay(Rollout::in_phase(Phase::Returning {
            begun: begun.clone(),
            route: Route::Inside,
            why: Why::Ecs { reason: reason.clone() },
        })),
        Settled::Failed { reason } => give_up(policy, begun, Why::Ecs { reason: reason.clone() }),
        Settled::Pending if seen.wish == Wish::Abort => give_up(policy, begun, Why::Aborted),
        // ECS's breaker would wait for more of the same.
        Settled::Pending if let Some((cause, stops)) = seen.stops.hopeless() => {
            give_up(policy, begun, Why::Hopeless { cause, stops })
        }
        Settled::Pending => {
            let rollout = moved(rollout, progress, seen.at);
            match (stalled(policy, &rollout, seen.at), policy.on_stall) {
                (Stall::No, _) => stay(rollout),
                (Stall::Yes, OnStall::TurnBack) => give_up(policy, begun, Why::Stalled),
                (Stall::Yes, OnStall::Leave) => stay(Rollout::in_phase(Phase::Left { why: Why::Stalled })),
            }
        }
    }
}

/// Asked for until it is granted, but not for ever.
fn turning_back(policy: &Policy, rollout: Rollout, seen: &Seen) -> Decision {
    let rollout = Rollout { moved_at: Some(rollout.moved_at.unwrap_or(seen.at)), ..rollout };
    match stalled(policy, &rollout, seen.at) {
        Stall::No => Decision { rollout, act: Some(Act::TurnBack) },
        Stall::Yes => stay(Rollout::in_phase(Phase::Stuck {
            why: Why::ReturnFailed { reason: "AWS could not be asked for it".to_owned() },
        })),
    }
}

fn returning(policy: &Policy, rollout: Rollout, seen: &Seen, (begun, route, why): (&Begun, Route, &Why)) -> Decision {
    let stuck = |reason: String| stay(Rollout::in_phase(Phase::Stuck { why: Why::ReturnFailed { reason } }));
    let (settled, progress) = match &seen.sight {
        Sight::Deployment { settled, progress } => (settled, *progress),
        Sight::Nothing => return blind(policy, rollout, seen, |_| stuck("AWS cannot be asked".to_owned())),
    };
    let back = |to: &Revision| stay(Rollout::in_phase(Phase::TurnedBack { to: to.clone(), why: why.clone() }));
    match (settled, route) {
        (Settled::RolledBack { to, .. }, Route::Inside) => back(to),
        (Settled::Done { .. }, Route::Anew) => back(&begun.revision),
        // The stop came too late: our deployment had succeeded. It is undone as a whole, as a deployment of its own.
        (Settled::Done { .. }, Route::Inside) => give_up(policy, begun, why.clone()),
        (Settled::Superseded { by }, _) => stay(Rollout::in_phase(Phase::Superseded { by: by.clone() })),
        (Settled::Failed { reason }, _) | (Settled::RolledBack { reason, .. }, Route::Anew) => stuck(reason.clone()),
        (Settled::Pending | Settled::RollingBack { .. }, _) => {
            let rollout = moved(rollout, progress, seen.at);
            match stalled(policy, &rollout, seen.at) {
                Stall::No => stay(rollout),
                Stall::Yes => stuck("no progress on the way back".to_owned()),
            }
        }
    }
}

fn give_up(policy: &Policy, begun: &Begun, why: Why) -> Decision {
    match policy.before {
        Some(_) => {
            Decision { rollout: Rollout::in_phase(Phase::TurningBack { begun: begun.clone(), why }), act: Some(Act::TurnBack) }
        }
        None => stay(Rollout::in_phase(Phase::Stuck { why: Why::NothingBefore { failed: Box::new(why) } })),
    }
}

fn blind(policy: &Policy, rollout: Rollout, seen: &Seen, abort: impl FnOnce(Why) -> Decision) -> Decision {
    let rollout = Rollout { moved_at: Some(rollout.moved_at.unwrap_or(seen.at)), ..rollout };
    match (seen.wish, stalled(policy, &rollout, seen.at)) {
        (Wish::Abort, _) => abort(Why::Aborted),
        (Wish::GoOn, Stall::Yes) if matches!(rollout.phase, Phase::Returning { .. }) => abort(Why::Blind),
        (Wish::GoOn, Stall::Yes) => stay(Rollout::in_phase(Phase::Left { why: Why::Blind })),
        (Wish::GoOn, Stall::No) => stay(rollout),
    }
}

fn stay(rollout: Rollout) -> Decision {
    Decision { rollout, act: None }
}

fn moved(rollout: Rollout, progress: Progress, at: Timestamp) -> Rollout {
    let best = rollout.best.best(progress);
    let moved_at = if best == rollout.best { rollout.moved_at.or(Some(at)) } else { Some(at) };
    Rollout { best, moved_at, ..rollout }
}

enum Stall {
    Yes,
    No,
}

fn stalled(policy: &Policy, rollout: &Rollout, at: Timestamp) -> Stall {
    match rollout.moved_at {
        Some(moved_at) if at.duration_since(moved_at) > policy.patience => Stall::Yes,
        _ => Stall::No,
    }
}
