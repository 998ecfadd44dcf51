//! What `judge:` asks for and nothing before the service could ever tell: it would only wait, and turn back.

use super::refused;
use crate::failure::Failure;
use crate::pipeline::Service;
use crate::routing::{BalancerSeen, Routing, WiringSeen};
use crate::snapshot::RunningService;

/// Who counts the requests of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// An Application Load Balancer.
    Requests,
    /// A Network Load Balancer of that ARN: connections alone.
    Connections(String),
    /// There is no load balancer.
    Nothing,
}

/// Of the load balancers before a service. A Network Load Balancer knows only the target group that is live.
pub(super) fn counts(routing: &Routing) -> Counts {
    let behind = |seen: &BalancerSeen| {
        let alternate = match &seen.wiring {
            WiringSeen::Known(known) => known.alternate.as_ref(),
            WiringSeen::Unwired { .. } => None,
        };
        [Some(&seen.declared), alternate].into_iter().flatten().find_map(|group| group.load_balancer.clone())
    };
    match routing.balancers.iter().filter_map(behind).find(|arn| arn.contains(":loadbalancer/net/")) {
        Some(arn) => Counts::Connections(arn),
        None if routing.balancers.is_empty() => Counts::Nothing,
        None => Counts::Requests,
    }
}

/// Why it could let nothing pass.
pub(super) fn undecidable(service: &Service, running: &RunningService, counts: Counts) -> Vec<Failure> {
    let Some(judge) = &service.judge else { return Vec::new() };
    let name = &service.name;
    let asked = match (&judge.errors, &judge.latency) {
        (Some(_), Some(_)) => Some("errors and latency"),
        (Some(_), None) => Some("errors"),
        (None, Some(_)) => Some("latency"),
        (None, None) => None,
    };
    let instead = format!("`judge: {{ errors: ~ }}` of `{name}`, without `latency`, and metrics, probes or alarms of your own");
    let uncounted = asked.and_then(|asked| {
        let because = match counts {
            Counts::Requests => return None,
            Counts::Connections(arn) => format!("a Network Load Balancer counts connections, not requests: {arn}"),
            Counts::Nothing => "requests are counted by target group, and it has no load balancer".to_owned(),
        };
        Some(refused(format!("the {asked} of `{name}` cannot be judged")).because(because).next(instead))
    });
    let nameless = |url: &str| url.contains("{load_balancer}") && running.load_balancer.is_none();
    let unsent = judge.probes.iter().find(|probe| nameless(&probe.url)).map(|probe| {
        refused(format!("the probe `{}` of `{name}` cannot be sent", probe.name))
            .because(format!("`{name}` has no load balancer whose name could stand for `{{load_balancer}}`"))
            .next("write the candidate's whole address as its `url`")
    });
    uncounted.into_iter().chain(unsent).collect()
}
