//! Whether traffic of a service can be shifted, before anything is touched: what is missing, and what to add.

mod codedeploy;
mod judged;

use super::{Live, Wired, Wiring};
use crate::analysis::AlarmState;
use crate::failure::{Code, Failure};
use crate::pipeline::{Service, Strategy};
use crate::routing::{BalancerSeen, GroupSeen, Known, Mesh, RouteSeen, Routing, WiringSeen};
use crate::snapshot::RunningService;

/// Between which target groups the traffic of a service moves; nothing where none is to move.
///
/// # Errors
/// Everything that stands in the way.
pub fn wiring(service: &Service, running: &RunningService) -> Result<Vec<Wiring>, Vec<Failure>> {
    let Strategy::Shift(shift) = &service.strategy else { return Ok(Vec::new()) };
    let routing = match (running.controller.as_str(), &running.routing) {
        ("CODE_DEPLOY", _) => return codedeploy::wiring(service, shift, running),
        ("ECS", Some(routing)) => routing,
        _ => return Ok(Vec::new()),
    };
    let mut refusals: Vec<Failure> = alarms(service, routing, ECS_HEEDS).chain(roles(service, routing)).collect();
    if routing.balancers.is_empty() && routing.mesh == Mesh::Absent {
        refusals.push(no_balancer(service));
    }
    let mut wiring = Vec::new();
    for seen in &routing.balancers {
        match one(service, seen) {
            Ok(found) => wiring.push(found),
            Err(failures) => refusals.extend(failures),
        }
    }
    refusals.extend(judged::undecidable(service, running, judged::counts(routing)));
    if refusals.is_empty() { Ok(wiring) } else { Err(refusals) }
}

fn one(service: &Service, seen: &BalancerSeen) -> Result<Wiring, Vec<Failure>> {
    let declared = &seen.declared;
    let known = match &seen.wiring {
        WiringSeen::Unwired { rules } => return Err(vec![unwired(service, declared, rules)]),
        WiringSeen::Known(known) => known,
    };
    let Some(alternate) = &known.alternate else { return Err(vec![no_alternate(service, declared, known)]) };
    let mut refusals: Vec<Failure> = unlike(service, declared, alternate).into_iter().collect();
    let live = live(service, declared, alternate, known);
    if let (Ok(live), Some(failure)) = (&live, unreached(service, declared, alternate, known)) {
        refusals.push(failure.next(forward(&known.production_rule, declared, alternate, *live)));
    }
    if let Some((rule, RouteSeen::Missing)) = &known.test {
        refusals.push(gone(service, rule, "test"));
    }
    match live {
        Ok(live) if refusals.is_empty() => Ok(Wiring {
            target_group: declared.arn.clone(),
            alternate: alternate.arn.clone(),
            live,
            production_rule: known.production_rule.clone(),
            test_rule: known.test.as_ref().map(|(rule, _)| rule.clone()),
            role: known.role.clone(),
            load_balancer: declared.load_balancer.clone().or_else(|| alternate.load_balancer.clone()),
            wired: known.wired,
        }),
        Ok(_) => Err(refusals),
        Err(failure) => Err([vec![*failure], refusals].concat()),
    }
}

/// Which group serves: the rule and ECS must agree, and the other group must serve nobody.
fn live(service: &Service, declared: &GroupSeen, alternate: &GroupSeen, known: &Known) -> Result<Live, Box<Failure>> {
    let name = &service.name;
    let rule = &known.production_rule;
    let weights = match &known.production {
        RouteSeen::Forwards { weights } => weights,
        RouteSeen::Missing => return Err(Box::new(gone(service, rule, "production"))),
        RouteSeen::Other { action } => {
            let what = format!("the production rule of `{name}` forwards nothing: its action is `{action}`");
            return Err(Box::new(unclear(what).because(rule).next(forward(rule, declared, alternate, Live::Declared))));
        }
    };
    let by_ecs = known.resolved.as_deref().and_then(|resolved| match resolved {
        resolved if resolved == declared.arn => Some(Live::Declared),
        resolved if resolved == alternate.arn => Some(Live::Alternate),
        _ => None,
    });
    let right = forward(rule, declared, alternate, by_ecs.unwrap_or(Live::Declared));
    if let Some((foreign, weight)) =
        weights.iter().find(|(arn, weight)| *weight > 0 && *arn != declared.arn && *arn != alternate.arn)
    {
        let what = format!("the production rule of `{name}` sends traffic to a third target group, {}", short(foreign));
        return Err(Box::new(unclear(what).because(format!("{rule} gives it the weight {weight}")).next(right)));
    }
    let weight = |group: &GroupSeen| known.production.weight(&group.arn).unwrap_or(0);
    let of = |group: &GroupSeen| format!("{} has the weight {}", short(&group.arn), weight(group));
    let split = |what: &str| {
        let what = format!("the production rule of `{name}` sends traffic to {what} of its target groups");
        unclear(what).because(format!("{}, {}", of(declared), of(alternate))).next(right.clone())
    };
    let by_rule = match (weight(declared), weight(alternate)) {
        (0, 0) => return Err(Box::new(split("none"))),
        (_, 0) => Live::Declared,
        (0, _) => Live::Alternate,
        _ => return Err(Box::new(split("both"))),
    };
    match (by_ecs, &known.resolved) {
        (Some(by_ecs), Some(resolved)) if by_ecs != by_rule => {
            let what = format!("ECS and the load balancer disagree on which target group serves `{name}`");
            let because = format!("the running service revision is in {}; {}, {}", short(resolved), of(declared), of(alternate));
            Err(Box::new(unclear(what).because(because).next(right)))
        }
        (None, Some(resolved)) => {
            let what = format!("`{name}` serves in a target group that is neither of the two, {}", short(resolved));
            let because = format!("they are {} and {}", short(&declared.arn), short(&alternate.arn));
            Err(Box::new(unclear(what).because(because).next("name the pair that the service uses under `traffic:`")))
        }
        _ => Ok(by_rule),
    }
}

