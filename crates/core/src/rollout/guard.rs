//! Who says how a rollout goes on where the platform waits: the evidence, a person, both, or someone else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Policy, Rollout, Why};
use crate::analysis::Judge;
use crate::codedeploy::Alarms;
use crate::pipeline::{Pause, PauseAt, Service, Share};
use crate::plan::{Driver, JUDGED, Roll};
use crate::settled::{HookId, HookSeen, ShiftSeen};

/// At which stages this rollout has hooks of its own, and what answers them. A hook anywhere else is someone else's.
pub type Guards = BTreeMap<PauseAt, Guard>;

/// What answers the hook of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// `judge:`: the evidence alone.
    Judge,
    /// `pause:`: a person.
    Person,
    /// Both: a person is asked once the evidence is good.
    Both,
    /// Nobody: whoever asked for the rollout has answered beforehand.
    Nobody,
}

/// The hooks that a planned rollout has placed.
pub(super) fn guards(roll: &Roll) -> Guards {
    // At Ready of a group that waits there, a way back that nothing is to hold would wait for ever.
    if roll.driver == Driver::CodeDeploy && roll.alarms == Alarms::Off {
        return [(PauseAt::BeforeProduction, Guard::Nobody)].into();
    }
    asked(roll.pause.as_ref(), roll.judge.as_ref(), roll.driver)
}

/// Those that any rollout of this service places, as the pipeline file has it.
pub fn wished(service: &Service, driver: Driver) -> Guards {
    asked(service.pause.as_ref(), service.judge.as_ref(), driver)
}

fn asked(pause: Option<&Pause>, judge: Option<&Judge>, driver: Driver) -> Guards {
    let mut guards: Guards = pause.iter().flat_map(|pause| &pause.at).map(|at| (*at, Guard::Person)).collect();
    // CodeDeploy waits once all traffic has moved, and asks nobody.
    let is_there = |at: &PauseAt| driver == Driver::Ecs || *at == PauseAt::BeforeProduction;
    for at in judge.iter().flat_map(|_| JUDGED).filter(is_there) {
        guards.entry(at).and_modify(|guard| *guard = Guard::Both).or_insert(Guard::Judge);
    }
    guards
}

impl Guard {
    fn is_judged(self) -> bool {
        matches!(self, Guard::Judge | Guard::Both)
    }

    fn asks(self) -> bool {
        matches!(self, Guard::Person | Guard::Both)
    }
}

/// How an open hook is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// CONTINUE.
    Continue,
    /// ROLLBACK.
    Rollback,
}

/// What the analysis says of the candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Judged {
    /// Nothing is judged, or nothing could be looked at.
    #[default]
    Missing,
    /// Nothing that the candidate was asked so far speaks against it, and production traffic has not reached it yet.
    Untried,
    /// It is not worse.
    Good,
    /// That cannot be told yet.
    Open,
    /// That could not be told for longer than the judge's patience.
    Inconclusive {
        /// What was found, in words for a person.
        found: String,
    },
    /// It is worse.
    Worse {
        /// What was found, in words for a person.
        found: String,
    },
}

/// What a person says at a pause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Person {
    /// There is nobody to ask.
    #[default]
    Away,
    /// Someone is here and has not answered.
    Here,
    /// Someone has.
    Said {
        /// To which hook.
        hook: HookId,
        /// What.
        answer: Answer,
    },
}

/// What follows at the hooks of a look.
pub(super) enum Guarded {
    /// Nothing: there is no open hook, or it is not for us to answer, or its answer is waited for.
    Wait,
    /// The hook is to be answered.
    Proceed(HookId),
    /// The rollout is to go back.
    TurnBack(Why),
    /// A person is to be asked who is not here.
    Ask(HookSeen),
}

/// The hook that is ours to answer, with what answers it. Where more than one waits it cannot be told which is ours.
pub(super) fn ours<'a>(guards: &Guards, shift: &'a ShiftSeen) -> Option<(Guard, &'a HookSeen)> {
    let guard = *guards.get(&shift.stage.pause()?)?;
    let mut waiting = shift.hooks.iter().filter(|hook| hook.is_open_pause());
    match (waiting.next(), waiting.next()) {
        (Some(hook), None) => Some((guard, hook)),
        _ => None,
    }
}

/// Several pauses are open where this rollout has one: whose is whose cannot be told, so that a person has to answer all of
/// them. The evidence is waited for first; then the first of them stands for all where nobody is here.
pub(super) fn crowded(guards: &Guards, shift: &ShiftSeen, judged: &Judged, person: &Person) -> Option<Guarded> {
    let guard = *guards.get(&shift.stage.pause()?)?;
    let mut waiting = shift.hooks.iter().filter(|hook| hook.is_open_pause());
    let (first, _) = (waiting.next()?, waiting.next()?);
    let asks = if guard.is_judged() { Guard::Both } else { Guard::Person };
    let person = if *person == Person::Away { &Person::Away } else { &Person::Here };
    Some(guarded(asks, first, shift, judged, person))
}

/// The hook that a person is to be asked about now, if there is one.
pub fn to_ask<'a>(policy: &Policy, rollout: &Rollout, shift: &'a ShiftSeen, judged: &Judged) -> Option<&'a HookSeen> {
    let (guard, hook) = ours(&policy.guards, shift)?;
    let open = !rollout.answered.contains(&hook.id);
    let asks = matches!(guarded(guard, hook, shift, judged, &Person::Away), Guarded::Ask(_));
    (open && asks).then_some(hook)
}

pub(super) fn guarded(guard: Guard, hook: &HookSeen, shift: &ShiftSeen, judged: &Judged, person: &Person) -> Guarded {
    if guard.is_judged() {
        match judged {
            Judged::Good => {}
            Judged::Untried if shift.production == Some(Share::NONE) => {}
            Judged::Missing | Judged::Open | Judged::Untried => return Guarded::Wait,
            Judged::Inconclusive { found } => return Guarded::TurnBack(Why::Inconclusive { found: found.clone() }),
            Judged::Worse { found } => return Guarded::TurnBack(Why::Worse { found: found.clone() }),
        }
    }
    match person {
        _ if !guard.asks() => Guarded::Proceed(hook.id.clone()),
        Person::Said { hook: said, answer } if *said == hook.id => match answer {
            Answer::Continue => Guarded::Proceed(hook.id.clone()),
            Answer::Rollback => Guarded::TurnBack(Why::Answered),
        },
        Person::Away => Guarded::Ask(hook.clone()),
        Person::Here | Person::Said { .. } => Guarded::Wait,
    }
}
