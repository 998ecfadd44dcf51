//! The reconciler of a rollout: look, decide, record, act, wait, until final.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use shipit_core::event::{Event, Progress as Shown};
use shipit_core::failure::Failure;
use shipit_core::journal::Fact;
use shipit_core::pipeline::Strategy;
use shipit_core::plan::{Roll, StepId};
use shipit_core::release::Revision;
use shipit_core::rollout::{
    Act, Handle, OnStall, Phase, Policy, Progress, Rollout, Route, Seen, Sight, Why, Wish, acted, decide,
};
use shipit_core::settled::{Begun, Evidence, ServiceDeployments, Status, settled};
use tokio::sync::watch;

use super::Context;
use super::change::{Asked, Way, ask, ask_back};
use super::follow::shown;
use super::record::Journal;
use super::step::Turn;
use super::wait::Pace;
use crate::port::{Change, FailedTask, PortError, PortResult};

/// So many looks in a row that are denied, or that credentials are not accepted for, end the wait: about a minute, in which
/// they may be renewed.
const REFUSED_LOOKS: u32 = 6;

/// How a rollout ended, with what was learned on the way.
pub struct Ended {
    /// A final phase.
    pub phase: Phase,
    /// The first task that failed, if one did.
    pub failed_task: Option<FailedTask>,
    /// The last look.
    pub evidence: Option<Evidence>,
    /// Why the looks since then were not answered.
    pub blind: Option<PortError>,
}

/// One rollout in the making.
pub struct Rolling<'a> {
    /// What every part of a run has at hand.
    pub context: &'a Context<'a>,
    /// Where decisions are written down.
    pub journal: &'a Journal<'a>,
    /// The step in the plan.
    pub step: &'a StepId,
    /// What to roll.
    pub roll: &'a Roll,
    /// What to roll it to.
    pub revision: &'a Revision,
    /// Whether it may have been asked for before.
    pub turn: Turn,
    /// Becomes abort when another step fails or a person interrupts.
    pub wish: watch::Receiver<Wish>,
}

