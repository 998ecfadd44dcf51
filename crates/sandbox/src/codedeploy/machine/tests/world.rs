//! A world in which a deployment runs: what happens is written down before it begins.

use std::collections::{BTreeMap, BTreeSet};

use shipit_scheduler::{Span, Time};

use super::super::course::{Course, Ready, Routing, Termination};
use super::super::lifecycle::{Event, Progress};
use super::super::over::End;
use super::super::{Act, Answer, Machine, Seen, Side, Stage, Standing};

/// What is to happen, in seconds.
#[derive(Clone, Debug)]
pub struct Script {
    pub course: Course,
    /// How long after Install the replacement is full; never.
    pub full_after: Option<u64>,
    /// When the replacement loses a task, and for how long.
    pub dips: Vec<(u64, u64)>,
    /// How each hook goes, and after how long; none says nothing.
    pub answers: BTreeMap<Event, (u64, Answer)>,
    pub alarm_at: Option<u64>,
    pub stop_at: Option<u64>,
    /// ContinueDeployment, each time.
    pub continue_at: Vec<u64>,
    /// How long the original takes to go.
    pub goes_in: u64,
}

impl Script {
    /// All goes well: the replacement is full after a minute, hooks pass after ten seconds.
    pub fn well(routing: Routing, hooks: &[Event]) -> Self {
        let course = Course {
            routing,
            hooks: hooks.iter().copied().collect::<BTreeSet<_>>(),
            ready: Ready::GoesOn,
            termination: Termination::After(Span::seconds(300)),
            takes_back: false,
        };
        Self {
            course,
            full_after: Some(60),
            dips: Vec::new(),
            answers: hooks.iter().map(|event| (*event, (10, Answer::Passed))).collect(),
            alarm_at: None,
            stop_at: None,
            continue_at: Vec::new(),
            goes_in: 30,
        }
    }
}

/// What has come of it.
#[derive(Debug)]
pub struct Told {
    pub end: End,
    pub machine: Machine,
    /// Each act, in seconds.
    pub acts: Vec<(u64, Act)>,
    /// How the traffic stands, and who is PRIMARY.
    pub stands: Stands,
    /// When it was over, in seconds.
    pub over_at: u64,
}

/// How the world stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stands {
    pub production: u8,
    pub test: Side,
    pub primary: Side,
    pub installed: Option<u64>,
    pub original_removed: Option<u64>,
    pub replacement_removed: bool,
}

struct World<'a> {
    script: &'a Script,
    now: u64,
    stands: Stands,
    asked: BTreeMap<Event, u64>,
}

impl World<'_> {
    fn seen(&self) -> Seen {
        let original = match self.stands.original_removed {
            Some(at) if self.now >= at + self.script.goes_in.max(1) => Standing::Absent,
            Some(_) => Standing::Short,
            None => Standing::Full,
        };
        let dips = self.script.dips.iter().any(|(at, length)| (*at..at + length).contains(&self.now));
        let replacement = match (self.stands.installed, self.script.full_after) {
            (None, _) => Standing::Absent,
            (Some(at), Some(after)) if self.now >= at + after && !dips => Standing::Full,
            (Some(_), _) => Standing::Short,
        };
        let alarms = self.script.alarm_at.filter(|at| self.now >= *at).map(|_| "too-slow".to_owned());
        Seen { original, replacement, alarms: alarms.into_iter().collect() }
    }

    fn speaks(&self, machine: &mut Machine) {
        if self.script.stop_at == Some(self.now) {
            machine.stop();
        }
        if self.script.continue_at.contains(&self.now) {
            machine.go_on();
        }
        for (event, asked) in &self.asked {
            match self.script.answers.get(event) {
                Some((after, answer)) if asked + after == self.now => {
                    machine.answer(*event, *answer);
                }
                _ => {}
            }
        }
    }

    /// Carries an act out, and holds it against what may never be.
    fn carries_out(&mut self, act: Act, seen: &Seen) {
        let stands = &mut self.stands;
        match act {
            Act::Ask(event) => {
                assert!(self.script.course.hooks.contains(&event) && event.takes_hook());
                assert!(self.asked.insert(event, self.now).is_none(), "a hook is asked once");
            }
            Act::Production(share) => {
                assert!(share <= 100);
                assert!(share == 0 || seen.replacement == Standing::Full, "traffic only to a full replacement");
                stands.production = share;
            }
            Act::Test(side) => {
                assert!(side == Side::Original || seen.replacement == Standing::Full, "test traffic only to a full replacement");
                stands.test = side;
            }
            Act::ClearLeftovers => {
                assert_eq!((stands.production, stands.test), (0, Side::Original), "what goes has no traffic");
            }
            Act::Install => assert!(stands.installed.replace(self.now).is_none(), "it is made once"),
            Act::Promote(side) => {
                let all = if side == Side::Replacement { 100 } else { 0 };
                assert_eq!(stands.production, all, "who is PRIMARY has all traffic");
                stands.primary = side;
            }
            Act::Remove(Side::Original) => {
                assert_eq!((stands.production, stands.test), (100, Side::Replacement), "what goes has no traffic");
                stands.original_removed = Some(self.now);
            }
            Act::Remove(Side::Replacement) => {
                assert_eq!((stands.production, stands.test), (0, Side::Original), "what goes has no traffic");
                stands.replacement_removed = true;
            }
        }
    }

    /// The next moment at which something changes by itself.
    fn next(&self, wake: Option<Time>) -> Option<u64> {
        let script = self.script;
        let answers = self.asked.iter().filter_map(|(event, asked)| Some(asked + script.answers.get(event)?.0));
        let full = self.stands.installed.and_then(|at| Some(at + script.full_after?));
        let gone = self.stands.original_removed.map(|at| at + script.goes_in.max(1));
        let dips = script.dips.iter().flat_map(|(at, length)| [*at, at + length]);
        let all = dips
            .chain(answers)
            .chain(script.continue_at.iter().copied())
            .chain([full, gone, script.alarm_at, script.stop_at, wake.map(|wake| wake.0.div_ceil(1000))].into_iter().flatten());
        all.filter(|at| *at > self.now).min()
    }
}

