//! A second reading of the plan: what a careful person would say before it starts. Fatal notes refuse the run.

mod codedeploy;
mod shift;

use serde::{Deserialize, Serialize};

use crate::ancestry;
use crate::failure::{Code, Failure};
use crate::pipeline::{Pipeline, Strategy};
use crate::plan::{Plan, StepKind, zstd};
use crate::release::{Revision, Tree};
use crate::snapshot::{RunningService, Snapshot};
use crate::{timeline, whose};

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The plan must not be carried out.
    Refusal {
        /// Why.
        failure: Failure,
    },
    /// Something a person should know before.
    Remark {
        /// What.
        message: String,
    },
}

/// Reviews a plan.
pub fn review(pipeline: &Pipeline, snapshot: &Snapshot, plan: &Plan) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Tree::Dirty { changed, .. } = &snapshot.source.tree {
        notes.push(remark(format!("the tree differs from its commit ({}): the tag says so", changed.join(", "))));
    }
    if let Tree::NoRepository { named_by, content } = &snapshot.source.tree {
        notes
            .push(remark(format!("no git repository here: the commit is taken from {named_by}, the contexts hash to {content}")));
    }
    notes.extend(zstd::unknown(pipeline, snapshot, plan).into_iter().map(remark));
    for step in &plan.steps {
        let StepKind::Roll(roll) = &step.kind else { continue };
        let Some(service) = pipeline.service(&roll.service) else { continue };
        let Some(running) = snapshot.services.get(&roll.service).and_then(|seen| seen.present()) else { continue };
        let rolls = matches!(service.strategy, Strategy::Rolling { .. });
        if rolls {
            notes.extend(never_moves(&roll.service, timeline::percents(service, running), running));
        }
        notes.extend(in_progress(&pipeline.cluster, &service.service, running));
        notes.extend(older(&roll.service, running, snapshot, plan));
        if rolls {
            notes.extend(no_way_back(&roll.service, running));
        }
        notes.extend(shift::shift(service, roll, running));
    }
    notes
}

fn remark(message: String) -> Note {
    Note::Remark { message }
}

fn never_moves(name: &str, percents: shipit_scheduler::Percents, running: &RunningService) -> Option<Note> {
    let desired = running.desired;
    if !percents.stuck(desired) {
        return None;
    }
    let bounds = percents.bounds(desired);
    let tasks = if desired == 1 { "1 task".to_owned() } else { format!("{desired} tasks") };
    let room = (desired * 100 + 100).div_ceil(desired);
    let failure = Failure::new(
        Code::NeverMoves,
        format!(
            "`{name}` can never move: {tasks}, minimum {}%, maximum {}% rounds to {}..{}",
            percents.minimum_healthy, percents.maximum, bounds.lower, bounds.upper
        ),
    )
    .because("ECS may neither stop a task nor start one more, and its circuit breaker does not see that")
    .now("nothing was touched")
    .next(format!("maximum_percent: {room}, or {} tasks", desired + 1));
    Some(Note::Refusal { failure })
}

fn whose(revision: &Revision, running: &RunningService) -> String {
    // What is known of a revision is known of the one that the service names: during a rollback that is another one.
    if *revision == running.revision {
        format!("{} is of {}", revision.short(), whose::whose(&running.definition, &running.tags))
    } else {
        format!("the service comes from {}", running.revision.short())
    }
}

/// Someone else's deployment is under way: a second one would take over from it.
pub fn in_progress(cluster: &str, service: &str, running: &RunningService) -> Option<Note> {
    let (deployment, revision) = running.in_progress.as_ref()?;
    let failure =
        Failure::new(Code::DeploymentInProgress, format!("a deployment of `{service}` to {} is in progress", revision.short()))
            .because(format!("{deployment} was not started by this run, and a second one would take over from it"))
            .because(whose(revision, running))
            .now("nothing was touched")
            .next(format!(
                "wait for it: `shipit wait`, or `aws ecs wait services-stable --cluster {cluster} --services {service}`"
            ));
    Some(Note::Refusal { failure })
}

fn older(name: &str, running: &RunningService, snapshot: &Snapshot, plan: &Plan) -> Option<Note> {
    let ancestry = snapshot.ancestry.get(name)?;
    match ancestry::check(name, &running.revision, ancestry, plan.forced.as_ref()) {
        Ok(message) => message.map(remark),
        Err(failure) => Some(Note::Refusal { failure }),
    }
}

fn no_way_back(name: &str, running: &RunningService) -> Option<Note> {
    match running.breaker {
        shipit_scheduler::Breaker::On { .. } => None,
        shipit_scheduler::Breaker::Off => Some(remark(format!(
            "`{name}` has no deployment circuit breaker: if tasks fail to start, shipit notices by the missing progress and turns back"
        ))),
    }
}