impl Rolling<'_> {
    /// Rolls until the end, from wherever `rollout` stands.
    ///
    /// # Errors
    /// The change could not be asked for, or a fact could not be written down.
    pub async fn run(&self, mut rollout: Rollout) -> Result<Ended, Failure> {
        let policy = self.policy();
        let started = self.context.clock.now();
        let mut pace = Pace::new(self.roll.expected_ms.map(Duration::from_millis), &self.roll.service);
        let mut ended = Ended { phase: rollout.phase.clone(), failed_task: None, evidence: None, blind: None };
        let mut refused = 0;
        loop {
            let sight = self.look(&rollout.phase, &mut pace, &mut ended).await;
            refused = if ended.blind.as_ref().is_some_and(|error| !error.is_passing()) { refused + 1 } else { 0 };
            let seen = Seen { at: self.context.clock.now(), sight, wish: *self.wish.borrow() };
            let decision = decide(&policy, rollout.clone(), &seen);
            if decision.rollout.phase != rollout.phase {
                self.journal.record(self.step, Fact::Decided { phase: decision.rollout.phase.clone() }).await?;
            }
            rollout = decision.rollout;
            match decision.act {
                Some(Act::Begin) => match ask(self.context, self.roll, &self.change(), self.turn).await? {
                    Asked::Begun(begun) => {
                        rollout = self.began(rollout, begun).await?;
                        continue;
                    }
                    Asked::Unanswered => rollout = self.learned(Phase::Left { why: Why::Blind }).await?,
                },
                Some(Act::TurnBack) => match self.turn_back(&rollout.phase).await {
                    Ok(Way::Open(Handle::Begun(begun))) => {
                        rollout = self.began(rollout, begun).await?;
                        continue;
                    }
                    Ok(Way::Open(Handle::Stopping)) => {
                        rollout = self.learned(acted(rollout, Handle::Stopping).phase).await?;
                    }
                    Ok(Way::Taken { by }) => rollout = self.learned(Phase::Superseded { by }).await?,
                    Err(error) if error.is_passing() => pace.refused(),
                    Err(error) => {
                        let why = Why::ReturnFailed { reason: error.to_string() };
                        rollout = self.learned(Phase::Stuck { why }).await?;
                    }
                },
                // Without a right to look there is nothing to wait for: ECS goes on by itself.
                None if refused >= REFUSED_LOOKS && matches!(rollout.phase, Phase::Rolling { .. }) => {
                    rollout = self.learned(Phase::Left { why: Why::Blind }).await?;
                }
                Some(Act::Proceed) | None => {}
            }
            if rollout.phase.is_final() {
                ended.phase = rollout.phase;
                return Ok(ended);
            }
            let elapsed = self.context.clock.now().duration_since(started);
            self.pause(pace.next(elapsed.unsigned_abs())).await;
        }
    }

    async fn began(&self, rollout: Rollout, begun: Begun) -> Result<Rollout, Failure> {
        self.journal.record(self.step, Fact::Began { begun: begun.clone() }).await?;
        Ok(acted(rollout, Handle::Begun(begun)))
    }

    /// A phase that an act led to.
    async fn learned(&self, phase: Phase) -> Result<Rollout, Failure> {
        self.journal.record(self.step, Fact::Decided { phase: phase.clone() }).await?;
        Ok(Rollout::in_phase(phase))
    }

    fn policy(&self) -> Policy {
        Policy {
            patience: SignedDuration::from_millis(i64::try_from(self.roll.patience_ms).unwrap_or(i64::MAX)),
            on_stall: OnStall::TurnBack,
            before: self.roll.before.clone(),
        }
    }

    fn change(&self) -> Change {
        Change {
            service: self.roll.ecs_service.clone(),
            revision: self.revision.clone(),
            configuration: configuration(&self.roll.strategy, &self.roll.before_configuration),
            create: self.roll.create.clone(),
        }
    }

    async fn look(&self, phase: &Phase, pace: &mut Pace, ended: &mut Ended) -> Sight {
        let (Phase::Rolling { begun } | Phase::Returning { begun, .. }) = phase else {
            return Sight::Nothing;
        };
        match self.context.ports.service.follow(begun).await {
            Ok(evidence) => {
                pace.answered();
                ended.blind = None;
                self.notice_failure(begun, &evidence, ended).await;
                let followed = self.followed(phase, begun);
                (self.context.tell)(Event::StepProgress {
                    step: self.step.clone(),
                    progress: Shown::Rollout(shown(&evidence, self.revision, phase)),
                });
                let sight = Sight::Deployment { settled: settled(begun, &evidence), progress: Progress::of(&evidence, followed) };
                ended.evidence = Some(evidence);
                sight
            }
            Err(error) => {
                pace.refused();
                ended.blind = Some(error);
                Sight::Nothing
            }
        }
    }

    /// The revision whose arrival is progress: the one before while ECS rolls ours back.
    fn followed<'b>(&'b self, phase: &Phase, begun: &'b Begun) -> &'b Revision {
        match (phase, &self.roll.before) {
            (Phase::Returning { route: Route::Inside, .. }, Some(before)) => before,
            _ => &begun.revision,
        }
    }

    /// ECS forgets stopped tasks: the first failure is kept as soon as it shows.
    async fn notice_failure(&self, begun: &Begun, evidence: &Evidence, ended: &mut Ended) {
        let failing =
            evidence.deployments.iter().any(|deployment| deployment.revision == *self.revision && deployment.failed > 0)
                || is_rolling_back(evidence);
        if !failing || ended.failed_task.is_some() || begun.revision != *self.revision {
            return;
        }
        let task = self.context.ports.evidence.first_failed_task(&self.roll.ecs_service, &begun.deployment).await;
        ended.failed_task = task.ok().flatten();
    }

    async fn turn_back(&self, phase: &Phase) -> PortResult<Way> {
        let (Phase::TurningBack { begun, .. }, Some(before)) = (phase, &self.roll.before) else {
            return Err(PortError::NotFound { what: "a revision to go back to".into() });
        };
        ask_back(self.context, self.roll, before, begun).await
    }

    async fn pause(&self, span: Duration) {
        let mut wish = self.wish.clone();
        if *wish.borrow_and_update() == Wish::Abort {
            return self.context.clock.sleep(span).await;
        }
        tokio::select! {
            () = self.context.clock.sleep(span) => {}
            changed = wish.changed() => if changed.is_err() { self.context.clock.sleep(span).await },
        }
    }
}

fn is_rolling_back(evidence: &Evidence) -> bool {
    match &evidence.service_deployments {
        ServiceDeployments::Unsupported => false,
        ServiceDeployments::Listed { list } => list.iter().any(|deployment| {
            matches!(
                deployment.status,
                Status::RollbackRequested | Status::RollbackInProgress | Status::RollbackSuccessful | Status::RollbackFailed
            )
        }),
    }
}

/// `deploymentConfiguration` to send: what the pipeline says over what the service has; null when it says nothing.
fn configuration(strategy: &Strategy, before: &Value) -> Value {
    let Strategy::Rolling { minimum_percent, maximum_percent } = strategy else {
        return Value::Null;
    };
    if minimum_percent.is_none() && maximum_percent.is_none() {
        return Value::Null;
    }
    let mut configuration: Map<String, Value> = before.as_object().cloned().unwrap_or_default();
    for (key, percent) in [("minimumHealthyPercent", minimum_percent), ("maximumPercent", maximum_percent)] {
        if let Some(percent) = percent {
            configuration.insert(key.into(), json!(percent));
        }
    }
    Value::Object(configuration)
}
