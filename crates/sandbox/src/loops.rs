//! What the loops of the services share: the tasks that watch containers, targets and scans, and change the state.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::owner::Owner;
use crate::state::Shared;

/// Given to `ecs::start`, `elb::start`, `ecr::start` and `codedeploy::start`, which spawn their tasks and answer the handles.
#[derive(Clone, Debug)]
pub struct Loops {
    /// The state; `shared.changes()` wakes a loop after every change.
    pub shared: Arc<Shared>,
    /// The Engine that runs tasks; none when the sandbox was started without one: tasks then stay PENDING.
    pub docker: Option<bollard::Docker>,
    /// Whose containers and networks they are: every one carries `owner.labels()`.
    pub owner: Owner,
    /// Cancelled at the end. A loop stops its tasks then; containers and networks are removed by the server, by label.
    pub stop: CancellationToken,
}
