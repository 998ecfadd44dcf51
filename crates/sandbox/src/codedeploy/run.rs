//! One look at every deployment: what is seen is told to its machine, and its acts are carried out.

use serde_json::json;
use shipit_scheduler::Time;

use super::act;
use super::create;
use super::deployment::{Creator, Deployment};
use super::machine::over::Cause;
use super::machine::{Seen, Side, Standing};
use crate::dispatch::{self, Service};
use crate::ecs::request::{list, text};
use crate::ecs::task_sets;
use crate::state::State;

/// What a look has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// When to look again though nothing has changed.
    pub wake: Option<Time>,
    /// Something has changed that others may wait for.
    pub acted: bool,
}

/// Looks at every deployment that has not been settled; those that it makes to take others back are looked at as well.
pub(super) fn look(state: &mut State) -> Looked {
    let mut looked = Looked::default();
    let mut place = 0;
    while place < state.codedeploy.deployments.len() {
        if !state.codedeploy.deployments[place].settled {
            let mut deployment = state.codedeploy.deployments[place].clone();
            let one = look_at(state, &mut deployment);
            deployment.settled = deployment.is_over();
            let back = deployment.settled && goes_back(&deployment);
            state.codedeploy.deployments[place] = deployment;
            if back {
                create::take_back(state, place);
            }
            looked.acted |= one.acted;
            looked.wake = [looked.wake, one.wake].into_iter().flatten().min();
        }
        place += 1;
    }
    looked
}

fn look_at(state: &mut State, deployment: &mut Deployment) -> Looked {
    let now = state.clock.now();
    let seen = Seen {
        original: standing(state, deployment, Side::Original),
        replacement: standing(state, deployment, Side::Replacement),
        alarms: in_alarm(state, &deployment.settings.alarms),
    };
    let before = deployment.machine.clone();
    if !task_sets::is_there(state, &deployment.service) {
        let text = "The ECS service is not active".to_owned();
        deployment.machine.break_off(Cause::Service(text), now);
    }
    let step = deployment.machine.step(&seen, now);
    for act in &step.acts {
        if let Err(cause) = act::carry_out(state, deployment, *act) {
            deployment.machine.break_off(cause, now);
            break;
        }
    }
    let acted = deployment.machine != before;
    if acted {
        deployment.updated_at = state.now_seconds();
    }
    Looked { wake: step.wake.filter(|_| !deployment.is_over()), acted }
}

/// Those of the alarms that are in ALARM; one that does not exist is not.
fn in_alarm(state: &mut State, names: &[String]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let asked = json!({ "AlarmNames": names, "StateValue": "ALARM" });
    let alarms = dispatch::call(state, Service::CloudWatch, "DescribeAlarms", asked).unwrap_or_default();
    list(&alarms, "MetricAlarms").iter().filter_map(|alarm| text(alarm, "AlarmName")).map(str::to_owned).collect()
}

fn standing(state: &State, deployment: &Deployment, side: Side) -> Standing {
    match deployment.half(side) {
        Some(half) => task_sets::standing(state, &deployment.service, half.id),
        None => Standing::Absent,
    }
}

/// It has ended before its time, has left a replacement, and is to be taken back on that.
fn goes_back(deployment: &Deployment) -> bool {
    let Some(cause) = deployment.machine.end().and_then(|end| end.cause()) else {
        return false;
    };
    let wanted = match (cause, deployment.rollback_asked) {
        (Cause::Asked, Some(asked)) => asked,
        _ => deployment.settings.rollback_on.contains(&cause.rollback_on()),
    };
    wanted && deployment.creator == Creator::User && deployment.replacement.is_some()
}
