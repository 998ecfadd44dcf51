//! How long a deployment will take, how many tasks it needs at once, or why it can never end.

use std::collections::BTreeMap;

use crate::step::Failure;
use crate::{Action, Bounds, Condition, Health, Note, Phase, Rollout, Service, Span, Step, StopCause, TaskId, Time};

/// How long things take in the predicted world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assumptions {
    /// From the start of a task to RUNNING.
    pub start: Span,
    /// From RUNNING to the health checks' first healthy verdict. Without any check the 40 s rule holds instead.
    pub healthy_after: Span,
    /// From the stop of a task to its being gone (deregistration delay and SIGTERM).
    pub drain: Span,
}

/// What will become of the service if nothing fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The PRIMARY deployment completes and the service is steady.
    Settles {
        /// From now.
        after: Span,
        /// The most tasks there will be at once, those that drain included, for they hold capacity too.
        peak_tasks: u32,
        /// Tasks that will be started.
        starts: u32,
    },
    /// It never settles on what it moves to.
    Stuck {
        /// From now until nothing moves.
        after: Span,
        /// Why.
        why: Why,
    },
}

/// Why a service will not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The percents leave no room at this desired count.
    Configuration {
        /// The bounds at the desired count.
        bounds: Bounds,
    },
    /// The deployment has failed, or will at the next look.
    Failed(Failure),
    /// The deployment has failed before, and starts nothing more.
    Stalled,
    /// Tasks wait for a verdict that the assumptions do not bring.
    Waiting,
}

/// Plays [`step()`](crate::step()) against a world that obeys, on a copy of the service.
pub fn predict(service: &Service, assumptions: Assumptions, now: Time) -> Prediction {
    let mut play = Play::new(service, assumptions, now);
    loop {
        if let Some(prediction) = play.step() {
            return prediction;
        }
    }
}

/// A copy of the service in a world that obeys, between two events.
struct Play {
    service: Service,
    assumptions: Assumptions,
    began: Time,
    now: Time,
    due: BTreeMap<Time, Due>,
    peak_tasks: u32,
    starts: u32,
    steps: u32,
}

/// What the world will tell at one moment.
#[derive(Default)]
struct Due {
    running: Vec<TaskId>,
    healthy: Vec<TaskId>,
    gone: Vec<TaskId>,
}

impl Play {
    fn new(service: &Service, assumptions: Assumptions, now: Time) -> Self {
        let mut play = Self {
            service: service.clone(),
            assumptions,
            began: now,
            now,
            due: BTreeMap::new(),
            peak_tasks: 0,
            starts: 0,
            steps: 0,
        };
        for task in &service.tasks {
            match task.phase {
                Phase::Pending => play.at(task.created_at + assumptions.start).running.push(task.id),
                Phase::Running(since) if service.condition(task, now) == Condition::Maturing => {
                    play.at(since + assumptions.healthy_after).healthy.push(task.id);
                }
                Phase::Running(_) => {}
                Phase::Stopping => play.at(now + assumptions.drain).gone.push(task.id),
            }
        }
        play
    }

    /// What is due at `time`, or now if that is past.
    fn at(&mut self, time: Time) -> &mut Due {
        self.due.entry(time.max(self.now)).or_default()
    }

    /// One step, and on to the next event; the prediction when there is none.
    fn step(&mut self) -> Option<Prediction> {
        let step = crate::step(&mut self.service, self.now);
        self.steps += 1;
        for action in &step.actions {
            match *action {
                Action::Start { task, .. } => {
                    self.starts += 1;
                    self.at(self.now + self.assumptions.start).running.push(task);
                }
                Action::Stop { task, .. } => self.at(self.now + self.assumptions.drain).gone.push(task),
                Action::Route { .. } => {}
            }
        }
        self.peak_tasks = self.peak_tasks.max(u32::try_from(self.service.tasks.len()).unwrap_or(u32::MAX));
        if let Some(prediction) = self.ending(&step) {
            return Some(prediction);
        }
        let next = self.due.keys().next().copied().into_iter().chain(step.wake).min();
        let Some(next) = next else {
            let desired = self.service.desired;
            let why = if self.service.percents.stuck(desired) {
                Why::Configuration { bounds: self.service.percents.bounds(desired) }
            } else {
                Why::Waiting
            };
            return Some(self.stuck(why));
        };
        self.now = next;
        self.happens();
        None
    }

    fn ending(&self, step: &Step) -> Option<Prediction> {
        let failure = step.notes.iter().find_map(|note| match note {
            Note::DeploymentFailed { failure, .. } => Some(*failure),
            _ => None,
        });
        match (failure, self.service.primary().rollout) {
            (Some(failure), _) => Some(self.stuck(Why::Failed(failure))),
            (None, Rollout::Failed) => Some(self.stuck(Why::Stalled)),
            (None, Rollout::Completed) if self.service.steady => {
                Some(Prediction::Settles { after: self.now - self.began, peak_tasks: self.peak_tasks, starts: self.starts })
            }
            (None, Rollout::Completed | Rollout::InProgress) => None,
        }
    }

