//! What holds of every rollout that shifts traffic, over a model platform that waits at hooks, forgets, fails, expires, is
//! sometimes not seen and sometimes seen late, while evidence and people say what they like.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use shipit_core::failure::{KINDS, Kind, Stops};
use shipit_core::pipeline::{PauseAt, Share};
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::rollout::{
    Act, Answer, Guard, Guards, Handle, Judged, OnStall, Person, Phase, Policy, Progress, Rollout, Seen, Sight, Until, Why, Wish,
    acted, decide,
};
use shipit_core::settled::{
    Begun, DeploymentSeen, Evidence, HookId, HookKind, HookSeen, HookStatus, RolloutState, ServiceDeployment, ServiceDeployments,
    ShiftSeen, Stage, Status, settled, shift_of,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn revision(number: u32) -> Revision {
    Revision(format!("arn:aws:ecs:eu-west-1:1:task-definition/web:{number}"))
}

/// One stop on the way of a shift.
type Stop = (Stage, Share);

/// The way of a canary, of a linear shift, of blue/green; with a stage that nobody knows, if wanted.
fn way(steps: &[u32], novelty: bool) -> Vec<Stop> {
    let mut way: Vec<Stop> = vec![
        (Stage::PreScaleUp, Share::NONE),
        (Stage::ScaleUp, Share::NONE),
        (Stage::PostScaleUp, Share::NONE),
        (Stage::TestTrafficShift, Share::NONE),
        (Stage::PostTestTrafficShift, Share::NONE),
    ];
    let mut share = Share::NONE;
    for step in steps {
        way.push((Stage::PreProductionTrafficShift, share));
        share = Share::percent(*step);
        way.push((Stage::ProductionTrafficShift, share));
        if novelty {
            way.push((Stage::Other("VERIFY".to_owned()), share));
        }
    }
    way.extend([(Stage::PostProductionTrafficShift, share), (Stage::BakeTime, share), (Stage::CleanUp, share)]);
    way
}

/// What a hook at a stage looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placed {
    /// Ours alone.
    Ours,
    /// Ours, and someone else's beside it.
    OursAndTheirs,
    /// Someone else's alone.
    Theirs,
    /// A function's.
    Lambda,
}

#[derive(Clone, Debug)]
struct Platform {
    now: i64,
    way: Vec<Stop>,
    place: usize,
    placed: BTreeMap<PauseAt, Placed>,
    hooks: Vec<HookSeen>,
    next_hook: u32,
    expires: Option<i64>,
    status: Status,
    reason: Option<String>,
    /// Someone else's call.
    foreign: Option<i64>,
    shows_share: bool,
    /// The earlier revision is being brought back by a deployment of its own, asked for then.
    anew: Option<(i64, Status)>,
}

#[derive(Clone, Debug)]
enum Turn {
    Advance,
    Idle,
    Fail,
    Return,
    TakeOver,
    Unseen,
    /// The look shows the hooks as they were before the last answer.
    Stale,
    Abort,
    Dies(usize),
    Judged(Judged),
    Says(Option<Answer>),
    Leaves,
    /// A person or another process answers what is open.
    Elsewhere,
}

impl Platform {
    fn enter(&mut self) {
        self.hooks.clear();
        let Some(placed) = self.way[self.place].0.pause().and_then(|pause| self.placed.get(&pause)).copied() else { return };
        let kinds: &[HookKind] = match placed {
            Placed::Ours | Placed::Theirs => &[HookKind::Pause],
            Placed::OursAndTheirs => &[HookKind::Pause, HookKind::Pause],
            Placed::Lambda => &[HookKind::Lambda],
        };
        for kind in kinds {
            self.next_hook += 1;
            self.hooks.push(HookSeen {
                id: HookId(format!("ecs-pause-{}", self.next_hook)),
                kind: kind.clone(),
                status: if *kind == HookKind::Pause { HookStatus::AwaitingAction } else { HookStatus::InProgress },
                expires_at: self.expires.map(|span| at(self.now + span)),
                then: Some("ROLLBACK".to_owned()),
            });
        }
    }

