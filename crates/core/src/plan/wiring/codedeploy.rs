//! Whether CodeDeploy can move the traffic as wanted: it knows groups and listeners, and moves their weights by its own role.

use super::judged::{self, Counts};
use super::{alarms, refused};
use crate::codedeploy::{Alarms, Balancer, CodeDeploySeen, MOST_ALARMS, NoPause};
use crate::failure::{Code, Failure};
use crate::pipeline::{PauseAt, Service, Shift};
use crate::plan::{Live, Wired, Wiring};
use crate::snapshot::RunningService;

/// What CodeDeploy makes of an alarm that rings already (`ALARM_ACTIVE`).
const HEEDS: &str = "CodeDeploy stops a deployment as soon as it sees one of its alarms in ALARM";

/// By the deployment group.
pub(super) fn wiring(service: &Service, shift: &Shift, running: &RunningService) -> Result<Vec<Wiring>, Vec<Failure>> {
    let name = &service.name;
    let Some(seen) = &running.codedeploy else {
        let what = format!("`{name}` is deployed by CodeDeploy, and no deployment group names it");
        return Err(vec![Failure::new(Code::DeploymentGroupMissing, what).now("nothing was touched")]);
    };
    let mut refusals: Vec<Failure> = Vec::new();
    if let Err(misfit) = seen.configuration_for(shift) {
        let what = format!("`{name}` cannot be shifted so by CodeDeploy: {shift}");
        let failure = Failure::new(Code::ControllerMismatch, what).because(misfit.to_string()).now("nothing was touched");
        refusals.push(failure.next(misfit.remedy()));
    }
    refusals.extend(seen.pauses(service.pause.as_ref()).err().map(|why| no_pause(service, seen, why)));
    refusals.extend(running.routing.iter().flat_map(|routing| alarms(service, routing, HEEDS)));
    refusals.extend(too_many(service, seen));
    let counts = match seen.balancer {
        Balancer::Application => Counts::Requests,
        Balancer::Network => Counts::Connections(seen.load_balancer.clone().unwrap_or_else(|| seen.group.clone())),
    };
    refusals.extend(judged::undecidable(service, running, counts));
    let pair = seen.target_groups.split_first().zip(seen.production_listeners.first());
    let wiring = pair.and_then(|((live, others), listener)| {
        Some(Wiring {
            target_group: live.clone(),
            alternate: others.first()?.clone(),
            live: Live::Declared,
            production_rule: listener.clone(),
            test_rule: seen.test_listener.clone(),
            role: None,
            load_balancer: seen.load_balancer.clone(),
            wired: Wired::Already,
        })
    });
    match wiring {
        Some(wiring) if refusals.is_empty() => return Ok(vec![wiring]),
        Some(_) => {}
        None => refusals.push(no_pair(service, seen)),
    }
    Err(refusals)
}

fn no_pair(service: &Service, seen: &CodeDeploySeen) -> Failure {
    refused(format!("the deployment group `{}` of `{}` has no pair of target groups", seen.group, service.name))
        .because("CodeDeploy moves traffic between two target groups of one production listener")
        .next(format!(
            "aws deploy update-deployment-group --application-name {} --current-deployment-group-name {} --load-balancer-info …",
            seen.application, seen.group
        ))
}

fn no_pause(service: &Service, seen: &CodeDeploySeen, why: NoPause) -> Failure {
    let name = &service.name;
    let failure = |what: String| Failure::new(Code::ControllerMismatch, what).now("nothing was touched");
    match why {
        NoPause::There { at } => failure(format!("`{name}` cannot pause {} with CodeDeploy", place(at)))
            .because("CodeDeploy has no PAUSE hooks: it waits nowhere but at Ready, once, before production traffic moves")
            .next("`pause: [before-production]`")
            .next("or let ECS shift the traffic: `aws ecs update-service --deployment-controller type=ECS`"),
        NoPause::NotOfGroup { command } => {
            failure(format!("`{name}` is to pause before production, and CodeDeploy would not wait"))
                .because(format!(
                    "deployment group `{}` goes on at once (CONTINUE_DEPLOYMENT), and a deployment cannot say otherwise",
                    seen.group
                ))
                .next(command)
                .next(format!("or take `pause:` of `{name}` out"))
        }
    }
}

fn place(at: PauseAt) -> &'static str {
    match at {
        PauseAt::ScaledUp => "once it is scaled up",
        PauseAt::TestTraffic => "at its test traffic",
        PauseAt::BeforeProduction => "before production",
        PauseAt::AfterProduction => "after production",
    }
}

fn too_many(service: &Service, seen: &CodeDeploySeen) -> Option<Failure> {
    let Alarms::These(names) = seen.heeds(service.judge.as_ref()) else { return None };
    (names.len() > MOST_ALARMS).then(|| {
        Failure::new(Code::AlarmUnusable, format!("`{}` would have {} alarms", service.name, names.len()))
            .because(format!("CodeDeploy takes {MOST_ALARMS} a deployment, those of group `{}` among them", seen.group))
            .now("nothing was touched")
            .next(format!("name fewer under `judge: alarms:` of `{}`", service.name))
    })
}