    fn stuck(&self, why: Why) -> Prediction {
        Prediction::Stuck { after: self.now - self.began, why }
    }

    /// Tells the service all that is due now.
    fn happens(&mut self) {
        let now = self.now;
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() > now {
                break;
            }
            let Due { mut running, mut healthy, mut gone } = entry.remove();
            running.sort_unstable();
            healthy.sort_unstable();
            gone.sort_unstable();
            self.service.stopped_all(&gone, StopCause::Asked);
            self.service.running_all(&running, now);
            self.service.verdict(&healthy, now, |task| {
                task.container = Health::Healthy;
                task.target = Health::Healthy;
            });
            if !running.is_empty() {
                self.at(now + self.assumptions.healthy_after).healthy.extend(running);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Breaker, HealthSource, Percents};

    const START: Time = Time(1_000_000_000);
    const ASSUMPTIONS: Assumptions =
        Assumptions { start: Span::seconds(30), healthy_after: Span::seconds(20), drain: Span::seconds(60) };

    fn updated(desired: u32, percents: Percents, health: HealthSource) -> Service {
        let mut service = Service::settled(desired, 0, START);
        service.percents = percents;
        service.health = health;
        service.update(1, START);
        service
    }

    const TARGET: HealthSource = HealthSource { container: false, target: true };

    #[test]
    fn start_verdict_drain() {
        let service = updated(4, Percents::default(), TARGET);
        let expected = Prediction::Settles { after: Span::seconds(30 + 20 + 60), peak_tasks: 8, starts: 4 };
        assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
        assert_eq!(service.tasks.len(), 4, "the service itself is not touched");
    }

    #[test]
    fn without_checks_the_forty_seconds_count() {
        let service = updated(1, Percents::default(), HealthSource::default());
        let expected = Prediction::Settles { after: Span::seconds(30 + 40 + 60), peak_tasks: 2, starts: 1 };
        assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
    }

    #[test]
    fn in_two_halves_what_drains_still_holds_capacity() {
        let service = updated(4, Percents::new(50, 100), TARGET);
        // 0: two drain, two start; 50: the other two, while the first drain; 110: the last has drained
        let expected = Prediction::Settles { after: Span::seconds(110), peak_tasks: 8, starts: 4 };
        assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
    }

    #[test]
    fn the_bake_time_counts() {
        let mut service = updated(1, Percents::default(), TARGET);
        service.alarm_bake = Span::seconds(600);
        let expected = Prediction::Settles { after: Span::seconds(110 + 600), peak_tasks: 2, starts: 1 };
        assert_eq!(predict(&service, ASSUMPTIONS, START), expected);
    }

    #[test]
    fn stuck_and_why() {
        let percents = Percents::new(100, 150);
        let why = Why::Configuration { bounds: percents.bounds(1) };
        let stuck = Prediction::Stuck { after: Span(0), why };
        assert_eq!(predict(&updated(1, percents, TARGET), ASSUMPTIONS, START), stuck);

        let mut alarmed = updated(1, Percents::default(), TARGET);
        alarmed.alarmed = true;
        let stuck = Prediction::Stuck { after: Span(0), why: Why::Failed(Failure::Alarm) };
        assert_eq!(predict(&alarmed, ASSUMPTIONS, START), stuck);
        crate::step(&mut alarmed, START);
        let stalled = Prediction::Stuck { after: Span(0), why: Why::Stalled };
        assert_eq!(predict(&alarmed, ASSUMPTIONS, START), stalled);
    }

    #[test]
    fn from_the_middle_it_is_what_is_left() {
        let mut service = updated(4, Percents::default(), TARGET);
        service.breaker = Breaker::with_rollback();
        crate::step(&mut service, START);
        let later = START + Span::seconds(25);
        let expected = Prediction::Settles { after: Span::seconds(5 + 20 + 60), peak_tasks: 8, starts: 0 };
        assert_eq!(predict(&service, ASSUMPTIONS, later), expected);
    }

    /// How many steps a prediction takes; each is one pass over the tasks for each thing it does.
    fn steps(service: &Service) -> u32 {
        let mut play = Play::new(service, ASSUMPTIONS, START);
        loop {
            if let Some(prediction) = play.step() {
                assert!(matches!(prediction, Prediction::Settles { starts: 5000, .. }), "{prediction:?}");
                return play.steps;
            }
        }
    }

    #[test]
    fn five_thousand_tasks_take_few_steps() {
        assert!(steps(&updated(5000, Percents::default(), TARGET)) <= 5);
        assert!(steps(&updated(5000, Percents::new(50, 100), TARGET)) <= 10);
        // a hundred batches of fifty, three events each
        assert!(steps(&updated(5000, Percents::new(100, 101), TARGET)) <= 310);
    }
}
