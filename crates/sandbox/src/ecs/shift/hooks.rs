//! The hooks of a stage: who is asked, until when, and what all of them say together. All of a stage are asked at once; it
//! passes when all have passed, and any that does not sends the deployment back.

use serde_json::{Value, json};
use shipit_scheduler::{Answer, Stage, Time};

use super::super::ids;
use super::configuration::{Hook, Target, Then};
use super::reason;
use crate::clock::Clock;
use crate::state::State;

/// The hooks that were asked when a stage was entered.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ecs) struct Round {
    /// Which stage.
    pub stage: Stage,
    /// The hooks, in the order of the configuration.
    pub asked: Vec<Asked>,
}

/// One hook that was asked.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ecs) struct Asked {
    /// `hookId`: another one each time.
    pub id: String,
    /// Who is asked.
    pub target: Asking,
    /// `status`.
    pub status: Status,
    /// `expiresAt`.
    pub expires_at: Time,
    /// `timeoutAction`.
    pub then: Then,
    /// What it failed of.
    pub why: Option<String>,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ecs) enum Asking {
    /// Whoever calls ContinueServiceDeployment.
    Pause,
    /// A function.
    Function {
        /// `targetArn`.
        arn: String,
        /// `executionId` of its payload.
        execution: String,
        /// `hookDetails`, with what its answers have added.
        details: Value,
        /// When it is called next; none while a call is under way.
        call_at: Option<Time>,
    },
}

/// `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Status {
    /// AWAITING_ACTION.
    AwaitingAction,
    /// IN_PROGRESS.
    InProgress,
    /// SUCCEEDED.
    Succeeded,
    /// FAILED.
    Failed,
    /// TIMED_OUT.
    TimedOut,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::AwaitingAction => "AWAITING_ACTION",
            Status::InProgress => "IN_PROGRESS",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Status::AwaitingAction | Status::InProgress)
    }
}

impl Asked {
    /// One of `lifecycleHookDetails`.
    pub(in crate::ecs) fn show(&self) -> Value {
        let mut value = json!({
            "hookId": self.id,
            "targetType": match self.target {
                Asking::Pause => "PAUSE",
                Asking::Function { .. } => "AWS_LAMBDA",
            },
            "status": self.status.word(),
            "expiresAt": Clock::seconds(self.expires_at),
            "timeoutAction": self.then.word(),
        });
        if let Asking::Function { arn, .. } = &self.target {
            value["targetArn"] = json!(arn);
        }
        value
    }

    /// It is a pause that waits for an answer.
    pub(in crate::ecs) fn awaits(&self) -> bool {
        self.status == Status::AwaitingAction
    }

    /// ContinueServiceDeployment.
    pub(in crate::ecs) fn answer(&mut self, stage: Stage, then: Then) {
        match then {
            Then::Continue => self.status = Status::Succeeded,
            Then::RollBack => {
                self.status = Status::Failed;
                self.why = Some(reason::pause_failed(stage));
            }
        }
    }

    /// Whether it has passed, or not, or is open still.
    fn verdict(&self) -> Option<Answer> {
        match (self.status, self.then) {
            (Status::AwaitingAction | Status::InProgress, _) => None,
            (Status::Succeeded, _) | (Status::TimedOut, Then::Continue) => Some(Answer::Passed),
            (Status::Failed, _) | (Status::TimedOut, Then::RollBack) => Some(Answer::Failed),
        }
    }
}

impl Round {
    /// Asks the hooks of a stage.
    pub(super) fn ask(state: &mut State, hooks: &[Hook], stage: Stage) -> Self {
        let now = state.clock.now();
        let mut asked = Vec::new();
        for hook in hooks.iter().filter(|hook| hook.stages.contains(&stage)) {
            let token = ids::token43(state);
            let (kind, status, target) = match &hook.target {
                Target::Pause => ("pause", Status::AwaitingAction, Asking::Pause),
                Target::Lambda { arn, details } => {
                    let execution = ids::uuid(state);
                    let (arn, details, call_at) = (arn.clone(), details.clone(), Some(now));
                    ("lambda", Status::InProgress, Asking::Function { arn, execution, details, call_at })
                }
            };
            let id = format!("ecs-{kind}-{token}");
            asked.push(Asked { id, target, status, expires_at: now + hook.timeout, then: hook.then, why: None });
        }
        Self { stage, asked }
    }

