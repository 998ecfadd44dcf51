//! A deployment outside the percents: kept at the full desired count, or taken to zero.
//!
//! A side that has traffic, or is to get some, is held; so are CodeDeploy's task sets. While the PRIMARY is held, those
//! that are not held are left alone: the percents have no say without a PRIMARY to move to.

use crate::step::{Cause, Step};
use crate::tally::Tally;
use crate::{DeploymentId, Rollout, Service, Time, tasks};

/// Who says how many tasks a deployment has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// `minimumHealthyPercent` and `maximumPercent`, as in a rolling deployment.
    #[default]
    Free,
    /// The desired count, in full and at any time: what is unhealthy is replaced, the replacement first; what has died is
    /// started again; what is too many goes. A failed one only loses what is unhealthy or too many.
    Full,
    /// None at all.
    Empty,
}

impl Service {
    /// Holds a deployment, or leaves it to the percents again. Unknown deployments are passed over.
    pub fn hold(&mut self, id: DeploymentId, hold: Hold) {
        let found = self.deployments.iter_mut().find(|deployment| deployment.id == id);
        if let Some(deployment) = found.filter(|deployment| deployment.hold != hold) {
            deployment.hold = hold;
            self.steady = false;
            self.stuck = false;
        }
    }

    /// Takes every deployment to zero but these; says whether there was one to take.
    pub(crate) fn others_go(&mut self, stay: &[DeploymentId]) -> bool {
        let mut found = false;
        for other in &mut self.deployments {
            if !stay.contains(&other.id) && other.hold != Hold::Empty {
                other.hold = Hold::Empty;
                found = true;
            }
        }
        found
    }

    /// The deployments that the percents do not decide on.
    pub(crate) fn held(&self) -> Vec<DeploymentId> {
        let held = self.deployments.iter().filter(|deployment| deployment.hold != Hold::Free);
        held.map(|deployment| deployment.id).collect()
    }

    /// Whether a deployment has the full desired count, healthy.
    pub fn is_full(&self, id: DeploymentId, now: Time) -> bool {
        Tally::of_one(self, id, now).healthy >= self.desired
    }
}

/// Makes the first move there is to make for a held deployment, if any.
pub(crate) fn moves(service: &mut Service, now: Time, step: &mut Step) -> bool {
    for id in service.held() {
        let hold = service.deployment(id).map(|deployment| (deployment.hold, deployment.rollout));
        let acted = match hold {
            Some((Hold::Full, Rollout::Failed)) => {
                let tally = Tally::of_one(service, id, now);
                tasks::stop_unhealthy(service, id, tally.unhealthy, now, step) || cut(service, id, now, step)
            }
            Some((Hold::Full, Rollout::InProgress | Rollout::Completed)) => {
                fill(service, id, now, step) || cut(service, id, now, step)
            }
            Some((Hold::Empty, _)) => empty(service, id, now, step),
            Some((Hold::Free, _)) | None => false,
        };
        if acted {
            return true;
        }
    }
    false
}

/// Stops the unhealthy that have been replaced, and starts what is missing.
fn fill(service: &mut Service, id: DeploymentId, now: Time, step: &mut Step) -> bool {
    let tally = Tally::of_one(service, id, now);
    let surplus = (tally.healthy + tally.unhealthy).saturating_sub(service.desired);
    tasks::stop_unhealthy(service, id, surplus.min(tally.unhealthy), now, step)
        || tasks::start(service, id, tally.missing(service.desired), now, step)
}

/// Stops what is beyond the desired count, never a healthy one that is within.
fn cut(service: &mut Service, id: DeploymentId, now: Time, step: &mut Step) -> bool {
    let tally = Tally::of_one(service, id, now);
    let excess = (tally.healthy + tally.coming).saturating_sub(service.desired);
    tasks::stop_surplus(service, id, excess, now, step)
}

fn empty(service: &mut Service, id: DeploymentId, now: Time, step: &mut Step) -> bool {
    let chosen = tasks::candidates(service, now, |task| task.deployment == id);
    tasks::stop(service, &chosen, Cause::Replaced, step)
}
