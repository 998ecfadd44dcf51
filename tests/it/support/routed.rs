//! Which of a service's two target groups serves what, as the scheduler has it routed, and what came of the requests.

use std::collections::BTreeMap;

use shipit_core::analysis::{MINUTE, Minute};
use shipit_core::release::Revision;
use shipit_scheduler::{DeploymentId, Share, Time, Weights};

use super::service_state::EcsService;
use super::surroundings::{ACCOUNT, REGION};
use super::world::World;

/// One of the two target groups of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    A,
    B,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// Who serves in a target group, and how much of the production traffic it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    pub side: Side,
    /// Its place among the revisions.
    pub revision: u64,
    pub share: Share,
}

/// How the production rule has stood from some time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    pub at: Time,
    pub sides: Vec<Served>,
}

/// What a revision is like under production traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// Answers of 5xx among a thousand.
    pub failing: u64,
    /// Seconds.
    pub p50: f64,
    /// Seconds.
    pub p95: f64,
}

impl Quality {
    pub const GOOD: Self = Self { failing: 0, p50: 0.02, p95: 0.05 };
    /// Every tenth request fails; health checks do not show it.
    pub const FAILS_UNDER_TRAFFIC: Self = Self { failing: 100, ..Self::GOOD };
    pub const SLOW: Self = Self { p50: 0.06, p95: 0.2, ..Self::GOOD };
}

/// What became of a revision's production requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    pub served: u64,
    pub failed: u64,
}

/// One of the two target groups of a service.
pub fn group(name: &str, side: Side) -> String {
    let which = if side == Side::A { "a" } else { "b" };
    format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{name}-{which}/1")
}

impl EcsService {
    /// The target group in which a deployment serves.
    pub fn side(&self, deployment: DeploymentId) -> Side {
        self.sides.get(&deployment).copied().unwrap_or(Side::A)
    }

    /// A new deployment serves beside the source of its shift, or where the one before does.
    pub fn take_side(&mut self, deployment: DeploymentId, before: DeploymentId) {
        let side = match &self.plan.shifting {
            Some(shifting) => shifting.source.map_or(Side::A, |source| self.side(source).other()),
            None => self.side(before),
        };
        self.sides.insert(deployment, side);
    }

    /// The target groups of a shift: the candidate's, the stable version's.
    pub fn groups(&self, name: &str, candidate: DeploymentId) -> (String, String) {
        let side = self.side(candidate);
        (group(name, side), group(name, side.other()))
    }

    /// The production rule is changed: so much for this deployment, the rest for the other target group.
    pub fn route(&mut self, candidate: DeploymentId, weights: Weights) {
        let side = self.side(candidate);
        self.rule = BTreeMap::from([(side, weights.production), (side.other(), weights.rest().production)]);
        let of = self.deployments.iter_mut().rev().find(|one| one.deployment == candidate);
        if let Some(one) = of {
            one.shift.weights = weights;
        }
    }

    /// Written down whenever it changes. The rule must be what the scheduler takes to be in force.
    pub fn note_route(&mut self, now: Time) {
        let mut sides: Vec<Served> = Vec::new();
        for (id, weights) in self.plan.serving() {
            let revision = self.plan.deployment(id).expect("what serves is listed").revision;
            if weights.production > Share::NONE {
                sides.push(Served { side: self.side(id), revision, share: weights.production });
            }
        }
        for side in [Side::A, Side::B] {
            let wanted: u32 = sides.iter().filter(|one| one.side == side).map(|one| one.share.0).sum();
            let first = self.plan.shifting.as_ref().is_some_and(|shifting| shifting.source.is_none());
            let has = self.rule.get(&side).map_or(0, |share| share.0);
            assert!(has == wanted || first, "{side:?} has {has} and is to have {wanted}: {:?}", self.plan.shifting);
        }
        if self.routed.last().is_none_or(|last| last.sides != sides) {
            self.routed.push(Routed { at: now, sides });
        }
    }

    /// The shares of production traffic that a revision has had, one after the other.
    pub fn shares_of(&self, revision: u64) -> Vec<u32> {
        let share = |routed: &Routed| routed.sides.iter().filter(|one| one.revision == revision).map(|one| one.share.0).sum();
        let mut shares: Vec<u32> = self.routed.iter().map(share).collect();
        shares.dedup();
        shares
    }

    /// Parts of a span in which a revision had traffic in a target group: their revision, and length times share.
    fn parts(&self, from: Time, to: Time) -> impl Iterator<Item = (Served, u64)> {
        let ends = self.routed.iter().skip(1).map(|next| next.at).chain([Time(u64::MAX)]);
        self.routed.iter().zip(ends).flat_map(move |(routed, end)| {
            let length = end.0.min(to.0).saturating_sub(routed.at.0.max(from.0));
            routed.sides.iter().map(move |served| (*served, length * u64::from(served.share.0)))
        })
    }
}

impl World {
    /// How production traffic of a revision went so far, since the world began.
    pub fn requests(&self, name: &str, revision: &Revision) -> Requests {
        let place = self.ecs.revisions.place(revision).expect("a registered revision");
        let parts = self.ecs.services[name].parts(Time(0), self.now());
        self.counted(name, parts.filter(|(served, _)| served.revision == place))
    }

    fn counted(&self, name: &str, parts: impl Iterator<Item = (Served, u64)>) -> Requests {
        let load = self.ecs.services[name].load;
        let mut all = Requests::default();
        let (mut served, mut failed) = (0, 0);
        for (part, weighed) in parts {
            served += load * weighed;
            failed += load * weighed / 1000 * self.ecs.revisions.at(part.revision).quality.failing;
        }
        // Milliseconds of a minute, thousandths of the traffic.
        all.served = served / 60_000 / 1000;
        all.failed = failed / 60_000 / 1000;
        all
    }

    /// A minute of a target group, as far as it has passed; none where nothing was served.
    pub fn minute(&self, group_arn: &str, start: jiff::Timestamp) -> Option<Minute> {
        let of = |(name, side)| group(name, side) == group_arn;
        let names = self.ecs.services.keys().flat_map(|name| [(name, Side::A), (name, Side::B)]);
        let (name, side) = names.map(|(name, side)| (name.as_str(), side)).find(|it| of(*it))?;
        let (from, to) = (self.time_of(start), self.time_of(start + MINUTE).min(self.now()));
        let parts: Vec<(Served, u64)> =
            self.ecs.services[name].parts(from, to).filter(|(served, weighed)| served.side == side && *weighed > 0).collect();
        let Requests { served, failed } = self.counted(name, parts.iter().copied());
        let quality = self.ecs.revisions.at(parts.last()?.0.revision).quality;
        (served > 0).then(|| Minute {
            start,
            requests: Some(served),
            server_errors: (failed > 0).then_some(failed),
            connection_errors: None,
            p50: Some(quality.p50),
            p95: Some(quality.p95),
        })
    }
}
