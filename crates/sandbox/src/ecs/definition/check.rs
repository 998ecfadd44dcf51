//! What AWS refuses in a task definition, in its words where they are known.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::request::{client, list, required, text, texts};
use super::is_essential;
use crate::error::AwsError;

const MOST_BYTES: usize = 65_536;
const MOST_CONTAINERS: usize = 10;

/// The family's name.
pub(super) fn family(body: &Value) -> Result<&str, AwsError> {
    let family = required(body, "family").map_err(|error| client(error.message))?;
    let letters = family.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if !letters {
        return Err(client("Family contains invalid characters."));
    }
    if family.len() > 255 {
        return Err(client("Family cannot be longer than 255 letters."));
    }
    Ok(family)
}

/// The definition fits the 64 KiB.
pub(super) fn size(body: &Value) -> Result<(), AwsError> {
    let length = body.to_string().len();
    if length > MOST_BYTES {
        let text = format!("Actual length: '{length}'. Max allowed length is '{MOST_BYTES}' bytes.");
        return Err(client(text));
    }
    Ok(())
}

/// The definition with its defaults; `registry` is the sandbox's own registry address.
pub(super) fn definition(body: &Value, registry: &str) -> Result<(), AwsError> {
    let containers = list(body, "containerDefinitions");
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    if containers.len() > MOST_CONTAINERS {
        return Err(client(format!("Container list cannot have more than {MOST_CONTAINERS} elements.")));
    }
    let mut names = BTreeSet::new();
    for container in containers {
        let name = text(container, "name").ok_or_else(|| client("Container.name should not be null or empty."))?;
        if text(container, "image").is_none() {
            return Err(client("Container.image should not be null or empty."));
        }
        if !names.insert(name) {
            return Err(client(format!("Container name must be unique. Duplicate name: '{name}'.")));
        }
    }
    if !containers.iter().any(is_essential) {
        return Err(client("At least one container in the task definition must be marked as essential."));
    }
    let fargate = texts(body, "requiresCompatibilities").iter().any(|name| name == "FARGATE");
    for container in containers {
        environment(container)?;
        memory(body, container)?;
        ports(body, container)?;
        health_check(container)?;
        dependencies(containers, container)?;
        roles(body, container, fargate, registry)?;
    }
    if fargate { fargate_size(body) } else { Ok(()) }
}

fn environment(container: &Value) -> Result<(), AwsError> {
    let plain: BTreeSet<_> = list(container, "environment").iter().filter_map(|entry| text(entry, "name")).collect();
    let mut secret = BTreeSet::new();
    for name in list(container, "secrets").iter().filter_map(|entry| text(entry, "name")) {
        if plain.contains(name) || !secret.insert(name) {
            return Err(client(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{name}'."
            )));
        }
    }
    Ok(())
}

fn memory(body: &Value, container: &Value) -> Result<(), AwsError> {
    let name = text(container, "name").unwrap_or_default();
    let number = |member| container.get(member).and_then(Value::as_u64);
    let (hard, soft) = (number("memory"), number("memoryReservation"));
    let task = text(body, "memory").and_then(|memory| memory.parse::<u64>().ok());
    match (task, hard, soft) {
        (None, None, None) => Err(client(format!(
            "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
        ))),
        (Some(task), Some(hard), _) if hard > task => {
            Err(client("The 'memory' setting for container is greater than for the task."))
        }
        (_, Some(hard), Some(soft)) if soft > hard => Err(client(format!(
            "Invalid setting for container '{name}'. The 'memory' setting must be greater than 'memoryReservation'."
        ))),
        _ => Ok(()),
    }
}

fn ports(body: &Value, container: &Value) -> Result<(), AwsError> {
    let network = text(body, "networkMode").unwrap_or("bridge");
    let mappings = list(container, "portMappings");
    if network == "none" && !mappings.is_empty() {
        return Err(client("When networkMode=none, port mappings are not allowed."));
    }
    if network == "awsvpc" || network == "host" {
        let differs = |mapping: &&Value| {
            let host = mapping.get("hostPort").and_then(Value::as_u64).unwrap_or(0);
            host != 0 && mapping.get("containerPort").and_then(Value::as_u64) != Some(host)
        };
        if mappings.iter().any(|mapping| differs(&mapping)) {
            return Err(client(format!(
                "When networkMode={network}, the host ports and container ports in port mappings must match."
            )));
        }
    }
    Ok(())
}

