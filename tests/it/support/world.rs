//! The world: one state behind all ports, moved on to the clock's time at every call, with a record of what was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shipit::port::{Clock, PortResult, Ports};
use shipit_core::journal::Entry;
use shipit_core::rollout::Wish;
use shipit_scheduler::{Span, Time};
use tokio::sync::{Notify, watch};

use super::ecs::{Ecs, Happening};
use super::faults::{Faults, Op, When, unreachable};
use super::images::Images;
use super::surroundings::Surroundings;
use super::traffic::Traffic;

/// How long every call takes.
const LATENCY: Duration = Duration::from_millis(20);
/// The scheduler's epoch lies this long before the world's beginning.
const BEFORE: u64 = 3_600_000;

/// One thing that happened, in order.
#[derive(Clone, Debug)]
pub enum Line {
    /// A port was asked.
    Call(Call),
    /// A fact stands in the journal.
    Fact(Entry),
}

/// A port was asked.
#[derive(Clone, Debug)]
pub struct Call {
    pub operation: Op,
    /// What it was about: a service, an image, a file.
    pub subject: String,
    /// What was sent.
    pub body: Value,
    /// It took effect and its answer arrived, or how it failed.
    pub failed: Option<When>,
    /// AWS's time.
    pub at: Timestamp,
}

/// Everything.
pub struct World {
    pub clock: Clock,
    start: Timestamp,
    pub faults: Faults,
    pub lines: Vec<Line>,
    pub images: Images,
    pub ecs: Ecs,
    pub surroundings: Surroundings,
    pub traffic: Traffic,
    pub interrupt: watch::Sender<Wish>,
    kill: Option<(usize, When, Arc<Notify>)>,
    due: BTreeMap<(Time, u64), Happening>,
    scheduled: u64,
    triggers: Vec<(Option<Op>, usize, Happening)>,
}

impl World {
    /// The scheduler's time now.
    pub fn now(&self) -> Time {
        let passed = self.clock.now().duration_since(self.start).as_millis();
        Time(BEFORE + u64::try_from(passed).expect("time goes forward"))
    }

    /// The scheduler's time as AWS writes it.
    pub fn timestamp(&self, time: Time) -> Timestamp {
        self.start + SignedDuration::from_millis(i64::try_from(time.0).unwrap() - i64::try_from(BEFORE).unwrap())
    }

    /// AWS's time as the scheduler counts it.
    pub fn time_of(&self, timestamp: Timestamp) -> Time {
        let since = timestamp.duration_since(self.start).as_millis() + i128::from(BEFORE);
        Time(u64::try_from(since).unwrap_or(0))
    }

    /// Something happens later.
    pub fn later(&mut self, at: Time, happening: Happening) {
        self.scheduled += 1;
        self.due.insert((at, self.scheduled), happening);
    }

    /// Something happens at the `nth` call of an operation from now, counted from 1, before it is answered.
    pub fn on(&mut self, operation: Op, nth: usize, happening: Happening) {
        self.triggers.push((Some(operation), nth, happening));
    }

    /// Something happens at the call of this number from now, counted from 0, before it is answered.
    pub fn at_call(&mut self, number: usize, happening: Happening) {
        self.triggers.push((None, number + 1, happening));
    }

    /// Everything due by now happens, in its order.
    pub fn advance(&mut self) {
        let now = self.now();
        while let Some(entry) = self.due.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let happening = entry.remove();
            self.happens(at, happening);
        }
    }

    /// The process that asks is killed at the call of this number from now, counted from 0.
    pub fn kill_at(&mut self, number: usize, when: When) -> Arc<Notify> {
        let killed = Arc::new(Notify::new());
        self.kill = Some((number, when, killed.clone()));
        killed
    }

    /// Nobody is killed any more.
    pub fn spare(&mut self) {
        self.kill = None;
    }

    /// Whether this call is the one at which the process is killed.
    fn kills(&mut self) -> Option<When> {
        let (left, when, killed) = self.kill.as_mut()?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        killed.notify_one();
        Some(*when)
    }

    fn trigger(&mut self, operation: Op) {
        let mut fired = Vec::new();
        self.triggers.retain_mut(|(wanted, nth, happening)| {
            if wanted.is_none_or(|wanted| wanted == operation) {
                *nth -= 1;
                if *nth == 0 {
                    fired.push(happening.clone());
                }
            }
            *nth > 0
        });
        let now = self.now();
        for happening in fired {
            self.happens(now, happening);
        }
    }
}

/// A handle to the world; every port is one.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<World>>);

impl Fake {
    /// An empty world in AWS's time, which begins now.
    pub fn new() -> Self {
        let start: Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
        Self(Arc::new(Mutex::new(World {
            clock: Clock::starting(start, 1.0),
            start,
            faults: Faults::default(),
            lines: Vec::new(),
            images: Images::default(),
            ecs: Ecs::default(),
            surroundings: Surroundings::default(),
            traffic: Traffic::default(),
            interrupt: watch::Sender::new(Wish::GoOn),
            kill: None,
            due: BTreeMap::new(),
            scheduled: 0,
            triggers: Vec::new(),
        })))
    }

    /// The world as it is now.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        let mut world = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance();
        world
    }

    /// All ports.
    pub fn ports(&self) -> Ports {
        Ports {
            source: Box::new(self.clone()),
            builder: Box::new(self.clone()),
            registry: Box::new(self.clone()),
            attestations: Box::new(self.clone()),
            scans: Box::new(self.clone()),
            service: Box::new(self.clone()),
            revisions: Box::new(self.clone()),
            routes: Box::new(self.clone()),
            evidence: Box::new(self.clone()),
            account: Box::new(self.clone()),
            store: Box::new(self.clone()),
            probe: Box::new(self.clone()),
            metrics: Box::new(self.clone()),
            roles: Box::new(self.clone()),
        }
    }

    /// Time passes with nobody looking.
    pub async fn pass(&self, span: Span) {
        tokio::time::sleep(Duration::from_millis(span.0)).await;
        drop(self.lock());
    }

    /// One call: it takes its time, is written down, and fails if it is to fail.
    pub async fn call<T>(
        &self,
        operation: Op,
        subject: &str,
        body: Value,
        answer: impl FnOnce(&mut World) -> PortResult<T> + Send,
    ) -> PortResult<T> {
        tokio::time::sleep(LATENCY / 2).await;
        let (answer, killed) = self.answer(operation, subject, body, answer);
        if killed {
            return std::future::pending().await;
        }
        tokio::time::sleep(LATENCY / 2).await;
        answer
    }

    fn answer<T>(
        &self,
        operation: Op,
        subject: &str,
        body: Value,
        answer: impl FnOnce(&mut World) -> PortResult<T>,
    ) -> (PortResult<T>, bool) {
        let mut world = self.lock();
        let killed = world.kills();
        if killed == Some(When::Before) {
            return (Err(unreachable()), true);
        }
        world.trigger(operation);
        let now = world.now();
        let fault = world.faults.of(operation, now);
        let at = world.clock.now();
        world.lines.push(Line::Call(Call {
            operation,
            subject: subject.to_owned(),
            body,
            failed: fault.as_ref().map(|(when, _)| *when),
            at,
        }));
        let answer = match fault {
            None => answer(&mut world),
            Some((When::Before, error)) => Err(error),
            Some((When::After, error)) => answer(&mut world).and(Err(error)),
        };
        (answer, killed.is_some())
    }
}
