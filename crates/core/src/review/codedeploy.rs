//! What a person should know before CodeDeploy shifts traffic: what it cannot do, and what its deployment group says.

use super::{Note, remark};
use crate::codedeploy::{CodeDeploySeen, Configuration, Hooks, Ready, Terminate};
use crate::plan::Roll;

/// Remarks on a rollout by CodeDeploy.
pub(super) fn notes(name: &str, roll: &Roll, seen: &CodeDeploySeen) -> Vec<Note> {
    let mut notes = vec![remark(by_time(name, roll))];
    if let Ready::Waits { minutes } = seen.ready {
        notes.push(remark(format!(
            "`{name}` waits at Ready for `shipit continue`, for {minutes} minutes as deployment group `{}` says; then CodeDeploy stops it",
            seen.group
        )));
    }
    let made = roll.shift().and_then(|shift| seen.configuration_for(shift).ok());
    if let Some(Configuration::Custom { name: configuration }) = made {
        notes.push(remark(format!(
            "`{name}` moves by the deployment configuration `{configuration}`, which is made if it is missing"
        )));
    }
    if let Terminate::After { minutes: minutes @ 1.. } = seen.terminate {
        let waits = match roll.judge {
            Some(_) => "and is judged for as long",
            None => "which only `--until deployed` waits for",
        };
        notes.push(remark(format!(
            "`{name}` keeps the earlier version for {minutes} minutes once all traffic has moved, {waits}: until then its deployment group takes no other deployment"
        )));
    }
    notes.extend(hooks(name, &seen.hooks));
    notes
}

fn by_time(name: &str, roll: &Roll) -> String {
    match (&roll.judge, &roll.pause) {
        (Some(_), _) => format!(
            "CodeDeploy moves the traffic of `{name}` by time, for it has no PAUSE hooks: `judge:` stops it and sends it back, and holds no step; if shipit dies, only alarms do"
        ),
        (None, Some(_)) => {
            format!("once continued, CodeDeploy moves the traffic of `{name}` by time: only health and alarms hold it")
        }
        (None, None) => {
            format!("CodeDeploy moves the traffic of `{name}` by time: only health and alarms hold it without `judge:`")
        }
    }
}

/// Functions of the last AppSpec, which go into ours; those of one that is elsewhere cannot.
fn hooks(name: &str, hooks: &Hooks) -> Vec<Note> {
    match hooks {
        Hooks::Known(hooks) => {
            hooks.iter().map(|(event, function)| remark(format!("`{name}` keeps its hook at {event}: {function}"))).collect()
        }
        Hooks::Elsewhere { place } => vec![remark(format!(
            "`{name}` is deployed without hooks: the AppSpec of its last deployment is not with CodeDeploy but at {place}; those it may have are called no more"
        ))],
    }
}
