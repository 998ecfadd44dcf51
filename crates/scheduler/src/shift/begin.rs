//! A new shift: which deployment is its source, and what becomes of a shift that it supersedes in the middle.
//!
//! AWS says only that the superseded service deployment is STOPPED and that RECONCILE_SERVICE comes first when more than
//! one revision is active. As in a rollback the last revision that proved itself counts: traffic goes to the source of the
//! superseded shift, which has been held at full capacity, and only from CLEAN_UP on to its candidate, which has all of it
//! and baked. So the new one begins with one serving side, and can go back to it. Should that side have nothing healthy while
//! the other has, the other is taken: traffic never ends on nothing.

use super::{Hooks, Shift, Shifting, Split, Stage, Way, Weights};
use crate::{DeploymentId, Hold, Phase, Rollout, Service, Time};

/// Who has the traffic when a shift begins.
struct Before {
    source: Option<DeploymentId>,
    remains: Option<Split>,
}

impl Service {
    /// UpdateService with BLUE_GREEN, CANARY or LINEAR: makes a new PRIMARY, the candidate, and begins to bring it in. One in
    /// the middle is superseded.
    pub fn shift(&mut self, revision: u64, shift: Shift, now: Time) -> DeploymentId {
        let before = match self.shifting.take() {
            Some(shifting) => self.supersedes(&shifting, now),
            None => Before { source: self.incumbent(now), remains: None },
        };
        let candidate = self.deploy(revision, now, None);
        self.begin(candidate, before, shift, now);
        candidate
    }

    /// CreateService with BLUE_GREEN, CANARY or LINEAR: the deployment of [`Service::new`] becomes a candidate without source.
    pub fn shift_first(&mut self, shift: Shift, now: Time) -> DeploymentId {
        let candidate = self.primary().id;
        self.begin(candidate, Before { source: None, remains: None }, shift, now);
        candidate
    }

    fn begin(&mut self, candidate: DeploymentId, before: Before, shift: Shift, now: Time) {
        let Before { source, remains } = before;
        let sides = [Some(candidate), source, remains.map(|split| split.candidate), remains.map(|split| split.source)];
        let others: Vec<DeploymentId> = self.deployments.iter().map(|deployment| deployment.id).collect();
        for other in others {
            let hold = match (sides.contains(&Some(other)), other == candidate) {
                (true, true) => Hold::Empty,
                (true, false) => Hold::Full,
                (false, _) => self.left_over(source),
            };
            self.hold(other, hold);
        }
        let active = |id: &DeploymentId| self.tasks.iter().any(|task| task.deployment == *id && task.phase != Phase::Stopping);
        let more = self.deployments.iter().filter(|deployment| deployment.id != candidate && active(&deployment.id)).count() > 1;
        let stage = if remains.is_some() || more { Stage::ReconcileService } else { Stage::PreScaleUp };
        let mut shifting = Shifting {
            shift,
            candidate,
            source,
            stage,
            since: now,
            round: 0,
            weights: Weights::NONE,
            moved_at: now,
            hooks: Hooks::Clear,
            timed_since: now,
            way: Way::Forward,
            remains,
        };
        shifting.enter(stage, 0, now, &mut self.unsaid);
        self.shifting = Some(shifting);
    }

    /// What a deployment that is neither side is held at: with a source it shares the source's target group in the middle of
    /// a rolling deployment, and is left alone until the source is full; without one it goes.
    fn left_over(&self, source: Option<DeploymentId>) -> Hold {
        if source.is_some() { Hold::Free } else { Hold::Empty }
    }

    /// The one that serves a service that does not shift: the PRIMARY if it is COMPLETED or full, or else the newest COMPLETED
    /// one that still has tasks, or else the PRIMARY if anything of it is healthy.
    fn incumbent(&self, now: Time) -> Option<DeploymentId> {
        let primary = self.primary();
        if primary.rollout == Rollout::Completed || (self.desired > 0 && self.is_full(primary.id, now)) {
            return Some(primary.id);
        }
        let serves = |id: DeploymentId| self.tasks.iter().any(|task| task.deployment == id && task.phase != Phase::Stopping);
        let completed = self.deployments.iter().filter(|deployment| deployment.rollout == Rollout::Completed);
        let newest = completed.map(|deployment| deployment.id).find(|id| serves(*id));
        newest.or_else(|| self.is_served_by(primary.id, now).then_some(primary.id))
    }

    fn supersedes(&mut self, shifting: &Shifting, now: Time) -> Before {
        let (source, split) = match (shifting.remains, shifting.source) {
            (Some(split), Some(source)) => (source, split),
            (None, Some(source)) => (source, Split { candidate: shifting.candidate, source, weights: shifting.whole() }),
            (_, None) => {
                let has_traffic = shifting.weights.production > super::Share::NONE;
                let serves = has_traffic && self.is_served_by(shifting.candidate, now);
                return Before { source: serves.then_some(shifting.candidate), remains: None };
            }
        };
        let proven = if shifting.stage == Stage::CleanUp && shifting.way == Way::Forward { split.candidate } else { source };
        let other = if proven == split.source { split.candidate } else { split.source };
        let source = if !self.is_served_by(proven, now) && self.is_served_by(other, now) { other } else { proven };
        let aim = if source == split.candidate { Weights::ALL } else { Weights::NONE };
        let remains = (split.weights != aim).then_some(split);
        Before { source: Some(source), remains }
    }
}
