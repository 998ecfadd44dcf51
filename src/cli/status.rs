//! `shipit status`: how the services stand, as data on stdout.

use clap::Args;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shipit_core::failure::Exit;
use shipit_core::pipeline::Share;
use shipit_core::settled::{HookKind, HookSeen, HookStatus};
use shipit_core::snapshot::ServiceSeen;

use super::follow::paused;
use super::session::{Session, refuse};
use super::watch::watch;
use super::{Common, typed};
use crate::engine::underway::{Underway, underway};
use crate::report::{self, Output, json, listing};

/// Say how the services stand.
#[derive(Clone, Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub(super) common: Common,
    /// Show it live: the run of this folder until it has ended, else whatever comes until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

/// A service with its deployment in progress.
pub(super) struct Standing<'a> {
    pub(super) name: &'a str,
    pub(super) seen: ServiceSeen,
    pub(super) underway: Option<Underway>,
}

/// Looks and tells.
pub async fn run(args: Status) -> Exit {
    let session = match Session::open_to_look(&args.common).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    if args.watch {
        return watch(&session, args.common.output).await;
    }
    let context = session.context(&|_| {});
    let looks = session.pipeline().services.iter().map(async |service| {
        let seen = context.ports.service.look(&service.service).await?;
        let moves = seen.present().is_some_and(|running| running.in_progress.is_some());
        let underway = if moves { underway(&context, service).await? } else { None };
        Ok(Standing { name: &service.name, seen, underway })
    });
    let all: Result<Vec<Standing<'_>>, _> = join_all(looks).await.into_iter().collect();
    let all = match all {
        Ok(all) => all,
        Err(failure) => return refuse(&[failure]),
    };
    match args.common.output {
        Output::Auto | Output::Lines => {
            let table: Vec<(&str, ServiceSeen)> = all.iter().map(|one| (one.name, one.seen.clone())).collect();
            let shifts = all.iter().filter_map(Standing::words).map(|lines| format!("\n\n{}", lines.join("\n")));
            report::data(&(listing::services(&table) + &shifts.collect::<String>()));
        }
        Output::Json => {
            let all: serde_json::Map<String, Value> = all.iter().map(|one| (one.name.to_owned(), one.as_json())).collect();
            report::data(&json::compact(&Value::Object(all)));
        }
    }
    Exit::Done
}

impl Standing<'_> {
    /// Where the traffic of a service in motion is, and what it waits for; none where none is shifted.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        let Underway { begun, shift, stable, .. } = self.underway.as_ref()?;
        let shift = shift.as_ref()?;
        let (name, stage) = (self.name, shift.stage.word());
        let candidate = begun.revision.short();
        let mut lines = vec![match (shift.production, stable) {
            (Some(share), Some(stable)) => {
                let rest = Share(Share::ALL.0.saturating_sub(share.0));
                format!("`{name}` is at {stage}: {candidate} has {share} of the traffic, {} has {rest}", stable.short())
            }
            (Some(share), None) => format!("`{name}` is at {stage}: {candidate} has {share} of the traffic"),
            (None, _) => format!("`{name}` is at {stage}"),
        }];
        lines.extend(
            shift.baking_until.map(|until| format!("  both are kept until {until:.0}; back at once: shipit rollback {name}")),
        );
        lines.extend(paused(name, shift).map(|pause| format!("  {pause}")));
        Some(lines.iter().map(|text| typed::line(text)).collect())
    }

    /// The same for a program.
    pub(super) fn as_json(&self) -> Value {
        let Some(running) = self.seen.present() else { return json!({"exists": false}) };
        json!({
            "exists": true,
            "revision": running.revision,
            "desired": running.desired,
            "running": running.running,
            "commit": running.tags.get("shipit:commit"),
            "run": running.tags.get("shipit:run"),
            "by": running.tags.get("shipit:by"),
            "before": running.tags.get("shipit:before"),
            "in_progress": running.in_progress.as_ref().map(|(_, revision)| revision),
            "shift": self.underway.as_ref().and_then(|underway| shift_as_json(self.name, underway)),
        })
    }
}

fn shift_as_json(name: &str, underway: &Underway) -> Option<Value> {
    let shift = underway.shift.as_ref()?;
    let percent = |share: Share| f64::from(share.0) / 10.0;
    Some(json!({
        "stage": shift.stage.word(),
        "candidate": underway.begun.revision,
        "stable": underway.stable,
        "production_percent": shift.production.map(percent),
        "test_percent": shift.test.map(percent),
        "baking_until": shift.baking_until,
        "hooks": shift.hooks.iter().map(|hook| hook_as_json(name, hook)).collect::<Vec<_>>(),
    }))
}

fn hook_as_json(name: &str, hook: &HookSeen) -> Value {
    let command = |flag: &str| typed::line(&format!("shipit continue {name} {flag}"));
    json!({
        "id": hook.id,
        "kind": match &hook.kind {
            HookKind::Pause => "PAUSE",
            HookKind::Lambda => "AWS_LAMBDA",
            HookKind::Other(word) => word,
        },
        "status": match &hook.status {
            HookStatus::AwaitingAction => "AWAITING_ACTION",
            HookStatus::InProgress => "IN_PROGRESS",
            HookStatus::Succeeded => "SUCCEEDED",
            HookStatus::Failed => "FAILED",
            HookStatus::TimedOut => "TIMED_OUT",
            HookStatus::Other(word) => word,
        },
        "expires_at": hook.expires_at,
        "then": hook.then,
        "proceed": hook.is_open_pause().then(|| command("--proceed")),
        "turn_back": hook.is_open_pause().then(|| command("--turn-back")),
    })
}
