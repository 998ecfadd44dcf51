//! A rollout as people and programs see it: tasks, traffic, both sides.

use serde::{Deserialize, Serialize};

use crate::analysis::{Judgement, Needs, Sides, Verdict};
use crate::pipeline::Share;
use crate::release::Revision;

/// A rollout at one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutSeen {
    /// The new revision.
    pub candidate: Side,
    /// The revisions it replaces, summed up.
    pub stable: Option<Side>,
    /// `desiredCount`.
    pub desired: u32,
    /// Tasks of the candidate that failed.
    pub failed_tasks: u32,
    /// What is being waited for, in words.
    pub waiting_for: String,
    /// The newest service event, as AWS words it.
    pub event: Option<String>,
    /// How traffic stands, where it is shifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Shifting>,
    /// The deployment that is followed: the ARN of its service deployment, or CodeDeploy's id; none while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

/// Traffic at one look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shifting {
    /// The stage, in ECS's word.
    pub stage: String,
    /// The candidate's share of the production traffic, if the platform tells.
    pub share: Option<Share>,
    /// How long the platform waits here at most, in milliseconds of AWS's time; none where that is not known.
    pub left_ms: Option<u64>,
    /// How the candidate compares with the stable version so far, where that is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Box<Compared>>,
}

/// The last look at both versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// What it says.
    pub verdict: Verdict,
    /// What it still needs before it can tell.
    pub needs: Needs,
    /// What both sides served in the minutes that were compared; none while none could be.
    pub sides: Option<Sides>,
    /// What was found, in words for a person.
    pub found: String,
}

impl Compared {
    /// Of a look.
    pub fn of(look: &Judgement) -> Self {
        Self { verdict: look.verdict, needs: look.needs(), sides: look.sides, found: look.to_string() }
    }
}

/// One side of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Its revision.
    pub revision: Revision,
    /// Tasks RUNNING.
    pub running: u32,
    /// Tasks not yet RUNNING.
    pub pending: u32,
}
