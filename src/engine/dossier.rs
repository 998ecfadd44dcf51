//! What a rollout's looks capture of trouble: asked for only when something has become worse, and so often at most.

use std::collections::BTreeSet;

use serde_json::Value;
use shipit_core::analysis::Toll;
use shipit_core::dossier::{Definition, Dossier, Log, Shipped, Signs, StopCode, Unread};
use shipit_core::event::Event;
use shipit_core::failure::{Cause, Kind, Stops, classify, tally};
use shipit_core::plan::{Roll, StepId};
use shipit_core::release::{Revision, Source};
use shipit_core::settled::{Begun, Evidence};
use shipit_core::taskdef;

use super::Context;
use crate::port::{PortError, PortResult};

/// Looks at which stopped tasks are asked for after something has become worse: ECS lists a task a moment after it counts it.
const LOOKS: u32 = 3;

/// What is captured of one rollout.
pub struct Watch<'a> {
    context: &'a Context<'a>,
    step: &'a StepId,
    dossier: Dossier,
    signs: Signs,
    /// Looks at which is still to be asked.
    owed: u32,
    /// The cause that was told last.
    told: Option<Kind>,
    /// The definitions have been asked for.
    defined: bool,
    closed: bool,
}

impl<'a> Watch<'a> {
    /// Of a rollout that is about to begin.
    pub fn new(context: &'a Context<'a>, step: &'a StepId, roll: &Roll, revision: &Revision, source: &Source) -> Self {
        let change = Shipped {
            before: roll.before.clone(),
            difference: None,
            commit: source.commit.clone(),
            subject: source.subject.clone(),
        };
        Self {
            context,
            step,
            dossier: Dossier::new(&context.pipeline.cluster, &roll.ecs_service, revision, change),
            signs: Signs::default(),
            owed: 0,
            told: None,
            defined: false,
            closed: false,
        }
    }

    /// What our tasks have stopped for so far.
    pub fn stops(&self) -> Stops {
        tally(&self.dossier)
    }

    /// After a look at our deployment.
    pub async fn look(&mut self, begun: &Begun, evidence: &Evidence) {
        let signs = Signs::of(evidence, &self.dossier.revision);
        if signs.worse_than(self.signs) {
            self.owed = LOOKS;
        }
        self.signs = signs;
        self.dossier.take_events(&evidence.events);
        if self.owed == 0 {
            return;
        }
        self.owed -= 1;
        let before = self.dossier.stops.len();
        self.capture(begun).await;
        let known = self.dossier.stops.len() + self.dossier.more_stops;
        if known > before && u32::try_from(known).is_ok_and(|known| known >= signs.failed()) {
            self.owed = 0;
        }
        if !self.dossier.stops.is_empty() || !self.dossier.events.is_empty() {
            self.tell(Told::WhenNew);
        }
    }

    /// Before the rollout is given up, or when ECS has: the last chance to ask.
    pub async fn close(&mut self, begun: &Begun, said: Option<String>) {
        self.dossier.said = said;
        self.closed = true;
        self.capture(begun).await;
        let targets = self.context.ports.evidence.target_groups(&self.dossier.service).await;
        if let Some(groups) = self.read("the target groups", targets) {
            self.dossier.take_targets(groups);
        }
        self.define().await;
        self.tell(Told::Always);
    }

    /// Once it is over: what it has cost.
    pub fn counted(&mut self, toll: Toll) {
        self.dossier.toll = Some(toll);
        if self.closed {
            self.tell(Told::Always);
        }
    }

    /// What was found, if there was anything to find.
    pub fn found(self) -> Option<(Dossier, Cause)> {
        let cause = classify(&self.dossier);
        (self.closed || !self.dossier.is_empty()).then_some((self.dossier, cause))
    }

    async fn capture(&mut self, begun: &Begun) {
        let ended = self.dossier.stops.iter().filter(|stop| stop.stopped_at.is_some());
        let known: BTreeSet<String> = ended.map(|stop| stop.task.clone()).collect();
        let evidence = &self.context.ports.evidence;
        let stops = evidence.stopped(&begun.service, &begun.deployment, &known).await;
        if let Some(stops) = self.read("the stopped tasks", stops) {
            self.dossier.take_stops(stops);
        }
        let by_balancer = |stop: &shipit_core::dossier::Stop| {
            stop.code == StopCode::ServiceSchedulerInitiated && stop.reason.contains("ELB health check")
        };
        let unhealthy = self.dossier.events.iter().any(|event| event.contains(" is unhealthy in "));
        if unhealthy || self.dossier.stops.iter().any(by_balancer) {
            let targets = evidence.target_groups(&begun.service).await;
            if let Some(groups) = self.read("the target groups", targets) {
                self.dossier.take_targets(groups);
            }
        }
        if !self.dossier.stops.is_empty() {
            self.define().await;
            self.read_log().await;
        }
    }

    /// The definitions before and now: asked for once.
    async fn define(&mut self) {
        if std::mem::replace(&mut self.defined, true) {
            return;
        }
        let Some(now) = self.definition(&self.dossier.revision.clone()).await else { return };
        self.dossier.definition = Some(Definition::read(&now));
        self.dossier.change.difference = match self.dossier.change.before.clone() {
            None => Some("first revision".to_owned()),
            Some(before) => self.definition(&before).await.map(|before| taskdef::change(&before, &now)),
        };
    }

    async fn definition(&mut self, revision: &Revision) -> Option<Value> {
        let definition = self.context.ports.evidence.definition(revision).await;
        self.read(&format!("task definition {}", revision.short()), definition)
    }

    /// The last words of the first failed task; once there are some they are not asked for again.
    async fn read_log(&mut self) {
        if self.dossier.log.is_some() {
            return;
        }
        let Some((stop, container, place)) = self.dossier.first_words() else { return };
        let Some(stream) = place.stream(&container.name, &stop.task) else { return };
        let (task, container) = (stop.task.clone(), container.name.clone());
        let what = format!("the log of task {}", stop.short());
        let lines = self.context.ports.evidence.log(&place, &stream).await;
        let lines = self.read(&what, lines).unwrap_or_default();
        if !lines.is_empty() {
            self.dossier.log = Some(Log { task, container, group: place.group, stream, lines });
        }
    }

    /// An answer, or a note that there is none: evidence that cannot be had never fails a run.
    fn read<T>(&mut self, what: &str, answer: PortResult<T>) -> Option<T> {
        let error = match answer {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        // What passes is asked again at the next look.
        if !error.is_passing() || self.owed == 0 {
            let permission = match &error {
                PortError::Denied { action, .. } => Some(action.clone()),
                _ => None,
            };
            self.dossier.take_unread(Unread { what: what.to_owned(), why: error.to_string(), permission });
        }
        None
    }

    fn tell(&mut self, told: Told) {
        let cause = classify(&self.dossier);
        if told == Told::WhenNew && self.told == Some(cause.cause) {
            return;
        }
        self.told = Some(cause.cause);
        (self.context.tell)(Event::Dossier { step: self.step.clone(), cause, dossier: Box::new(self.dossier.clone()) });
    }
}

/// When a dossier is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Its cause is another than the one told last.
    WhenNew,
    /// In any case.
    Always,
}
