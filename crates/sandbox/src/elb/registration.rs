//! Targets through the API: register, deregister, describe their health.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::elb::check::CheckPort;
use crate::elb::groups::{self, Group};
use crate::elb::params::Params;
use crate::elb::targets::Target;
use crate::error::AwsError;
use crate::state::State;

/// Operations on targets.
pub const TABLE: Table = &[("RegisterTargets", register), ("DeregisterTargets", deregister), ("DescribeTargetHealth", describe)];

/// Targets of a group, as on AWS.
const MOST: usize = 1000;

fn asked(params: Params<'_>, group: &Group) -> Result<Vec<(String, u16)>, AwsError> {
    let one = |target: Params<'_>| -> Result<_, AwsError> {
        let port = target.port("Port")?.unwrap_or(group.nature.port);
        Ok((target.required("Id")?.to_owned(), port))
    };
    params.list("Targets").into_iter().map(one).collect()
}

fn register(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let arn = params.required("TargetGroupArn")?;
    let group = groups::find(&state.elb, arn)?;
    params.required_list("Targets")?;
    let mut targets = Vec::new();
    for (id, port) in asked(params, group)? {
        let address: IpAddr = id.parse().map_err(|_| {
            let what = if group.nature.kind == "ip" { "a valid IP address" } else { "a running instance" };
            AwsError::new("InvalidTarget", format!("The target '{id}' is not {what}"))
        })?;
        if group.nature.kind == "instance" {
            let message = format!("Instance ID '{id}' is not valid");
            return Err(AwsError::new("InvalidTarget", message));
        }
        let endpoint = SocketAddr::new(address, port);
        targets.push(Target { id, port, endpoint });
    }
    let new = targets.iter().filter(|it| group.target(&it.id, it.port).is_none()).count();
    if group.targets.len() + new > MOST {
        return Err(AwsError::new(
            "TooManyTargets",
            format!("The maximum number of targets per target group ('{MOST}') has been reached"),
        ));
    }
    for target in targets {
        state.register_target(arn, target);
    }
    Ok(json!({}))
}

fn deregister(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let arn = params.required("TargetGroupArn")?;
    let group = groups::find(&state.elb, arn)?;
    params.required_list("Targets")?;
    let mut leaving = Vec::new();
    for (asked, target) in asked(params, group)?.into_iter().zip(params.list("Targets")) {
        // Without a port all of the target's ports are meant.
        let any_port = target.text("Port").is_none();
        let of_target =
            |it: &&crate::elb::targets::Registered| it.target.id == asked.0 && (any_port || it.target.port == asked.1);
        leaving.extend(group.targets.iter().filter(of_target).map(|it| (it.target.id.clone(), it.target.port)));
    }
    for (id, port) in leaving {
        state.deregister_target(arn, &id, port);
    }
    Ok(json!({}))
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let arn = params.required("TargetGroupArn")?;
    let group = groups::find(&state.elb, arn)?;
    let mut wanted = asked(params, group)?;
    if wanted.is_empty() {
        wanted = group.targets.iter().map(|it| (it.target.id.clone(), it.target.port)).collect();
        wanted.retain(|(id, port)| state.target_health(arn, id, *port).is_some());
    }
    let show = |(id, port): &(String, u16)| {
        let check_port = match group.check.port {
            CheckPort::Traffic => *port,
            CheckPort::Fixed(port) => port,
        };
        let health = match state.target_health(arn, id, *port) {
            Some(health) => json!({
                "State": health.state,
                "Reason": health.reason,
                "Description": health.description,
            }),
            None => json!({
                "State": "unused",
                "Reason": "Target.NotRegistered",
                "Description": "Target is not registered to the target group",
            }),
        };
        json!({
            "Target": {"Id": id, "Port": port},
            "HealthCheckPort": check_port.to_string(),
            "TargetHealth": health,
        })
    };
    let shown: Vec<Value> = wanted.iter().map(show).collect();
    Ok(json!({"TargetHealthDescriptions": shown}))
}
