//! CreateService, and how a deployment of a service comes to be.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use shipit_scheduler::{DeploymentId, HealthSource, Shift, Span};

use super::super::placement::Rules;
use super::super::request::{invalid, list, object, required, seconds, text};
use super::super::seat::{self, Way};
use super::super::shift::{self, configuration::Strategy, progress::Progress};
use super::super::{Definition, Key, alarms, cluster, definition, ids, providers};
use super::rollout::{Fact, Rollout, Status as RolloutStatus};
use super::{Record, Revision, Service, Status, check, configuration, controller, task_sets, view};
use crate::error::AwsError;
use crate::state::State;

/// Where the clock is faster than AWS's, the program in a container gets this long to begin all the same.
const SHORTEST_START: Duration = Duration::from_secs(2);

/// CreateService: an ACTIVE service with its first deployment; tasks follow.
pub(super) fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let name = required(&body, "serviceName")?.to_owned();
    if name.len() > 255 || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter)) {
        return Err(invalid("Invalid service name: only letters, numbers, hyphens and underscores, at most 255."));
    }
    let key = Key { cluster: cluster.clone(), service: name.clone() };
    match state.ecs.services.get(&key).map(|service| service.status) {
        Some(Status::Active) => return Err(invalid("Creation of service was not idempotent.")),
        Some(Status::Draining) => return Err(invalid("Unable to Start a service that is still Draining.")),
        Some(Status::Inactive) | None => {}
    }
    let sent = check::lasting(&body);
    let mut members = check::relevant(&body);
    let strategy = check::kind(&sent, &body)?;
    controller::fits(&sent, &members)?;
    let way = seat::way(state, &cluster, &members)?;
    let default = providers::default_strategy(state, &cluster);
    if let (Way::Providers(_), true) = (&way, list(&members, "capacityProviderStrategy").is_empty()) {
        object(&mut members).insert("capacityProviderStrategy".into(), default.into());
    }
    let definition = definition::runnable(state, required(&body, "taskDefinition")?)?.clone();
    check::fits(state, &definition, &way, &members)?;
    shift::check::balancers(state, strategy, &members)?;
    let daemon = text(&sent, "schedulingStrategy") == Some("DAEMON");
    check::daemon(&sent, &body, &way)?;
    let desired = match check::desired(&body)? {
        Some(desired) => desired,
        None if daemon => 0,
        None => return Err(invalid("desiredCount must be specified.")),
    };
    Rules::read(&sent, &definition.value)?;

    let now = state.clock.now();
    let mut service = Service {
        arn: state.arn("ecs", &format!("service/{cluster}/{name}")),
        cluster,
        name,
        status: Status::Active,
        sent,
        tags: list(&body, "tags").to_vec(),
        created_at: state.now_seconds(),
        created_by: state.caller().arn,
        plan: shipit_scheduler::Service::new(desired, 0, now),
        revisions: Vec::new(),
        deployments: BTreeMap::new(),
        task_sets: Vec::new(),
        rollouts: Vec::new(),
        events: VecDeque::new(),
        tasks: BTreeMap::new(),
        unplaced: BTreeMap::new(),
        placed_at: 0.0,
        failures_in_a_row: 0,
    };
    configure(state, &mut service);
    let first = service.plan.primary().id;
    add_revision(state, &mut service, &definition, members);
    if service.is_code_deploy() {
        record(state, &mut service, first, 0);
        task_sets::first(state, &mut service);
    } else {
        if let Some(shift) = shift_of(&service) {
            service.plan.shift_first(shift, now);
        }
        open(state, &mut service, first, None);
    }
    let reply = view::service(state, &service, &service.tags);
    state.ecs.services.insert(key, service);
    Ok(json!({ "service": reply }))
}

/// Tells the scheduler what the lasting members say.
pub(super) fn configure(state: &mut State, service: &mut Service) {
    let sent = configuration::with_defaults(&service.sent);
    service.plan.percents = configuration::percents(&service.sent);
    service.plan.breaker = configuration::breaker(&sent);
    service.plan.alarm_rollback = configuration::alarm_rollback(&sent);
    let grace = seconds(&service.sent, "healthCheckGracePeriodSeconds").unwrap_or_default();
    let least = if state.clock.factor > 1.0 { state.clock.during(SHORTEST_START) } else { Span(0) };
    service.plan.grace = grace.max(least);
    alarms::watch(state, service);
}

/// Adds a service revision and tells the scheduler which health checks it has. Answers its place.
pub(super) fn add_revision(state: &mut State, service: &mut Service, definition: &Definition, members: Value) -> usize {
    let number = ids::digits19(state);
    let arn = state.arn("ecs", &format!("service-revision/{}/{}/{number}", service.cluster, service.name));
    service.plan.health = checks(definition, &members);
    let before = (!service.revisions.is_empty()).then(|| service.current());
    let groups = match Strategy::of(&configuration::with_defaults(&service.sent)) {
        Some(Strategy::Rolling) | None => shift::wiring::kept(before, &members),
        Some(_) => Vec::new(),
    };
    service.revisions.push(Revision {
        arn,
        definition: definition.arn.clone(),
        members,
        created_at: state.now_seconds(),
        groups,
        digests: BTreeMap::new(),
    });
    service.revisions.len() - 1
}

/// How a deployment of the last revision shifts traffic; none for ROLLING.
pub(super) fn shift_of(service: &Service) -> Option<Shift> {
    let members = service.revisions.last().map(|revision| &revision.members)?;
    let test_listener = shift::wiring::wires(members).iter().any(|wire| wire.test.is_some());
    shift::configuration::shift(&configuration::with_defaults(&service.sent), test_listener)
}

/// Which health checks decide about a task of this definition.
pub(in crate::ecs) fn checks(definition: &Definition, members: &Value) -> HealthSource {
    HealthSource { container: definition.has_health_check(), target: !list(members, "loadBalancers").is_empty() }
}

/// Opens the service deployment of a new deployment of the last revision; one still open is superseded.
pub(super) fn open(state: &mut State, service: &mut Service, deployment: DeploymentId, source: Option<usize>) {
    let now = state.now_seconds();
    if let Some(open) = service.open_rollout() {
        open.take(Fact::Superseded, now);
    }
    let letters = ids::letters21(state);
    let arn = state.arn("ecs", &format!("service-deployment/{}/{}/{letters}", service.cluster, service.name));
    let target = service.revisions.len() - 1;
    record(state, service, deployment, target);
    service.rollouts.push(Rollout {
        arn,
        status: RolloutStatus::Pending,
        reason: None,
        deployment,
        source,
        target,
        configuration: configuration::with_defaults(&service.sent),
        rollback: None,
        shift: service.plan.shifting.as_ref().map(|_| Progress::default()),
        triggered: Vec::new(),
        created_at: now,
        started_at: None,
        finished_at: None,
        stopped_at: None,
        tripped: None,
        updated_at: now,
    });
}

/// Gives a deployment its name.
pub(in crate::ecs) fn record(state: &mut State, service: &mut Service, deployment: DeploymentId, revision: usize) {
    let name = format!("ecs-svc/{}", ids::digits19(state));
    let reason = format!("ECS deployment {name} in progress.");
    let record = Record { name, revision, reason, updated_at: state.now_seconds() };
    service.deployments.insert(deployment, record);
}
