//! A journal rebuilt from what the services themselves tell: for a run whose own journal is on another machine, or gone.
//!
//! Nothing is begun on its word: it knows the rollouts that were asked for, follows them, and brings them back if they fail.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Entry, Fact, Head, Output, Undo};
use crate::pipeline::{Name, Pipeline, Service};
use crate::plan::{Plan, Step, StepId, StepKind, Wiring};
use crate::release::{Commit, Revision, RunId, Source, Tree};
use crate::settled::Begun;
use crate::snapshot::{RunningService, ServiceSeen};
use crate::{tags, timeline};

/// What the services tell of the run that deployed last.
#[derive(Clone, Debug, PartialEq)]
pub struct Rebuilt {
    /// The run, and a plan that holds its rollouts.
    pub head: Head,
    /// Its facts.
    pub entries: Vec<Entry>,
    /// Services that the run was to move and that do not run its revision: not begun yet, or gone back.
    pub not_moved: Vec<Name>,
    /// Services whose configuration from before is not known: on the way back it stays as it is.
    pub without_configuration: Vec<Name>,
}

/// Rebuilds the journal of the run that deployed last to this pipeline's services; none where none carries shipit's tags.
pub fn from_sight(pipeline: &Pipeline, services: &BTreeMap<Name, ServiceSeen>) -> Option<Rebuilt> {
    let tagged: Vec<(&Service, &RunningService)> = pipeline
        .services
        .iter()
        .filter_map(|service| Some((service, services.get(&service.name)?.present()?)))
        .filter(|(_, running)| running.tags.get(tags::PIPELINE) == Some(&pipeline.name) && running.tags.contains_key(tags::RUN))
        .collect();
    // A run in progress comes before one that only is the latest; names of runs begin with their time.
    let (_, newest) = *tagged.iter().max_by_key(|(_, running)| (running.in_progress.is_some(), running.tags.get(tags::RUN)))?;
    let run = RunId(newest.tags.get(tags::RUN)?.clone());
    let of_run: Vec<(&Service, &RunningService)> =
        tagged.into_iter().filter(|(_, running)| running.tags.get(tags::RUN) == Some(&run.0)).collect();
    let is_of_run = |name: &str| of_run.iter().any(|(service, _)| service.name == name);
    // Where the tag with the names had no room, any of the pipeline's services may have been meant.
    let meant: Vec<&str> =
        tags::moves(&newest.tags).unwrap_or_else(|| pipeline.services.iter().map(|service| service.name.as_str()).collect());
    let not_moved = meant.into_iter().filter(|name| !is_of_run(name)).map(str::to_owned).collect();
    let without_configuration = of_run
        .iter()
        .filter(|(_, running)| running.tags.contains_key(tags::BEFORE) && configuration(running).is_none())
        .map(|(service, _)| service.name.clone())
        .collect();
    let by = newest.tags.get(tags::BY).cloned().unwrap_or_default();
    let plan = plan(pipeline, newest, of_run.iter().map(|(service, running)| step(service, running)).collect());
    let entries = of_run.iter().flat_map(|(service, running)| facts(service, running)).collect();
    Some(Rebuilt { head: Head { run, by, plan }, entries, not_moved, without_configuration })
}

fn plan(pipeline: &Pipeline, newest: &RunningService, steps: Vec<Step>) -> Plan {
    let commit = Commit(newest.tags.get(tags::COMMIT).cloned().unwrap_or_default());
    let source = Source { commit, subject: None, committed_at: None, origin: None, tree: Tree::Clean };
    Plan {
        pipeline: pipeline.name.clone(),
        cluster: pipeline.cluster.clone(),
        tag: source.tag(),
        source,
        reused: BTreeMap::new(),
        unchanged: BTreeMap::new(),
        steps,
        forced: None,
    }
}

fn before(running: &RunningService) -> Option<Revision> {
    running.tags.get(tags::BEFORE).map(|before| Revision(before.clone()))
}

fn configuration(running: &RunningService) -> Option<Value> {
    running.tags.get(tags::BEFORE_CONFIG).and_then(|packed| tags::unpacked(packed))
}

fn step(service: &Service, running: &RunningService) -> Step {
    let mut roll = timeline::roll(service, Some(running));
    roll.wiring = Wiring::under_way(running);
    roll.before = before(running);
    roll.before_configuration = configuration(running).unwrap_or_default();
    roll.before_load_balancers = Value::Null;
    let because = format!("{} carries this run's tag", running.revision.short());
    Step { id: StepId::roll(&service.name), needs: Vec::new(), kind: StepKind::Roll(Box::new(roll)), because }
}

/// The facts that a rollout leaves which was asked for and has no end yet: how it ended is for AWS to say.
fn facts(service: &Service, running: &RunningService) -> Vec<Entry> {
    // The revision was registered for this rollout: whatever deploys it came after.
    let asked_at = running.registered_at().unwrap_or(Timestamp::UNIX_EPOCH);
    let undo = match before(running) {
        Some(revision) => Undo::TurnBack {
            service: service.service.clone(),
            revision,
            configuration: configuration(running).unwrap_or_default(),
        },
        None => Undo::Created { service: service.service.clone() },
    };
    let revision = running.revision.clone();
    let begun = running.primary.clone().map(|deployment| Begun {
        service: service.service.clone(),
        revision: revision.clone(),
        deployment,
        asked_at,
    });
    let roll = StepId::roll(&service.name);
    let entry = |step: &StepId, fact| Entry { at: asked_at, step: step.clone(), fact };
    let mut facts = vec![
        entry(&StepId::register(&service.name), Fact::Succeeded { output: Output::Registered { revision } }),
        entry(&roll, Fact::Started { undo }),
    ];
    if let Some(begun) = begun {
        facts.push(entry(&roll, Fact::Began { begun }));
    }
    facts
}
