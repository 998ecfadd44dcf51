//! The ECS service scheduler in ECS's words, pure: given a service as it stands and the time, what would ECS do next?
//!
//! Reading order: [`time`], [`percent`] (the bounds of a rolling deployment), [`breaker`] (when it trips),
//! [`state`] (a service, its deployments and tasks), `facts` (what the world tells it), [`condition`] (how a task counts),
//! [`step`](mod@step) (one decision) with `tally` (the counts), `tasks` (which are started and stopped first), `rolling` (the
//! loop of a rolling deployment) and `rollout` (what becomes of it), [`hold`] (a deployment outside the percents), [`shift`]
//! (stages, traffic and the way back), [`predict`](mod@predict) (how long, part by part, or never).
//! The sandbox acts on these steps, shipit's fake world is driven by them, and `shipit plan` predicts with them.

pub mod breaker;
pub mod condition;
mod facts;
pub mod hold;
pub mod percent;
pub mod predict;
mod rolling;
mod rollout;
pub mod shift;
pub mod state;
pub mod step;
mod tally;
mod tasks;
pub mod time;

pub use breaker::{Breaker, Reset, Rollback, Threshold};
pub use condition::{Condition, MATURES_AFTER};
pub use hold::Hold;
pub use percent::{Bounds, Percents};
pub use predict::{Assumptions, Part, Prediction, Timeline, Why, predict, timeline};
pub use shift::{Answer, Hooks, Pattern, Reason, Share, Shift, Shifting, Split, Stage, Way, Weights};
pub use state::{Deployment, DeploymentId, Health, HealthSource, Phase, Role, Rollout, Service, StopCause, Task, TaskId};
pub use step::{Action, Cause, Failure, Note, Step, step};
pub use time::{Span, Time};