/// Targets of a group that no rule reaches never become healthy. A listener of a Network Load Balancer has one group at a time.
fn unreached(service: &Service, declared: &GroupSeen, alternate: &GroupSeen, known: &Known) -> Option<Failure> {
    let on = |group: &GroupSeen| {
        let test = known.test.as_ref().and_then(|(_, route)| route.weight(&group.arn));
        known.production.weight(&group.arn).or(test).is_some()
    };
    let is_rule = known.production_rule.contains(":listener-rule/");
    let lost = [declared, alternate].into_iter().find(|group| !on(group)).filter(|_| is_rule)?;
    let what = format!("no rule of `{}` reaches the target group {}", service.name, short(&lost.arn));
    Some(unclear(what).because("targets of a group that no rule forwards to never become healthy"))
}

/// What ECS makes of an alarm that rings already.
const ECS_HEEDS: &str = "ECS ignores an alarm that is in ALARM when a deployment starts, for the whole of it";

fn alarms<'a>(service: &'a Service, routing: &'a Routing, heeds: &'static str) -> impl Iterator<Item = Failure> + 'a {
    let name = &service.name;
    let refusal = |what: String| Failure::new(Code::AlarmUnusable, what).now("nothing was touched");
    routing.alarms.iter().filter_map(move |(alarm, state)| match state {
        None => Some(
            refusal(format!("`{name}` is to be guarded by the alarm `{alarm}`, which does not exist"))
                .because("CloudWatch knows no alarm of that name in this account and region")
                .next(format!(
                    "correct `judge: alarms:` of `{name}`, or make it: `aws cloudwatch put-metric-alarm --alarm-name {alarm} …`"
                )),
        ),
        Some(AlarmState::Alarm) => Some(
            refusal(format!("the alarm `{alarm}` of `{name}` is in ALARM already"))
                .because(heeds)
                .next(format!("`aws cloudwatch describe-alarm-history --alarm-name {alarm}` shows why"))
                .next(format!("deploy when it is OK, or take it out of `judge: alarms:` of `{name}`")),
        ),
        Some(_) => None,
    })
}

/// Who takes the role of ECS.
const ECS: &str = "ecs.amazonaws.com";

fn roles<'a>(service: &'a Service, routing: &'a Routing) -> impl Iterator<Item = Failure> + 'a {
    let name = &service.name;
    routing.roles.iter().filter_map(move |(role, trusted)| {
        let short = role.rsplit('/').next().unwrap_or(role);
        let refused = |what: String| Failure::new(Code::RoleUnusable, what).now("nothing was touched");
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        match trusted {
            None => Some(
                refused(format!("the role `{short}` that is to move the traffic of `{name}` does not exist"))
                    .because(role)
                    .next(format!("aws iam create-role --role-name {short} --assume-role-policy-document '{trust}'"))
                    .next(format!("aws iam attach-role-policy --role-name {short} --policy-arn arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers")),
            ),
            Some(trusted) if !trusted.contains(ECS) && !trusted.contains("*") => {
                let whom: Vec<&str> = trusted.iter().map(String::as_str).collect();
                let whom = if whom.is_empty() { "no service".to_owned() } else { whom.join(", ") };
                Some(
                    refused(format!("ECS may not take the role `{short}` that is to move the traffic of `{name}`"))
                        .because(format!("it trusts {whom}, not {ECS}"))
                        .next(format!("aws iam update-assume-role-policy --role-name {short} --policy-document '{trust}'")),
                )
            }
            Some(_) => None,
        }
    })
}

fn refused(what: String) -> Failure {
    Failure::new(Code::NotWired, what).now("nothing was touched")
}

fn unclear(what: String) -> Failure {
    Failure::new(Code::TrafficUnclear, what).now("nothing was touched")
}

fn no_balancer(service: &Service) -> Failure {
    refused(format!("`{}` has no load balancer: there is no traffic that could be shifted", service.name))
        .because(format!("`strategy: {}` moves traffic between two target groups", named(service)))
        .next("`strategy: rolling`, or put the service behind a load balancer: `aws ecs update-service --load-balancers …`")
}

