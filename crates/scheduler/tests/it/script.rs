//! What befalls a service in a property: its settings, the quality of its revisions, and a list of events.

use proptest::prelude::*;
use shipit_scheduler::{Breaker, Health, HealthSource, Percents, Reset, Rollback, Service, Span, StopCause, Threshold};

use crate::world::{Quality, START, World};

/// Something that happens between two steps; the byte picks the task.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    Wait(u8),
    Run(u8),
    RunAll,
    Check(u8),
    CheckAll,
    Flip(u8),
    Lose(u8),
    Gone(u8),
    Scale(u32),
    Update(u64),
    Alarm(bool),
}

#[derive(Clone, Debug)]
pub struct Script {
    service: Service,
    qualities: Vec<Quality>,
    events: Vec<Event>,
}

pub fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..60_u8).prop_map(Event::Wait),
        4 => any::<u8>().prop_map(Event::Run),
        3 => Just(Event::RunAll),
        4 => any::<u8>().prop_map(Event::Check),
        3 => Just(Event::CheckAll),
        2 => any::<u8>().prop_map(Event::Flip),
        2 => any::<u8>().prop_map(Event::Lose),
        4 => any::<u8>().prop_map(Event::Gone),
        1 => (0..9_u32).prop_map(Event::Scale),
        1 => (1..4_u64).prop_map(Event::Update),
        1 => any::<bool>().prop_map(Event::Alarm),
    ]
}

pub fn percents() -> impl Strategy<Value = Percents> {
    let usual = (prop::sample::select(vec![0, 34, 50, 66, 67, 75, 100]), prop::sample::select(vec![100, 125, 134, 150, 200]));
    prop_oneof![6 => usual, 1 => (0..=100_u32, 50..300_u32)].prop_map(|(low, high)| Percents::new(low, high))
}

pub fn breaker() -> impl Strategy<Value = Breaker> {
    let threshold = prop_oneof![
        3 => Just(Threshold::default()),
        1 => (1..=100_u32).prop_map(Threshold::UnboundedPercent),
        1 => (0..8_u32).prop_map(Threshold::Count),
    ];
    let rollback = prop::sample::select(vec![Rollback::ToLastCompleted, Rollback::ToLastCompleted, Rollback::Stay]);
    let reset = prop::sample::select(vec![Reset::OnHealthyTask, Reset::Never]);
    let on = (rollback, reset, threshold).prop_map(|(rollback, reset, threshold)| Breaker::On { rollback, reset, threshold });
    prop_oneof![1 => Just(Breaker::Off), 4 => on]
}

pub fn script() -> impl Strategy<Value = Script> {
    let service = (
        (0..8_u32, percents(), breaker()),
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        (prop::sample::select(vec![0, 30]), prop::sample::select(vec![0, 0, 90])),
    )
        .prop_map(|((desired, percents, breaker), (container, target, settled, alarm_rollback), (grace, bake))| {
            let mut service = if settled { Service::settled(desired, 0, START) } else { Service::new(desired, 0, START) };
            service.percents = percents;
            service.breaker = breaker;
            service.health = HealthSource { container, target };
            service.alarm_rollback = alarm_rollback;
            service.grace = Span::seconds(grace);
            service.alarm_bake = Span::seconds(bake);
            service
        });
    let quality = prop::sample::select(vec![Quality::Good, Quality::Good, Quality::NeverStarts, Quality::NeverHealthy]);
    (service, prop::collection::vec(quality, 3), prop::collection::vec(event(), 0..80)).prop_map(
        |(service, mut qualities, events)| {
            qualities.insert(0, Quality::Good);
            Script { service, qualities, events }
        },
    )
}

pub fn happen(world: &mut World, event: Event) {
    let tasks = world.service.tasks.clone();
    let pick = |byte: u8| (!tasks.is_empty()).then(|| tasks[usize::from(byte) % tasks.len()].id);
    match event {
        Event::Wait(seconds) => world.now = world.now + Span::seconds(u64::from(seconds)),
        Event::Run(byte) => pick(byte).into_iter().for_each(|id| world.run(id)),
        Event::RunAll => tasks.iter().for_each(|task| world.run(task.id)),
        Event::Check(byte) => pick(byte).into_iter().for_each(|id| world.check(id)),
        Event::CheckAll => tasks.iter().for_each(|task| world.check(task.id)),
        Event::Flip(byte) => pick(byte).into_iter().for_each(|id| world.verdict(id, Health::Unhealthy)),
        Event::Lose(byte) => {
            pick(byte).into_iter().for_each(|id| world.service.stopped(id, StopCause::Exited, world.now));
        }
        Event::Gone(byte) => pick(byte).into_iter().for_each(|id| world.gone(id)),
        Event::Scale(desired) => world.service.scale(desired),
        Event::Update(revision) => {
            world.service.update(revision, world.now);
        }
        Event::Alarm(alarmed) => world.service.alarmed = alarmed,
    }
}

/// Plays the script, then a world that obeys; says whether that came to rest.
pub fn play(script: &Script) -> (World, bool) {
    let mut world = World::new(script.service.clone(), script.qualities.clone());
    for event in &script.events {
        happen(&mut world, *event);
        world.step();
    }
    let rest = world.obey(400);
    (world, rest)
}
