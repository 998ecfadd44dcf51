//! A deployment that shifts traffic: BLUE_GREEN, CANARY and LINEAR in ECS's words.
//!
//! The candidate is brought to full capacity beside the source, then traffic moves by shares, then the source goes. The
//! owner of the state moves the weights ([`crate::Action::Route`]) and asks the hooks; the scheduler says when.
//!
//! `begin` (a new shift, and what becomes of one in the middle), `forward` (the stages), `back`, `traffic` (who serves).

mod back;
mod begin;
mod forward;
mod traffic;

use std::collections::BTreeSet;

use crate::step::{Failure, Note, Step};
use crate::{DeploymentId, Rollback, Service, Span, Time};

/// A share of the traffic in tenths of a percent: 0 to 1000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(1000);

    /// Whole percents.
    pub const fn percent(percent: u32) -> Self {
        Self(percent * 10)
    }
}

/// `deploymentConfiguration` of a strategy that shifts traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// By which steps production traffic moves.
    pub pattern: Pattern,
    /// `bakeTimeInMinutes`: both versions are kept for so long after all traffic has moved.
    pub bake: Span,
    /// Stages at which hooks are asked; each time the stage is entered, on the way back too where ECS asks there.
    pub hooks: BTreeSet<Stage>,
    /// There is a test listener: its traffic moves at [`Stage::TestTrafficShift`].
    pub test_listener: bool,
}

impl Shift {
    /// All at once, without bake, hooks or test listener.
    pub const fn at_once() -> Self {
        Self { pattern: Pattern::AllAtOnce, bake: Span(0), hooks: BTreeSet::new(), test_listener: false }
    }
}

/// By which steps production traffic moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// BLUE_GREEN: all at once.
    AllAtOnce,
    /// CANARY: one share, a bake, the rest.
    Canary {
        /// `canaryPercent`.
        share: Share,
        /// `canaryBakeTimeInMinutes`.
        bake: Span,
    },
    /// LINEAR: equal steps with a bake after each but the last.
    Linear {
        /// `stepPercent`.
        step: Share,
        /// `stepBakeTimeInMinutes`.
        bake: Span,
    },
}

/// `lifecycleStage`, in ECS's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// RECONCILE_SERVICE: only with more than one active revision.
    ReconcileService,
    /// PRE_SCALE_UP.
    PreScaleUp,
    /// SCALE_UP: the candidate is brought to full capacity.
    ScaleUp,
    /// POST_SCALE_UP.
    PostScaleUp,
    /// TEST_TRAFFIC_SHIFT.
    TestTrafficShift,
    /// POST_TEST_TRAFFIC_SHIFT.
    PostTestTrafficShift,
    /// PRE_PRODUCTION_TRAFFIC_SHIFT: at every step of a canary or linear shift.
    PreProductionTrafficShift,
    /// PRODUCTION_TRAFFIC_SHIFT: at every step; the bake of a step belongs to it.
    ProductionTrafficShift,
    /// POST_PRODUCTION_TRAFFIC_SHIFT.
    PostProductionTrafficShift,
    /// BAKE_TIME.
    BakeTime,
    /// CLEAN_UP: the side without traffic goes.
    CleanUp,
}

/// How traffic stands: what the candidate gets, the source gets the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// On the test listener; nothing, where there is none.
    pub test: Share,
    /// On the production listener.
    pub production: Share,
}

impl Weights {
    /// No traffic.
    pub const NONE: Self = Self { test: Share::NONE, production: Share::NONE };
    /// All traffic.
    pub const ALL: Self = Self { test: Share::ALL, production: Share::ALL };

    /// What is left for the other side.
    pub fn rest(self) -> Self {
        let rest = |share: Share| Share(Share::ALL.0.saturating_sub(share.0));
        Self { test: rest(self.test), production: rest(self.production) }
    }
}

/// Which way a shift goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the candidate, the PRIMARY.
    Forward,
    /// Back to the source, the PRIMARY again; the candidate has failed.
    Back(Reason),
    /// No way any more: the candidate has failed and stays the PRIMARY, traffic stays as it is, until the next deployment.
    Halted(Reason),
}

/// Why a shift goes back, or no way any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The circuit breaker, or an alarm.
    Failed(Failure),
    /// A hook at this stage failed, timed out with ROLLBACK, or was answered so.
    Hook(Stage),
    /// StopServiceDeployment.
    Asked,
    /// A stage took longer than 24 hours.
    TimedOut(Stage),
}

/// Where the hooks of the current stage stand. The owner counts time-outs and turns them into an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hooks {
    /// There are none here, or they have all passed.
    Clear,
    /// Asked and not answered yet.
    Asked,
}

