//! Tasks whose containers ended, or were ended for their own health check.

use super::super::cause::{Cause, Kind};
use super::Who;
use crate::dossier::{ContainerEnd, ContainerHealth, Log};

/// The cause of a task whose container ended; none when none has.
pub(super) fn cause(who: &Who<'_>) -> Option<Cause> {
    let container = who.stop.containers.iter().find(|container| is_out_of_memory(container)).or_else(|| who.stop.telling())?;
    if is_out_of_memory(container) {
        return Some(memory(who, &container.name));
    }
    if who.stop.reason.contains("container health check") {
        return Some(health(who));
    }
    let code = container.exit_code?;
    let lines = log(who, container).map(|log| log.lines.as_slice()).unwrap_or_default();
    let said = lines.iter().map(String::as_str).chain(container.reason.as_deref());
    if said.clone().any(|line| line.to_ascii_lowercase().contains("exec format error")) {
        return Some(architecture(who, &container.image, None).of(&container.name));
    }
    Some(crash(who, container, code, lines))
}

fn is_out_of_memory(container: &ContainerEnd) -> bool {
    container.reason.as_deref().is_some_and(|reason| reason.contains("OutOfMemory") || reason.contains("OOMKilled"))
}

/// The log that speaks for this end: its own, or that of another task whose same container ended with the same code.
fn log<'a>(who: &'a Who<'_>, container: &ContainerEnd) -> Option<&'a Log> {
    let log = who.dossier.log.as_ref().filter(|log| log.container == container.name)?;
    let logged = who.dossier.stops.iter().find(|stop| stop.task == log.task)?;
    let same = logged.containers.iter().any(|other| other.name == container.name && other.exit_code == container.exit_code);
    same.then_some(log)
}

fn crash(who: &Who<'_>, container: &ContainerEnd, code: i64, lines: &[String]) -> Cause {
    let name = &container.name;
    let words = match code {
        0 => " (it ended by itself; an essential container must keep running)",
        126 => " (its command is not executable)",
        127 => " (its command was not found)",
        134 => " (SIGABRT)",
        137 => " (SIGKILL)",
        139 => " (SIGSEGV)",
        143 => " (SIGTERM)",
        255 => " (its entry point failed)",
        _ => "",
    };
    let last = lines.iter().rev().find(|line| !line.trim().is_empty());
    let last = last.map_or_else(String::new, |line| format!("; its last line: \"{}\"", line.trim()));
    let reason = container.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let exited = if who.count > 1 { "stopped: container" } else { "stopped: its container" };
    let because = format!("{who} {exited} `{name}` exited with {code}{words}{reason}{last}");
    let next = match who.dossier.defined(name).and_then(|defined| defined.log.as_ref()) {
        Some(log) => format!("`aws logs tail {} --since 1h` shows the whole log; fix what it says, then deploy again", log.group),
        None => {
            format!("give container `{name}` a `logConfiguration`, or start it by hand: `docker run --rm {}`", container.image)
        }
    };
    Cause::new(Kind::Crash, because, next).of(name)
}

/// A container that the kernel killed.
pub(super) fn memory(who: &Who<'_>, container: &str) -> Cause {
    let limit = who.dossier.defined(container).and_then(|defined| defined.memory);
    let of_task = || who.dossier.definition.as_ref().and_then(|definition| definition.memory.clone());
    let (limit, next) = match (limit, of_task()) {
        (Some(limit), _) => (
            format!("its {limit} MiB"),
            format!("raise `memory` of container `{container}` above {limit} in the task definition, or let it use less"),
        ),
        (None, Some(limit)) => (
            format!("the task's {limit} MiB"),
            format!("raise `memory` of the task above {limit}, or let container `{container}` use less"),
        ),
        (None, None) => ("its limit".to_owned(), format!("raise `memory` of container `{container}`, or let it use less")),
    };
    Cause::new(
        Kind::OutOfMemory,
        format!("{who} stopped: container `{container}` was killed for using more memory than {limit}"),
        next,
    )
    .of(container)
}

/// A container whose own health check failed. ECS publishes no output of the check, so its command is told.
pub(super) fn health(who: &Who<'_>) -> Cause {
    let unhealthy = who.stop.containers.iter().find(|container| container.health == ContainerHealth::Unhealthy);
    let checked = || {
        who.stop
            .containers
            .iter()
            .find(|container| who.dossier.defined(&container.name).is_some_and(|defined| defined.check.is_some()))
    };
    let container = unhealthy.or_else(checked).or_else(|| who.stop.containers.first());
    let Some(container) = container else {
        let because = format!("{who} stopped: {}", who.stop.reason);
        return Cause::new(Kind::ContainerHealth, because, "run the `healthCheck` command of the task definition in its image");
    };
    let check = who.dossier.defined(&container.name).and_then(|defined| defined.check.as_deref());
    let shown = check.map_or_else(String::new, |check| format!(" `{check}`"));
    let last = log(who, container).and_then(|log| log.lines.iter().rev().find(|line| !line.trim().is_empty()));
    let last = last.map_or_else(String::new, |line| format!("; its last line: \"{}\"", line.trim()));
    let because = format!("{who} stopped: the health check{shown} of container `{}` failed{last}", container.name);
    let next = format!(
        "make the check pass in the image (`docker run --rm -it {}`), or give it a longer `startPeriod`",
        container.image
    );
    Cause::new(Kind::ContainerHealth, because, next).of(&container.name)
}

/// An image for another platform.
pub(super) fn architecture(who: &Who<'_>, image: &str, platform: Option<&str>) -> Cause {
    let wanted = who.dossier.definition.as_ref().map(|definition| definition.architecture.as_str());
    let platform = platform.map(str::to_owned).unwrap_or_else(|| match wanted {
        Some("ARM64") => "linux/arm64".to_owned(),
        _ => "linux/amd64".to_owned(),
    });
    let because = format!("{who} could not start: `{image}` is not built for {platform}");
    Cause::new(
        Kind::ImageArchitecture,
        because,
        format!("set `platform: {platform}` under `images:` of the pipeline file, then deploy again"),
    )
}
