//! The way back of a service: which good revisions it had, nearest first, and whether each could run again.

use std::collections::BTreeSet;

use shipit_core::failure::Failure;
use shipit_core::release::Revision;
use shipit_core::rollback::{is_known_bad, older};
use shipit_core::settled::ServiceDeployment;
use shipit_core::taskdef;

use super::Context;
use super::wait::patiently;
use crate::port::{Holds, PortError, PortResult, RevisionSeen, Standing};

/// How far back a walk goes.
const FURTHEST: usize = 200;

/// A revision on the way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// It.
    pub revision: Revision,
    /// Why it cannot run again; none where it can.
    pub gone: Option<String>,
}

/// The way back from a revision, as far as asked.
pub struct Trail<'a> {
    context: &'a Context<'a>,
    history: Vec<ServiceDeployment>,
}

impl<'a> Trail<'a> {
    /// Reads what the service ran.
    ///
    /// # Errors
    /// AWS does not tell.
    pub async fn of(context: &'a Context<'a>, ecs_service: &str) -> Result<Self, Failure> {
        let history = async || context.ports.revisions.history(ecs_service).await;
        Ok(Self { context, history: self::again(context, ecs_service, history).await? })
    }

    /// The good revisions before `from`, nearest first, until `enough` says so of those found. A revision that was tried and
    /// never came to its end is none.
    ///
    /// # Errors
    /// AWS does not tell.
    pub async fn before(&self, from: &Revision, enough: impl Fn(&[Place]) -> bool) -> Result<Vec<Place>, Failure> {
        let mut places: Vec<Place> = Vec::new();
        let mut walked = BTreeSet::from([from.clone()]);
        let mut tagged = self.read(from).await?.and_then(|seen| before_of(&seen));
        let mut at = from.clone();
        while walked.len() < FURTHEST && !enough(&places) {
            let Some(next) = older(&at, tagged.as_ref(), &self.history, &walked) else { break };
            let seen = self.read(&next).await?;
            if !is_known_bad(&next, &self.history) {
                places.push(Place { revision: next.clone(), gone: self.gone(seen.as_ref()).await? });
            }
            tagged = seen.as_ref().and_then(before_of);
            walked.insert(next.clone());
            at = next;
        }
        Ok(places)
    }

    /// The revision, and why it cannot run again; an error where there is no such.
    ///
    /// # Errors
    /// AWS does not tell.
    pub async fn check(&self, revision: &Revision) -> Result<Place, Failure> {
        let seen = self.read(revision).await?;
        let named = seen.as_ref().map_or_else(|| revision.clone(), |seen| seen.revision.clone());
        Ok(Place { revision: named, gone: self.gone(seen.as_ref()).await? })
    }

    async fn read(&self, revision: &Revision) -> Result<Option<RevisionSeen>, Failure> {
        let read = async || self.context.ports.revisions.read(revision).await;
        Ok(again(self.context, revision.short(), read).await?)
    }

    async fn gone(&self, seen: Option<&RevisionSeen>) -> Result<Option<String>, Failure> {
        let Some(seen) = seen else { return Ok(Some("ECS does not know it".to_owned())) };
        if seen.standing == Standing::Inactive {
            return Ok(Some("it was deregistered".to_owned()));
        }
        for (container, image) in taskdef::images(&seen.definition) {
            let holds = async || self.context.ports.registry.holds(image).await;
            if again(self.context, image, holds).await? == Holds::No {
                return Ok(Some(format!("the image of its container `{container}` is no longer in the registry: {image}")));
            }
        }
        Ok(None)
    }
}

fn before_of(seen: &RevisionSeen) -> Option<Revision> {
    seen.tags.get("shipit:before").cloned().map(Revision)
}

async fn again<T>(context: &Context<'_>, seed: &str, call: impl AsyncFnMut() -> PortResult<T>) -> PortResult<T> {
    patiently(context.clock, seed, PortError::is_throttled, call).await
}
