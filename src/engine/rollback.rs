//! Which revision a service goes back to, and the plan for it: every target is checked before anything is touched.

use jiff::Timestamp;
use serde_json::Value;
use shipit_core::codedeploy::Alarms;
use shipit_core::failure::{Code, Failure};
use shipit_core::journal::{Entry, Fact, Output};
use shipit_core::pipeline::{Service, Steps, Strategy};
use shipit_core::plan::{Plan, Roll, Step, StepId, StepKind, Wiring, wiring};
use shipit_core::release::{Commit, Revision, Source, Tree};
use shipit_core::review::{Note, in_progress};
use shipit_core::rollout::{Guards, Policy, Until};
use shipit_core::settled::Stage;
use shipit_core::snapshot::{RunningService, ServiceSeen};
use shipit_core::{rollback, timeline};

use super::Context;
use super::observe::routing;
use super::trail::{Place, Trail};
use super::wait::patiently;
use crate::port::PortError;

/// Which revision is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// So many good revisions back, from 1.
    Steps(usize),
    /// This one: `family:number` or an ARN.
    Named(String),
}

/// A service and the revision that it goes to.
pub struct Target<'a> {
    service: &'a Service,
    running: Box<RunningService>,
    revision: Revision,
    wiring: Vec<Wiring>,
}

impl Target<'_> {
    /// The service runs it already.
    pub fn is_there(&self) -> bool {
        self.running.revision == self.revision
    }

    /// The change in words.
    pub fn words(&self) -> String {
        rollback::words(&self.running.revision, &self.revision)
    }
}

/// Finds the revision for a service and checks it.
///
/// # Errors
/// The service is missing or moves, nothing is known to go back to, or the revision can no longer run.
pub async fn target<'a>(
    context: &Context<'_>,
    service: &'a Service,
    wanted: &Wanted,
    speed: Speed,
) -> Result<Target<'a>, Failure> {
    let look = async || context.ports.service.look(&service.service).await;
    let seen = patiently(context.clock, &service.service, PortError::is_throttled, look).await?;
    let ServiceSeen::Present(mut running) = seen else {
        return Err(Failure::new(Code::ServiceMissing, format!("the service `{}` does not exist", service.service))
            .now("nothing was touched"));
    };
    if let Some(Note::Refusal { failure }) = in_progress(&context.pipeline.cluster, &service.service, &running) {
        return Err(failure);
    }
    let trail = Trail::of(context, &service.service).await?;
    let revision = match wanted {
        Wanted::Steps(steps) => steps_back(&trail, service, &running, *steps).await?,
        Wanted::Named(name) => named(&trail, service, &running, name).await?,
    };
    running.routing = routing(context, service, &running).await?.map(Box::new);
    if let (Speed::Fast, Some(routing)) = (speed, &mut running.routing) {
        // An alarm that rings is what such a rollback is for.
        routing.alarms.clear();
    }
    let wiring = wiring(service, &running).map_err(first)?;
    Ok(Target { service, running, revision, wiring })
}

/// One refusal stands for all: a service that cannot go back is mended one thing at a time.
fn first(failures: Vec<Failure>) -> Failure {
    let what = || Failure::new(Code::Unexpected, "a refusal without a reason");
    failures.into_iter().next().unwrap_or_else(what)
}

async fn steps_back(trail: &Trail<'_>, service: &Service, running: &RunningService, steps: usize) -> Result<Revision, Failure> {
    let enough = |places: &[Place]| places.len() >= steps && places.last().is_some_and(|place| place.gone.is_none());
    let places = trail.before(&running.revision, enough).await?;
    match places.get(steps.saturating_sub(1)) {
        None => Err(unknown(service, running, places.len(), steps)),
        Some(Place { revision, gone: None }) => Ok(revision.clone()),
        Some(Place { revision, gone: Some(why) }) => {
            let next = places.iter().skip(steps).find(|place| place.gone.is_none());
            Err(unusable(service, revision, why, next.map(|place| &place.revision)))
        }
    }
}

async fn named(trail: &Trail<'_>, service: &Service, running: &RunningService, name: &str) -> Result<Revision, Failure> {
    let revision = resolved(running, name)?;
    let Place { revision, gone } = trail.check(&revision).await?;
    let Some(why) = gone else { return Ok(revision) };
    let first_good = |places: &[Place]| places.iter().any(|place| place.gone.is_none());
    let mut places = trail.before(&revision, first_good).await?;
    if !first_good(&places) {
        // It is on no chain: what the service would go back to by itself.
        places = trail.before(&running.revision, first_good).await?;
    }
    let next = places.iter().find(|place| place.gone.is_none());
    Err(unusable(service, &revision, &why, next.map(|place| &place.revision)))
}

