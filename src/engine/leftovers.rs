//! What a rollout has put into its service's configuration and must not stay there: taken out once it has ended, by looking
//! first. That it cannot be is a remark, and changes nothing of how the run ended.

use shipit_core::event::Event;
use shipit_core::journal::Fact;
use shipit_core::plan::{End, Leftover, hooks_left, leftover, may_leave, without_hooks};
use shipit_core::release::Revision;
use shipit_core::rollout::Phase;
use shipit_core::settled::Stage;

use super::rollout::Rolling;
use super::wait::patiently;
use crate::port::{PortError, PortResult};

/// What came of it.
enum Cleared {
    /// Nothing was left.
    Nothing,
    /// This was.
    Done(Leftover),
    /// Someone else has deployed since, and these hooks of ours hold them too.
    Theirs(Vec<String>),
}

impl Rolling<'_> {
    /// Takes out what this rollout has left, once it has ended like this.
    pub(super) async fn clear(&self, phase: &Phase) {
        let Some((end, expected)) = self.end(phase) else { return self.name_what_stays(phase).await };
        if !may_leave(self.roll, end) || self.is_cleared() {
            return;
        }
        let name = &self.roll.service;
        let message = match self.cleared(end, expected).await {
            Ok(Cleared::Nothing) => return,
            Ok(Cleared::Done(left)) => match end {
                End::TurnedBack => {
                    format!("`{name}` has its deployment configuration from before again: {}", left.what.join(", "))
                }
                End::Deployed => format!("`{name}` is rid of what this rollout had placed: {}", left.what.join(", ")),
            },
            Ok(Cleared::Theirs(hooks)) if hooks.is_empty() => return,
            Ok(Cleared::Theirs(hooks)) => self.stays(&hooks),
            Err(error) => {
                format!("`{name}` may keep what this rollout had placed in its configuration: {error}; {}", self.command())
            }
        };
        (self.context.tell)(Event::Notice { message });
    }

    /// How the rollout ended, and what the service then runs; nothing where its hooks are still needed, or it is not over.
    fn end(&self, phase: &Phase) -> Option<(End, &Revision)> {
        match phase {
            Phase::TurnedBack { .. } => Some((End::TurnedBack, self.roll.before.as_ref()?)),
            Phase::Promoted { .. } => Some((End::Deployed, self.revision)),
            Phase::Reached { stage, .. } if stage.is_at_or_after(&Stage::BakeTime) => Some((End::Deployed, self.revision)),
            _ => None,
        }
    }

    fn is_cleared(&self) -> bool {
        self.journal.entries().iter().any(|entry| entry.step == *self.step && entry.fact == Fact::Cleared)
    }

    async fn cleared(&self, end: End, expected: &Revision) -> PortResult<Cleared> {
        let (port, service) = (&self.context.ports.service, &self.roll.ecs_service);
        let look = async || port.look(service).await;
        let seen = patiently(self.context.clock, &self.roll.service, PortError::is_passing, look).await?;
        let Some(running) = seen.present() else { return Ok(Cleared::Nothing) };
        let others = running.in_progress.as_ref().is_some_and(|(_, revision)| revision != expected);
        if running.revision != *expected || others {
            return Ok(Cleared::Theirs(hooks_left(self.roll, &running.configuration)));
        }
        let Some(left) = leftover(self.roll, end, &running.configuration) else { return Ok(Cleared::Nothing) };
        let unwritten = |failure: shipit_core::failure::Failure| PortError::from(failure);
        let clearing = Fact::Clearing { configuration: left.configuration.clone() };
        self.journal.record(self.step, clearing).await.map_err(unwritten)?;
        let configure = async || port.configure(service, &left.configuration).await;
        patiently(self.context.clock, &self.roll.service, PortError::is_passing, configure).await?;
        self.journal.record(self.step, Fact::Cleared).await.map_err(unwritten)?;
        Ok(Cleared::Done(left))
    }

    /// Where the hooks must stay, or are someone else's to be held by: they are named.
    async fn name_what_stays(&self, phase: &Phase) {
        if !matches!(phase, Phase::Superseded { .. } | Phase::Reached { .. }) || !may_leave(self.roll, End::Deployed) {
            return;
        }
        let Ok(seen) = self.context.ports.service.look(&self.roll.ecs_service).await else { return };
        let hooks = seen.present().map(|running| hooks_left(self.roll, &running.configuration)).unwrap_or_default();
        if !hooks.is_empty() {
            (self.context.tell)(Event::Notice { message: self.stays(&hooks) });
        }
    }

    fn stays(&self, hooks: &[String]) -> String {
        let (name, hooks) = (&self.roll.service, hooks.join(", "));
        format!("`{name}` keeps {hooks}: every deployment waits there for `shipit continue {name} --proceed`; {}", self.command())
    }

    /// The way out for a person.
    fn command(&self) -> String {
        format!("`{}` takes all hooks off", without_hooks(&self.context.pipeline.cluster, &self.roll.ecs_service))
    }
}
