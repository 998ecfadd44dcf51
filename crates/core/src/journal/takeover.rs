//! Someone deployed while a run was away: seen before it goes on, and taken over only when told to.

use std::collections::BTreeMap;

use super::{Entry, Fact, Output, Registered, revision, standings};
use crate::journal::Standing;
use crate::pipeline::Name;
use crate::plan::{Plan, Roll, StepId, StepKind};
use crate::release::{Revision, RunId};
use crate::snapshot::{RunningService, ServiceSeen};
use crate::tags;
use crate::whose::whose;

/// A service that runs neither what it had before the run nor what the run brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meanwhile {
    /// The service's name in the file.
    pub service: Name,
    /// What it had before the run.
    pub before: Option<Revision>,
    /// What it runs now; none when it is gone.
    pub now: Option<Revision>,
    /// Who brought that.
    pub who: Option<String>,
}

/// All services of the run that someone else has deployed to since.
pub fn meanwhile(run: &RunId, plan: &Plan, entries: &[Entry], services: &BTreeMap<Name, ServiceSeen>) -> Vec<Meanwhile> {
    let foreign = plan.rolls().filter_map(|(_, roll)| {
        let seen = services.get(&roll.service)?;
        (!is_ours(run, roll, entries, seen.present())).then(|| Meanwhile {
            service: roll.service.clone(),
            before: roll.before.clone(),
            now: seen.present().map(|running| running.revision.clone()),
            who: seen.present().map(|running| whose(&running.definition, &running.tags)),
        })
    });
    foreign.collect()
}

fn is_ours(run: &RunId, roll: &Roll, entries: &[Entry], running: Option<&RunningService>) -> bool {
    let Some(running) = running else { return roll.before.is_none() };
    let registered = revision(entries, &StepId::register(&roll.service));
    Some(&running.revision) == roll.before.as_ref()
        || registered.is_some_and(|(revision, _)| revision == running.revision)
        // The fact of the registration may have been lost, not the revision's own tag.
        || running.tags.get(tags::RUN) == Some(&run.0)
}

/// The rest of the run as one of its own: what is built stays built, and services that someone else has deployed to are
/// rolled anew, with what runs there now as the revision to go back to.
pub fn taken_over(
    plan: &Plan,
    entries: &[Entry],
    foreign: &[Meanwhile],
    services: &BTreeMap<Name, ServiceSeen>,
) -> (Plan, Vec<Entry>) {
    let mut plan = plan.clone();
    let taken = |name: &str| foreign.iter().any(|meanwhile| meanwhile.service == name);
    for step in &mut plan.steps {
        if !taken(step.kind.subject()) {
            continue;
        }
        let running = services.get(step.kind.subject()).and_then(ServiceSeen::present);
        match &mut step.kind {
            StepKind::Register { running: planned, .. } => *planned = running.map(|running| running.revision.clone()),
            StepKind::Roll(roll) => {
                roll.before = running.map(|running| running.revision.clone());
                roll.before_configuration = running.map(|running| running.configuration.clone()).unwrap_or_default();
                roll.wiring.iter_mut().for_each(|wiring| wiring.see(running));
                roll.before_load_balancers = running.map(|running| running.load_balancers.clone()).unwrap_or_default();
            }
            _ => {}
        }
    }
    let standings = standings(entries);
    let stays = |entry: &&Entry| {
        let Some(step) = plan.steps.iter().find(|step| step.id == entry.step) else {
            // A revision that was known beforehand, as in a rollback.
            return matches!(entry.fact, Fact::Succeeded { .. });
        };
        let unchanged = matches!(revision(entries, &step.id), Some((_, Registered::Unchanged)));
        match &step.kind {
            StepKind::Roll(roll) if taken(&roll.service) => false,
            StepKind::Smoke { service, .. } if taken(service) => false,
            StepKind::Register { service, .. } if taken(service) && unchanged => false,
            StepKind::Roll(_) => true,
            _ => matches!(standings.get(&step.id), Some(Standing::Done(_, output)) if !matches!(output, Output::Built { .. })),
        }
    };
    let kept = entries.iter().filter(stays).cloned().collect();
    (plan, kept)
}
