//! The way back: traffic first, then capacity (aws.md 4.3: inside the same service deployment).

use super::{Hooks, Reason, Share, Shifting, Stage, Way, Weights};
use crate::step::{Note, Step};
use crate::{Hold, Service, Time};

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
}

/// Makes the next move on the way back; `shifting` is given back to the service unless it has come to its end.
pub(super) fn advances(service: &mut Service, mut shifting: Shifting, now: Time, step: &mut Step) -> bool {
    let Some(source) = shifting.source else {
        service.shifting = Some(shifting);
        return false;
    };
    let can_serve = service.is_served_by(source, now) || !service.is_served_by(shifting.candidate, now);
    let waits = match shifting.stage {
        Stage::ScaleUp => !service.is_full(source, now),
        Stage::ProductionTrafficShift if shifting.remains.is_some() => {
            let acted = shifting.reconcile(service, now, step);
            if acted {
                service.shifting = Some(shifting);
                return true;
            }
            true
        }
        Stage::ProductionTrafficShift if shifting.weights.production > Share::NONE => {
            if can_serve {
                shifting.route(Weights { production: Share::NONE, ..shifting.weights }, now, step);
                service.shifting = Some(shifting);
                return true;
            }
            true
        }
        Stage::TestTrafficShift if shifting.weights.test > Share::NONE => {
            shifting.route(Weights::NONE, now, step);
            service.shifting = Some(shifting);
            return true;
        }
        Stage::CleanUp => {
            let others = service.deployments.iter().filter(|other| other.id != source && other.hold != Hold::Empty);
            let others: Vec<_> = others.map(|other| other.id).collect();
            if !others.is_empty() {
                others.into_iter().for_each(|other| service.hold(other, Hold::Empty));
                service.shifting = Some(shifting);
                return true;
            }
            service.tasks.iter().any(|task| task.deployment != source)
        }
        _ => false,
    };
    if waits || shifting.hooks == Hooks::Asked {
        let overdue = shifting.times_out_at().is_some_and(|at| at <= now);
        if overdue {
            stays(service, &mut shifting);
        }
        service.shifting = Some(shifting);
        return overdue;
    }
    if shifting.stage == Stage::CleanUp {
        service.hold(source, Hold::Free);
        step.notes.push(Note::TurnedBack { deployment: shifting.candidate, to: source });
        service.deployments.retain(|deployment| deployment.id == source);
        return true;
    }
    let stage = shifting.next_back(Some(shifting.stage));
    shifting.enter(stage, shifting.round, now, &mut service.unsaid);
    service.shifting = Some(shifting);
    true
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