fn at(now: u64) -> Time {
    Time(now * 1000)
}

/// Runs a deployment to its end; panics where it stands still or does what may never be done.
pub fn run(script: &Script) -> Told {
    let stands = Stands {
        production: 0,
        test: Side::Original,
        primary: Side::Original,
        installed: None,
        original_removed: None,
        replacement_removed: false,
    };
    let machine = Machine::new(script.course.clone(), at(0));
    carry_on(script, machine, stands, 0)
}

/// Takes an ended deployment back.
pub fn take_back(script: &Script, told: &Told) -> Told {
    let machine = Machine::taking_back(&told.machine, at(told.over_at));
    carry_on(script, machine, told.stands, told.over_at)
}

fn carry_on(script: &Script, mut machine: Machine, stands: Stands, from: u64) -> Told {
    let mut world = World { script, now: from, stands, asked: BTreeMap::new() };
    let mut acts = Vec::new();
    loop {
        world.speaks(&mut machine);
        let seen = world.seen();
        let before = machine.clone();
        let step = machine.step(&seen, at(world.now));
        for act in &step.acts {
            world.carries_out(*act, &seen);
            acts.push((world.now, *act));
        }
        events_are_in_order(&machine);
        assert_eq!(world.stands.production, machine.done.production);
        let again = machine.clone().step(&world.seen(), at(world.now));
        assert!(step.acts.is_empty() || !again.acts.iter().any(|act| step.acts.contains(act)), "done twice: {again:?}");
        if let Some(end) = machine.end().cloned() {
            assert_eq!(step.wake, None);
            return Told { end, machine, acts, stands: world.stands, over_at: world.now };
        }
        let next = world.next(step.wake);
        world.now = next.unwrap_or_else(|| panic!("it stands still in {:?}, before {:?}", machine.stage, before.stage));
    }
}

/// Some have gone well, then at most one is under way or has failed, the rest is to come or is skipped.
fn events_are_in_order(machine: &Machine) {
    let mut last = 0;
    let mut ended = 0;
    for event in Event::ALL {
        let (rank, since) = match machine.lifecycle.of(event) {
            Progress::Succeeded(since, until) => {
                assert!(since <= until && until.0 >= ended);
                ended = until.0;
                (0, Some(since))
            }
            Progress::UnderWay(since) => (1, Some(since)),
            Progress::Failed(since, _) => (1, Some(since)),
            Progress::Pending | Progress::Skipped => (2, None),
        };
        assert!(rank > last || rank == last && rank != 1, "{:?}", machine.lifecycle);
        assert!(since.is_none_or(|since| since.0 >= ended || rank == 0));
        last = rank;
    }
    assert!(machine.stage != Stage::Created || last == 2);
}
