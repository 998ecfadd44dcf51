//! The decision itself: phase by phase, at most one act.

use super::guard::{Guarded, crowded, guarded, ours};
use super::patience::{Stall, stalled};
use super::progress::moved;
use super::{Act, Decision, Judged, OnStall, Phase, Policy, Rollout, Route, Seen, Sight, Until, Why, Wish};
use crate::pipeline::PauseAt;
use crate::release::Revision;
use crate::settled::{Begun, Settled, ShiftSeen};

/// Decides.
pub fn decide(policy: &Policy, rollout: Rollout, seen: &Seen) -> Decision {
    match rollout.phase.clone() {
        Phase::Beginning => match seen.wish {
            Wish::GoOn => Decision { rollout, act: Some(Act::Begin) },
            Wish::Abort => stay(rollout.to(Phase::Left { why: Why::Aborted })),
        },
        Phase::Rolling { begun } => rolling(policy, rollout, seen, &begun),
        Phase::TurningBack { .. } => turning_back(policy, rollout, seen),
        Phase::Returning { begun, route, why } => returning(policy, rollout, seen, (&begun, route, &why)),
        Phase::Promoted { .. }
        | Phase::Reached { .. }
        | Phase::Paused { .. }
        | Phase::TurnedBack { .. }
        | Phase::Superseded { .. }
        | Phase::Left { .. }
        | Phase::Stuck { .. } => stay(rollout),
    }
}

fn rolling(policy: &Policy, rollout: Rollout, seen: &Seen, begun: &Begun) -> Decision {
    let (settled, progress, shift) = match &seen.sight {
        Sight::Deployment { settled, progress, shift } => (settled, *progress, shift.as_deref()),
        Sight::Nothing => {
            let back = rollout.clone();
            return blind(policy, rollout, seen, |why| give_up(policy, back, begun, why));
        }
    };
    match settled {
        Settled::Done { strength } => stay(rollout.to(Phase::Promoted { strength: *strength })),
        Settled::Superseded { by } => stay(rollout.to(Phase::Superseded { by: by.clone() })),
        Settled::RolledBack { to, reason } => {
            stay(rollout.to(Phase::TurnedBack { to: to.clone(), why: Why::Ecs { reason: reason.clone() } }))
        }
        Settled::RollingBack { reason } => stay(rollout.to(Phase::Returning {
            begun: begun.clone(),
            route: Route::Inside,
            why: Why::Ecs { reason: reason.clone() },
        })),
        Settled::Failed { reason } => give_up(policy, rollout, begun, Why::Ecs { reason: reason.clone() }),
        Settled::Pending if seen.wish == Wish::Abort => give_up(policy, rollout, begun, Why::Aborted),
        // ECS's breaker would wait for more of the same.
        Settled::Pending if let Some((cause, stops)) = seen.stops.hopeless() => {
            give_up(policy, rollout, begun, Why::Hopeless { cause, stops })
        }
        Settled::Pending => {
            let rollout = moved(rollout, progress, seen.at);
            match shift {
                Some(shift) => shifting(policy, rollout, seen, begun, shift),
                None => patiently(policy, rollout, seen, begun, None),
            }
        }
    }
}

/// Traffic moves: bad evidence turns back at any stage; good evidence and people's answers count where the platform waits.
fn shifting(policy: &Policy, rollout: Rollout, seen: &Seen, begun: &Begun, shift: &ShiftSeen) -> Decision {
    if let Judged::Worse { found } = &seen.judged {
        return give_up(policy, rollout, begun, Why::Worse { found: found.clone() });
    }
    // Where the platform does not wait for the verdict at the end, waiting longer would let all pass.
    if let Judged::Inconclusive { found } = &seen.judged
        && !policy.guards.contains_key(&PauseAt::AfterProduction)
    {
        return give_up(policy, rollout, begun, Why::Inconclusive { found: found.clone() });
    }
    if policy.until.is_reached(shift) {
        let (stage, baking_until) = (shift.stage.clone(), shift.baking_until);
        return stay(rollout.to(Phase::Reached { begun: begun.clone(), stage, baking_until }));
    }
    let hook = ours(&policy.guards, shift).filter(|(_, hook)| !rollout.answered.contains(&hook.id));
    let alone = || hook.map_or(Guarded::Wait, |(guard, hook)| guarded(guard, hook, shift, &seen.judged, &seen.person));
    match crowded(&policy.guards, shift, &seen.judged, &seen.person).unwrap_or_else(alone) {
        Guarded::Wait => patiently(policy, rollout, seen, begun, Some(shift)),
        Guarded::Proceed(hook) => Decision { rollout, act: Some(Act::Proceed { hook }) },
        Guarded::TurnBack(why) => give_up(policy, rollout, begun, why),
        Guarded::Ask(hook) => stay(rollout.to(Phase::Paused {
            begun: begun.clone(),
            stage: shift.stage.clone(),
            hook: hook.id,
            expires_at: hook.expires_at,
            then: hook.then,
        })),
    }
}