    fn is_waiting(&self) -> bool {
        self.hooks.iter().any(|hook| hook.status != HookStatus::Succeeded)
    }

    fn advance(&mut self) {
        for hook in self.hooks.iter_mut().filter(|hook| hook.kind == HookKind::Lambda) {
            hook.status = HookStatus::Succeeded;
        }
        if self.is_waiting() {
            return;
        }
        self.place += 1;
        if self.place == self.way.len() {
            self.place -= 1;
            self.status = Status::Successful;
            return;
        }
        self.enter();
    }

    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        let now = at(self.now);
        let expired = self.is_waiting() && self.hooks.iter().any(|hook| hook.expires_at.is_some_and(|expires| expires <= now));
        if expired && self.status == Status::InProgress {
            self.status = Status::RollbackInProgress;
            self.reason = Some("a pause hook timed out".to_owned());
        }
    }

    fn turn(&mut self, turn: &Turn) {
        if let Some((_, status)) = &mut self.anew {
            if matches!(turn, Turn::Advance | Turn::Return) {
                *status = Status::Successful;
            }
            return;
        }
        match (turn, &self.status) {
            (Turn::Advance, Status::InProgress) => self.advance(),
            (Turn::Fail, Status::InProgress) => self.status = Status::RollbackInProgress,
            (Turn::Advance | Turn::Return, Status::RollbackInProgress) => self.status = Status::RollbackSuccessful,
            (Turn::TakeOver, _) => {
                self.foreign.get_or_insert(self.now);
            }
            (Turn::Elsewhere, Status::InProgress) => {
                self.hooks.iter_mut().for_each(|hook| hook.status = HookStatus::Succeeded);
            }
            _ => {}
        }
    }

    fn shift(&self) -> ShiftSeen {
        let (stage, share) = self.way[self.place].clone();
        ShiftSeen {
            stage,
            production: self.shows_share.then_some(share),
            test: None,
            candidate_groups: Vec::new(),
            stable_groups: Vec::new(),
            hooks: self.hooks.clone(),
            baking_until: None,
        }
    }

    fn evidence(&self, begun: &Begun, hooks: Option<&[HookSeen]>) -> Evidence {
        let mut shift = self.shift();
        if let Some(hooks) = hooks {
            shift.hooks = hooks.to_vec();
        }
        let one = |number: u32, created: i64, status: &Status, shift: Option<ShiftSeen>| ServiceDeployment {
            arn: format!("sd/{number}"),
            created_at: at(created),
            revision: revision(number),
            status: status.clone(),
            reason: self.reason.clone(),
            shift,
        };
        let mut list = vec![one(2, 0, &self.status, Some(shift))];
        let mut primary = if matches!(self.status, Status::RollbackInProgress | Status::RollbackSuccessful) { 1 } else { 2 };
        if let Some((asked, status)) = &self.anew {
            list.push(one(1, *asked, status, None));
            primary = 1;
        }
        if let Some(asked) = self.foreign {
            list.push(one(9, asked, &Status::InProgress, None));
            primary = 9;
        }
        list.retain(|one| one.created_at >= begun.asked_at);
        Evidence {
            at: at(self.now),
            service_deployments: ServiceDeployments::Listed { list },
            deployments: vec![DeploymentSeen {
                id: DeploymentId(format!("ecs-svc/{primary}")),
                role: "PRIMARY".into(),
                revision: revision(primary),
                rollout: RolloutState::InProgress,
                reason: None,
                desired: 3,
                running: 3,
                pending: 0,
                failed: 0,
            }],
            desired: 3,
            running: 3,
            pending: 0,
            events: Vec::new(),
        }
    }
}