/// `family:number` in the account and region of what runs, or the ARN itself.
fn resolved(running: &RunningService, name: &str) -> Result<Revision, Failure> {
    if name.starts_with("arn:") {
        return Ok(Revision(name.to_owned()));
    }
    let number = name.rsplit(':').next().unwrap_or_default();
    if !name.contains(':') || number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
        return Err(Failure::new(Code::Usage, format!("`{name}` is no revision"))
            .because("a revision is `family:number` or its ARN")
            .next(format!("e.g. --to {}", running.revision.short())));
    }
    let account = running.revision.0.rsplit_once('/').map_or("", |(account, _)| account);
    Ok(Revision(format!("{account}/{name}")))
}

fn unknown(service: &Service, running: &RunningService, known: usize, steps: usize) -> Failure {
    let name = &service.name;
    let failure = match known {
        0 => Failure::new(
            Code::NothingToRollBackTo,
            format!("it is not known what `{name}` ran before {}", running.revision.short()),
        )
        .because(
            "the revision carries no `shipit:before` tag, and ECS lists no earlier deployment of the service that succeeded",
        ),
        _ => Failure::new(Code::NothingToRollBackTo, format!("`{name}` cannot go {steps} revisions back"))
            .because(format!("tags and deployments of the service tell of {known}")),
    };
    failure.now("nothing was touched").next(format!("shipit rollback {name} --to {}:NUMBER", running.revision.family()))
}

fn unusable(service: &Service, revision: &Revision, why: &str, next: Option<&Revision>) -> Failure {
    let name = &service.name;
    let failure = Failure::new(Code::RevisionUnusable, format!("`{name}` cannot go back to {}", revision.short()))
        .because(why)
        .now("nothing was touched");
    match next {
        Some(next) => failure.next(format!("shipit rollback {name} --to {}, the next older good one", next.short())),
        None => failure.next("no older good one is known: deploy that commit again, its images are built and registered anew"),
    }
}

/// How traffic goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// By the service's own strategy.
    Own,
    /// All at once; nothing is judged, nobody is asked.
    Fast,
}

impl Speed {
    fn of(self, mut roll: Roll) -> Roll {
        if self == Speed::Own {
            return roll;
        }
        let guards = Policy::of(&roll, Until::Deployed).guards;
        if let Strategy::Shift(shift) = &mut roll.strategy {
            shift.steps = Steps::AllAtOnce;
            (roll.judge, roll.pause, roll.alarms) = (None, None, Alarms::Off);
            // Our own pauses of an earlier rollout would hold it up with nobody to answer them; others' are kept.
            if let Some(hooks) = roll.before_configuration.get_mut("lifecycleHooks").and_then(Value::as_array_mut) {
                hooks.retain(|hook| !is_ours(hook, &guards));
            }
        }
        roll
    }
}

/// A pause as shipit places them: at one stage, which this pipeline guards.
fn is_ours(hook: &Value, guards: &Guards) -> bool {
    let stages = hook["lifecycleStages"].as_array().map(Vec::as_slice);
    let Some([stage]) = stages else { return false };
    let guarded = Stage::of(stage.as_str().unwrap_or_default()).pause().is_some_and(|at| guards.contains_key(&at));
    hook["targetType"] == "PAUSE" && guarded
}

/// The plan that moves all of them, one after the other, and the facts that their register steps would have left.
pub fn plan(context: &Context<'_>, targets: &[Target<'_>], speed: Speed) -> (Plan, Vec<Entry>) {
    let subject: Vec<String> = targets.iter().map(|target| format!("{} {}", target.service.name, target.words())).collect();
    let commit = targets.first().and_then(|target| target.running.tags.get("shipit:commit")).cloned().unwrap_or_default();
    let source =
        Source { commit: Commit(commit), subject: Some(subject.join(", ")), committed_at: None, origin: None, tree: Tree::Clean };
    let (mut steps, mut facts): (Vec<Step>, Vec<Entry>) = Default::default();
    for target in targets {
        let name = &target.service.name;
        steps.push(Step {
            id: StepId(format!("roll {name}")),
            needs: steps.last().map(|step| step.id.clone()).into_iter().collect(),
            kind: StepKind::Roll(Box::new(
                speed.of(Roll { wiring: target.wiring.clone(), ..timeline::roll(target.service, Some(&target.running)) }),
            )),
            because: target.words(),
        });
        let output = Output::Registered { revision: target.revision.clone() };
        facts.push(Entry { at: Timestamp::now(), step: StepId(format!("register {name}")), fact: Fact::Succeeded { output } });
    }
    let plan = Plan {
        pipeline: context.pipeline.name.clone(),
        cluster: context.pipeline.cluster.clone(),
        tag: source.tag(),
        source,
        reused: Default::default(),
        unchanged: Default::default(),
        steps,
        forced: None,
    };
    (plan, facts)
}

/// Services in the order in which they go back: one goes before those that it needs.
pub fn in_order(services: &[Service]) -> Vec<&Service> {
    let mut order: Vec<&Service> = Vec::new();
    while let Some(next) = services.iter().rev().find(|service| {
        let is_open = |name: &String| order.iter().all(|done| done.name != *name);
        is_open(&service.name) && !services.iter().any(|other| is_open(&other.name) && other.needs.contains(&service.name))
    }) {
        order.push(next);
    }
    order
}
