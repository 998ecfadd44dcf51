//! Who serves: the weights in force, and how they are moved.

use super::{Share, Shifting, Way, Weights};
use crate::step::{Action, Step};
use crate::{DeploymentId, Rollout, Service, Time};

impl Service {
    /// Which deployments have traffic, or may get some, and how much; the shares add up to all of it, unless the first
    /// deployment of a service has yet to get it. Without a shift it is the PRIMARY alone: it stands for all the tasks of a
    /// rolling deployment, old and new, which share one target group.
    pub fn serving(&self) -> Vec<(DeploymentId, Weights)> {
        let Some(shifting) = &self.shifting else {
            return vec![(self.primary().id, Weights::ALL)];
        };
        let mut sides = vec![(shifting.candidate, shifting.weights)];
        match (shifting.remains, shifting.source) {
            (Some(split), _) => sides.extend([(split.candidate, split.weights), (split.source, split.weights.rest())]),
            (None, Some(source)) => sides.push((source, shifting.weights.rest())),
            (None, None) => {}
        }
        sides
    }
}

impl Shifting {
    /// What the candidate has, where a test listener that is not there goes with production.
    pub(super) fn whole(&self) -> Weights {
        if self.shift.test_listener { self.weights } else { Weights { test: self.weights.production, ..self.weights } }
    }

    /// Moves the candidate's traffic.
    pub(super) fn route(&mut self, weights: Weights, now: Time, step: &mut Step) {
        self.weights = weights;
        self.moved_at = now;
        step.actions.push(Action::Route { candidate: self.candidate, weights });
    }

    /// Moves what a superseded shift has left of the traffic to the source, once the source can take it: with its full
    /// capacity, or at once when the other side has nothing healthy either.
    pub(super) fn reconcile(&mut self, service: &Service, now: Time, step: &mut Step) -> bool {
        let Some(split) = self.remains else {
            return false;
        };
        let to_candidate = self.source == Some(split.candidate);
        let (to, from) = if to_candidate { (split.candidate, split.source) } else { (split.source, split.candidate) };
        let may = match self.way {
            Way::Forward => service.is_as_full_as_can_be(to, now) || !service.is_served_by(from, now),
            Way::Back(_) | Way::Halted(_) => service.can_take(to, now) || !service.is_served_by(from, now),
        };
        if !may {
            return false;
        }
        let weights = if to_candidate { Weights::ALL } else { Weights::NONE };
        self.remains = None;
        self.moved_at = now;
        step.actions.push(Action::Route { candidate: split.candidate, weights });
        true
    }

    /// What the candidate is to have of production traffic in this step. With nobody to share it with it is all at once.
    pub(super) fn target(&self) -> Share {
        match self.source {
            Some(_) => self.shift.pattern.share(self.round),
            None => Share::ALL,
        }
    }
}

impl super::Pattern {
    /// The candidate's share of production traffic after step `round`, from 0.
    pub fn share(self, round: u32) -> Share {
        match self {
            Self::Canary { share, .. } if round == 0 && share.0 > 0 => share.min(Share::ALL),
            Self::Linear { step, .. } if step.0 > 0 => Share(step.0.saturating_mul(round.saturating_add(1))).min(Share::ALL),
            Self::AllAtOnce | Self::Canary { .. } | Self::Linear { .. } => Share::ALL,
        }
    }
}

impl Service {
    /// Whether a deployment has its capacity; a failed one gets no more than it has.
    fn is_as_full_as_can_be(&self, id: DeploymentId, now: Time) -> bool {
        let failed = self.deployment(id).is_some_and(|deployment| deployment.rollout == Rollout::Failed);
        self.is_full(id, now) || (failed && self.is_served_by(id, now))
    }

    /// Whether a deployment can take traffic back: it has something healthy, or nothing is desired.
    pub(super) fn can_take(&self, id: DeploymentId, now: Time) -> bool {
        self.desired == 0 || self.is_served_by(id, now)
    }

    /// Whether a deployment has a healthy task at all.
    pub(super) fn is_served_by(&self, id: DeploymentId, now: Time) -> bool {
        let healthy = |task: &crate::Task| self.condition(task, now) == crate::Condition::Healthy;
        self.tasks.iter().any(|task| task.deployment == id && healthy(task))
    }
}