fn judgements() -> impl Strategy<Value = Judged> {
    prop_oneof![
        1 => Just(Judged::Missing),
        1 => Just(Judged::Untried),
        4 => Just(Judged::Good),
        1 => Just(Judged::Open),
        1 => Just(Judged::Inconclusive { found: "too few requests".into() }),
        1 => Just(Judged::Worse { found: "4.8% errors".into() }),
    ]
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        20 => Just(Turn::Advance), 4 => Just(Turn::Idle), 1 => Just(Turn::Fail), 2 => Just(Turn::Return),
        1 => Just(Turn::TakeOver), 2 => Just(Turn::Unseen), 2 => Just(Turn::Stale), 1 => Just(Turn::Abort),
        1 => (0..KINDS.len()).prop_map(Turn::Dies), 8 => judgements().prop_map(Turn::Judged),
        6 => prop_oneof![3 => Just(Some(Answer::Continue)), 1 => Just(Some(Answer::Rollback)), 1 => Just(None)].prop_map(Turn::Says),
        1 => Just(Turn::Leaves), 1 => Just(Turn::Elsewhere),
    ];
    prop::collection::vec(turn, 0..80)
}

const PAUSES: [PauseAt; 4] = [PauseAt::ScaledUp, PauseAt::TestTraffic, PauseAt::BeforeProduction, PauseAt::AfterProduction];

fn policies() -> impl Strategy<Value = Policy> {
    let guard = prop_oneof![Just(Guard::Judge), Just(Guard::Person), Just(Guard::Both)];
    let guards = prop::collection::btree_map(prop::sample::select(PAUSES.to_vec()), guard, 0..=4);
    let until = prop_oneof![
        4 => Just(Until::Deployed),
        1 => Just(Until::TrafficShifted),
        1 => prop::sample::select(Stage::known().collect::<Vec<_>>()).prop_map(Until::Stage),
    ];
    let on_stall = prop_oneof![Just(OnStall::TurnBack), Just(OnStall::Leave)];
    (10..2000_i64, on_stall, prop::bool::weighted(0.9), guards, 0..3000_i64, until).prop_map(
        |(patience, on_stall, before, guards, bake, until)| Policy {
            patience: SignedDuration::from_secs(patience),
            on_stall,
            before: before.then(|| revision(1)),
            guards,
            bake: SignedDuration::from_secs(bake),
            until,
        },
    )
}

/// Where which hooks stand: at guarded stages ours, sometimes beside another's; elsewhere sometimes another's or a function's.
fn placed(guards: &Guards, seed: u8) -> BTreeMap<PauseAt, Placed> {
    let at = PAUSES.iter().enumerate().filter_map(|(number, pause)| {
        let draw = (seed >> (2 * number)) & 3;
        let placed = match (guards.contains_key(pause), draw) {
            (true, 0) => Placed::OursAndTheirs,
            (true, _) => Placed::Ours,
            (false, 0) => Placed::Theirs,
            (false, 1) => Placed::Lambda,
            (false, _) => return None,
        };
        Some((*pause, placed))
    });
    at.collect()
}

fn begun(now: i64) -> Begun {
    Begun { service: "web".into(), revision: revision(2), deployment: DeploymentId("ecs-svc/2".into()), asked_at: at(now) }
}

