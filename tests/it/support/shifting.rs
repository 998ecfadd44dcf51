//! Shifts of traffic in the fake world: the configuration in the scheduler's words, and what the scheduler announces and asks as
//! stages, hooks and statuses of service deployments. When anything moves, and how far, is the scheduler's alone.

use std::collections::BTreeSet;

use serde_json::Value;
use shipit::port::{PortError, PortResult};
use shipit_core::pipeline::Share;
use shipit_core::release::Revision;
use shipit_core::rollout::Answer;
use shipit_core::settled::{HookId, HookKind, HookSeen, HookStatus, ShiftSeen, Stage, Status};
use shipit_scheduler::{
    Answer as Verdict, DeploymentId, Failure, Hooks, Note, Pattern, Reason, Shift, Span, Stage as At, Time, Weights,
};

use super::ecs::Happening;
use super::service_state::{EcsService, ServiceDeployment};
use super::world::World;

/// Where a service deployment stands that shifts traffic; what is here stays when it has ended.
#[derive(Clone, Debug, Default)]
pub struct Shifted {
    /// The configuration that was in force when it began: what is sent later is not for it.
    pub configuration: Value,
    pub stage: Option<Stage>,
    /// What the candidate has of the traffic.
    pub weights: Weights,
    /// The hooks that were asked last.
    pub hooks: Vec<Hook>,
    pub baking_until: Option<Time>,
    /// Which hook sends it back, in ECS's words.
    pub why: Option<String>,
}

/// A hook that was asked.
#[derive(Clone, Debug)]
pub struct Hook {
    pub id: HookId,
    pub kind: HookKind,
    pub status: HookStatus,
    pub expires_at: Time,
    pub then: Answer,
}

impl Hook {
    fn is_open(&self) -> bool {
        matches!(self.status, HookStatus::AwaitingAction | HookStatus::InProgress)
    }

    fn verdict(&self) -> Option<Verdict> {
        match (&self.status, self.then) {
            (HookStatus::Succeeded, _) | (HookStatus::TimedOut, Answer::Continue) => Some(Verdict::Passed),
            (HookStatus::Failed, _) | (HookStatus::TimedOut, Answer::Rollback) => Some(Verdict::Failed),
            _ => None,
        }
    }
}

const STAGES: [(At, &str); 11] = [
    (At::ReconcileService, "RECONCILE_SERVICE"),
    (At::PreScaleUp, "PRE_SCALE_UP"),
    (At::ScaleUp, "SCALE_UP"),
    (At::PostScaleUp, "POST_SCALE_UP"),
    (At::TestTrafficShift, "TEST_TRAFFIC_SHIFT"),
    (At::PostTestTrafficShift, "POST_TEST_TRAFFIC_SHIFT"),
    (At::PreProductionTrafficShift, "PRE_PRODUCTION_TRAFFIC_SHIFT"),
    (At::ProductionTrafficShift, "PRODUCTION_TRAFFIC_SHIFT"),
    (At::PostProductionTrafficShift, "POST_PRODUCTION_TRAFFIC_SHIFT"),
    (At::BakeTime, "BAKE_TIME"),
    (At::CleanUp, "CLEAN_UP"),
];

fn word(stage: At) -> &'static str {
    STAGES.iter().find(|(known, _)| *known == stage).map(|(_, word)| *word).unwrap()
}

fn minutes(count: &Value) -> Span {
    Span::seconds(60 * count.as_u64().unwrap_or_default())
}

/// How a deployment with this configuration moves traffic; none where it replaces tasks.
pub fn shift(configuration: &Value) -> Option<Shift> {
    let share = |percent: &Value| shipit_scheduler::Share((percent.as_f64().expect("a percent") * 10.0).round() as u32);
    let (canary, linear) = (&configuration["canaryConfiguration"], &configuration["linearConfiguration"]);
    let pattern = match configuration["strategy"].as_str() {
        None | Some("ROLLING") => return None,
        Some("BLUE_GREEN") => Pattern::AllAtOnce,
        Some("CANARY") => {
            Pattern::Canary { share: share(&canary["canaryPercent"]), bake: minutes(&canary["canaryBakeTimeInMinutes"]) }
        }
        Some("LINEAR") => {
            Pattern::Linear { step: share(&linear["stepPercent"]), bake: minutes(&linear["stepBakeTimeInMinutes"]) }
        }
        Some(other) => panic!("there is no strategy {other}"),
    };
    let words: BTreeSet<&str> =
        listed(&configuration["lifecycleHooks"]).flat_map(|hook| words(&hook["lifecycleStages"])).collect();
    let hooks = STAGES.iter().filter(|(_, word)| words.contains(word)).map(|(stage, _)| *stage).collect();
    Some(Shift { pattern, bake: minutes(&configuration["bakeTimeInMinutes"]), hooks, test_listener: false })
}

