//! A look at a rollout in the words of the events.

use jiff::Timestamp;
use shipit_core::event::{RolloutSeen, Shifting, Side};
use shipit_core::pipeline::Share;
use shipit_core::release::Revision;
use shipit_core::rollout::{Guard, Guards, Phase, Route};
use shipit_core::settled::{Begun, DeploymentSeen, Evidence, HookStatus, ShiftSeen, Stage, service_deployment_of, shift_of};

use super::underway::open_pauses;

/// What a person sees of a look.
pub fn shown(
    (service, guards): (&str, &Guards),
    evidence: &Evidence,
    begun: &Begun,
    candidate: &Revision,
    phase: &Phase,
) -> RolloutSeen {
    let shift = shift_of(begun, evidence);
    let (ours, others): (Vec<&DeploymentSeen>, Vec<&DeploymentSeen>) =
        evidence.deployments.iter().partition(|deployment| deployment.revision == *candidate);
    RolloutSeen {
        candidate: side(candidate.clone(), &ours),
        stable: others.first().map(|first| side(first.revision.clone(), &others)),
        desired: evidence.desired,
        failed_tasks: ours.iter().map(|deployment| deployment.failed).sum(),
        waiting_for: match (phase, shift) {
            (Phase::Rolling { .. }, Some(shift)) => traffic_to_move(service, guards, shift),
            _ => None,
        }
        .unwrap_or_else(|| waiting_for(evidence, &ours, &others, phase)),
        event: evidence.events.first().cloned(),
        shift: shift.map(|shift| shifting(shift, evidence.at, phase)),
        deployment: service_deployment_of(begun, evidence).map(|ours| ours.arn.clone()),
    }
}

fn shifting(shift: &ShiftSeen, at: Timestamp, phase: &Phase) -> Shifting {
    let waits = shift.hooks.iter().filter(|hook| hook.is_open_pause()).filter_map(|hook| hook.expires_at).min();
    let left = waits.or(shift.baking_until).map(|until| until.duration_since(at).as_millis());
    Shifting {
        stage: shift.stage.word().to_owned(),
        share: shift.production.map(|share| match phase {
            // In a deployment of its own the share is that of what comes back.
            Phase::Returning { route: Route::Anew, .. } => Share(Share::ALL.0.saturating_sub(share.0)),
            _ => share,
        }),
        left_ms: left.map(|left| u64::try_from(left).unwrap_or(0)),
        compared: None,
    }
}

/// What a shift waits for; none where it is tasks.
fn traffic_to_move(service: &str, guards: &Guards, shift: &ShiftSeen) -> Option<String> {
    if let Some(answer) = answer_to_come(service, guards, shift) {
        return Some(answer);
    }
    if let Some(hook) = shift.hooks.iter().find(|hook| hook.status == HookStatus::InProgress) {
        return Some(format!("the function of {} ({})", shift.stage.word(), hook.id.0));
    }
    match &shift.stage {
        Stage::ReconcileService | Stage::PreScaleUp | Stage::ScaleUp | Stage::PostScaleUp | Stage::CleanUp => None,
        Stage::BakeTime => Some("the bake to end; the revision before can be back at once".to_owned()),
        Stage::TestTrafficShift | Stage::PostTestTrafficShift => Some("test traffic to move".to_owned()),
        Stage::PreProductionTrafficShift | Stage::ProductionTrafficShift | Stage::PostProductionTrafficShift => {
            Some("production traffic to move".to_owned())
        }
        Stage::Other(word) => Some(format!("{word}, a stage that this shipit does not know")),
    }
}

/// Whose pause is open, and who answers it; none where none is.
fn answer_to_come(service: &str, guards: &Guards, shift: &ShiftSeen) -> Option<String> {
    let open = open_pauses(shift);
    let then = open.first()?.then.as_ref().map_or_else(String::new, |then| format!(", else {then}"));
    let guard = shift.stage.pause().and_then(|at| guards.get(&at));
    let command = format!("`shipit continue {service} --proceed`");
    Some(match (guard, open.len()) {
        (None, 1) => format!("an answer to a pause that is not of this pipeline{then} ({command})"),
        (None, _) => format!("answers to {} pauses that are not of this pipeline{then} ({command})", open.len()),
        (Some(Guard::Judge), 1) => format!("the verdict of `judge:`{then}"),
        (Some(Guard::Person), 1) => format!("a person's answer to its `pause:`{then} ({command})"),
        (Some(Guard::Both), 1) => format!("the verdict of `judge:`, and a person's answer{then} ({command})"),
        (Some(_), count) => {
            format!("a person's answer to {count} pauses, of which not all are of this pipeline{then} ({command} answers all)")
        }
    })
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
