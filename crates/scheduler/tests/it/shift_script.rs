//! What befalls a service that shifts traffic in a property: shifts, superseding ones, answers, stops, and all that befalls
//! tasks.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shipit_scheduler::{Answer, HealthSource, Hooks, Pattern, Reason, Service, Share, Shift, Span, Stage, Way};

use crate::script::{Event, breaker, event, happen, percents};
use crate::world::{Look, Quality, START, World};

/// Something that happens between two steps.
#[derive(Clone, Debug)]
enum Happening {
    Common(Event),
    /// As many steps as it takes until the world rests.
    Obey(u8),
    Answer(Answer),
    TurnBack,
    Halt,
    Shift(u64, Shift),
}

#[derive(Clone, Debug)]
pub struct ShiftScript {
    service: Service,
    qualities: Vec<Quality>,
    first: Option<Shift>,
    happenings: Vec<Happening>,
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let bake = || prop::sample::select(vec![0, 60, 300]).prop_map(Span::seconds);
    let share =
        |low: u32| prop_oneof![2 => (low..=1000_u32).prop_map(Share), 1 => Just(Share::ALL), 1 => Just(Share::percent(50))];
    prop_oneof![
        1 => Just(Pattern::AllAtOnce),
        2 => (share(0), bake()).prop_map(|(share, bake)| Pattern::Canary { share, bake }),
        2 => (share(30), bake()).prop_map(|(step, bake)| Pattern::Linear { step, bake }),
    ]
}

fn shift() -> impl Strategy<Value = Shift> {
    let stages = vec![
        Stage::ReconcileService,
        Stage::PreScaleUp,
        Stage::PostScaleUp,
        Stage::TestTrafficShift,
        Stage::PostTestTrafficShift,
        Stage::PreProductionTrafficShift,
        Stage::ProductionTrafficShift,
        Stage::PostProductionTrafficShift,
    ];
    let hooks = prop_oneof![2 => Just(Vec::new()), 3 => prop::sample::subsequence(stages, 0..=8)];
    let bake = prop::sample::select(vec![0, 60, 600]).prop_map(Span::seconds);
    (pattern(), bake, hooks, any::<bool>()).prop_map(|(pattern, bake, hooks, test_listener)| Shift {
        pattern,
        bake,
        hooks: hooks.into_iter().collect::<BTreeSet<_>>(),
        test_listener,
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        24 => event().prop_map(Happening::Common),
        10 => (1..12_u8).prop_map(Happening::Obey),
        8 => Just(Happening::Answer(Answer::Passed)),
        1 => Just(Happening::Answer(Answer::Failed)),
        1 => Just(Happening::TurnBack),
        1 => prop_oneof![1 => Just(Happening::Halt), 3 => Just(Happening::Obey(20))],
        2 => (1..4_u64, shift()).prop_map(|(revision, shift)| Happening::Shift(revision, shift)),
    ]
}

pub fn shift_script() -> impl Strategy<Value = ShiftScript> {
    let service = (
        (0..6_u32, percents(), breaker()),
        (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8), any::<bool>()),
        prop::sample::select(vec![0, 30]),
    )
        .prop_map(|((desired, percents, breaker), (container, target, settled, alarm_rollback), grace)| {
            let mut service = if settled { Service::settled(desired, 0, START) } else { Service::new(desired, 0, START) };
            service.percents = percents;
            service.breaker = breaker;
            service.health = HealthSource { container, target };
            service.alarm_rollback = alarm_rollback;
            service.grace = Span::seconds(grace);
            service
        });
    let quality =
        prop::sample::select(vec![Quality::Good, Quality::Good, Quality::Good, Quality::NeverStarts, Quality::NeverHealthy]);
    let first = (shift(), prop::bool::weighted(0.9)).prop_map(|(shift, does)| does.then_some(shift));
    (service, prop::collection::vec(quality, 3), first, prop::collection::vec(happening(), 0..60)).prop_map(
        |(service, mut qualities, first, happenings)| {
            qualities.insert(0, Quality::Good);
            ShiftScript { service, qualities, first, happenings }
        },
    )
}

/// A fact and the step after it: the service before the fact, and the fact's name.
pub struct Fact {
    pub before: Service,
    pub told: String,
    pub look: usize,
}

/// Plays the script, every look and every fact kept.
pub fn play(script: &ShiftScript) -> (World, Vec<Fact>) {
    let mut world = World::new(script.service.clone(), script.qualities.clone());
    let mut facts = Vec::new();
    if let Some(first) = &script.first {
        if world.service.tasks.is_empty() {
            world.service.shift_first(first.clone(), world.now);
        } else {
            world.service.shift(1, first.clone(), world.now);
        }
        world.step();
    }
    for happening in &script.happenings {
        let before = world.service.clone();
        match happening {
            Happening::Common(event) => happen(&mut world, *event),
            Happening::Obey(rounds) => {
                world.obey(usize::from(*rounds));
            }
            Happening::Answer(answer) => world.service.answer(*answer, world.now),
            Happening::TurnBack => world.service.turn_back(Reason::Asked, world.now),
            Happening::Halt => world.service.halt(Reason::Asked),
            Happening::Shift(revision, shift) => {
                world.service.shift(*revision, shift.clone(), world.now);
            }
        }
        if !matches!(happening, Happening::Obey(_)) {
            facts.push(Fact { before, told: format!("{happening:?}"), look: world.looks.len() });
        }
        world.step();
    }
    (world, facts)
}

/// Judges each look of a play.
pub fn each_look(script: &ShiftScript, judge: impl Fn(&Look) -> Result<(), TestCaseError>) -> Result<(), TestCaseError> {
    play(script).0.looks.iter().try_for_each(judge)
}

/// How a shift has ended, or what holds it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It has completed or gone back: the service rolls or rests.
    Over,
    Halted,
    Asked,
}

/// Lets the world obey until it rests. What is tried for ever gets the stage's 24 hours.
pub fn rest(world: &mut World) -> Result<End, String> {
    let mut at = None;
    let mut days = 0;
    while days < 8 {
        let rests = world.obey(300);
        let shifting = match &world.service.shifting {
            None => return Ok(End::Over),
            Some(shifting) if matches!(shifting.way, Way::Halted(_)) => return Ok(End::Halted),
            Some(shifting) if shifting.hooks == Hooks::Asked => return Ok(End::Asked),
            Some(_) if rests => return Err(format!("rests in the middle: {:?}", world.service)),
            Some(shifting) => shifting,
        };
        // Tasks that are started in vain, again and again, take all the looks: a bake ends in the next ones.
        let stands = Some((shifting.way, shifting.stage, shifting.round));
        days = if stands == at { days + 1 } else { 0 };
        at = stands;
        world.now = world.now + Span::seconds(25 * 3600);
    }
    Err(format!("no end: {:?}", world.service))
}
