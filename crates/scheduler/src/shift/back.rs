//! The way back: traffic first, then capacity (inside the same service deployment).

use super::{Hooks, Reason, Share, Shifting, Stage, Way, Weights};
use crate::step::{Note, Step};
use crate::{DeploymentId, Hold, Rollout, Service, Time};

impl Service {
    /// The shift goes back: StopServiceDeployment ROLLBACK, a failed hook, the breaker, an alarm. The candidate has failed,
    /// the source is the PRIMARY again and gets all traffic with the next step, and then the candidate goes. Without a source
    /// it stops where it is. Nothing happens unless a shift goes forward.
    pub fn turn_back(&mut self, reason: Reason, now: Time) {
        let source = match self.shifting.as_ref() {
            Some(shifting) if shifting.way == Way::Forward => shifting.source,
            _ => return,
        };
        let Some(source) = source else {
            return self.halt(reason);
        };
        let Some(mut shifting) = self.shifting.take() else {
            return;
        };
        shifting.way = Way::Back(reason);
        self.gives_up(shifting.candidate);
        self.promote(source);
        self.hold(source, Hold::Full);
        // Left alone until no traffic is on it: the source is held.
        self.hold(shifting.candidate, Hold::Free);
        self.unsaid.push(Note::TurningBack { deployment: shifting.candidate, to: source, reason });
        // From CLEAN_UP on the source has lost tasks: it needs its capacity before it can take traffic.
        let stage = if shifting.stage == Stage::CleanUp { Stage::ScaleUp } else { shifting.next_back(None) };
        shifting.enter(stage, shifting.round, now, &mut self.unsaid);
        self.shifting = Some(shifting);
    }

    /// Stops where it stands: what fails with no rollback wanted. Nothing happens unless a shift goes forward.
    pub fn halt(&mut self, reason: Reason) {
        let Some(shifting) = self.shifting.as_mut().filter(|shifting| shifting.way == Way::Forward) else {
            return;
        };
        shifting.way = Way::Halted(reason);
        shifting.hooks = Hooks::Clear;
        let candidate = shifting.candidate;
        self.gives_up(candidate);
        self.unsaid.push(Note::Halted { deployment: candidate, reason });
    }

    fn gives_up(&mut self, candidate: DeploymentId) {
        if let Some(deployment) = self.deployments.iter_mut().find(|deployment| deployment.id == candidate) {
            deployment.rollout = Rollout::Failed;
            deployment.steady_since = None;
        }
    }
}

/// What has been done or not.
enum Work {
    Acted,
    Waits,
    Done,
}

/// Makes the next move on the way back; `shifting` is given back to the service unless it has come to its end.
pub(super) fn advances(service: &mut Service, mut shifting: Shifting, source: DeploymentId, now: Time, step: &mut Step) -> bool {
    match work(service, &mut shifting, source, now, step) {
        Work::Acted => {}
        Work::Done if shifting.hooks == Hooks::Clear => {
            if shifting.stage == Stage::CleanUp {
                service.hold(source, Hold::Free);
                step.notes.push(Note::TurnedBack { deployment: shifting.candidate, to: source });
                service.deployments.retain(|deployment| deployment.id == source);
                return true;
            }
            let stage = shifting.next_back(Some(shifting.stage));
            shifting.enter(stage, shifting.round, now, &mut service.unsaid);
        }
        Work::Done | Work::Waits => {
            let overdue = shifting.times_out_at().is_some_and(|at| at <= now);
            if overdue {
                stays(service, &mut shifting);
            }
            service.shifting = Some(shifting);
            return overdue;
        }
    }
    service.shifting = Some(shifting);
    true
}

fn work(service: &mut Service, shifting: &mut Shifting, source: DeploymentId, now: Time, step: &mut Step) -> Work {
    match shifting.stage {
        Stage::ScaleUp if !service.is_full(source, now) => Work::Waits,
        Stage::ProductionTrafficShift if shifting.remains.is_some() => {
            if shifting.reconcile(service, now, step) {
                Work::Acted
            } else {
                Work::Waits
            }
        }
        Stage::ProductionTrafficShift if shifting.weights.production > Share::NONE => {
            // The source has its capacity but for what has just died, and is better than what is known to fail.
            if !service.can_take(source, now) && service.is_served_by(shifting.candidate, now) {
                return Work::Waits;
            }
            shifting.route(Weights { production: Share::NONE, ..shifting.weights }, now, step);
            Work::Acted
        }
        Stage::TestTrafficShift if shifting.weights.test > Share::NONE => {
            shifting.route(Weights::NONE, now, step);
            Work::Acted
        }
        Stage::CleanUp => {
            if service.others_go(&[source]) {
                Work::Acted
            } else if service.tasks.iter().any(|task| task.deployment != source) {
                Work::Waits
            } else {
                Work::Done
            }
        }
        _ => Work::Done,
    }
}

/// The source does not come up: traffic stays where it is, on the candidate, which keeps what it has.
fn stays(service: &mut Service, shifting: &mut Shifting) {
    let reason = Reason::TimedOut(shifting.stage);
    shifting.way = Way::Halted(reason);
    service.promote(shifting.candidate);
    service.hold(shifting.candidate, Hold::Full);
    service.unsaid.push(Note::Halted { deployment: shifting.candidate, reason });
}

impl Shifting {
    /// The next stage on the way back: only those whose traffic has to move.
    fn next_back(&self, after: Option<Stage>) -> Stage {
        match after {
            None | Some(Stage::ScaleUp) if self.weights.production > Share::NONE || self.remains.is_some() => {
                Stage::ProductionTrafficShift
            }
            None | Some(Stage::ScaleUp | Stage::ProductionTrafficShift) if self.weights.test > Share::NONE => {
                Stage::TestTrafficShift
            }
            _ => Stage::CleanUp,
        }
    }
}
