//! What a deployment does to task sets and listeners.

use serde_json::{Value, json};

use super::deployment::{Deployment, Half};
use super::hook;
use super::machine::over::Cause;
use super::machine::{Act, Side};
use crate::ecs::{ids, task_sets};
use crate::state::State;

/// Carries an act out.
///
/// # Errors
/// Why the deployment cannot go on.
pub(super) fn carry_out(state: &mut State, deployment: &mut Deployment, act: Act) -> Result<(), Cause> {
    match act {
        Act::Ask(event) => {
            let execution = ids::uuid(state);
            let call = hook::call_of(state, deployment, event, &execution)?;
            deployment.executions.insert(execution, event);
            state.codedeploy.calls.push(call);
            Ok(())
        }
        Act::Production(share) => production(state, deployment, share),
        Act::Test(side) => match deployment.pair.test.clone() {
            Some(listener) => {
                let share = if side == Side::Replacement { 100 } else { 0 };
                weigh(state, deployment, &listener, share)
            }
            None => Ok(()),
        },
        Act::ClearLeftovers => {
            task_sets::clear_beside(state, &deployment.service, deployment.original.id);
            Ok(())
        }
        Act::Install => install(state, deployment),
        Act::Promote(side) => {
            if let Some(half) = deployment.half(side) {
                task_sets::promote(state, &deployment.service, half.id);
            }
            Ok(())
        }
        Act::Remove(side) => {
            if let Some(half) = deployment.half(side) {
                task_sets::empty(state, &deployment.service, half.id);
            }
            Ok(())
        }
    }
}

fn production(state: &mut State, deployment: &Deployment, share: u8) -> Result<(), Cause> {
    let listener = &deployment.pair.production;
    let behind = state.forwards(listener).and_then(|forwards| forwards.weight(&deployment.original.group));
    // In CodeDeploy's own words, as users quote them.
    if behind.is_none() {
        let text = format!(
            "The ELB could not be updated due to the following error: Primary taskset target group must be behind listener {listener}"
        );
        return Err(Cause::Balancer(text));
    }
    weigh(state, deployment, listener, u32::from(share))
}

/// The replacement's target group gets so many percent, the original's the rest.
fn weigh(state: &mut State, deployment: &Deployment, listener: &str, share: u32) -> Result<(), Cause> {
    let weights = [(deployment.original.group.as_str(), 100 - share.min(100)), (deployment.other_group(), share.min(100))];
    match state.set_weights(listener, &weights) {
        true => Ok(()),
        false => {
            let text =
                format!("The ELB could not be updated due to the following error: the listener {listener} does not forward");
            Err(Cause::Balancer(text))
        }
    }
}

fn install(state: &mut State, deployment: &mut Deployment) -> Result<(), Cause> {
    let group = deployment.other_group().to_owned();
    let appspec = &deployment.appspec;
    let mut members = appspec.members.clone();
    members["loadBalancers"] = json!([{
        "targetGroupArn": group, "containerName": appspec.container, "containerPort": Value::from(appspec.port),
    }]);
    let wanted = task_sets::Wanted { definition: &appspec.definition, members, external: &deployment.id };
    let made = task_sets::make(state, &deployment.service, wanted)
        .map_err(|error| Cause::Service(format!("{} ({})", error.message, error.code)))?;
    deployment.replacement = Some(Half { id: made.id, name: made.name, group });
    Ok(())
}
