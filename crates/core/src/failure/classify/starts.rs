//! Tasks that never ran: image, secrets, execution role, log group, network, the container itself.

use super::super::cause::{Cause, Kind};
use super::texts::{after, denied_action, is_denied, is_unreached, name, word};
use super::{Who, exits, secrets};
use crate::dossier::ContainerEnd;

/// The cause of a task that failed to start; none when its texts say nothing that is known.
pub(super) fn cause(who: &Who<'_>) -> Option<Cause> {
    let of_containers = who.stop.containers.iter().filter_map(|container| container.reason.as_deref());
    let texts = || std::iter::once(who.stop.reason.as_str()).chain(of_containers.clone());
    texts().find_map(|text| of_text(who, text))
}

fn of_text(who: &Who<'_>, text: &str) -> Option<Cause> {
    let begins = |word: &str| text.trim_start().starts_with(word);
    if text.contains("unable to assume the role") || text.contains("cannot be assumed") {
        return Some(role_not_assumed(who, text));
    }
    if begins("CannotPull") {
        return Some(about(who, text, image(who, text)));
    }
    if begins("ResourceInitializationError") || secrets::fetched_on_an_instance(text) {
        return Some(resources(who, text));
    }
    if text.contains("network interface") || text.contains("InsufficientFreeAddresses") {
        return Some(interface(who, text));
    }
    const CONTAINER: &[&str] = &[
        "CannotStartContainerError",
        "CannotCreateContainerError",
        "CannotCreateVolumeError",
        "ContainerRuntimeError",
        "ContainerRuntimeTimeoutError",
        "CannotInspectContainerError",
        "TaskFailedToStart",
        "InternalError",
        "HostConfigError",
        "DockerTimeoutError",
    ];
    CONTAINER.iter().any(|word| begins(word)).then(|| about(who, text, container(who, text)))
}

fn about(who: &Who<'_>, text: &str, cause: Cause) -> Cause {
    match concerned(who, text) {
        Some(container) => cause.of(&container.name),
        None => cause,
    }
}

/// The container that a text is about: the one that has it as its reason, else the one whose image it names, else the first.
fn concerned<'a>(who: &'a Who<'_>, text: &str) -> Option<&'a ContainerEnd> {
    let containers = || who.stop.containers.iter();
    containers()
        .find(|container| container.reason.as_deref() == Some(text))
        .or_else(|| containers().find(|container| !container.image.is_empty() && text.contains(&container.image)))
        .or_else(|| containers().find(|container| container.reason.is_some()))
        .or_else(|| containers().next())
}

fn image(who: &Who<'_>, text: &str) -> Cause {
    let container = concerned(who, text);
    let image = container.map(|container| container.image.as_str()).filter(|image| !image.is_empty());
    let image = image.or_else(|| after(text, "failed to resolve ref ")).unwrap_or("the image");
    let named = container.map_or_else(String::new, |container| format!(" of container `{}`", container.name));
    let lower = text.to_ascii_lowercase();
    if lower.contains("matching platform") || lower.contains("no matching manifest") || lower.contains("exec format error") {
        return exits::architecture(who, image, after(text, "matching platform "));
    }
    if lower.contains("toomanyrequests") || lower.contains("rate limit") || lower.contains("429 too many") {
        let because = format!("{who} could not start: the registry throttles pulls of `{image}`");
        return Cause::new(
            Kind::Throttled,
            because,
            "copy the image to ECR, or log in to its registry by `repositoryCredentials`",
        );
    }
    let denied = is_denied(text)
        || ["403", "forbidden", "no basic auth credentials", "pull access denied", "unauthorized"]
            .iter()
            .any(|word| lower.contains(word));
    if denied && !lower.contains(": not found") {
        let because = match denied_action(text) {
            Some(action) => format!("{who} could not start: {} may not `{action}`, so `{image}` is not pulled", role(who)),
            None => format!("{who} could not start: the registry does not give `{image}` to {}", role(who)),
        };
        return Cause::new(Kind::ImageDenied, because, pull_policy(who));
    }
    let missing =
        ["not found", "manifest unknown", "name unknown", "does not exist", "404"].iter().any(|word| lower.contains(word));
    if missing {
        let because = format!("{who} could not start: the image{named} is not in its registry: `{image}`");
        return Cause::new(Kind::ImageMissing, because, find_image(who, image));
    }
    if is_unreached(text) {
        let because = format!("{who} could not start: the registry of `{image}` is not reached: {}", told(text));
        return Cause::new(Kind::Network, because, way_out());
    }
    Cause::new(Kind::Unknown, format!("{who} could not pull `{image}`: {}", told(text)), super::look_at(who.dossier))
}

