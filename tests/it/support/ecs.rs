//! ECS: services that the scheduler of `shipit-scheduler` moves, and what becomes of their deployments and tasks.

use std::collections::BTreeMap;

use shipit_core::analysis::AlarmState;
use shipit_core::release::Revision;
use shipit_core::rollout::Wish;
use shipit_core::runtime::Instance;
use shipit_core::settled::{HookId, HookStatus};
use shipit_scheduler::{Action, Cause, Health, Phase, Span, StopCause, TaskId, Time, step};

use super::faults::{Op, When, denied, disk_full, throttled, unreachable};
use super::revisions::{Behaviour, Revisions};
use super::service_state::{Death, EcsService};
use super::world::World;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// From the start of a task to RUNNING, or to its crash.
    pub start: Span,
    /// From RUNNING to the health check's verdict.
    pub verdict: Span,
    /// From the stop of a task to its being gone.
    pub drain: Span,
    /// From a call to the moment at which its service deployment is listed.
    pub listed: Span,
    /// For how long reads after UpdateService answer as before it.
    pub stale: Span,
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            start: Span::seconds(30),
            verdict: Span::seconds(20),
            drain: Span::seconds(60),
            listed: Span::seconds(1),
            stale: Span(0),
        }
    }
}

/// All services, and what they may run.
#[derive(Default)]
pub struct Ecs {
    pub revisions: Revisions,
    pub services: BTreeMap<String, EcsService>,
    pub spans: Spans,
    /// The container instances of the cluster.
    pub instances: Vec<Instance>,
    /// Whether the platform knows service deployments at all.
    pub without_service_deployments: bool,
}

/// Something that happens by itself.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The scheduler looks again.
    Wake(String),
    /// A task starts to run.
    Runs(String, TaskId),
    /// A task's process exits before the task is RUNNING.
    Exits(String, TaskId),
    /// The health check has a verdict.
    Verdict(String, TaskId, Health),
    /// A task asked to stop is gone.
    Gone(String, TaskId),
    /// An autoscaler changes the desired count.
    Scales(String, u32),
    /// Someone else registers and deploys a revision.
    Deploys(String),
    /// Someone asks for a new deployment of the same revision.
    Forces(String),
    /// Someone deploys an earlier revision.
    GoesBack(String, Revision),
    /// Someone stops the deployment in progress, and ECS rolls it back.
    Stops(String),
    /// Someone stops the deployment in progress, and nothing is rolled back.
    Aborts(String),
    /// A hook has not been answered in time.
    Expires(String, HookId),
    /// An alarm goes off.
    Alarm(String),
    /// AWS is not reached for so long.
    Outage(Span),
    /// A person interrupts the run.
    Interrupt,
    /// The journal's disk takes nothing any more.
    DiskFull,
    /// The journal's disk does not take this one line.
    WriteFails,
    /// The answer to the next call of this operation is lost.
    LosesNext(Op),
    /// AWS throttles an operation a few times.
    Throttles(Op),
    /// A permission is taken away.
    Denies(Op),
    /// What tasks of the revision do that the service had before this run.
    FormerBehaves(Revision, Behaviour),
}

impl World {
    /// One happening, and what the scheduler makes of it.
    pub fn happens(&mut self, now: Time, happening: Happening) {
        let name = match happening {
            Happening::Outage(length) => return self.faults.outage(now, length),
            Happening::Throttles(operation) => return self.faults.fail_next(operation, 3, When::Before, throttled(operation)),
            Happening::Denies(operation) => return self.faults.fail_next(operation, usize::MAX, When::Before, denied(operation)),
            Happening::FormerBehaves(revision, behaviour) => return self.ecs.revisions.behave(&revision, behaviour),
            Happening::DiskFull => return self.faults.fail_next(Op::Record, usize::MAX, When::Before, disk_full()),
            Happening::WriteFails => return self.faults.fail_next(Op::Record, 1, When::Before, disk_full()),
            Happening::LosesNext(operation) => return self.faults.fail_next(operation, 1, When::After, unreachable()),
            Happening::Interrupt => {
                self.interrupt.send_replace(Wish::Abort);
                return;
            }
            Happening::Alarm(alarm) => return self.alarm(&alarm, now),
            Happening::Expires(name, hook) => {
                self.service(&name).hook_becomes(&hook, HookStatus::TimedOut, now);
                name
            }
            Happening::Wake(name) => name,
            Happening::Scales(name, desired) => {
                self.service(&name).plan.scale(desired);
                name
            }
            Happening::Deploys(name) => {
                let tags = [("shipit:by", "ben@desk"), ("shipit:run", "r-7"), ("shipit:commit", "77c0ffee")];
                let tags = tags.map(|(key, value)| serde_json::json!({"key": key, "value": value}));
                let theirs = serde_json::json!({"family": "theirs", "containerDefinitions": [], "tags": tags});
                let at = self.clock.now();
                let arn = self.ecs.revisions.register(&theirs, at);
                let place = self.ecs.revisions.place(&arn).unwrap();
                self.service(&name).deploy(place, now);
                name
            }
            Happening::Forces(name) => {
                let service = self.service(&name);
                let revision = service.plan.primary().revision;
                service.deploy(revision, now);
                name
            }
            Happening::GoesBack(name, revision) => {
                let place = self.ecs.revisions.place(&revision).expect("a registered revision");
                self.service(&name).deploy(place, now);
                name
            }
            Happening::Stops(name) => {
                assert!(self.service(&name).roll_back(now), "there is something to go back to");
                name
            }
            Happening::Aborts(name) => {
                self.service(&name).abort();
                name
            }
            Happening::Runs(name, task) => {
                self.service(&name).plan.running(task, now);
                self.awaits_verdict(&name, task, now);
                name
            }
            Happening::Verdict(name, task, verdict) => {
                let plan = &mut self.service(&name).plan;
                plan.container_health(task, verdict, now);
                plan.target_health(task, verdict, now);
                name
            }
            Happening::Exits(name, task) => {
                let at = self.timestamp(now);
                let service = self.service(&name);
                if let Some(found) = service.plan.task(task).filter(|found| found.phase == Phase::Pending).cloned() {
                    let reason = "Essential container in task exited";
                    service.fails(
                        &name,
                        task,
                        found.deployment,
                        Death { code: "EssentialContainerExited", reason, exit_code: 1, at },
                    );
                    service.plan.stopped(task, StopCause::FailedToStart, now);
                }
                name
            }
            Happening::Gone(name, task) => {
                self.service(&name).plan.stopped(task, StopCause::Asked, now);
                name
            }
        };
        self.step(&name, now);
    }