proptest! {
    #[test]
    fn a_shift_goes_on_only_by_good_evidence_and_the_right_people_and_always_ends(
        policy in policies(),
        steps in prop::sample::select(vec![vec![100], vec![10, 100], vec![20, 40, 60, 80, 100]]),
        novelty in prop::bool::weighted(0.2),
        seed in any::<u8>(),
        expires in prop::option::weighted(0.8, 60..5000_i64),
        shows_share in prop::bool::weighted(0.9),
        turns in turns(),
    ) {
        let placed = placed(&policy.guards, seed);
        let mut platform = Platform {
            now: 0, way: way(&steps, novelty), place: 0, placed, hooks: Vec::new(), next_hook: 0, expires,
            status: Status::InProgress, reason: None, foreign: None, shows_share, anew: None,
        };
        let mut rollout = Rollout::new();
        let (mut wish, mut judged, mut person) = (Wish::GoOn, Judged::Missing, Person::Away);
        let mut asked = 0;
        let mut answered: BTreeSet<HookId> = BTreeSet::new();
        let mut causes: Vec<Kind> = Vec::new();
        let mut before_answer: Option<Vec<HookSeen>> = None;
        let endless = turns.into_iter().map(|turn| (turn, 10)).chain(std::iter::repeat_n((Turn::Idle, 1800), 130));
        for (turn, seconds) in endless {
            platform.pass(seconds);
            match &turn {
                Turn::Abort => wish = Wish::Abort,
                Turn::Dies(kind) => causes.push(KINDS[*kind]),
                Turn::Judged(next) => judged = next.clone(),
                Turn::Leaves => person = Person::Away,
                Turn::Says(answer) => {
                    person = match (answer, platform.hooks.first()) {
                        (Some(answer), Some(hook)) => Person::Said { hook: hook.id.clone(), answer: *answer },
                        _ => Person::Here,
                    };
                }
                other => platform.turn(other),
            }
            let stale = if matches!(turn, Turn::Stale) { before_answer.as_deref() } else { None };
            let sight = match &rollout.phase {
                Phase::Rolling { begun } | Phase::Returning { begun, .. } if !matches!(turn, Turn::Unseen) => {
                    let evidence = platform.evidence(begun, stale);
                    let progress = Progress::of(&evidence, begun, &begun.revision);
                    Sight::Deployment { settled: settled(begun, &evidence), progress, shift: shift_of(begun, &evidence).cloned().map(Box::new) }
                }
                _ => Sight::Nothing,
            };
            let stops: Stops = causes.iter().copied().collect();
            let seen = Seen { at: at(platform.now), sight: sight.clone(), wish, stops, judged: judged.clone(), person: person.clone() };
            let decision = decide(&policy, rollout.clone(), &seen);
            prop_assert_eq!(&decision, &decide(&policy, rollout.clone(), &seen), "deciding twice on the same sight decides the same");
            let was_rolling = matches!(rollout.phase, Phase::Rolling { .. });
            rollout = decision.rollout;
            if was_rolling && judged == (Judged::Worse { found: "4.8% errors".into() }) && matches!(&sight, Sight::Deployment { shift: Some(_), .. }) {
                prop_assert!(!matches!(rollout.phase, Phase::Rolling { .. } | Phase::Reached { .. } | Phase::Paused { .. }), "worse goes back at once: {:?}", rollout.phase);
            }
            match decision.act {
                Some(Act::Begin) => {
                    asked += 1;
                    prop_assert_eq!(asked, 1, "the change is asked for once");
                    platform.enter();
                    rollout = acted(rollout, Handle::Begun(begun(0)));
                }
                Some(Act::Proceed { hook }) => {
                    prop_assert!(was_rolling, "nothing is shifted by hooks on this platform's way back");
                    prop_assert_eq!(wish, Wish::GoOn);
                    let Sight::Deployment { shift: Some(shift), .. } = &sight else { panic!("nothing was seen") };
                    let pause = shift.stage.pause().expect("a stage that takes a pause");
                    let guard = policy.guards.get(&pause).copied();
                    prop_assert!(guard.is_some(), "someone else's hook is never answered: {:?}", pause);
                    if guard != Some(Guard::Person) {
                        let untried = judged == Judged::Untried && shift.production == Some(Share::NONE);
                        prop_assert!(judged == Judged::Good || untried, "went on by {:?} at {:?}", judged, shift.production);
                    }
                    if guard != Some(Guard::Judge) {
                        prop_assert_eq!(&person, &Person::Said { hook: hook.clone(), answer: Answer::Continue });
                    }
                    let open: Vec<&HookSeen> = shift.hooks.iter().filter(|hook| hook.is_open_pause()).collect();
                    prop_assert!(open.len() == 1 && open[0].id == hook, "whose of {} hooks it is cannot be told", open.len());
                    prop_assert!(answered.insert(hook.clone()), "each hook is answered once");
                    before_answer = Some(platform.hooks.clone());
                    for found in platform.hooks.iter_mut().filter(|found| found.id == hook) {
                        found.status = HookStatus::Succeeded;
                    }
                    rollout = acted(rollout, Handle::Answered(hook));
                }
                Some(Act::TurnBack) => {
                    prop_assert!(policy.before.is_some(), "there is something to go back to");
                    if platform.status == Status::InProgress {
                        platform.status = Status::RollbackInProgress;
                        rollout = acted(rollout, Handle::Stopping);
                    } else {
                        platform.anew = Some((platform.now, Status::InProgress));
                        let back = Begun { revision: revision(1), asked_at: at(platform.now), ..begun(0) };
                        rollout = acted(rollout, Handle::Begun(back));
                    }
                }
                None => {}
            }
            match &rollout.phase {
                Phase::Promoted { .. } => prop_assert_eq!(&platform.status, &Status::Successful),
                Phase::TurnedBack { to, .. } => prop_assert_eq!(to, &revision(1)),
                Phase::Paused { stage, hook, .. } => {
                    let guard = stage.pause().and_then(|pause| policy.guards.get(&pause).copied());
                    let open = platform.hooks.iter().filter(|hook| hook.is_open_pause()).count();
                    prop_assert!(guard.is_some(), "someone else's pause alone ends no wait");
                    prop_assert!(guard != Some(Guard::Judge) || open > 1, "only a `pause:`, or pauses that cannot be told apart, end the wait");
                    prop_assert!(!answered.contains(hook) && person == Person::Away);
                    let again = rollout.clone().again();
                    prop_assert!(matches!(again.phase, Phase::Rolling { .. }), "it can be gone on with");
                }
                Phase::Reached { stage, .. } => match &policy.until {
                    Until::Usual | Until::Deployed => prop_assert!(false, "it is not over before it is deployed"),
                    Until::TrafficShifted => prop_assert!(matches!(stage, Stage::BakeTime | Stage::CleanUp)),
                    Until::Stage(wanted) => prop_assert!(stage.is_at_or_after(wanted)),
                },
                _ => {}
            }
            if rollout.phase.is_final() { break; }
        }
        prop_assert!(rollout.phase.is_final(), "every run ends: {:?}", rollout.phase);
    }
}

