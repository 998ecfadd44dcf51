//! Target groups: what they are, and the operations on them.

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::elb::attributes::{self, Attributes};
use crate::elb::check::{Check, Speech};
use crate::elb::metrics::Metrics;
use crate::elb::params::{Params, checked_name, invalid};
use crate::elb::targets::Registered;
use crate::elb::{Elb, VPC, balancers, id, tags};
use crate::error::AwsError;
use crate::state::State;

/// Operations on target groups.
pub const TABLE: Table = &[
    ("CreateTargetGroup", create),
    ("DescribeTargetGroups", describe),
    ("ModifyTargetGroup", modify),
    ("DeleteTargetGroup", delete),
];

/// A target group with its targets.
#[derive(Debug)]
pub struct Group {
    /// `TargetGroupArn`.
    pub arn: String,
    /// What it was made with and cannot change.
    pub nature: Nature,
    /// Its health check.
    pub check: Check,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its targets in the order of their registration, draining ones included.
    pub targets: Vec<Registered>,
    /// Requests and health by minute.
    pub metrics: Metrics,
    /// Counts picks, so that the target that has waited longest is the next.
    pub picks: u64,
}

/// The settings of a target group that never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nature {
    /// `TargetGroupName`.
    pub name: String,
    /// HTTP for application load balancers, TCP for network load balancers.
    pub speech: Speech,
    /// `Port`: of targets that are registered without one.
    pub port: u16,
    /// `TargetType`: `instance` or `ip`.
    pub kind: String,
    /// `VpcId`.
    pub vpc: String,
}

/// The group of an ARN.
///
/// # Errors
/// `TargetGroupNotFound`.
pub fn find<'a>(elb: &'a Elb, arn: &str) -> Result<&'a Group, AwsError> {
    elb.groups.get(arn).ok_or_else(not_found)
}

/// The group of an ARN, to be changed.
///
/// # Errors
/// `TargetGroupNotFound`.
pub fn find_mut<'a>(elb: &'a mut Elb, arn: &str) -> Result<&'a mut Group, AwsError> {
    elb.groups.get_mut(arn).ok_or_else(not_found)
}

fn not_found() -> AwsError {
    AwsError::new("TargetGroupNotFound", "One or more target groups not found")
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let nature = nature(params)?;
    let tags = tags::read(params)?;
    let check = Check::default_for(nature.speech).changed(params)?;
    let same_name = |group: &&Group| group.nature.name == nature.name;
    if let Some(group) = state.elb.groups.values().find(same_name) {
        return if group.nature == nature && group.check == check {
            Ok(json!({"TargetGroups": [show(&state.elb, group)]}))
        } else {
            Err(AwsError::new(
                "DuplicateTargetGroupName",
                format!("A target group with the same name '{}' exists, but with different settings", nature.name),
            ))
        };
    }
    let path = format!("targetgroup/{}/{}", nature.name, id(state));
    let group = Group {
        arn: state.arn("elasticloadbalancing", &path),
        nature,
        check,
        attributes: attributes::of_group(),
        targets: Vec::new(),
        metrics: Metrics::default(),
        picks: 0,
    };
    let reply = json!({"TargetGroups": [show(&state.elb, &group)]});
    state.elb.tags.insert(group.arn.clone(), tags);
    state.elb.groups.insert(group.arn.clone(), group);
    Ok(reply)
}

fn nature(params: Params<'_>) -> Result<Nature, AwsError> {
    let name = checked_name("target group", params.required("Name")?)?;
    let kind = params.one_of("TargetType", &["instance", "ip", "lambda", "alb"])?;
    let kind = kind.unwrap_or("instance");
    if !["instance", "ip"].contains(&kind) {
        return Err(unsupported(format!("target type '{kind}'")));
    }
    let speech = match params.text("Protocol") {
        Some("HTTP") => Speech::Http,
        Some("TCP") => Speech::Tcp,
        Some(other) => return Err(unsupported(format!("target group protocol '{other}'"))),
        None => return Err(invalid("A protocol must be specified")),
    };
    match params.text("ProtocolVersion") {
        None | Some("HTTP1") => {}
        Some(other) => return Err(unsupported(format!("protocol version '{other}'"))),
    }
    let port = params.port("Port")?;
    Ok(Nature {
        name: name.to_owned(),
        speech,
        port: port.ok_or_else(|| invalid("A port must be specified"))?,
        kind: kind.to_owned(),
        vpc: params.text("VpcId").unwrap_or(VPC).to_owned(),
    })
}

/// AWS can do it, the sandbox cannot: said at once, rather than done differently.
fn unsupported(what: String) -> AwsError {
    AwsError::new("InvalidConfigurationRequest", format!("the sandbox does not support {what}"))
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let (params, elb) = (Params(&body), &state.elb);
    let (arns, names) = (params.texts("TargetGroupArns"), params.texts("Names"));
    for arn in &arns {
        find(elb, arn)?;
    }
    let all = || elb.groups.values();
    if !names.iter().all(|name| all().any(|group| group.nature.name == *name)) {
        return Err(not_found());
    }
    let of_balancer = match params.text("LoadBalancerArn") {
        Some(arn) => Some(elb.reached_from(&balancers::find(elb, arn)?.arn)),
        None => None,
    };
    let wanted = all().filter(|group| {
        (arns.is_empty() || arns.contains(&group.arn))
            && (names.is_empty() || names.contains(&group.nature.name))
            && of_balancer.as_ref().is_none_or(|reached| reached.contains(group.arn.as_str()))
    });
    Ok(json!({"TargetGroups": wanted.map(|group| show(elb, group)).collect::<Vec<_>>()}))
}

fn modify(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("TargetGroupArn")?;
    let group = find_mut(&mut state.elb, arn)?;
    group.check = group.check.changed(Params(&body))?;
    Ok(json!({"TargetGroups": [show(&state.elb, find(&state.elb, arn)?)]}))
}

/// Deleting what is not there succeeds, as on AWS.
fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("TargetGroupArn")?;
    if state.target_group_in_use(arn) {
        return Err(AwsError::new("ResourceInUse", format!("Target group '{arn}' is currently in use by a listener or a rule")));
    }
    state.elb.groups.remove(arn);
    state.elb.tags.remove(arn);
    Ok(json!({}))
}

fn show(elb: &Elb, group: &Group) -> Value {
    let http = group.nature.speech == Speech::Http;
    let mut shown = json!({
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.nature.name,
        "Protocol": if http { "HTTP" } else { "TCP" },
        "Port": group.nature.port,
        "VpcId": group.nature.vpc,
        "LoadBalancerArns": elb.balancers_of(&group.arn),
        "TargetType": group.nature.kind,
        "IpAddressType": "ipv4",
    });
    if http {
        shown["ProtocolVersion"] = json!("HTTP1");
    }
    group.check.show_in(&mut shown);
    shown
}