/// What ECS says behind its error's name.
fn told(text: &str) -> &str {
    text.split_once("Error: ").map_or(text, |(_, rest)| rest)
}

/// `the execution role exec`, or that there is none.
fn role(who: &Who<'_>) -> String {
    match who.dossier.definition.as_ref().map(|definition| definition.execution_role.as_deref()) {
        Some(Some(role)) => format!("the execution role `{}`", name(role)),
        Some(None) => "the task, which has no `executionRoleArn`,".to_owned(),
        None => "the execution role".to_owned(),
    }
}

fn role_name<'a>(who: &'a Who<'_>) -> &'a str {
    who.dossier.definition.as_ref().and_then(|definition| definition.execution_role.as_deref()).map_or("ROLE", name)
}

fn pull_policy(who: &Who<'_>) -> String {
    format!(
        "`aws iam attach-role-policy --role-name {} --policy-arn arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy`; \
         another account's repository must allow it in its policy too",
        role_name(who)
    )
}

fn find_image(who: &Who<'_>, image: &str) -> String {
    let again = "`shipit deploy` builds and pushes it again";
    let repository = image.split_once(".amazonaws.com/").map(|(_, rest)| rest);
    match repository.and_then(|rest| rest.split_once('@').or_else(|| rest.rsplit_once(':'))) {
        Some((name, digest)) if digest.starts_with("sha256:") => format!(
            "{again}; what is there: `aws ecr describe-images --repository-name {} --image-ids imageDigest={digest}`",
            name.split(':').next().unwrap_or(name)
        ),
        Some((name, tag)) => {
            format!("{again}; what is there: `aws ecr describe-images --repository-name {name} --image-ids imageTag={tag}`")
        }
        None => format!("push it, or correct `image` in the task definition of `{}`", who.dossier.service),
    }
}

fn way_out() -> &'static str {
    "give the subnets a way out (NAT gateway, or VPC endpoints for ecr.api, ecr.dkr, s3, logs and secretsmanager), or set `assignPublicIp: ENABLED`"
}

/// `ResourceInitializationError`: what ECS prepares for the task with the execution role.
fn resources(who: &Who<'_>, text: &str) -> Cause {
    let logs = text.contains("logger args") || text.contains("logging driver") || text.contains("log stream");
    if logs && text.contains("log group does not exist") {
        return log_group(who, text);
    }
    let registry = text.contains("ecr registry auth") || denied_action(text).is_some_and(|action| action.starts_with("ecr:"));
    if is_denied(text) {
        let action =
            denied_action(text).unwrap_or(if registry { "ecr:GetAuthorizationToken" } else { "what the task definition names" });
        let on = after(text, "on resource: ").filter(|on| *on != "*");
        let because = format!(
            "{who} could not start: {} may not `{action}`{}",
            role(who),
            on.map_or_else(String::new, |on| format!(" on {on}"))
        );
        if registry {
            return Cause::new(Kind::ImageDenied, because, pull_policy(who));
        }
        let next = format!(
            "add to the role's policy: {{\"Effect\": \"Allow\", \"Action\": \"{action}\", \"Resource\": \"{}\"}}",
            on.unwrap_or("*")
        );
        return Cause::new(Kind::ExecutionRole, because, next);
    }
    if !logs && secrets::is_missing(text) {
        return secrets::cause(who, text);
    }
    if is_unreached(text) {
        let what = if registry {
            "ECR"
        } else if logs {
            "CloudWatch Logs"
        } else {
            "what it needs to start"
        };
        return Cause::new(Kind::Network, format!("{who} could not start: it does not reach {what}: {}", told(text)), way_out());
    }
    Cause::new(Kind::StartFailed, format!("{who} could not start: {}", told(text)), super::look_at(who.dossier))
}