    /// Time passes: what was not answered in time has timed out.
    pub(super) fn expire(&mut self, now: Time) {
        for one in self.asked.iter_mut().filter(|one| one.status.is_open() && one.expires_at <= now) {
            one.status = Status::TimedOut;
            one.why = Some(match &one.target {
                Asking::Pause => reason::pause_timed_out(self.stage),
                Asking::Function { arn, .. } => reason::function(self.stage, &format!("Lifecycle hook target {arn} timed out.")),
            });
        }
    }

    /// What all of them say together; none while that is open.
    pub(super) fn verdict(&self) -> Option<Answer> {
        let mut verdicts = self.asked.iter().map(Asked::verdict);
        if self.asked.iter().any(|one| one.verdict() == Some(Answer::Failed)) {
            return Some(Answer::Failed);
        }
        verdicts.all(|verdict| verdict == Some(Answer::Passed)).then_some(Answer::Passed)
    }

    /// Why it failed: the first that did.
    pub(super) fn why(&self) -> Option<String> {
        self.asked.iter().find(|one| one.verdict() == Some(Answer::Failed))?.why.clone()
    }

    /// When to look again: a time-out, or a call that is due.
    pub(super) fn wake(&self) -> Option<Time> {
        let open = self.asked.iter().filter(|one| one.status.is_open());
        let due = |one: &Asked| match &one.target {
            Asking::Function { call_at, .. } => *call_at,
            Asking::Pause => None,
        };
        open.flat_map(|one| [Some(one.expires_at), due(one)]).flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shipit_scheduler::Span;

    use super::*;

    const STAGE: Stage = Stage::PostTestTrafficShift;

    fn pause(minutes: u64, then: Then) -> Hook {
        Hook { target: Target::Pause, stages: BTreeSet::from([STAGE]), timeout: Span::seconds(60 * minutes), then }
    }

    fn round(hooks: &[Hook]) -> (Round, Time) {
        let mut state = State::new("1".into(), "r".into(), Clock::start(1.0), "x".into());
        let round = Round::ask(&mut state, hooks, STAGE);
        let now = round.asked.first().map_or(Time(0), |one| Time(one.expires_at.0 - hooks[0].timeout.0));
        (round, now)
    }

    #[test]
    fn a_stage_passes_when_all_its_hooks_have() {
        let (mut round, _) = round(&[pause(1, Then::RollBack), pause(2, Then::RollBack)]);
        assert_eq!(round.verdict(), None);
        round.asked[1].answer(STAGE, Then::Continue);
        assert_eq!(round.verdict(), None);
        round.asked[0].answer(STAGE, Then::Continue);
        assert_eq!((round.verdict(), round.why()), (Some(Answer::Passed), None));
        assert_ne!(round.asked[0].id, round.asked[1].id);
        assert!(round.asked[0].id.starts_with("ecs-pause-") && round.asked[0].id.len() == "ecs-pause-".len() + 43);
    }

    #[test]
    fn any_hook_that_fails_decides_at_once() {
        let (mut round, _) = round(&[pause(1, Then::RollBack), pause(2, Then::RollBack)]);
        round.asked[1].answer(STAGE, Then::RollBack);
        assert_eq!(round.verdict(), Some(Answer::Failed));
        let why = "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT pause hook failed.";
        assert_eq!(round.why().as_deref(), Some(why));
    }

    #[test]
    fn a_time_out_does_what_was_asked_for() {
        for (then, verdict) in [(Then::RollBack, Answer::Failed), (Then::Continue, Answer::Passed)] {
            let (mut round, now) = round(&[pause(1, then)]);
            round.expire(now + Span::seconds(59));
            assert_eq!(round.verdict(), None);
            round.expire(now + Span::seconds(60));
            assert_eq!((round.verdict(), round.asked[0].status), (Some(verdict), Status::TimedOut), "{then:?}");
        }
        let (mut round, now) = round(&[pause(1, Then::RollBack)]);
        round.expire(now + Span::seconds(60));
        let why = "Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT pause hook timed out.";
        assert_eq!(round.why().as_deref(), Some(why));
    }

    #[test]
    fn hooks_of_other_stages_are_not_asked() {
        let elsewhere = Hook { stages: BTreeSet::from([Stage::PreScaleUp]), ..pause(1, Then::RollBack) };
        let (round, _) = round(&[elsewhere]);
        assert_eq!((round.asked.len(), round.verdict()), (0, Some(Answer::Passed)));
    }
}