fn health_check(container: &Value) -> Result<(), AwsError> {
    let Some(check) = container.get("healthCheck").filter(|check| !check.is_null()) else {
        return Ok(());
    };
    if !matches!(texts(check, "command").first().map(String::as_str), Some("CMD" | "CMD-SHELL")) {
        return Err(client("healthCheck.command must start with CMD or CMD-SHELL."));
    }
    for (member, least, most) in [("interval", 5, 300), ("timeout", 2, 120), ("retries", 1, 10), ("startPeriod", 0, 300)] {
        let value = check.get(member).filter(|value| !value.is_null());
        if value.is_some_and(|value| !value.as_u64().is_some_and(|value| (least..=most).contains(&value))) {
            return Err(client(format!("healthCheck.{member} must be between {least} and {most}.")));
        }
    }
    Ok(())
}

fn dependencies(containers: &[Value], container: &Value) -> Result<(), AwsError> {
    for dependency in list(container, "dependsOn") {
        let name = text(dependency, "containerName").unwrap_or_default();
        let Some(other) = containers.iter().find(|other| text(other, "name") == Some(name)) else {
            let of = text(container, "name").unwrap_or_default();
            return Err(client(format!("Container '{of}' depends on a container that does not exist: '{name}'.")));
        };
        match text(dependency, "condition").unwrap_or_default() {
            "START" => {}
            "HEALTHY" if other.get("healthCheck").is_some() => {}
            "HEALTHY" => {
                return Err(client(format!("The container '{name}' has no health check that can be HEALTHY.")));
            }
            "COMPLETE" | "SUCCESS" if !is_essential(other) => {}
            "COMPLETE" | "SUCCESS" => {
                return Err(client(format!("A dependency cannot wait for the essential container '{name}' to end.")));
            }
            other => return Err(client(format!("Invalid dependency condition '{other}'."))),
        }
    }
    Ok(())
}

fn roles(body: &Value, container: &Value, fargate: bool, registry: &str) -> Result<(), AwsError> {
    if text(body, "executionRoleArn").is_some() {
        return Ok(());
    }
    if !list(container, "secrets").is_empty() {
        return Err(client("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."));
    }
    let image = text(container, "image").unwrap_or_default();
    let ours = !registry.is_empty() && image.starts_with(&format!("{registry}/"));
    if fargate && (ours || image.contains(".dkr.ecr.")) {
        return Err(client("Fargate requires task definition to have execution role ARN to support ECR images."));
    }
    let driver = container.pointer("/logConfiguration/logDriver").and_then(Value::as_str);
    if fargate && driver == Some("awslogs") {
        return Err(client("Fargate requires task definition to have execution role ARN to support log driver awslogs."));
    }
    Ok(())
}

fn fargate_size(body: &Value) -> Result<(), AwsError> {
    if text(body, "networkMode") != Some("awsvpc") {
        return Err(client("Fargate only supports network mode ‘awsvpc’."));
    }
    let Some(cpu) = text(body, "cpu") else {
        return Err(client("Fargate requires that 'cpu' be defined at the task level."));
    };
    let Some(memory) = text(body, "memory") else {
        return Err(client("Fargate requires that 'memory' be defined at the task level."));
    };
    let fits = match (cpu.parse(), memory.parse()) {
        (Ok(cpu), Ok(memory)) => is_fargate_size(cpu, memory),
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(client(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        ))),
    }
}

/// A pair that Fargate offers: CPU units and MiB.
fn is_fargate_size(cpu: u64, memory: u64) -> bool {
    let steps = |least: u64, most: u64, step: u64| (least..=most).contains(&memory) && memory.is_multiple_of(step);
    match cpu {
        256 => [512, 1024, 2048].contains(&memory),
        512 => steps(1024, 4096, 1024),
        1024 => steps(2048, 8192, 1024),
        2048 => steps(4096, 16_384, 1024),
        4096 => steps(8192, 30_720, 1024),
        8192 => steps(16_384, 61_440, 4096),
        16_384 => steps(32_768, 122_880, 8192),
        _ => false,
    }
}
