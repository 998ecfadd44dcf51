//! The reconciler of a rollout: look, decide, record, act, wait, until final.

use std::time::Duration;

use shipit_core::dossier::Dossier;
use shipit_core::event::{Event, Progress as Shown};
use shipit_core::failure::{Cause, Failure};
use shipit_core::journal::Fact;
use shipit_core::plan::{Body, Roll, StepId};
use shipit_core::release::{Revision, Source};
use shipit_core::rollout::{
    Act, Answer, Guards, Handle, Judged, Phase, Policy, Progress, Rollout, Route, Seen, Sight, Why, Wish, acted, decide, to_ask,
};
use shipit_core::settled::{Begun, Evidence, HookId, ShiftSeen, settled, shift_of};
use tokio::sync::watch;

use super::Context;
use super::change::{Asked, Way, ask, ask_back};
use super::counting::Counting;
use super::dossier::Watch;
use super::follow::shown;
use super::judging::Judging;
use super::people::{Asking, Question};
use super::record::Journal;
use super::run::aborted;
use super::step::Turn;
use super::wait::Pace;
use crate::port::{Asker, Change, PortError, PortResult};

/// So many looks in a row that are denied, or that credentials are not accepted for, end the wait: about a minute, in which
/// they may be renewed.
const REFUSED_LOOKS: u32 = 6;

/// How a rollout ended, with what was learned on the way.
pub struct Ended {
    /// A final phase.
    pub phase: Phase,
    /// What was found of trouble, if there was any.
    pub found: Option<(Dossier, Cause)>,
    /// The last look.
    pub evidence: Option<Evidence>,
    /// Why the looks since then were not answered.
    pub blind: Option<PortError>,
    /// At the last look ECS waited at a hook of ours that it did not show.
    pub hidden: Option<String>,
    /// What was seen of its traffic.
    pub counting: Counting,
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
    /// What it was made of.
    pub source: &'a Source,
    /// Becomes abort when another step fails.
    pub wish: watch::Receiver<Wish>,
    /// Becomes true once AWS has been asked for the way back.
    pub asked: watch::Sender<bool>,
}

/// However fast the clock, containers take their own time to begin.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(60);

