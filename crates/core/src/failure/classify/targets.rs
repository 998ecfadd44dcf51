//! Targets that the load balancer finds unhealthy: which answer it got, and what that suggests.

use super::super::cause::{Cause, Kind};
use super::Who;
use crate::dossier::{ContainerHealth, Dossier, Stop, Target, TargetGroup, TargetState};

/// What a health check found.
enum Found<'a> {
    /// Answers with these codes.
    Codes(&'a str),
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Refused,
}

/// Of `Health checks failed with these codes: [404]`, `Request timed out`, `Health checks failed`.
fn found(text: &str) -> Option<Found<'_>> {
    if let Some(rest) = text.split("with these codes: [").nth(1) {
        return Some(Found::Codes(rest.split(']').next().unwrap_or(rest)));
    }
    if text.contains("timed out") {
        return Some(Found::Timeout);
    }
    text.contains("Health checks failed").then_some(Found::Refused)
}

/// The cause of a task that was stopped for its target.
pub(super) fn of_stop(who: &Who<'_>) -> Cause {
    let dossier = who.dossier;
    let group = dossier.target_groups.iter().find(|group| who.stop.reason.contains(&group.arn)).or(dossier.target_groups.first());
    let named = format!("(task {})", who.stop.task);
    let events = || dossier.events.iter().filter(|event| event.contains(" is unhealthy in "));
    let event = events().find(|event| event.contains(&named)).or_else(|| events().next());
    let target = group.and_then(unhealthy).and_then(|target| target.description.as_deref());
    let found = event.and_then(|event| found(event)).or_else(|| target.and_then(found));
    let who_text = format!("{who} stopped");
    match found {
        Some(found) => told(dossier, group, Some(who.stop), &who_text, &found),
        None => Cause::new(
            Kind::Unknown,
            format!("{who_text}: {}", who.stop.reason),
            format!("`aws elbv2 describe-target-health --target-group-arn {}`", group.map_or("ARN", |group| &group.arn)),
        ),
    }
}

/// The cause where targets are unhealthy and no task has stopped for it.
pub(super) fn of_targets(dossier: &Dossier) -> Option<Cause> {
    let of_group = dossier.target_groups.iter().find_map(|group| {
        let target = unhealthy(group)?;
        let found = found(target.description.as_deref()?)?;
        let who = format!("target {}:{} does not become healthy", target.address, target.port);
        Some(told(dossier, Some(group), None, &who, &found))
    });
    of_group.or_else(|| {
        let event = dossier.events.iter().find(|event| event.contains(" is unhealthy in "))?;
        let group = dossier.target_groups.iter().find(|group| event.contains(&group.arn));
        Some(told(dossier, group, None, "tasks do not become healthy", &found(event)?))
    })
}

fn unhealthy(group: &TargetGroup) -> Option<&Target> {
    group.targets.iter().find(|target| target.state == TargetState::Unhealthy)
}

fn told(dossier: &Dossier, group: Option<&TargetGroup>, stop: Option<&Stop>, who: &str, found: &Found<'_>) -> Cause {
    let path = group.and_then(|group| group.path.as_deref()).unwrap_or("the health check path");
    let port = group.map_or_else(|| "its port".to_owned(), |group| format!("port {}", group.port()));
    let arn = group.map_or("ARN", |group| &group.arn);
    match found {
        Found::Codes(codes) => {
            let expects = group.and_then(|group| group.expects.as_deref()).unwrap_or("200");
            let because = format!("{who}: `{path}` on {port} answers {codes}, the load balancer expects {expects}");
            Cause::new(Kind::TargetCode, because, code_hint(dossier, codes, path, arn))
        }
        Found::Timeout => timeout(stop, group, who, path, &port),
        Found::Refused => {
            let listens = dossier.log.as_ref().and_then(|log| log.lines.iter().find_map(|line| listens(line)));
            let other = listens.filter(|listens| group.is_none_or(|group| *listens != group.port()));
            let says = other.map_or_else(String::new, |other| format!("; its log says that it listens on {other}"));
            let because = format!("{who}: nothing answers on {port}{says}");
            let port = group.map_or_else(|| "that port".to_owned(), |group| group.port().to_string());
            let next = match other {
                Some(other) => format!(
                    "let the container listen on {port}, or set `containerPort` of service and task definition to {other}"
                ),
                None => format!(
                    "let the container listen on {port} at 0.0.0.0, or correct `containerPort` of service and task definition"
                ),
            };
            Cause::new(Kind::TargetPort, because, next)
        }
    }
}

fn code_hint(dossier: &Dossier, codes: &str, path: &str, arn: &str) -> String {
    match codes.chars().next() {
        Some('3') => format!(
            "let the check accept the redirect, or check where it leads: `aws elbv2 modify-target-group --target-group-arn {arn} --matcher HttpCode=200-399`"
        ),
        Some('4') if codes.starts_with("404") => format!(
            "answer `{path}` in the container, or check a path that it has: `aws elbv2 modify-target-group --target-group-arn {arn} --health-check-path /`"
        ),
        Some('4') => format!(
            "let `{path}` answer without login, or check a path that does: `aws elbv2 modify-target-group --target-group-arn {arn} --health-check-path /`"
        ),
        _ => {
            let log =
                dossier.definition.iter().flat_map(|definition| &definition.containers).find_map(|defined| defined.log.as_ref());
            match log {
                Some(log) => {
                    format!("`aws logs tail {} --since 1h` shows why `{path}` fails; fix it, then deploy again", log.group)
                }
                None => format!("find out why `{path}` fails; fix it, then deploy again"),
            }
        }
    }
}

/// Nobody answered in time: a container that finds itself healthy is not reached, which is what a security group does.
fn timeout(stop: Option<&Stop>, group: Option<&TargetGroup>, who: &str, path: &str, port: &str) -> Cause {
    let within = group.map_or_else(String::new, |group| format!(" within {} s", group.timeout));
    let healthy = stop.is_some_and(|stop| stop.containers.iter().any(|container| container.health == ContainerHealth::Healthy));
    if healthy {
        let because = format!(
            "{who}: `{path}` on {port} does not answer the load balancer{within}, though the container finds itself healthy"
        );
        let next = format!(
            "let the load balancer in: `aws ec2 authorize-security-group-ingress --group-id TASK-SG --source-group BALANCER-SG --protocol tcp --port {}`",
            port.trim_start_matches("port ")
        );
        return Cause::new(Kind::SecurityGroup, because, next);
    }
    let because = format!("{who}: `{path}` on {port} does not answer{within}");
    let next = format!(
        "let `{path}` answer{within}; if it does, the security group of the tasks does not let the load balancer in on {port}"
    );
    Cause::new(Kind::TargetTimeout, because, next)
}

/// The port that a log line says it listens on.
fn listens(line: &str) -> Option<u16> {
    let lower = line.to_ascii_lowercase();
    let rest = lower.split("listen").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).rfind(|port| *port >= 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_it_listens() {
        for (line, port) in [
            ("Listening on :8080", Some(8080)),
            ("server listening at http://0.0.0.0:3000", Some(3000)),
            ("* Running, listening on port 5000 (press CTRL+C)", Some(5000)),
            ("listening", None),
            ("listen tcp :99999999", None),
            ("ready on 3333", None),
        ] {
            assert_eq!(listens(line), port, "{line}");
        }
    }
}
