//! A service looked at again and again by who only watches: how it stands, and its deployment in progress, whoever asked for it,
//! in the words of the events.

use jiff::{SignedDuration, Timestamp};
use shipit_core::analysis::{Beside, MINUTE};
use shipit_core::dossier::TargetGroup;
use shipit_core::event::{Event, Progress, RolloutSeen, Stamped, StepResult};
use shipit_core::pipeline::Service;
use shipit_core::plan::{Driver, StepId};
use shipit_core::rollout::{Phase, Route, Why, wished};
use shipit_core::settled::{Begun, Evidence, Settled, ShiftSeen, settled};
use shipit_core::snapshot::ServiceSeen;

use super::Context;
use super::follow::shown;
use super::judging::Told;
use super::underway::{Underway, given_up};
use crate::port::{PortResult, Watched};

/// What moves little is asked for this often, in AWS's time.
const STANDS: SignedDuration = SignedDuration::from_secs(10);

/// One service, from look to look.
pub struct Watching<'a> {
    context: &'a Context<'a>,
    service: &'a Service,
    /// How it stood, and when that was asked.
    stood: Option<(Timestamp, ServiceSeen, Vec<TargetGroup>)>,
    /// The deployment that is followed.
    begun: Option<Begun>,
    /// When CloudWatch was asked.
    counted_at: Option<Timestamp>,
    told: Told,
}

/// What a look showed.
#[derive(Clone, Debug)]
pub struct Look {
    /// How the service stands.
    pub seen: ServiceSeen,
    /// The health of its targets; empty where it has none, or that may not be read.
    pub targets: Vec<TargetGroup>,
    /// Its deployment, while that is in progress.
    pub underway: Option<Underway>,
    /// What is new of it.
    pub events: Vec<Stamped>,
}

impl<'a> Watching<'a> {
    /// Nothing has been looked at yet.
    pub fn new(context: &'a Context<'a>, service: &'a Service) -> Self {
        Self { context, service, stood: None, begun: None, counted_at: None, told: Told::default() }
    }

    /// The name in the pipeline file.
    pub fn name(&self) -> &'a str {
        &self.service.name
    }

    /// Looks.
    ///
    /// # Errors
    /// AWS could not be asked; the next look goes on.
    pub async fn look(&mut self) -> PortResult<Look> {
        let port = &self.context.ports.service;
        let (seen, targets) = self.stands().await?;
        let step = StepId::roll(&self.service.name);
        let mut events = Vec::new();
        if self.begun.is_none() && seen.present().is_some_and(|running| running.in_progress.is_some()) {
            self.begun = port.current(&self.service.service).await?;
            (self.counted_at, self.told) = (None, Told::default());
            let started = |begun: &Begun| Stamped { at: begun.asked_at, event: Event::StepStarted { step: step.clone() } };
            events.extend(self.begun.as_ref().map(started));
        }
        let Some(begun) = self.begun.clone() else { return Ok(Look { seen, targets, underway: None, events }) };
        let evidence = port.follow(&begun).await?;
        let settled = settled(&begun, &evidence);
        let mut told = |event| events.push(Stamped { at: evidence.at, event });
        let looked = self.shown(&seen, &begun, &evidence, &settled);
        told(Event::StepProgress { step: step.clone(), progress: Progress::Rollout(looked) });
        let underway = Underway::of(begun.clone(), &evidence);
        if let Some(minutes) = self.served(underway.shift.as_ref(), &begun, evidence.at).await {
            told(Event::StepProgress { step: step.clone(), progress: Progress::Served { minutes } });
        }
        let Some(end) = self.ended(step, &begun, &evidence, &settled) else {
            return Ok(Look { seen, targets, underway: Some(underway), events });
        };
        told(end);
        // How it stands has changed with it.
        (self.begun, self.stood) = (None, None);
        let (seen, targets) = self.stands().await?;
        Ok(Look { seen, targets, underway: None, events })
    }

    async fn stands(&mut self) -> PortResult<(ServiceSeen, Vec<TargetGroup>)> {
        let now = self.context.clock.now();
        if let Some((at, seen, targets)) = &self.stood
            && now.duration_since(*at) < STANDS
        {
            return Ok((seen.clone(), targets.clone()));
        }
        let name = &self.service.service;
        let seen = self.context.ports.service.look(name).await?;
        // Who may not read them sees the service without them.
        let targets = match seen.present() {
            Some(_) => self.context.ports.evidence.target_groups(name).await.unwrap_or_default(),
            None => Vec::new(),
        };
        self.stood = Some((now, seen.clone(), targets.clone()));
        Ok((seen, targets))
    }

    fn shown(&self, seen: &ServiceSeen, begun: &Begun, evidence: &Evidence, settled: &Settled) -> RolloutSeen {
        let controller = seen.present().map_or("ECS", |running| running.controller.as_str());
        let driver = if controller == "CODE_DEPLOY" { Driver::CodeDeploy } else { Driver::Ecs };
        let guards = wished(self.service, driver);
        let phase = match settled {
            Settled::RollingBack { reason } | Settled::RolledBack { reason, .. } => {
                let why = Why::Ecs { reason: reason.clone() };
                Phase::Returning { begun: begun.clone(), route: Route::Inside, why }
            }
            _ => Phase::Rolling { begun: begun.clone() },
        };
        shown((&self.service.name, &guards), evidence, begun, &begun.revision, &phase)
    }

    /// The minutes that are new, asked for once a minute while traffic is shared.
    async fn served(&mut self, shift: Option<&ShiftSeen>, begun: &Begun, at: Timestamp) -> Option<Vec<Beside>> {
        let (candidate, stable) = shift.and_then(|shift| shift.candidate_groups.first().zip(shift.stable_groups.first()))?;
        if self.counted_at.is_some_and(|last| at.duration_since(last) < MINUTE) {
            return None;
        }
        self.counted_at = Some(at);
        let service = &self.service.service;
        let watched = Watched { service, candidate, stable, since: begun.asked_at, at, metrics: &[], alarms: &[] };
        // Who may not read them sees the rollout without them.
        let samples = self.context.ports.metrics.look(&watched).await.ok()?;
        Some(self.told.news(&samples)).filter(|minutes| !minutes.is_empty())
    }

    fn ended(&self, step: StepId, begun: &Begun, evidence: &Evidence, settled: &Settled) -> Option<Event> {
        let took = evidence.at.duration_since(begun.asked_at).unsigned_abs();
        let took_ms = u64::try_from(self.context.clock.wall(took).as_millis()).unwrap_or(u64::MAX);
        if let Some(failure) = given_up(&self.service.name, settled) {
            return Some(Event::StepFailed { step, failure, took_ms });
        }
        let Settled::Done { strength } = settled else { return None };
        let (revision, running) = (begun.revision.clone(), evidence.running);
        let result = StepResult::RolledOut { revision, running, evidence: strength.word().to_owned() };
        Some(Event::StepSucceeded { step, result, took_ms })
    }
}