fn unwired(service: &Service, declared: &GroupSeen, rules: &[String]) -> Failure {
    let rule = match rules {
        [] => "arn:aws:elasticloadbalancing:…:listener-rule/app/…    # forwards to the service's target group",
        [rule, ..] => rule,
    };
    let more = match rules {
        [_, _, ..] => {
            format!("{} rules forward to {}: the one of production traffic is meant", rules.len(), short(&declared.arn))
        }
        _ => "the second target group is like the first one, and on the same rule with the weight 0".to_owned(),
    };
    refused(format!("`{}` was never wired for shifting traffic", service.name))
        .because(format!("its load balancer has one target group, {}, and no `advancedConfiguration`", short(&declared.arn)))
        .because(more)
        .next(format!(
            "add under `services: {}:`\n  traffic:\n    alternate_target_group: {}-alternate\n    production_rule: {rule}\n    role: arn:aws:iam::…:role/…    # trusts ecs.amazonaws.com, with AmazonECSInfrastructureRolePolicyForLoadBalancers",
            service.name, service.service
        ))
        .next(format!("`strategy: rolling` needs none of it; docs/strategies.md shows the whole way to `{}`", named(service)))
}

fn no_alternate(service: &Service, declared: &GroupSeen, known: &Known) -> Failure {
    let health = &declared.health;
    let vpc = declared.vpc.as_deref().unwrap_or("<vpc>");
    let name = known.alternate_named.rsplit(":targetgroup/").next().and_then(|name| name.split('/').next()).unwrap_or_default();
    refused(format!("the second target group of `{}` does not exist: `{}`", service.name, known.alternate_named))
        .because(match known.wired {
            Wired::Already => "the service's `advancedConfiguration` names it".to_owned(),
            Wired::ByUs => format!("`services: {}: traffic: alternate_target_group` names it", service.name),
        })
        .next(format!(
            "aws elbv2 create-target-group --name {name} --protocol {} --port 80 --target-type {} --vpc-id {vpc}    # health check: {health}",
            declared.protocol, declared.target_type
        ))
}

/// A candidate must be looked at as the stable version is.
fn unlike(service: &Service, declared: &GroupSeen, alternate: &GroupSeen) -> Option<Failure> {
    let pairs = [
        ("target type", Some(&declared.target_type), Some(&alternate.target_type)),
        ("protocol", Some(&declared.protocol), Some(&alternate.protocol)),
        ("VPC", declared.vpc.as_ref(), alternate.vpc.as_ref()),
        ("health check", Some(&declared.health), Some(&alternate.health)),
    ];
    let (what, one, other) = pairs.into_iter().find(|(_, one, other)| one != other)?;
    let text = |value: Option<&String>| value.map_or("none", String::as_str).to_owned();
    let failure = refused(format!("the two target groups of `{}` are not alike: {what}", service.name)).because(format!(
        "{}: {}; {}: {}",
        short(&declared.arn),
        text(one),
        short(&alternate.arn),
        text(other)
    ));
    Some(match what {
        "health check" => {
            failure.next(format!("aws elbv2 modify-target-group --target-group-arn {} --health-check-…", alternate.arn))
        }
        _ => failure.next("make the second one anew, like the first one: `aws elbv2 create-target-group`"),
    })
}

fn gone(service: &Service, rule: &str, which: &str) -> Failure {
    refused(format!("the {which} rule of `{}` does not exist", service.name)).because(rule).next(format!(
        "`aws elbv2 describe-rules --listener-arn …` lists those there are; correct `traffic: {which}_rule` of `{}`",
        service.name
    ))
}

/// The command that lets a rule forward to one group and know the other.
fn forward(rule: &str, declared: &GroupSeen, alternate: &GroupSeen, live: Live) -> String {
    let weights = match live {
        Live::Declared => [1, 0],
        Live::Alternate => [0, 1],
    };
    let groups: Vec<String> = [declared, alternate]
        .iter()
        .zip(weights)
        .map(|(group, weight)| format!(r#"{{"TargetGroupArn":"{}","Weight":{weight}}}"#, group.arn))
        .collect();
    let actions = format!(r#"[{{"Type":"forward","ForwardConfig":{{"TargetGroups":[{}]}}}}]"#, groups.join(","));
    if rule.contains(":listener-rule/") {
        format!("aws elbv2 modify-rule --rule-arn {rule} --actions '{actions}'")
    } else {
        format!("aws elbv2 modify-listener --listener-arn {rule} --default-actions '{actions}'")
    }
}

fn named(service: &Service) -> &'static str {
    match &service.strategy {
        Strategy::Shift(shift) => shift.name(),
        Strategy::Rolling { .. } => "rolling",
    }
}

/// `targetgroup/web-a/0123…` as `web-a`.
fn short(arn: &str) -> &str {
    arn.rsplit(":targetgroup/").next().and_then(|name| name.split('/').next()).unwrap_or(arn)
}