fn log_group(who: &Who<'_>, text: &str) -> Cause {
    let container = concerned(who, text).and_then(|container| who.dossier.defined(&container.name));
    let all = who.dossier.definition.iter().flat_map(|definition| &definition.containers);
    let log = container.into_iter().chain(all).find_map(|defined| Some((&defined.name, defined.log.as_ref()?)));
    let Some((name, log)) = log else {
        let because = format!("{who} could not start: the log group of its containers does not exist");
        return Cause::new(Kind::LogGroup, because, "make the group that `awslogs-group` names: `aws logs create-log-group`");
    };
    let region = log.region.as_ref().map_or_else(String::new, |region| format!(" --region {region}"));
    let because = format!("{who} could not start: log group `{}` does not exist", log.group);
    Cause::new(Kind::LogGroup, because, format!("`aws logs create-log-group --log-group-name {}{region}`", log.group)).of(name)
}

fn role_not_assumed(who: &Who<'_>, text: &str) -> Cause {
    let role = word(text, "arn:aws").map_or_else(|| role_name(who).to_owned(), |arn| name(arn).to_owned());
    let because = format!("{who} could not start: ECS cannot assume the execution role `{role}`");
    let next = format!("`aws iam get-role --role-name {role}`: it must exist and trust `ecs-tasks.amazonaws.com`");
    Cause::new(Kind::ExecutionRole, because, next)
}

/// An execution role that cannot be assumed is told by an event, for no task is made.
pub(super) fn of_event(dossier: &crate::dossier::Dossier, event: &str) -> Option<Cause> {
    event.contains("unable to assume the role").then(|| {
        let role = word(event, "arn:aws").map_or("ROLE", name);
        let because = format!("no task of `{}` could start: ECS cannot assume the role `{role}`", dossier.service);
        let next = format!("`aws iam get-role --role-name {role}`: it must exist and trust `ecs-tasks.amazonaws.com`");
        Cause::new(Kind::ExecutionRole, because, next)
    })
}

fn interface(who: &Who<'_>, text: &str) -> Cause {
    if text.contains("InsufficientFreeAddresses") || text.contains("free addresses") {
        let subnet = word(text, "subnet-").unwrap_or("its subnet");
        let because = format!("{who} could not start: {subnet} has no free addresses");
        let next =
            format!("`aws ec2 describe-subnets --subnet-ids {subnet}` shows how many are left; give the service larger subnets");
        return Cause::new(Kind::NoAddresses, because, next);
    }
    Cause::new(
        Kind::Network,
        format!("{who} could not start: {}", told(text)),
        "look at the subnets and security groups of the service's `networkConfiguration`; AWS may also be slow to attach interfaces: deploy again",
    )
}

fn container(who: &Who<'_>, text: &str) -> Cause {
    let container = concerned(who, text);
    let named = container.map_or("a container", |container| container.name.as_str());
    let image = container.map_or("", |container| container.image.as_str());
    let lower = text.to_ascii_lowercase();
    if lower.contains("exec format error") {
        return exits::architecture(who, image, None);
    }
    if lower.contains("port is already allocated") || lower.contains("address already in use") {
        let because = format!("{who} could not start: a host port of container `{named}` is taken: {}", told(text));
        return Cause::new(Kind::NoPort, because, "set `hostPort` to 0 so that each task gets a free one, or use awsvpc");
    }
    if lower.contains("executable file not found")
        || lower.contains("no such file or directory")
        || (lower.contains("permission denied") && lower.contains("exec"))
    {
        let because = format!(
            "{who} could not start: the command of container `{named}` is not in its image, or not executable: {}",
            told(text)
        );
        return Cause::new(
            Kind::CommandMissing,
            because,
            format!("correct `command` or `entryPoint`, or the image: `docker run --rm -it --entrypoint sh {image}`"),
        );
    }
    if lower.contains("memory")
        && (lower.contains("oom") || lower.contains("cannot allocate") || lower.contains("minimum memory limit"))
    {
        return exits::memory(who, named);
    }
    let because = format!("{who} could not start: container `{named}` was not started: {}", told(text));
    Cause::new(Kind::StartFailed, because, format!("start it by hand: `docker run --rm {image}`"))
}
