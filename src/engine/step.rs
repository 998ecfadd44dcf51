//! One step done: looking first, so that doing it again is harmless.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use shipit_core::event::{Event, Progress, StepResult};
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Fact, Output, Registered, digests, revision};
use shipit_core::pipeline::{Service, Smoke, WhenSame};
use shipit_core::plan::{Plan, Roll, Step, StepId, StepKind, Template, is_same};
use shipit_core::release::{Digest, Revision};
use shipit_core::rollout::{Phase, Rollout, Wish};
use shipit_core::snapshot::{RunningService, ServiceSeen};
use shipit_core::tags::{self, Mark};
use shipit_core::{rollout, taskdef};
use tokio::sync::watch;

use super::record::Journal;
use super::rollout::Rolling;
use super::wait::{Pace, patiently};
use super::{Context, artefacts, attest, gate, image, outcome, theirs};
use crate::port::{PortError, PortResult};

/// A step that succeeded.
pub struct Done {
    /// What later steps read.
    pub output: Output,
    /// What a person reads.
    pub result: StepResult,
}

/// A step that did not.
pub enum StepEnd {
    /// It failed.
    Failed {
        /// Why.
        failure: Box<Failure>,
        /// What it had changed is back already.
        undone: Undone,
    },
    /// It was given up because another step failed.
    Dropped,
    /// A person is to be asked who is not here: it can be gone on with.
    Paused {
        /// What to say.
        failure: Box<Failure>,
    },
}

/// Whether a failed step has brought back what it had changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It has, or had changed nothing.
    Yes,
    /// It has not.
    No,
    /// It has not, and nothing more may be tried: it is someone else's now, or AWS cannot be asked, or it was tried.
    Never,
}

impl From<Failure> for StepEnd {
    fn from(failure: Failure) -> Self {
        StepEnd::Failed { failure: Box::new(failure), undone: Undone::No }
    }
}

impl From<PortError> for StepEnd {
    fn from(error: PortError) -> Self {
        Failure::from(error).into()
    }
}

/// Whether the step is done for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is.
    First,
    /// It was begun before, and its end is not known: what it asked for may have happened.
    Again {
        /// When it was begun.
        since: Timestamp,
    },
}

/// A step with all it needs.
pub struct Doing<'a> {
    /// What every part of a run has at hand.
    pub context: &'a Context<'a>,
    /// The plan.
    pub plan: &'a Plan,
    /// The facts so far.
    pub journal: &'a Journal<'a>,
    /// The step.
    pub step: &'a Step,
    /// Whether it may have been done before.
    pub turn: Turn,
    /// Becomes abort when another step fails or a person interrupts.
    pub wish: watch::Receiver<Wish>,
}