    /// The alarm is in ALARM from now on, and every deployment that heeds it sees it.
    fn alarm(&mut self, alarm: &str, now: Time) {
        self.traffic.alarms.insert(alarm.to_owned(), AlarmState::Alarm);
        let heeding: Vec<String> =
            self.ecs.services.iter().filter(|(_, service)| service.heeds(alarm)).map(|(name, _)| name.clone()).collect();
        for name in heeding {
            self.service(&name).plan.alarmed = true;
            self.step(&name, now);
        }
    }

    /// The service of that name.
    pub fn service(&mut self, name: &str) -> &mut EcsService {
        self.ecs.services.get_mut(name).unwrap_or_else(|| panic!("there is no service `{name}`"))
    }

    /// The scheduler decides, and its actions are carried out.
    pub fn step(&mut self, name: &str, now: Time) {
        let (spans, at) = (self.ecs.spans, self.timestamp(now));
        let service = self.ecs.services.get_mut(name).expect("a service that steps exists");
        let decided = step(&mut service.plan, now);
        let mut later = Vec::new();
        for action in decided.actions {
            match action {
                Action::Start { task, deployment } => {
                    let revision = service.plan.deployment(deployment).expect("a task starts in a listed deployment").revision;
                    match self.ecs.revisions.at(revision).behaviour {
                        Behaviour::Healthy | Behaviour::FailsChecks => {
                            later.push((now + spans.start, Happening::Runs(name.into(), task)));
                        }
                        Behaviour::Crashes => later.push((now + spans.start, Happening::Exits(name.into(), task))),
                        Behaviour::NeverStarts => {}
                    }
                }
                Action::Stop { task, cause } => {
                    if matches!(cause, Cause::FailedTargetHealth | Cause::FailedContainerHealth) {
                        let deployment = service.plan.task(task).expect("a task that is stopped is listed").deployment;
                        let reason = "Task failed ELB health checks in (target-group web)";
                        service.fails(
                            name,
                            task,
                            deployment,
                            Death { code: "ServiceSchedulerInitiated", reason, exit_code: 143, at },
                        );
                    }
                    later.push((now + spans.drain, Happening::Gone(name.into(), task)));
                }
                Action::Route { candidate, weights } => service.route(candidate, weights),
            }
        }
        for note in &decided.notes {
            service.notice(name, note, now);
            later.extend(service.shifts(name, note, now));
        }
        service.note_route(now);
        later.extend(decided.wake.map(|wake| (wake, Happening::Wake(name.into()))));
        for (at, happening) in later {
            self.later(at, happening);
        }
    }

    fn awaits_verdict(&mut self, name: &str, task: TaskId, now: Time) {
        let at = now + self.ecs.spans.verdict;
        let service = &self.ecs.services[name];
        let Some(found) = service.plan.task(task) else { return };
        let revision = service.plan.deployment(found.deployment).map(|deployment| deployment.revision);
        let bad = revision.is_some_and(|revision| self.ecs.revisions.at(revision).behaviour == Behaviour::FailsChecks);
        let verdict = if bad { Health::Unhealthy } else { Health::Healthy };
        self.later(at, Happening::Verdict(name.into(), task, verdict));
    }
}