/// How the hooks of the current stage were answered, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All passed, or timed out with CONTINUE.
    Passed,
    /// One did not.
    Failed,
}

/// A shift in progress: [`crate::Service::shifting`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shifting {
    /// How it goes.
    pub shift: Shift,
    /// The new deployment.
    pub candidate: DeploymentId,
    /// The one that had the traffic; none at the first deployment of a service.
    pub source: Option<DeploymentId>,
    /// Where it is.
    pub stage: Stage,
    /// Since when.
    pub since: Time,
    /// Which step of the production shift it is, from 0.
    pub round: u32,
    /// What the candidate has of the traffic.
    pub weights: Weights,
    /// When they were last moved; the bake of a step counts from here.
    pub moved_at: Time,
    /// Whether hooks hold it up.
    pub hooks: Hooks,
    /// Since when the stage's own 24 hours count: its beginning, or the answer of its hooks, whose time-outs are longer.
    pub timed_since: Time,
    /// Which way it goes.
    pub way: Way,
    /// What an earlier shift, superseded in the middle, has left of the traffic beside the source; RECONCILE_SERVICE ends it.
    pub remains: Option<Split>,
}

/// Traffic between two deployments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The one that was shifting in.
    pub candidate: DeploymentId,
    /// The other.
    pub source: DeploymentId,
    /// What the candidate has; the source has the rest.
    pub weights: Weights,
}

/// A stage may take so long, apart from its bake, which may be as long, and its hooks: a pause may take 14 days.
pub const STAGE_LIMIT: Span = Span::seconds(24 * 60 * 60);

impl Service {
    /// All hooks of the current stage have been answered. Nothing happens if none are asked. On the way back a failed hook
    /// has nothing left to send back.
    pub fn answer(&mut self, answer: Answer, now: Time) {
        let Some(shifting) = self.shifting.as_mut().filter(|shifting| shifting.hooks == Hooks::Asked) else {
            return;
        };
        shifting.hooks = Hooks::Clear;
        shifting.timed_since = now;
        let stage = shifting.stage;
        match answer {
            Answer::Passed => {}
            Answer::Failed => self.turn_back(Reason::Hook(stage), now),
        }
    }
}

/// Makes the next move of the shift, if there is one.
pub(crate) fn advances(service: &mut Service, now: Time, step: &mut Step) -> bool {
    let Some(shifting) = service.shifting.take() else {
        return false;
    };
    match (shifting.way, shifting.source) {
        (Way::Forward, _) => forward::advances(service, shifting, now, step),
        (Way::Back(_), Some(source)) => back::advances(service, shifting, source, now, step),
        (Way::Back(_), None) | (Way::Halted(_), _) => {
            service.shifting = Some(shifting);
            false
        }
    }
}

/// The candidate is given up by the breaker or an alarm: the shift goes back if that is wanted, and stops otherwise.
pub(crate) fn fails(service: &mut Service, failure: Failure, wanted: Rollback, now: Time) {
    match wanted {
        Rollback::ToLastCompleted => service.turn_back(Reason::Failed(failure), now),
        Rollback::Stay => service.halt(Reason::Failed(failure)),
    }
}

/// The breaker looks on until the candidate has its capacity: `MONITORING_COMPLETE` comes before the deployment's end.
pub(crate) fn is_watched_by_breaker(service: &Service) -> bool {
    service.shifting.as_ref().is_none_or(|shifting| shifting.stage <= Stage::ScaleUp)
}

/// When time alone moves the shift.
pub(crate) fn wake(service: &Service) -> Option<Time> {
    let shifting = service.shifting.as_ref()?;
    let bake = match shifting.way {
        Way::Forward => shifting.baked_at(),
        Way::Back(_) | Way::Halted(_) => None,
    };
    [bake.filter(|_| shifting.hooks == Hooks::Clear), shifting.times_out_at()].into_iter().flatten().min()
}

impl Shifting {
    /// Comes to a stage.
    fn enter(&mut self, stage: Stage, round: u32, now: Time, said: &mut Vec<Note>) {
        self.stage = stage;
        self.round = round;
        self.since = now;
        self.timed_since = now;
        self.hooks = if self.shift.hooks.contains(&stage) && stage.takes_hooks() { Hooks::Asked } else { Hooks::Clear };
        said.push(Note::StageEntered { deployment: self.candidate, stage, round, hooks: self.hooks });
    }
}

impl Stage {
    /// Hooks are refused at SCALE_UP, BAKE_TIME and CLEAN_UP.
    pub const fn takes_hooks(self) -> bool {
        !matches!(self, Self::ScaleUp | Self::BakeTime | Self::CleanUp)
    }
}
