//! The seam between ECS and the load balancer: tasks are registered as targets, their health is read back.

use std::net::SocketAddr;

use shipit_scheduler::{Span, Time};

use crate::elb::attributes::{self, DRAIN};
use crate::elb::groups::Group;
use crate::elb::health::{Health, Outcome, Standing};
use crate::state::State;

/// A task's address as the load balancer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The private address that the task shows, or the EC2 instance that it is on (`Target.Id`).
    pub id: String,
    /// The container port, or the instance's host port (`Target.Port`).
    pub port: u16,
    /// Where the container really listens on the host's loopback.
    pub endpoint: SocketAddr,
}

/// `TargetHealth.State` with its reason and description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`, `unavailable`.
    pub state: String,
    /// E.g. `Target.ResponseCodeMismatch`; none when healthy.
    pub reason: Option<String>,
    /// E.g. `Health checks failed with these codes: [503]`.
    pub description: Option<String>,
}

/// A target in its group.
#[derive(Debug)]
pub struct Registered {
    /// Which one.
    pub target: Target,
    /// What its checks have found.
    pub health: Health,
    /// When it is checked next.
    pub check: NextCheck,
    /// This registration's number: an answer to a check of an earlier one does not count.
    pub registration: u64,
    /// Whether it takes requests.
    pub serving: Serving,
    /// The number of the group's pick that took it last; 0 for never.
    pub picked: u64,
}

/// When a target is checked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextCheck {
    /// At this virtual time.
    At(Time),
    /// A check is under way since this virtual time.
    Running(Time),
}

/// Whether a target takes new requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// It does.
    Takes,
    /// It does not, and is gone at this virtual time.
    DrainsUntil(Time),
}

impl Registered {
    /// What DescribeTargetHealth says, given that the group is reached by a rule or not.
    pub fn shown(&self, reach: Reach) -> TargetHealth {
        let (state, reason, description) = match (self.serving, reach, self.health.standing) {
            (Serving::DrainsUntil(_), _, _) => {
                ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress".to_owned())
            }
            (_, Reach::Unused, _) => (
                "unused",
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer".to_owned(),
            ),
            (_, _, Standing::Healthy) => {
                return TargetHealth { state: "healthy".to_owned(), reason: None, description: None };
            }
            (_, _, Standing::Initial) if self.health.checked() => {
                ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress".to_owned())
            }
            (_, _, Standing::Initial) => {
                ("initial", "Elb.RegistrationInProgress", "Target registration is in progress".to_owned())
            }
            (_, _, Standing::Unhealthy) => match self.health.failure {
                Some(Outcome::Code(code)) => {
                    ("unhealthy", "Target.ResponseCodeMismatch", format!("Health checks failed with these codes: [{code}]"))
                }
                Some(Outcome::TimedOut) => ("unhealthy", "Target.Timeout", "Request timed out".to_owned()),
                _ => ("unhealthy", "Target.FailedHealthChecks", "Health checks failed".to_owned()),
            },
        };
        TargetHealth { state: state.to_owned(), reason: Some(reason.to_owned()), description: Some(description) }
    }
}

/// Whether requests can come to a target group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Some rule forwards to it, be it with weight 0.
    Used,
    /// None does: its targets are not checked.
    Unused,
}

impl Group {
    /// The target of an id and port.
    pub fn target(&self, id: &str, port: u16) -> Option<&Registered> {
        self.targets.iter().find(|it| it.target.id == id && it.target.port == port)
    }

    /// The target for the next request: round robin over the healthy ones; where none is, over all that do not drain
    /// (AWS calls it fail open). `except` is a registration that has just failed.
    pub fn pick(&mut self, except: Option<u64>) -> Option<&Registered> {
        let takes = |it: &Registered| it.serving == Serving::Takes && Some(it.registration) != except;
        let healthy = |it: &Registered| it.health.standing == Standing::Healthy;
        let any_healthy = self.targets.iter().any(|it| takes(it) && healthy(it));
        let eligible = self.targets.iter_mut().filter(|it| takes(it) && (healthy(it) || !any_healthy));
        let target = eligible.min_by_key(|it| it.picked)?;
        self.picks += 1;
        target.picked = self.picks;
        Some(target)
    }

    /// How many of the targets that do not drain are healthy, and how many are not.
    pub fn hosts(&self) -> (u32, u32) {
        let takes = self.targets.iter().filter(|it| it.serving == Serving::Takes);
        takes.fold((0, 0), |(healthy, unhealthy), it| match it.health.standing {
            Standing::Healthy => (healthy + 1, unhealthy),
            Standing::Initial | Standing::Unhealthy => (healthy, unhealthy + 1),
        })
    }
}

impl State {
    /// Registers a target: it is `initial` until its health check passes (or `unused` while no rule reaches the group).
    /// One that is registered already stays as it is, one that drains begins anew.
    pub fn register_target(&mut self, target_group: &str, target: Target) {
        let registration = self.next();
        let now = self.clock.now();
        let Some(group) = self.elb.groups.get_mut(target_group) else {
            return;
        };
        let same = |it: &Registered| it.target.id == target.id && it.target.port == target.port;
        let standing = group.targets.iter().find(|it| same(it));
        if standing.is_some_and(|it| it.serving == Serving::Takes && it.target == target) {
            return;
        }
        group.targets.retain(|it| !same(it));
        group.targets.push(Registered {
            target,
            health: Health::default(),
            check: NextCheck::At(now),
            registration,
            serving: Serving::Takes,
            picked: 0,
        });
    }

    /// Starts draining a target: no new requests; it is gone when the deregistration delay has passed, whether requests are
    /// in flight or not, as on AWS. In a group that no rule reaches it is gone at once.
    pub fn deregister_target(&mut self, target_group: &str, id: &str, port: u16) {
        let now = self.clock.now();
        let used = self.target_group_in_use(target_group);
        let Some(group) = self.elb.groups.get_mut(target_group) else {
            return;
        };
        let delay = attributes::seconds(&group.attributes, DRAIN, 300);
        group.targets.retain_mut(|it| {
            if it.target.id != id || it.target.port != port {
                return true;
            }
            if it.serving == Serving::Takes {
                it.serving = Serving::DrainsUntil(now + Span::seconds(delay));
            }
            used
        });
    }

    /// The health of one target; none when it is not registered (any more), so a draining target has gone.
    pub fn target_health(&self, target_group: &str, id: &str, port: u16) -> Option<TargetHealth> {
        let target = self.elb.groups.get(target_group)?.target(id, port)?;
        let over = matches!(target.serving, Serving::DrainsUntil(end) if end <= self.clock.now());
        (!over).then(|| target.shown(self.elb.reach(target_group)))
    }

    /// `TargetType` of a target group.
    pub fn target_type(&self, target_group: &str) -> Option<&str> {
        self.elb.groups.get(target_group).map(|group| group.nature.kind.as_str())
    }

    /// The target group serves behind some listener.
    pub fn target_group_in_use(&self, target_group: &str) -> bool {
        self.elb.reach(target_group) == Reach::Used
    }
}