/// One look at an open hook of ours.
fn at_the_hook(policy: &Policy, judged: Judged, person: Person, after: i64) -> (Phase, Option<Act>) {
    let mut platform = Platform {
        now: 0,
        way: way(&[10, 100], false),
        place: 7,
        placed: BTreeMap::from([(PauseAt::BeforeProduction, Placed::Ours)]),
        hooks: Vec::new(),
        next_hook: 0,
        expires: Some(3600),
        status: Status::InProgress,
        reason: None,
        foreign: None,
        shows_share: true,
        anew: None,
    };
    platform.enter();
    let begun = begun(0);
    let evidence = platform.evidence(&begun, None);
    let sight = Sight::Deployment {
        settled: settled(&begun, &evidence),
        progress: Progress::of(&evidence, &begun, &begun.revision),
        shift: shift_of(&begun, &evidence).cloned().map(Box::new),
    };
    let mut seen =
        Seen { at: at(1), sight, wish: Wish::GoOn, stops: Stops::default(), judged: Judged::Missing, person: Person::Here };
    let first = decide(policy, Rollout::in_phase(Phase::Rolling { begun }), &seen);
    (seen.at, seen.judged, seen.person) = (at(after), judged, person);
    let decision = decide(policy, first.rollout, &seen);
    (decision.rollout.phase, decision.act)
}

