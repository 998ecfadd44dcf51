//! The way forward: the lifecycle stages of a service deployment, one after another.

use super::{Hooks, Pattern, Reason, Share, Shifting, Stage, Weights};
use crate::step::{Note, Step};
use crate::tally::Tally;
use crate::{Hold, Rollout, Service, Span, Time};

/// How a stage's own work stands.
enum Work {
    /// Something has just been done.
    Acted,
    /// It waits for tasks or for time.
    Waits,
    /// Nothing is left to do.
    Done,
}

/// Makes the next move; `shifting` is given back to the service unless it has come to its end.
pub(super) fn advances(service: &mut Service, mut shifting: Shifting, now: Time, step: &mut Step) -> bool {
    match work(service, &mut shifting, now, step) {
        Work::Acted => {}
        Work::Done if shifting.hooks == Hooks::Clear => {
            if shifting.stage == Stage::CleanUp {
                completes(service, &shifting, step);
                return true;
            }
            let (stage, round) = shifting.next();
            prepare(service, &shifting, stage);
            shifting.enter(stage, round, now, &mut service.unsaid);
        }
        Work::Done | Work::Waits => {
            let overdue = shifting.times_out_at().is_some_and(|at| at <= now);
            let stage = shifting.stage;
            service.shifting = Some(shifting);
            if overdue {
                service.turn_back(Reason::TimedOut(stage), now);
            }
            return overdue;
        }
    }
    service.shifting = Some(shifting);
    true
}

fn work(service: &mut Service, shifting: &mut Shifting, now: Time, step: &mut Step) -> Work {
    if left_overs_go(service, shifting, now) {
        return Work::Acted;
    }
    let full = service.is_full(shifting.candidate, now);
    match shifting.stage {
        Stage::ReconcileService if shifting.remains.is_some() => {
            if shifting.reconcile(service, now, step) {
                Work::Acted
            } else {
                Work::Waits
            }
        }
        Stage::ScaleUp if !full => Work::Waits,
        Stage::TestTrafficShift if shifting.shift.test_listener && shifting.weights.test != Share::ALL => {
            let weights = Weights { test: Share::ALL, ..shifting.weights };
            shifting.moves_on(weights, full, now, step)
        }
        Stage::ProductionTrafficShift if shifting.weights.production != shifting.target() => {
            let weights = Weights { production: shifting.target(), ..shifting.weights };
            shifting.moves_on(weights, full, now, step)
        }
        Stage::ProductionTrafficShift | Stage::BakeTime if shifting.baked_at().is_some_and(|at| now < at) => Work::Waits,
        Stage::CleanUp => {
            let tally = Tally::of(service, now);
            if tally.is_as_wanted(service.desired) { Work::Done } else { Work::Waits }
        }
        _ => Work::Done,
    }
}

/// What a superseded deployment has left goes once the source can do without it and traffic has left it.
fn left_overs_go(service: &mut Service, shifting: &Shifting, now: Time) -> bool {
    let may = shifting.remains.is_none() && shifting.source.is_none_or(|source| service.is_full(source, now));
    let sides: Vec<_> = [Some(shifting.candidate), shifting.source].into_iter().flatten().collect();
    may && service.others_go(&sides)
}

/// What a stage begins with.
fn prepare(service: &mut Service, shifting: &Shifting, stage: Stage) {
    match stage {
        Stage::ScaleUp => service.hold(shifting.candidate, Hold::Full),
        Stage::CleanUp => {
            service.others_go(&[shifting.candidate]);
        }
        _ => {}
    }
}

/// The candidate is all there is: COMPLETED, and an ordinary PRIMARY from here on.
fn completes(service: &mut Service, shifting: &Shifting, step: &mut Step) {
    service.hold(shifting.candidate, Hold::Free);
    let primary = service.primary_mut();
    primary.rollout = Rollout::Completed;
    primary.steady_since = None;
    step.notes.push(Note::DeploymentCompleted { deployment: shifting.candidate });
    service.deployments.retain(|deployment| deployment.id == shifting.candidate);
}

impl Shifting {
    /// Moves traffic forward, which takes the candidate's full capacity.
    fn moves_on(&mut self, weights: Weights, full: bool, now: Time, step: &mut Step) -> Work {
        if !full {
            return Work::Waits;
        }
        self.route(weights, now, step);
        Work::Acted
    }

    fn next(&self) -> (Stage, u32) {
        let stage = match self.stage {
            Stage::ReconcileService => Stage::PreScaleUp,
            Stage::PreScaleUp => Stage::ScaleUp,
            Stage::ScaleUp => Stage::PostScaleUp,
            Stage::PostScaleUp => Stage::TestTrafficShift,
            Stage::TestTrafficShift => Stage::PostTestTrafficShift,
            Stage::PostTestTrafficShift => Stage::PreProductionTrafficShift,
            Stage::PreProductionTrafficShift => Stage::ProductionTrafficShift,
            Stage::ProductionTrafficShift if self.target() == Share::ALL => Stage::PostProductionTrafficShift,
            Stage::ProductionTrafficShift => return (Stage::PreProductionTrafficShift, self.round + 1),
            Stage::PostProductionTrafficShift => Stage::BakeTime,
            Stage::BakeTime | Stage::CleanUp => Stage::CleanUp,
        };
        (stage, self.round)
    }

    /// The bake of the current stage: of a step that leaves traffic to the source, or of the whole.
    fn bake(&self) -> Option<Span> {
        match (self.stage, self.shift.pattern) {
            (Stage::BakeTime, _) => Some(self.shift.bake),
            (Stage::ProductionTrafficShift, Pattern::Canary { bake, .. } | Pattern::Linear { bake, .. })
                if self.target() != Share::ALL && self.weights.production == self.target() =>
            {
                Some(bake)
            }
            _ => None,
        }
    }

    /// When the bake of the current stage ends.
    pub(super) fn baked_at(&self) -> Option<Time> {
        let from = if self.stage == Stage::BakeTime { self.since } else { self.moved_at };
        self.bake().map(|bake| from + bake)
    }

    /// When the current stage has taken too long. CLEAN_UP only waits for tasks to go, and there is nothing to undo.
    pub(super) fn times_out_at(&self) -> Option<Time> {
        let counts = self.hooks == Hooks::Clear && self.stage != Stage::CleanUp && !matches!(self.way, super::Way::Halted(_));
        counts.then(|| self.timed_since + self.bake().unwrap_or_default() + super::STAGE_LIMIT)
    }
}
