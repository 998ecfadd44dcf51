//! A look at a rollout in the words of the events.

use shipit_core::event::{RolloutSeen, Side};
use shipit_core::release::Revision;
use shipit_core::rollout::Phase;
use shipit_core::settled::{DeploymentSeen, Evidence};

/// What a person sees of a look.
pub fn shown(evidence: &Evidence, candidate: &Revision, phase: &Phase) -> RolloutSeen {
    let (ours, others): (Vec<&DeploymentSeen>, Vec<&DeploymentSeen>) =
        evidence.deployments.iter().partition(|deployment| deployment.revision == *candidate);
    RolloutSeen {
        candidate: side(candidate.clone(), &ours),
        stable: others.first().map(|first| side(first.revision.clone(), &others)),
        desired: evidence.desired,
        failed_tasks: ours.iter().map(|deployment| deployment.failed).sum(),
        waiting_for: waiting_for(evidence, &ours, &others, phase),
        event: evidence.events.first().cloned(),
    }
}

fn side(revision: Revision, deployments: &[&DeploymentSeen]) -> Side {
    Side {
        revision,
        running: deployments.iter().map(|deployment| deployment.running).sum(),
        pending: deployments.iter().map(|deployment| deployment.pending).sum(),
    }
}

fn waiting_for(evidence: &Evidence, ours: &[&DeploymentSeen], others: &[&DeploymentSeen], phase: &Phase) -> String {
    if matches!(phase, Phase::Returning { .. } | Phase::TurningBack { .. }) {
        return "the earlier revision to be back".to_owned();
    }
    let running: u32 = ours.iter().map(|deployment| deployment.running).sum();
    let left: u32 = others.iter().map(|deployment| deployment.running + deployment.pending).sum();
    if running < evidence.desired {
        format!("{} to run", counted(evidence.desired - running, "more task"))
    } else if left > 0 {
        format!("{} to drain", counted(left, "old task"))
    } else {
        "ECS to call the deployment successful".to_owned()
    }
}

fn counted(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
