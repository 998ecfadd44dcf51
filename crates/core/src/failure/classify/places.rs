//! Tasks that ECS could not start at all, as service events tell it.

use super::super::cause::{Cause, Kind};
use super::starts;
use super::texts::word;
use crate::dossier::Dossier;

/// The newest event that tells why no task is started.
pub(super) fn of_events(dossier: &Dossier) -> Option<Cause> {
    let newest = || dossier.events.iter().rev();
    newest().find_map(|event| of_event(dossier, event)).or_else(|| newest().find_map(|event| throttled(dossier, event)))
}

fn of_event(dossier: &Dossier, event: &str) -> Option<Cause> {
    if event.contains("because of the service deployment configuration") {
        let because = format!(
            "`{}` has no room to move: minimum and maximum percent let ECS neither stop a task nor start one",
            dossier.service
        );
        let next = "`strategy: { rolling: { minimum_percent: 100, maximum_percent: 200 } }` in the pipeline file, or a lower `minimum_percent`";
        return Some(Cause::new(Kind::Percents, because, next));
    }
    if let Some(cause) = starts::of_event(dossier, event) {
        return Some(cause);
    }
    if event.contains("InsufficientFreeAddresses") || event.contains("free addresses") {
        return Some(lacks(dossier, Kind::NoAddresses, event));
    }
    if !(event.contains("unable to place a task") || event.contains("unable to place")) {
        return None;
    }
    Some(lacks(dossier, kind(event), event))
}

fn kind(event: &str) -> Kind {
    const WORDS: &[(&str, Kind)] = &[
        ("No Container Instances were found", Kind::NoInstances),
        ("NO ACTIVE INSTANCES", Kind::NoInstances),
        ("EMPTY CAPACITY PROVIDER", Kind::CapacityProvider),
        ("capacity provider", Kind::CapacityProvider),
        ("insufficient CPU", Kind::NoCpu),
        ("RESOURCE:CPU", Kind::NoCpu),
        ("insufficient memory", Kind::NoMemory),
        ("RESOURCE:MEMORY", Kind::NoMemory),
        ("already using a port", Kind::NoPort),
        ("RESOURCE:PORTS", Kind::NoPort),
        ("RESOURCE:ENI", Kind::NoAddresses),
        ("network interface", Kind::NoAddresses),
        ("reached the limit", Kind::Quota),
        ("above your limit", Kind::Quota),
        ("Capacity is unavailable", Kind::NoCapacity),
        ("agent connected", Kind::NoFit),
        ("AGENT", Kind::NoFit),
        ("ATTRIBUTE", Kind::NoFit),
        ("attribute", Kind::NoFit),
        ("CONSTRAINT", Kind::NoFit),
        ("constraint", Kind::NoFit),
        ("LOCATION", Kind::NoFit),
        ("INACTIVE", Kind::NoFit),
        ("RESOURCE:GPU", Kind::NoFit),
        ("no container instance met all of its requirements", Kind::NoFit),
    ];
    WORDS.iter().find(|(word, _)| event.contains(word)).map_or(Kind::Unknown, |(_, kind)| *kind)
}

/// The reason in the event, without the service's name and the pointer to a guide.
fn reason(event: &str) -> &str {
    let event = event.split(" For more information").next().unwrap_or(event);
    let said = event.split_once("Reason: ").map(|(_, reason)| reason);
    let closest = || event.split_once("The closest matching ").map(|(_, closest)| closest);
    said.or_else(closest).unwrap_or(event).trim_end_matches('.')
}

fn lacks(dossier: &Dossier, kind: Kind, event: &str) -> Cause {
    let service = &dossier.service;
    let reason = reason(event);
    let definition = dossier.definition.as_ref();
    let containers = || definition.into_iter().flat_map(|definition| &definition.containers);
    let instances = format!("`aws ecs list-container-instances --cluster {}`", dossier.cluster);
    let (because, next) = match kind {
        Kind::NoInstances => {
            ("the cluster has no container instances".to_owned(), format!("start some, or use Fargate; {instances} lists them"))
        }
        Kind::NoCpu => {
            let wants = definition.and_then(|definition| definition.cpu.as_ref());
            let wants = wants.map_or_else(String::new, |cpu| format!(" of the {cpu} CPU units that a task asks for"));
            (
                format!("no container instance has enough{wants}: {reason}"),
                format!("add an instance, lower `cpu`, or lower `minimum_percent` so that old tasks go first; {instances}"),
            )
        }
        Kind::NoMemory => {
            let of_containers: u64 = containers().filter_map(|container| container.memory).sum();
            let wants = definition
                .and_then(|definition| definition.memory.clone())
                .or_else(|| (of_containers > 0).then(|| of_containers.to_string()));
            let wants = wants.map_or_else(String::new, |memory| format!(" of the {memory} MiB that a task asks for"));
            (
                format!("no container instance has enough{wants}: {reason}"),
                format!("add an instance, lower `memory`, or lower `minimum_percent` so that old tasks go first; {instances}"),
            )
        }
        Kind::NoPort => {
            let ports: Vec<String> = containers().flat_map(|container| &container.ports).map(u16::to_string).collect();
            let ports = if ports.is_empty() { String::new() } else { format!(" ({})", ports.join(", ")) };
            (
                format!("the host port that a task needs{ports} is taken on every container instance: {reason}"),
                "set `hostPort` to 0, or lower `minimum_percent` so that the old task goes first, or add an instance".to_owned(),
            )
        }
        Kind::NoAddresses => {
            let subnet = word(event, "subnet-").unwrap_or("SUBNET");
            (
                format!("there is no free address or network interface for a task: {reason}"),
                format!(
                    "`aws ec2 describe-subnets --subnet-ids {subnet}` shows the free addresses; give the service larger subnets or bigger instances"
                ),
            )
        }
        Kind::Quota => (
            format!("a quota of the account is reached: {reason}"),
            "`aws service-quotas list-service-quotas --service-code fargate` shows it; ask for more, or run fewer tasks"
                .to_owned(),
        ),
        Kind::CapacityProvider => (
            format!("the capacity provider has no capacity: {reason}"),
            "`aws ecs describe-capacity-providers` shows it; raise the maximum of its Auto Scaling group".to_owned(),
        ),
        Kind::NoCapacity => {
            (format!("AWS has no capacity: {reason}"), "try again later, or add subnets in other zones".to_owned())
        }
        Kind::NoFit => (
            format!("no container instance fits a task: {reason}"),
            format!("{instances} lists them; `aws ecs describe-container-instances` shows agent and attributes"),
        ),
        _ => (format!("it could not be placed: {reason}"), super::look_at(dossier)),
    };
    Cause::new(kind, format!("no task of `{service}` is started: {because}"), next)
}

fn throttled(dossier: &Dossier, event: &str) -> Option<Cause> {
    event.contains("operations are being throttled").then(|| {
        let because = format!("AWS throttles what `{}` does: {event}", dossier.service);
        Cause::new(Kind::Throttled, because, "wait for other deployments of the account to end, then deploy again")
    })
}
