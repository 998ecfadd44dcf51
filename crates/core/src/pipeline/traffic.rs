//! Strategies that move traffic: by which shares, between what, and where a person is asked.

use std::fmt;

use serde::{Deserialize, Serialize};
use shipit_scheduler::Span;

use super::span_millis;

/// A share of the traffic, in tenths of a percent: 0 to 1000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
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

    /// As ECS writes it: 0.0 to 100.0.
    pub fn as_percent(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, tenth) => write!(f, "{whole}.{tenth}%"),
        }
    }
}

/// `blue_green:`, `canary:` or `linear:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// By which steps traffic moves.
    pub steps: Steps,
    /// `terminate_after:`, in milliseconds: the earlier version is kept for so long once it has no traffic any more (ECS's
    /// `bakeTimeInMinutes`, CodeDeploy's termination wait); none takes what the platform has, or the documented default.
    #[serde(default, with = "optional_millis", skip_serializing_if = "Option::is_none")]
    pub terminate_after: Option<Span>,
}

/// By which steps production traffic moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steps {
    /// Blue/green: all at once.
    AllAtOnce,
    /// Canary: one share, its bake, then the rest.
    Canary {
        /// The first share.
        share: Share,
        /// How long it is watched, in milliseconds.
        #[serde(with = "span_millis")]
        bake: Span,
    },
    /// Linear: equal steps, each but the last with its bake.
    Linear {
        /// One step.
        step: Share,
        /// How long each is watched, in milliseconds.
        #[serde(with = "span_millis")]
        bake: Span,
    },
}

impl Shift {
    /// The strategy's name, as `--strategy` takes it.
    pub fn name(&self) -> &'static str {
        match self.steps {
            Steps::AllAtOnce => "blue-green",
            Steps::Canary { .. } => "canary",
            Steps::Linear { .. } => "linear",
        }
    }
}

impl Steps {
    /// The shares that the candidate gets, one after the other; the last is all of it.
    pub fn shares(self) -> Vec<Share> {
        match self {
            Steps::AllAtOnce => vec![Share::ALL],
            Steps::Canary { share, .. } if share < Share::ALL => vec![share, Share::ALL],
            Steps::Canary { .. } => vec![Share::ALL],
            Steps::Linear { step, .. } => {
                let step = step.0.clamp(1, Share::ALL.0);
                (1..=Share::ALL.0.div_ceil(step)).map(|number| Share((number * step).min(Share::ALL.0))).collect()
            }
        }
    }

    /// How long each share but the last is watched.
    pub fn bake(self) -> Option<Span> {
        match self {
            Steps::AllAtOnce => None,
            Steps::Canary { bake, .. } | Steps::Linear { bake, .. } => Some(bake),
        }
    }
}

/// E.g. "canary 10% → 100%", "linear 10% → 20% → … → 100%".
impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let shares: Vec<String> = self.steps.shares().iter().map(ToString::to_string).collect();
        match shares.as_slice() {
            [_] => f.write_str(" all at once"),
            [first, second, .., last] if shares.len() > 4 => write!(f, " {first} → {second} → … → {last}"),
            shares => write!(f, " {}", shares.join(" → ")),
        }
    }
}

/// `traffic:`: what ECS needs to move traffic (`advancedConfiguration`). Names and ARNs as the user wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The second target group: its name or ARN.
    pub alternate_target_group: String,
    /// The listener rule (ALB) or listener (NLB) that production traffic takes: its ARN.
    pub production_rule: String,
    /// The same for test traffic.
    pub test_rule: Option<String>,
    /// The infrastructure role that ECS takes to change them: its ARN.
    pub role: String,
}

/// `pause:`: where the rollout stops until a person says how it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Where; never empty.
    pub at: Vec<PauseAt>,
    /// How long AWS waits for the answer before it rolls back, in milliseconds.
    #[serde(with = "span_millis")]
    pub timeout: Span,
}

/// Where a rollout can pause: stages of ECS that take a PAUSE hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseAt {
    /// The new version runs beside the old one (POST_SCALE_UP).
    ScaledUp,
    /// Test traffic reaches it (POST_TEST_TRAFFIC_SHIFT).
    TestTraffic,
    /// Before each step of production traffic (PRE_PRODUCTION_TRAFFIC_SHIFT).
    BeforeProduction,
    /// All production traffic has moved, the old version still runs (POST_PRODUCTION_TRAFFIC_SHIFT).
    AfterProduction,
}

mod optional_millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use shipit_scheduler::Span;

    pub(super) fn serialize<S: Serializer>(span: &Option<Span>, to: S) -> Result<S::Ok, S::Error> {
        span.map(|span| span.0).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<Span>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Span))
    }
}
