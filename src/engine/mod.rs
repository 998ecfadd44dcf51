//! The saga over a plan, and the reconciler inside its rollout step.
//!
//! [`observe`] reads the world into a snapshot; [`resume`] finds a run to go on with; [`run`] carries a plan out, step by
//! step, journaled; [`step`] does one, [`image`] those that build, push and tag, [`gate`] holds an image until its scan is judged;
//! [`rollout`] looks, decides, records, acts and waits; [`change`] asks ECS; [`judging`] compares candidate and stable;
//! [`attest`] tells about images
//! what [`builder`] knows; [`dossier`] captures what goes wrong; [`counting`] knows what it has cost; [`handover`] tells
//! whoever reads on; [`hidden`] says what cannot be answered; [`leftovers`] takes
//! out of a service's configuration what a rollout had put there; [`people`] are asked at pauses, [`answer`] is given from
//! elsewhere; [`turned_back`] says why and at what cost; [`underway`] looks at what is in progress; [`unwind`] undoes; [`trail`]
//! knows what a service ran before; [`wait`] says when to look again; [`watching`] is for who only looks on.

pub mod answer;
pub mod artefacts;
pub mod attest;
pub mod builder;
pub mod change;
mod coming;
pub mod counting;
pub mod dossier;
pub mod follow;
pub mod gate;
pub mod given;
pub mod handover;
pub mod hidden;
pub mod image;
pub mod interrupt;
pub mod jobs;
pub mod judging;
pub mod leftovers;
pub mod observe;
pub mod outcome;
pub mod people;
pub mod prune;
pub mod reasons;
pub mod record;
pub mod register;
pub mod resume;
pub mod rollback;
pub mod rollout;
pub mod run;
pub mod step;
pub mod theirs;
pub mod trail;
pub mod turned_back;
pub mod underway;
pub mod unwind;
pub mod wait;
pub mod watching;

use shipit_core::event::Event;
use shipit_core::pipeline::Pipeline;
use shipit_core::rollout::{Until, Wish};
use tokio::sync::watch;

use self::people::People;
use crate::port::{Clock, Ports};

/// What every part of a run has at hand.
pub struct Context<'a> {
    /// The world.
    pub ports: &'a Ports,
    /// What is wanted.
    pub pipeline: &'a Pipeline,
    /// AWS's time.
    pub clock: Clock,
    /// Who deploys: a person at a host, or the address of a CI's run.
    pub by: &'a str,
    /// Where events go.
    pub tell: &'a (dyn Fn(Event) + Send + Sync),
    /// Who is asked at a `pause:`.
    pub people: People<'a>,
    /// When the wait for a rollout ends well.
    pub until: Until,
    /// Becomes [`Wish::Abort`] when a person interrupts.
    pub interrupt: watch::Receiver<Wish>,
}
