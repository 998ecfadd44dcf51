//! `shipit status`: how the services stand, as data on stdout.

use clap::{Args, ValueEnum};
use futures_util::future::join_all;
use serde_json::json;
use shipit_core::failure::Exit;
use shipit_core::snapshot::ServiceSeen;

use super::Common;
use super::session::{Session, refuse};
use crate::report::{self, listing};

/// Say how the services stand.
#[derive(Clone, Debug, Args)]
pub struct Status {
    #[command(flatten)]
    common: Common,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How it is written.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// For a person.
    #[default]
    Text,
    /// For a program.
    Json,
}

/// Looks and tells.
pub async fn run(args: Status) -> Exit {
    let session = match Session::open_without_contexts(&args.common).await {
        Ok(session) => session,
        Err(exit) => return exit,
    };
    let services = &session.pipeline().services;
    let looks = join_all(services.iter().map(|service| session.connected.ports.service.look(&service.service))).await;
    let mut seen: Vec<(&str, ServiceSeen)> = Vec::new();
    for (service, look) in services.iter().zip(looks) {
        match look {
            Ok(look) => seen.push((&service.name, look)),
            Err(error) => return refuse(&[error.into()]),
        }
    }
    match args.format {
        Format::Text => report::data(&listing::services(&seen)),
        Format::Json => {
            let all: serde_json::Map<String, serde_json::Value> =
                seen.iter().map(|(name, service)| ((*name).to_owned(), as_json(service))).collect();
            report::data(&serde_json::Value::Object(all).to_string());
        }
    }
    Exit::Done
}

fn as_json(service: &ServiceSeen) -> serde_json::Value {
    match service.present() {
        None => json!({"exists": false}),
        Some(running) => json!({
            "exists": true,
            "revision": running.revision,
            "desired": running.desired,
            "running": running.running,
            "commit": running.tags.get("shipit:commit"),
            "run": running.tags.get("shipit:run"),
            "by": running.tags.get("shipit:by"),
            "before": running.tags.get("shipit:before"),
            "in_progress": running.in_progress.as_ref().map(|(_, revision)| revision),
        }),
    }
}