impl Doing<'_> {
    /// Does it.
    ///
    /// # Errors
    /// Why it failed, and whether what it had changed is back.
    pub async fn run(&self) -> Result<Done, StepEnd> {
        match &self.step.kind {
            StepKind::Build { image, key, repository } => image::build(self, image, key, repository).await,
            StepKind::Push { image, repository, index, source, .. } => {
                image::push(self, image, repository, index, source.as_ref()).await
            }
            StepKind::Tag { repository, digest, tag, .. } => image::tag(self, repository, digest, tag).await,
            StepKind::Gate { image, repository, against } => gate::pass(self, image, repository, against).await,
            StepKind::Attest { image, repository, wanted } => attest::attest(self, image, repository, wanted).await,
            StepKind::Verify { image, repository, required } => attest::verify(self, image, repository, required).await,
            StepKind::Artefacts { service, written } => artefacts::write(self, service, written).await,
            StepKind::Register { service, template, running } => self.register(service, template, running.as_ref()).await,
            StepKind::Roll(roll) => self.roll(roll).await,
            StepKind::Smoke { service, smoke, load_balancer } => self.smoke(service, smoke, load_balancer.as_deref()).await,
        }
    }

    /// The digests that this run knows by now.
    pub fn digests(&self) -> BTreeMap<String, Digest> {
        digests(self.plan, &self.journal.entries())
    }

    /// Once steps are under way AWS is asked again where that may help: all that is asked so may be asked twice.
    pub(super) async fn patiently<T>(&self, call: impl AsyncFnMut() -> PortResult<T>) -> PortResult<T> {
        patiently(self.context.clock, &self.step.id.0, PortError::is_passing, call).await
    }

    /// Tells how far it is.
    pub(super) fn progress(&self, progress: Progress) {
        (self.context.tell)(Event::StepProgress { step: self.step.id.clone(), progress });
    }

    async fn register(&self, service: &str, template: &Template, planned: Option<&Revision>) -> Result<Done, StepEnd> {
        let rendered = taskdef::render(template, &self.digests());
        let Some(wanted) = self.context.pipeline.service(service) else {
            return Err(unexpected(format!("`{service}` is not in the pipeline")).into());
        };
        let ports = self.context.ports;
        let running = match self.patiently(async || ports.service.look(&wanted.service).await).await? {
            ServiceSeen::Missing => None,
            ServiceSeen::Present(running) => Some(running),
        };
        // The run has got further than its journal knows: what it registered runs.
        if let Some(ours) = running.as_ref().filter(|running| running.tags.get(tags::RUN) == Some(&self.journal.run.0)) {
            let revision = ours.revision.clone();
            return Ok(Done {
                output: Output::Registered { revision: revision.clone() },
                result: StepResult::Registered {
                    before: planned.cloned(),
                    revision,
                    change: "registered before".to_owned(),
                    differences: Vec::new(),
                },
            });
        }
        if running.as_ref().map(|running| &running.revision) != planned {
            return Err(outcome::deployed_meanwhile(service, planned, running.as_ref().map(|running| &running.revision)).into());
        }
        let leave = wanted.when_same == WhenSame::Leave;
        if let Some(running) = running.as_ref().filter(|running| leave && is_same(&rendered, running)) {
            let revision = running.revision.clone();
            return Ok(Done {
                output: Output::Unchanged { revision: revision.clone() },
                result: StepResult::Unchanged { revision },
            });
        }
        let tagged = taskdef::with_tags(taskdef::without_our_tags(rendered.clone()), &self.tags(running.as_deref()));
        let family = rendered["family"].as_str().unwrap_or_default();
        let mut asked = matches!(self.turn, Turn::Again { .. });
        let revision = self
            .patiently(async || {
                // An answer may have been lost: what this run has registered is not registered again.
                let known = if asked { ports.service.registered(family, &self.journal.run).await? } else { None };
                match known {
                    Some(revision) => Ok(revision),
                    None => {
                        let answer = ports.service.register(&tagged).await;
                        // What was throttled was not even looked at.
                        asked |= !matches!(&answer, Err(error) if error.is_throttled());
                        answer
                    }
                }
            })
            .await?;
        let change = running
            .as_ref()
            .map_or_else(|| "first revision".to_owned(), |running| taskdef::change(&running.definition, &rendered));
        let differences = running.as_ref().map_or_else(Vec::new, |running| taskdef::differences(&running.definition, &rendered));
        Ok(Done {
            output: Output::Registered { revision: revision.clone() },
            result: StepResult::Registered { before: planned.cloned(), revision, change, differences },
        })
    }

    fn tags(&self, running: Option<&RunningService>) -> Vec<(&'static str, String)> {
        let moves: Vec<&str> = self.plan.rolls().map(|(_, roll)| roll.service.as_str()).collect();
        let mark = Mark {
            run: &self.journal.run,
            commit: &self.plan.source.commit,
            pipeline: &self.plan.pipeline,
            by: self.context.by,
            moves: &moves,
            reason: self.plan.forced.as_ref().map(|forced| forced.reason.as_str()),
        };
        tags::tags(&mark, running.map(|running| (&running.revision, &running.configuration)))
    }

    async fn roll(&self, roll: &Roll) -> Result<Done, StepEnd> {
        let register = StepId::register(&roll.service);
        let revision = match revision(&self.journal.entries(), &register) {
            Some((revision, Registered::New)) => revision,
            Some((revision, Registered::Unchanged)) => return Ok(super::run::unchanged(revision)),
            None => return Err(unexpected(format!("`{}` has no revision to roll out", roll.service)).into()),
        };
        let rolling = Rolling {
            context: self.context,
            journal: self.journal,
            step: &self.step.id,
            roll,
            revision: &revision,
            turn: self.turn,
            source: &self.plan.source,
            wish: self.wish.clone(),
            asked: watch::Sender::new(false),
        };
        let ended = rolling.run(self.reached()).await?;
        let phase = ended.phase.clone();
        let at = self.wanted(&roll.service).and_then(|wanted| outcome::at_fault(wanted, &ended));
        match (outcome::of_rollout(roll, &revision, ended), phase) {
            (Err(StepEnd::Failed { failure, undone }), Phase::Superseded { by }) => {
                let failure = theirs::named(self.context, *failure, &by, &revision).await;
                Err(StepEnd::Failed { failure: Box::new(failure), undone })
            }
            (Err(StepEnd::Failed { failure, undone }), _) => Err(StepEnd::Failed { failure: Box::new(failure.at(at)), undone }),
            (end, _) => end,
        }
    }

    /// Where the rollout stood by the journal: the beginning, in a fresh run.
    fn reached(&self) -> Rollout {
        let mut rollout = Rollout::new();
        for entry in self.journal.entries().iter().filter(|entry| entry.step == self.step.id) {
            match &entry.fact {
                Fact::Decided { phase } => rollout = rollout.to(phase.clone()),
                Fact::Answered { hook } => rollout = rollout::acted(rollout, rollout::Handle::Answered(hook.clone())),
                Fact::Began { begun } => rollout = rollout::acted(rollout, rollout::Handle::Begun(begun.clone())),
                _ => {}
            }
        }
        rollout.again()
    }

    fn wanted(&self, service: &str) -> Option<&Service> {
        self.context.pipeline.service(service)
    }

    async fn smoke(&self, service: &str, smoke: &Smoke, load_balancer: Option<&str>) -> Result<Done, StepEnd> {
        let url = match load_balancer {
            Some(name) => smoke.url.replace("{load_balancer}", name),
            None => smoke.url.clone(),
        };
        let clock = self.context.clock;
        let started = clock.now();
        let within = Duration::from_millis(smoke.within.0);
        let mut pace = Pace::new(Some(Duration::ZERO), service);
        loop {
            let answer = self.context.ports.probe.get(&url, &[]).await;
            let last = match answer {
                Ok(status) if status == smoke.expect => {
                    return Ok(Done { output: Output::Smoked, result: StepResult::Smoked { url, status } });
                }
                Ok(status) => format!("it answered {status}"),
                Err(error) => error.to_string(),
            };
            self.progress(Progress::Smoke { last: last.clone() });
            let elapsed = clock.now().duration_since(started).unsigned_abs();
            if elapsed > within {
                let at = self.wanted(service).and_then(|wanted| wanted.lines.of_key("smoke"));
                return Err(outcome::smoke_failed(service, &url, smoke, &last).at(at).into());
            }
            clock.sleep(pace.next(elapsed)).await;
        }
    }
}

/// What cannot be, unless shipit is wrong.
pub(super) fn unexpected(what: String) -> Failure {
    Failure::new(Code::Unexpected, what).because("a defect in shipit").next("report it with `events.jsonl` of this run")
}
