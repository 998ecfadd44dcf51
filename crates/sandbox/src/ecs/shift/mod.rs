//! Deployments that shift traffic: BLUE_GREEN, CANARY and LINEAR. The scheduler says when; here is what it takes.
//!
//! Reading order: `stage` and `configuration` (what is asked for), `check` and `hook_check` (what is refused at once),
//! `wiring` (which target group a revision has, and what must be so before it starts), `traffic` (the weights), `hooks` (who
//! is asked at a stage, and their verdict), `call` (hooks that are functions), `progress` (where a service deployment stands),
//! `drive` (before and after the scheduler's step), `reason` (`statusReason`), `proceed` (ContinueServiceDeployment).

mod call;
pub(super) mod check;
pub(super) mod configuration;
mod drive;
mod hook_check;
pub(super) mod hooks;
pub(super) mod proceed;
pub(super) mod progress;
pub(super) mod reason;
mod stage;
mod traffic;
pub(super) mod wiring;

pub(super) use call::{carry_out, due};
pub(super) use drive::{after, before, wake};