impl Rolling<'_> {
    fn policy(&self) -> Policy {
        let policy = Policy::of(self.roll, self.context.until.clone());
        Policy { patience: policy.patience.max(self.context.clock.during(SHORTEST_PATIENCE)), ..policy }
    }

    /// Rolls until the end, from wherever `rollout` stands.
    ///
    /// # Errors
    /// The change could not be asked for, or a fact could not be written down.
    pub async fn run(&self, mut rollout: Rollout) -> Result<Ended, Failure> {
        let policy = self.policy();
        let started = self.context.clock.now();
        let mut pace = Pace::new(self.roll.expected_ms.map(Duration::from_millis), &self.roll.service);
        let mut watch = Watch::new(self.context, self.step, self.roll, self.revision, self.source);
        let mut ended = Ended {
            phase: rollout.phase.clone(),
            found: None,
            evidence: None,
            blind: None,
            hidden: None,
            counting: Counting::default(),
        };
        let mut judging = Judging::new(self.context, self.roll);
        let mut asking = Asking::new(self.context.people);
        let mut refused = 0;
        loop {
            let sight = self.look(&rollout.phase, &mut pace, (&mut watch, &judging, &policy.guards), &mut ended).await;
            refused = if ended.blind.as_ref().is_some_and(|error| !error.is_passing()) { refused + 1 } else { 0 };
            let judged = match (&rollout.phase, &sight) {
                (Phase::Rolling { .. }, Sight::Deployment { shift: Some(shift), .. }) => self.judged(&mut judging, shift).await,
                _ => Judged::Missing,
            };
            // What could not be seen takes no question back.
            if matches!(sight, Sight::Deployment { .. }) || !matches!(rollout.phase, Phase::Rolling { .. }) {
                asking.about(self.question(&policy, &rollout, &sight, &judged));
            }
            let (at, wish, person) = (self.context.clock.now(), *self.wish.borrow(), asking.person());
            let seen = Seen { at, sight, wish, stops: watch.stops(), judged, person };
            let decision = decide(&policy, rollout.clone(), &seen);
            if decision.rollout.phase != rollout.phase {
                self.journal.record(self.step, Fact::Decided { phase: decision.rollout.phase.clone() }).await?;
            }
            if let (Phase::Rolling { begun }, Some(why)) = (&rollout.phase, trouble(&decision.rollout.phase)) {
                self.unless_aborted(watch.close(begun, why.said())).await;
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
                    Ok(Way::Open(handle)) => rollout = self.learned(acted(rollout, handle).phase).await?,
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
                Some(Act::Proceed { hook }) => rollout = self.proceed(rollout, hook, &mut pace).await?,
                None => {}
            }
            if rollout.phase.is_final() {
                self.clear(&rollout.phase).await;
                if matches!(rollout.phase, Phase::TurnedBack { .. }) {
                    let counted = async { self.toll(&ended.counting).await.into_iter().for_each(|toll| watch.counted(toll)) };
                    self.unless_aborted(counted).await;
                }
                ended.phase = rollout.phase;
                ended.found = watch.found();
                return Ok(ended);
            }
            let elapsed = self.context.clock.now().duration_since(started);
            self.pause(pace.next(elapsed.unsigned_abs()), &mut asking).await;
        }
    }

    async fn began(&self, rollout: Rollout, begun: Begun) -> Result<Rollout, Failure> {
        self.journal.record(self.step, Fact::Began { begun: begun.clone() }).await?;
        Ok(acted(rollout, Handle::Begun(begun)))
    }

    /// Written down before and after, so that whoever goes on answers each hook once.
    async fn proceed(&self, rollout: Rollout, hook: HookId, pace: &mut Pace) -> Result<Rollout, Failure> {
        let (Phase::Rolling { begun } | Phase::Returning { begun, .. }) = &rollout.phase else { return Ok(rollout) };
        self.journal.record(self.step, Fact::Answering { hook: hook.clone() }).await?;
        match self.context.ports.service.proceed(begun, &hook, Answer::Continue).await {
            Ok(()) => {
                self.journal.record(self.step, Fact::Answered { hook: hook.clone() }).await?;
                Ok(acted(rollout, Handle::Answered(hook)))
            }
            Err(error) if error.is_passing() => {
                pace.refused();
                Ok(rollout)
            }
            Err(error) => {
                let why = Why::Unanswerable { reason: error.to_string() };
                let phase = match &rollout.phase {
                    Phase::Rolling { begun } => Phase::TurningBack { begun: begun.clone(), why },
                    _ => Phase::Stuck { why },
                };
                self.journal.record(self.step, Fact::Decided { phase: phase.clone() }).await?;
                Ok(rollout.to(phase))
            }
        }
    }

    /// What a person is to be asked now.
    fn question(&self, policy: &Policy, rollout: &Rollout, sight: &Sight, judged: &Judged) -> Option<Question> {
        let (Phase::Rolling { .. }, Sight::Deployment { shift: Some(shift), .. }) = (&rollout.phase, sight) else { return None };
        let hook = to_ask(policy, rollout, shift, judged)?;
        Some(Question {
            service: self.roll.service.clone(),
            stage: shift.stage.clone(),
            hook: hook.id.clone(),
            share: shift.production,
            expires_at: hook.expires_at,
            then: hook.then.clone(),
        })
    }

    /// A phase that an act led to.
    async fn learned(&self, phase: Phase) -> Result<Rollout, Failure> {
        self.journal.record(self.step, Fact::Decided { phase: phase.clone() }).await?;
        Ok(Rollout::in_phase(phase))
    }

    fn change(&self) -> Change {
        let body = Body::of(self.roll);
        Change {
            service: self.roll.ecs_service.clone(),
            revision: self.revision.clone(),
            configuration: body.configuration,
            load_balancers: body.load_balancers,
            create: self.roll.create.clone(),
            shift: self.roll.shift().cloned(),
            alarms: self.roll.alarms.clone(),
            asker: self.asker(),
        }
    }

    fn asker(&self) -> Asker {
        Asker { run: self.journal.run.clone(), commit: self.source.commit.clone() }
    }

    /// A run that is to be given up does not wait for CloudWatch.
    async fn judged(&self, judging: &mut Judging<'_>, shift: &ShiftSeen) -> Judged {
        let mut wish = self.wish.clone();
        tokio::select! {
            biased;
            () = aborted(&mut wish) => Judged::Missing,
            judged = judging.look(shift) => judged,
        }
    }

    async fn look(
        &self,
        phase: &Phase,
        pace: &mut Pace,
        (watch, judging, guards): (&mut Watch<'_>, &Judging<'_>, &Guards),
        ended: &mut Ended,
    ) -> Sight {
        let (Phase::Rolling { begun } | Phase::Returning { begun, .. }) = phase else {
            return Sight::Nothing;
        };
        match self.context.ports.service.follow(begun).await {
            Ok(evidence) => {
                pace.answered();
                ended.blind = None;
                if matches!(phase, Phase::Rolling { .. }) {
                    self.unless_aborted(watch.look(begun, &evidence)).await;
                }
                let followed = self.followed(phase, begun);
                let mut seen = shown((&self.roll.service, guards), &evidence, begun, self.revision, phase);
                if let Some(shift) = &mut seen.shift {
                    shift.compared = judging.compared().map(Box::new);
                }
                if let Some(shift) = shift_of(begun, &evidence) {
                    ended.counting.look(phase, shift, evidence.at);
                }
                ended.hidden = self.hidden(phase, &evidence);
                if let Some(hidden) = &ended.hidden {
                    seen.waiting_for.clone_from(hidden);
                }
                (self.context.tell)(Event::StepProgress { step: self.step.clone(), progress: Shown::Rollout(seen) });
                let sight = Sight::Deployment {
                    settled: settled(begun, &evidence),
                    progress: Progress::of(&evidence, begun, followed),
                    shift: shift_of(begun, &evidence).cloned().map(Box::new),
                };
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

    /// A run that is to be given up turns back before it asks for reasons.
    async fn unless_aborted(&self, capture: impl Future<Output = ()>) {
        let mut wish = self.wish.clone();
        tokio::select! {
            biased;
            () = aborted(&mut wish) => {}
            () = capture => {}
        }
    }

    async fn turn_back(&self, phase: &Phase) -> PortResult<Way> {
        let (Phase::TurningBack { begun, .. }, Some(before)) = (phase, &self.roll.before) else {
            return Err(PortError::NotFound { what: "a revision to go back to".into() });
        };
        let way = ask_back(self.context, self.roll, before, begun, self.asker()).await;
        self.asked.send_replace(true);
        way
    }

    async fn pause(&self, span: Duration, asking: &mut Asking<'_>) {
        let mut wish = self.wish.clone();
        if *wish.borrow_and_update() == Wish::Abort {
            return self.context.clock.sleep(span).await;
        }
        tokio::select! {
            () = self.context.clock.sleep(span) => {}
            () = asking.answered() => {}
            changed = wish.changed() => if changed.is_err() { self.context.clock.sleep(span).await },
        }
    }
}

/// Why the rollout takes a bad end that AWS knows more of; none when it is given up by a person.
fn trouble(phase: &Phase) -> Option<&Why> {
    let why = match phase {
        Phase::TurningBack { why, .. } | Phase::Returning { why, .. } | Phase::TurnedBack { why, .. } | Phase::Stuck { why } => {
            why
        }
        _ => return None,
    };
    let aborted = match why {
        Why::NothingBefore { failed } => **failed == Why::Aborted,
        why => *why == Why::Aborted,
    };
    (!aborted).then_some(why)
}