fn patiently(policy: &Policy, rollout: Rollout, seen: &Seen, begun: &Begun, shift: Option<&ShiftSeen>) -> Decision {
    match (stalled(policy, &rollout, shift, seen.at), policy.on_stall) {
        (Stall::No, _) => stay(rollout),
        (Stall::Yes, OnStall::TurnBack) => give_up(policy, rollout, begun, Why::Stalled),
        (Stall::Yes, OnStall::Leave) => stay(rollout.to(Phase::Left { why: Why::Stalled })),
    }
}

/// Asked for until it is granted, but not for ever.
fn turning_back(policy: &Policy, rollout: Rollout, seen: &Seen) -> Decision {
    let rollout = Rollout { moved_at: Some(rollout.moved_at.unwrap_or(seen.at)), ..rollout };
    match stalled(policy, &rollout, None, seen.at) {
        Stall::No => Decision { rollout, act: Some(Act::TurnBack) },
        Stall::Yes => {
            let why = Why::ReturnFailed { reason: "AWS could not be asked for it".to_owned() };
            stay(rollout.to(Phase::Stuck { why }))
        }
    }
}

fn returning(policy: &Policy, rollout: Rollout, seen: &Seen, (begun, route, why): (&Begun, Route, &Why)) -> Decision {
    let at = rollout.clone();
    let stuck = |reason: String| stay(at.clone().to(Phase::Stuck { why: Why::ReturnFailed { reason } }));
    let (settled, progress, shift) = match &seen.sight {
        Sight::Deployment { settled, progress, shift } => (settled, *progress, shift.as_deref()),
        Sight::Nothing => return blind(policy, rollout, seen, |_| stuck("AWS cannot be asked".to_owned())),
    };
    let back = |to: &Revision| stay(at.clone().to(Phase::TurnedBack { to: to.clone(), why: why.clone() }));
    match (settled, route) {
        (Settled::RolledBack { to, .. }, Route::Inside) => back(to),
        (Settled::Done { .. }, Route::Anew) => back(&begun.revision),
        // The stop came too late: our deployment had succeeded. It is undone as a whole, as a deployment of its own.
        (Settled::Done { .. }, Route::Inside) => give_up(policy, rollout, begun, why.clone()),
        (Settled::Superseded { by }, _) => stay(rollout.to(Phase::Superseded { by: by.clone() })),
        (Settled::Failed { reason }, _) | (Settled::RolledBack { reason, .. }, Route::Anew) => stuck(reason.clone()),
        (Settled::Pending | Settled::RollingBack { .. }, _) => {
            let rollout = moved(rollout, progress, seen.at);
            // All traffic is back; what is left is the platform's wait before the tasks end that have none.
            if route == Route::Anew
                && policy.until == Until::TrafficShifted
                && shift.is_some_and(|shift| policy.until.is_reached(shift))
            {
                return stay(rollout.to(Phase::TurnedBack { to: begun.revision.clone(), why: why.clone() }));
            }
            // On the way back by a shift nothing is judged: the revision is known, and whoever waits for it wants it back.
            if route == Route::Anew
                && let Some((_, hook)) = shift.and_then(|shift| ours(&policy.guards, shift))
                && !rollout.answered.contains(&hook.id)
            {
                return Decision { act: Some(Act::Proceed { hook: hook.id.clone() }), rollout };
            }
            match stalled(policy, &rollout, shift, seen.at) {
                Stall::No => stay(rollout),
                Stall::Yes => stuck("no progress on the way back".to_owned()),
            }
        }
    }
}

fn give_up(policy: &Policy, rollout: Rollout, begun: &Begun, why: Why) -> Decision {
    match policy.before {
        Some(_) => Decision { rollout: rollout.to(Phase::TurningBack { begun: begun.clone(), why }), act: Some(Act::TurnBack) },
        None => stay(rollout.to(Phase::Stuck { why: Why::NothingBefore { failed: Box::new(why) } })),
    }
}

fn blind(policy: &Policy, rollout: Rollout, seen: &Seen, abort: impl FnOnce(Why) -> Decision) -> Decision {
    let rollout = Rollout { moved_at: Some(rollout.moved_at.unwrap_or(seen.at)), ..rollout };
    match (seen.wish, stalled(policy, &rollout, None, seen.at)) {
        (Wish::Abort, _) => abort(Why::Aborted),
        (Wish::GoOn, Stall::Yes) if matches!(rollout.phase, Phase::Returning { .. }) => abort(Why::Blind),
        (Wish::GoOn, Stall::Yes) => stay(rollout.to(Phase::Left { why: Why::Blind })),
        (Wish::GoOn, Stall::No) => stay(rollout),
    }
}

fn stay(rollout: Rollout) -> Decision {
    Decision { rollout, act: None }
}