fn listed(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn words(value: &Value) -> impl Iterator<Item = &str> {
    listed(value).filter_map(Value::as_str)
}

impl EcsService {
    /// What the scheduler announces of a shift; answers when its hooks are to be heard.
    pub fn shifts(&mut self, name: &str, note: &Note, now: Time) -> Vec<(Time, Happening)> {
        match note {
            Note::StageEntered { deployment, stage, hooks, .. } => self.enters(name, *deployment, (*stage, *hooks), now),
            Note::TurningBack { deployment, reason, .. } => {
                self.ends(*deployment, |shift| (Status::RollbackInProgress, why(shift, *reason)));
                Vec::new()
            }
            Note::TurnedBack { deployment, .. } => {
                let told = |one: &ServiceDeployment| one.reason.clone().unwrap_or_default();
                let reason = self.of(*deployment).map(|one| told(one)).unwrap_or_default();
                self.ends(*deployment, |_| (Status::RollbackSuccessful, reason));
                Vec::new()
            }
            Note::Halted { deployment, reason } => {
                self.halted(*deployment, *reason);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn of(&mut self, deployment: DeploymentId) -> Option<&mut ServiceDeployment> {
        self.deployments.iter_mut().rev().find(|one| one.deployment == deployment)
    }

    /// What became of the service deployment, unless a newer one has taken its place.
    fn ends(&mut self, deployment: DeploymentId, how: impl FnOnce(&Shifted) -> (Status, String)) {
        let Some(one) = self.of(deployment).filter(|one| one.status != Status::Stopped) else { return };
        let (status, reason) = how(&one.shift);
        (one.status, one.reason) = (status, Some(reason));
    }

    fn halted(&mut self, deployment: DeploymentId, reason: Reason) {
        let Some(one) = self.of(deployment) else { return };
        let (status, text) = match (&one.status, reason) {
            (Status::StopRequested, _) => (Status::Stopped, "Service deployment stopped by user request.".to_owned()),
            (Status::Stopped, _) => (Status::Stopped, why(&one.shift, reason)),
            (Status::RollbackRequested | Status::RollbackInProgress, _) => {
                (Status::RollbackFailed, "the previous service revision did not become healthy".to_owned())
            }
            _ => (Status::RollbackFailed, "No rollback candidate was found to run the rollback.".to_owned()),
        };
        (one.status, one.reason) = (status, Some(text));
    }

    fn enters(&mut self, name: &str, deployment: DeploymentId, (stage, asked): (At, Hooks), now: Time) -> Vec<(Time, Happening)> {
        let bake = self.plan.shifting.as_ref().map_or(Span(0), |shifting| shifting.shift.bake);
        let first = self.hooks_asked;
        let Some(one) = self.of(deployment) else { return Vec::new() };
        let goes_back = matches!(one.status, Status::RollbackRequested | Status::RollbackInProgress);
        one.shift.stage = Some(Stage::of(word(stage)));
        one.shift.baking_until = (stage == At::BakeTime).then(|| now + bake);
        if asked == Hooks::Clear {
            // On the way back it stays to be seen which hook it was.
            if !goes_back {
                one.shift.hooks.clear();
            }
            return Vec::new();
        }
        let here = listed(&one.shift.configuration["lifecycleHooks"])
            .filter(|hook| words(&hook["lifecycleStages"]).any(|at| at == word(stage)));
        one.shift.hooks = here.zip(first..).map(|(hook, number)| ask(name, hook, number, now)).collect();
        let due = one.shift.hooks.iter().map(|hook| (hook.expires_at, Happening::Expires(name.into(), hook.id.clone())));
        let due: Vec<_> = due.collect();
        self.hooks_asked += due.len();
        due
    }

    /// A hook that is open gets its answer; whether there was one.
    pub fn hook_becomes(&mut self, hook: &HookId, status: HookStatus, now: Time) -> bool {
        let asked = self.plan.shifting.as_ref().is_some_and(|shifting| shifting.hooks == Hooks::Asked);
        let Some(open) = self.open().filter(|_| asked) else { return false };
        let stage = open.shift.stage.as_ref().map_or("", Stage::word).to_owned();
        let Some(found) = open.shift.hooks.iter_mut().find(|one| one.id == *hook && one.is_open()) else { return false };
        found.status = status;
        let ended = if found.status == HookStatus::TimedOut { "timed out" } else { "failed" };
        if found.verdict() == Some(Verdict::Failed) {
            open.shift.why = Some(format!("Service deployment rolled back because {stage} pause hook {ended}."));
        }
        let verdicts: Vec<Option<Verdict>> = open.shift.hooks.iter().map(Hook::verdict).collect();
        if verdicts.contains(&Some(Verdict::Failed)) {
            self.plan.answer(Verdict::Failed, now);
        } else if verdicts.iter().all(|verdict| *verdict == Some(Verdict::Passed)) {
            self.plan.answer(Verdict::Passed, now);
        }
        true
    }

    /// StopServiceDeployment ABORT: a shift stops where it stands; what replaces tasks ends as if it were superseded.
    pub fn abort(&mut self) {
        let shifts = self.plan.shifting.is_some();
        let open = self.open().expect("a deployment in progress");
        if shifts {
            open.status = Status::StopRequested;
            self.plan.halt(Reason::Asked);
        } else {
            open.status = Status::Stopped;
            open.reason = Some("Service deployment stopped by user.".into());
        }
    }

    /// An alarm that the deployment heeds.
    pub fn heeds(&self, alarm: &str) -> bool {
        let alarms = &self.configuration["alarms"];
        alarms["enable"] == true && words(&alarms["alarmNames"]).any(|name| name == alarm)
    }
}

fn ask(name: &str, hook: &Value, number: usize, now: Time) -> Hook {
    let timeout = &hook["timeoutConfiguration"];
    let span =
        if timeout["timeoutInMinutes"].is_null() { Span::seconds(24 * 3600) } else { minutes(&timeout["timeoutInMinutes"]) };
    let (kind, word, status) = match hook["targetType"].as_str() {
        Some("PAUSE") => (HookKind::Pause, "pause", HookStatus::AwaitingAction),
        _ => (HookKind::Lambda, "lambda", HookStatus::InProgress),
    };
    Hook {
        id: HookId(format!("ecs-{word}-{name}{number}")),
        kind,
        status,
        expires_at: now + span,
        then: if timeout["action"] == "CONTINUE" { Answer::Continue } else { Answer::Rollback },
    }
}

fn why(shift: &Shifted, reason: Reason) -> String {
    let because = match reason {
        Reason::Failed(Failure::TasksFailedToStart) => "the circuit breaker threshold was exceeded",
        Reason::Failed(Failure::Alarm) => "an alarm was detected",
        Reason::Hook(_) => return shift.why.clone().unwrap_or_else(|| "a hook failed".into()),
        Reason::Asked => "it was stopped",
        Reason::TimedOut(_) => "a stage took longer than 24 hours",
    };
    format!("Service deployment rolled back because {because}.")
}

impl World {
    /// How a service deployment shifts, as ECS shows it.
    pub fn shift_seen(&self, name: &str, service: &EcsService, one: &ServiceDeployment) -> Option<ShiftSeen> {
        shift(&service.configuration)?;
        let share = |share: shipit_scheduler::Share| Some(Share(share.0));
        let (candidate, stable) = service.groups(name, one.deployment);
        Some(ShiftSeen {
            stage: one.shift.stage.clone()?,
            production: share(one.shift.weights.production),
            test: share(one.shift.weights.test),
            candidate_groups: vec![candidate],
            stable_groups: vec![stable],
            hooks: one.shift.hooks.iter().map(|hook| self.hook_seen(hook)).collect(),
            baking_until: one.shift.baking_until.map(|until| self.timestamp(until)),
        })
    }

    fn hook_seen(&self, hook: &Hook) -> HookSeen {
        HookSeen {
            id: hook.id.clone(),
            kind: hook.kind.clone(),
            status: hook.status.clone(),
            expires_at: Some(self.timestamp(hook.expires_at)),
            then: Some(if hook.then == Answer::Continue { "CONTINUE".into() } else { "ROLLBACK".into() }),
        }
    }

    /// ContinueServiceDeployment. What is answered already, or has ended, is no error of the port.
    pub fn proceed(&mut self, name: &str, revision: &Revision, hook: &HookId, answer: Answer) -> PortResult<()> {
        let (now, place) = (self.now(), self.ecs.revisions.place(revision));
        let service = self.service(name);
        let known = |one: &&ServiceDeployment| one.shift.hooks.iter().any(|asked| asked.id == *hook);
        let Some(of) = service.deployments.iter().find(known) else {
            return Err(PortError::Refused {
                action: "ecs:ContinueServiceDeployment".into(),
                code: "InvalidParameterException".into(),
                message: "Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}".into(),
            });
        };
        assert_eq!(Some(of.revision), place, "the hook is of this deployment");
        let status = if answer == Answer::Continue { HookStatus::Succeeded } else { HookStatus::Failed };
        if service.hook_becomes(hook, status, now) {
            service.answers.push((hook.clone(), answer));
            self.step(name, now);
        }
        Ok(())
    }
}