fn guarded(guard: Guard) -> Policy {
    Policy {
        patience: SignedDuration::from_secs(300),
        on_stall: OnStall::TurnBack,
        before: Some(revision(1)),
        guards: Guards::from([(PauseAt::BeforeProduction, guard)]),
        bake: SignedDuration::from_secs(600),
        until: Until::Deployed,
    }
}

#[test]
fn what_evidence_and_people_say_at_a_hook_decides() {
    let hook = HookId("ecs-pause-1".into());
    let proceed = Some(Act::Proceed { hook: hook.clone() });
    let said = |answer| Person::Said { hook: hook.clone(), answer };
    let found = || "4.8% errors".to_owned();
    for (guard, judged, person, act) in [
        (Guard::Judge, Judged::Good, Person::Away, proceed.clone()),
        (Guard::Judge, Judged::Open, Person::Away, None),
        (Guard::Judge, Judged::Missing, said(Answer::Continue), None),
        (Guard::Judge, Judged::Untried, Person::Away, None),
        (Guard::Judge, Judged::Worse { found: found() }, Person::Away, Some(Act::TurnBack)),
        (Guard::Judge, Judged::Inconclusive { found: found() }, Person::Away, Some(Act::TurnBack)),
        (Guard::Person, Judged::Missing, said(Answer::Continue), proceed.clone()),
        (Guard::Person, Judged::Missing, said(Answer::Rollback), Some(Act::TurnBack)),
        (Guard::Person, Judged::Good, Person::Here, None),
        (Guard::Both, Judged::Good, said(Answer::Continue), proceed),
        (Guard::Both, Judged::Open, said(Answer::Continue), None),
        (Guard::Both, Judged::Open, Person::Away, None),
    ] {
        let told = format!("{guard:?} {judged:?} {person:?}");
        assert_eq!(at_the_hook(&guarded(guard), judged, person, 2).1, act, "{told}");
    }
    let (phase, act) = at_the_hook(&guarded(Guard::Both), Judged::Good, Person::Away, 2);
    let expires_at = Some(at(3600));
    assert!(matches!(phase, Phase::Paused { expires_at: found, .. } if found == expires_at), "{phase:?}");
    assert_eq!(act, None);
}

#[test]
fn an_open_hook_is_no_stall_until_the_platform_stops_waiting() {
    let act = |after| at_the_hook(&guarded(Guard::Judge), Judged::Open, Person::Away, after);
    assert_eq!(act(3600 + 299).1, None);
    let (phase, act) = act(3600 + 301);
    assert!(matches!(phase, Phase::TurningBack { why: Why::Stalled, .. }), "{phase:?}");
    assert_eq!(act, Some(Act::TurnBack));
}

#[test]
fn each_stage_is_a_step_further() {
    let mut platform = Platform {
        now: 0,
        way: way(&[20, 40, 60, 80, 100], false),
        place: 0,
        placed: BTreeMap::new(),
        hooks: Vec::new(),
        next_hook: 0,
        expires: None,
        status: Status::InProgress,
        reason: None,
        foreign: None,
        shows_share: true,
        anew: None,
    };
    let begun = begun(0);
    let mut last = None;
    for place in 0..platform.way.len() {
        platform.place = place;
        let progress = Progress::of(&platform.evidence(&begun, None), &begun, &begun.revision).shifted;
        assert!(last < Some(progress), "{:?} after {last:?}: {progress:?}", platform.way[place]);
        last = Some(progress);
    }
}

#[test]
fn stages_are_called_as_ecs_calls_them() {
    for stage in Stage::known() {
        assert_eq!(Stage::of(stage.word()), stage);
    }
    assert_eq!(Stage::of("VERIFY"), Stage::Other("VERIFY".into()));
    assert!(Stage::of("BAKE_TIME").is_at_or_after(&Stage::ScaleUp) && !Stage::of("VERIFY").is_at_or_after(&Stage::ScaleUp));
}
