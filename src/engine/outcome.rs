//! How a run ended: the exit, how each service stands, and the words of what went wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use shipit_core::event::{Outcome, ServiceOutcome, StepResult};
use shipit_core::failure::{Code, Exit, Failure, Line};
use shipit_core::journal::{Entry, Fact, Output, Standing, digests, revision, standings};
use shipit_core::pipeline::{Service, Smoke};
use shipit_core::plan::{Plan, Roll, StepId, StepKind};
use shipit_core::release::Revision;
use shipit_core::rollout::{Phase, Why};
use shipit_core::settled::{Stage, shift_of};

use super::Context;
use super::reasons::{advice, reasons};
use super::record::Journal;
use super::rollout::Ended;
use super::step::{Done, StepEnd, Undone};
use super::turned_back;
use super::underway::open_pauses;
use crate::port::PortError;

/// Sums a run up.
pub fn outcome(context: &Context<'_>, plan: &Plan, journal: &Journal<'_>, failure: Option<Failure>, took: Duration) -> Outcome {
    let entries = journal.entries();
    let services = services(context, plan, &entries);
    let begun = entries.iter().any(|entry| matches!(entry.fact, Fact::Succeeded { .. }));
    let exit = failure.as_ref().map_or(Exit::Done, |failure| match exit(failure, &services) {
        // Refused is what was stopped before anything was done.
        Exit::Refused if begun => Exit::Failed,
        exit => exit,
    });
    let artefacts = entries
        .iter()
        .filter_map(|entry| match &entry.fact {
            Fact::Succeeded { output: Output::Written { files } } => Some(files.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let failure = failure.map(|failure| failure.in_full(services.iter().map(|(name, service)| standing(name, service))));
    Outcome {
        exit,
        failure,
        services,
        images: digests(plan, &entries),
        repositories: plan.repositories(),
        artefacts,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// How a service stands at the end, in a sentence.
fn standing(name: &str, service: &ServiceOutcome) -> String {
    match service {
        ServiceOutcome::Deployed { revision, .. } | ServiceOutcome::Unchanged { revision } => {
            format!("`{name}` runs {}", revision.short())
        }
        ServiceOutcome::Baking { revision, until, .. } => match until {
            Some(until) => format!("`{name}` runs {}, and the revision before is kept until {until:.0}", revision.short()),
            None => format!("`{name}` runs {}, and the revision before is kept for a while", revision.short()),
        },
        ServiceOutcome::Paused { revision, stage, expires_at } => match expires_at {
            Some(at) => format!("the deployment of `{name}` to {} waits at {stage} until {at:.0}", revision.short()),
            None => format!("the deployment of `{name}` to {} waits at {stage}", revision.short()),
        },
        ServiceOutcome::Untouched => format!("`{name}` was not touched"),
        ServiceOutcome::TurnedBack { to } => format!("`{name}` serves {} again", to.short()),
        ServiceOutcome::InProgress { revision } => format!("the deployment of `{name}` to {} goes on", revision.short()),
        ServiceOutcome::Superseded { by } => format!("`{name}` was taken over by someone's deployment of {}", by.short()),
        ServiceOutcome::Stuck { .. } => format!("`{name}` needs a person: `shipit status` shows how it stands"),
    }
}

fn exit(failure: &Failure, services: &BTreeMap<String, ServiceOutcome>) -> Exit {
    let stuck = services.values().any(|service| matches!(service, ServiceOutcome::Stuck { .. }));
    let left =
        services.values().any(|service| matches!(service, ServiceOutcome::InProgress { .. } | ServiceOutcome::Paused { .. }));
    let taken = services.values().any(|service| matches!(service, ServiceOutcome::Superseded { .. }));
    let back = services.values().any(|service| matches!(service, ServiceOutcome::TurnedBack { .. }));
    match failure.code.exit() {
        _ if stuck => Exit::Stuck,
        // On an interrupt what goes on goes on by the person's own policy.
        _ if left && failure.code != Code::Interrupted => Exit::Running,
        Exit::Failed | Exit::Refused | Exit::TurnedBack if taken => Exit::Superseded,
        Exit::Failed | Exit::Refused if back => Exit::TurnedBack,
        exit => exit,
    }
}

fn services(context: &Context<'_>, plan: &Plan, entries: &[Entry]) -> BTreeMap<String, ServiceOutcome> {
    let standings = standings(entries);
    context
        .pipeline
        .services
        .iter()
        .map(|service| {
            let outcome = match plan.unchanged.get(&service.name) {
                Some(revision) => ServiceOutcome::Unchanged { revision: revision.clone() },
                None => rolled(plan, entries, &standings, &service.name),
            };
            (service.name.clone(), outcome)
        })
        .collect()
}

fn rolled(plan: &Plan, entries: &[Entry], standings: &BTreeMap<StepId, Standing>, service: &str) -> ServiceOutcome {
    let roll = plan.steps.iter().find_map(|step| match &step.kind {
        StepKind::Roll(roll) if roll.service == service => Some((&step.id, roll)),
        _ => None,
    });
    let Some((id, roll)) = roll else { return ServiceOutcome::Untouched };
    let began = entries.iter().any(|entry| entry.step == *id && matches!(entry.fact, Fact::Began { .. }));
    match standings.get(id) {
        Some(Standing::Done(_, Output::RolledOut { revision }) | Standing::Kept(Some(Output::RolledOut { revision })))
            if let Some(Phase::Reached { baking_until, .. }) = last_phase(entries, id) =>
        {
            let (before, revision, until) = (roll.before.clone(), revision.clone(), *baking_until);
            ServiceOutcome::Baking { before, revision, until }
        }
        Some(Standing::Started(_)) if let Some(Phase::Paused { stage, expires_at, .. }) = last_phase(entries, id) => {
            let (revision, stage, expires_at) = (asked_for(entries, roll), stage.word().to_owned(), *expires_at);
            ServiceOutcome::Paused { revision, stage, expires_at }
        }
        Some(Standing::Done(_, Output::RolledOut { revision })) if began => {
            ServiceOutcome::Deployed { before: roll.before.clone(), revision: revision.clone() }
        }
        Some(Standing::Done(_, Output::RolledOut { revision })) => ServiceOutcome::Unchanged { revision: revision.clone() },
        Some(Standing::Undone) if began => match &roll.before {
            Some(before) => ServiceOutcome::TurnedBack { to: before.clone() },
            None => ServiceOutcome::Stuck { why: "there is no revision to go back to".into() },
        },
        Some(Standing::Kept(Some(Output::RolledOut { revision }))) => {
            ServiceOutcome::Deployed { before: roll.before.clone(), revision: revision.clone() }
        }
        // Not brought back though the run is over: AWS goes on.
        Some(Standing::Started(_) | Standing::Kept(_)) if began => {
            ServiceOutcome::InProgress { revision: asked_for(entries, roll) }
        }
        Some(Standing::UndoFailed(failure)) => left(entries, id, roll, failure),
        Some(Standing::Failed(_, failure)) if began => left(entries, id, roll, failure),
        _ => ServiceOutcome::Untouched,
    }
}

/// A rollout that was not brought back: the last phase that was written down says whose it is.
fn left(entries: &[Entry], step: &StepId, roll: &Roll, failure: &Failure) -> ServiceOutcome {
    match last_phase(entries, step) {
        Some(Phase::Superseded { by }) => ServiceOutcome::Superseded { by: by.clone() },
        Some(Phase::Left { .. }) => ServiceOutcome::InProgress { revision: asked_for(entries, roll) },
        _ => ServiceOutcome::Stuck { why: failure.what.clone() },
    }
}

fn last_phase<'a>(entries: &'a [Entry], step: &StepId) -> Option<&'a Phase> {
    entries.iter().rev().filter(|entry| entry.step == *step).find_map(|entry| match &entry.fact {
        Fact::Decided { phase } => Some(phase),
        _ => None,
    })
}

fn asked_for(entries: &[Entry], roll: &Roll) -> Revision {
    let asked = revision(entries, &StepId::register(&roll.service));
    asked.map_or_else(|| Revision("unknown".into()), |(revision, _)| revision)
}

/// A rollout's end as the end of its step.
pub fn of_rollout(roll: &Roll, revision: &Revision, ended: Ended) -> Result<Done, StepEnd> {
    let name = &roll.service;
    let fail = |failure: Failure, undone| Err(StepEnd::Failed { failure: Box::new(failure), undone });
    match ended.phase.clone() {
        Phase::Promoted { strength } => Ok(Done {
            output: Output::RolledOut { revision: revision.clone() },
            result: StepResult::RolledOut {
                revision: revision.clone(),
                running: ended.evidence.as_ref().map_or(0, |evidence| evidence.running),
                evidence: strength.word().to_owned(),
            },
        }),
        Phase::Reached { baking_until, .. } => Ok(Done {
            output: Output::RolledOut { revision: revision.clone() },
            result: StepResult::Shifted { revision: revision.clone(), baking_until },
        }),
        Phase::Paused { begun, stage, expires_at, then, .. } => {
            let shift = ended.evidence.as_ref().and_then(|evidence| shift_of(&begun, evidence));
            let open = shift.map_or(1, |shift| open_pauses(shift).len());
            Err(StepEnd::Paused { failure: Box::new(paused(name, (&stage, open), expires_at, then.as_deref())) })
        }
        Phase::TurnedBack { to, why } => fail(turned_back::failure(roll, revision, (&to, &why), &ended), Undone::Yes),
        Phase::Superseded { by } => fail(
            Failure::new(Code::Superseded, format!("another deployment of `{name}` took over: {}", by.short()))
                .because("someone else's UpdateService came after ours")
                .now("nothing of theirs is undone")
                .next("shipit status"),
            Undone::Never,
        ),
        Phase::Left { why: Why::Aborted } => fail(
            Failure::new(Code::Interrupted, format!("the rollout of `{name}` was not begun")).now("the service is untouched"),
            Undone::Yes,
        ),
        Phase::Left { .. } => {
            let failure = Failure::new(Code::StillRunning, format!("AWS cannot be asked how `{name}` stands"));
            let failure = match ended.blind {
                Some(error) => unanswered(failure, error),
                None => failure.because("no look was answered for longer than the patience of this rollout"),
            };
            let now = format!("the deployment of {} goes on without shipit", revision.short());
            fail(failure.now(now).next("shipit wait"), Undone::Never)
        }
        Phase::Stuck { why } => {
            let failure = Failure::new(Code::RolloutStuck, format!("the rollout of `{name}` failed and a person is needed"));
            let mut failure = reasons(failure, &why, ended.found.as_ref());
            if let Some(error) = ended.blind {
                failure = unanswered(failure, error);
            }
            fail(advice(failure, ended.found.as_ref(), "`shipit status`").next("shipit status"), Undone::Never)
        }
        Phase::Beginning | Phase::Rolling { .. } | Phase::TurningBack { .. } | Phase::Returning { .. } => {
            fail(Failure::new(Code::Unexpected, format!("the rollout of `{name}` ended in the middle")), Undone::No)
        }
    }
}

/// The line where the fault of a rollout that failed is mended, where it is one that a file has.
pub fn at_fault(service: &Service, ended: &Ended) -> Option<Line> {
    let (Phase::TurnedBack { why, .. } | Phase::Stuck { why }) = &ended.phase else { return None };
    let why = match why {
        Why::NothingBefore { failed } => failed.as_ref(),
        why => why,
    };
    let found = ended.found.as_ref().map(|(_, cause)| cause);
    match why {
        Why::Worse { .. } | Why::Inconclusive { .. } => service.lines.of_key("judge"),
        Why::Ecs { .. } | Why::Hopeless { .. } | Why::Stalled | Why::ReturnFailed { .. } | Why::NothingBefore { .. } => {
            found.and_then(|cause| service.lines.of_cause(cause))
        }
        Why::Answered | Why::Unanswerable { .. } | Why::Aborted | Why::Blind => None,
    }
}

/// So many pauses of a stage, with nobody to ask.
fn paused(name: &str, (stage, open): (&Stage, usize), expires_at: Option<Timestamp>, then: Option<&str>) -> Failure {
    let failure = Failure::new(Code::Paused, format!("the rollout of `{name}` waits for a person at {}", stage.word()));
    let failure = match open {
        0 | 1 if stage.word() == "Ready" => failure.because("its deployment group waits there, and nobody answers here"),
        0 | 1 => failure.because("`pause:` asks for it, and nobody answers here"),
        _ => failure
            .because(format!("{open} pauses are open there: the pipeline's own, and what the service has beside it"))
            .because("ECS does not tell which is which, so shipit answers none by itself; `shipit continue` answers all"),
    };
    let failure = match (expires_at, then) {
        (Some(at), Some(then)) => failure.now(format!("AWS waits until {at:.0}, then its answer is {then}")),
        (Some(at), None) => failure.now(format!("AWS waits until {at:.0}")),
        (None, _) => failure.now("AWS waits"),
    };
    failure.next(format!("shipit continue {name} --proceed")).next(format!("shipit continue {name} --turn-back"))
}

/// Adds why the last look was not answered, and what to do about that.
fn unanswered(failure: Failure, error: PortError) -> Failure {
    let cause = Failure::from(error);
    let told = |failure: Failure, line: String| failure.because(line);
    let failure = std::iter::once(cause.what).chain(cause.because).fold(failure, told);
    // Running the same again is not what helps where something is under way.
    cause.next.into_iter().take(1).fold(failure, Failure::next)
}

/// The smoke request's failure.
pub fn smoke_failed(service: &str, url: &str, smoke: &Smoke, last: &str) -> Failure {
    Failure::new(Code::SmokeFailed, format!("`{service}` does not answer {} at {url}", smoke.expect))
        .because(format!("the last of its answers within {} s: {last}", smoke.within.0 / 1000))
}

/// Someone deployed between plan and registration.
pub fn deployed_meanwhile(service: &str, planned: Option<&Revision>, now: Option<&Revision>) -> Failure {
    let name =
        |revision: Option<&Revision>| revision.map_or_else(|| "no revision".to_owned(), |revision| revision.short().to_owned());
    Failure::new(Code::DeploymentInProgress, format!("`{service}` changed while this run was building"))
        .because(format!("it ran {} when the plan was made and runs {} now", name(planned), name(now)))
        .now("the service was not touched by this run")
        .next("look at who deployed, then run the same command again")
}
