//! Attributes of load balancers and target groups: known keys with their defaults, kept as strings as AWS does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::elb::params::{Params, invalid, number};
use crate::elb::{balancers, groups};
use crate::error::AwsError;
use crate::state::State;

/// Operations on attributes.
pub const TABLE: Table = &[
    ("DescribeLoadBalancerAttributes", describe_balancer),
    ("ModifyLoadBalancerAttributes", modify_balancer),
    ("DescribeTargetGroupAttributes", describe_group),
    ("ModifyTargetGroupAttributes", modify_group),
];

/// Attributes by key.
pub type Attributes = BTreeMap<String, String>;

/// How long a target drains, in virtual seconds.
pub const DRAIN: &str = "deregistration_delay.timeout_seconds";
/// How long the load balancer waits for an answer, in real seconds.
pub const IDLE: &str = "idle_timeout.timeout_seconds";
/// Whether a load balancer refuses to be deleted.
pub const PROTECTED: &str = "deletion_protection.enabled";

const OF_BALANCERS: &[(&str, &str)] = &[
    ("access_logs.s3.enabled", "false"),
    ("access_logs.s3.bucket", ""),
    ("access_logs.s3.prefix", ""),
    ("client_keep_alive.seconds", "3600"),
    ("connection_logs.s3.enabled", "false"),
    ("connection_logs.s3.bucket", ""),
    ("connection_logs.s3.prefix", ""),
    (PROTECTED, "false"),
    (IDLE, "60"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("routing.http.desync_mitigation_mode", "defensive"),
    ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ("routing.http.preserve_host_header.enabled", "false"),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"),
    ("routing.http.xff_client_port.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("routing.http2.enabled", "true"),
    ("waf.fail_open.enabled", "false"),
    ("zonal_shift.config.enabled", "false"),
];

const OF_GROUPS: &[(&str, &str)] = &[
    (DRAIN, "300"),
    ("load_balancing.algorithm.type", "round_robin"),
    ("load_balancing.algorithm.anomaly_mitigation", "off"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "lb_cookie"),
    ("stickiness.lb_cookie.duration_seconds", "86400"),
    ("stickiness.app_cookie.cookie_name", ""),
    ("stickiness.app_cookie.duration_seconds", "86400"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
];

/// What a load balancer has at first.
pub fn of_balancer() -> Attributes {
    owned(OF_BALANCERS)
}

/// What a target group has at first.
pub fn of_group() -> Attributes {
    owned(OF_GROUPS)
}

/// An attribute that is a number of seconds; `otherwise` when it is none.
pub fn seconds(attributes: &Attributes, key: &str, otherwise: u64) -> u64 {
    let value = attributes.get(key).and_then(|value| value.parse().ok());
    value.unwrap_or(otherwise)
}

fn owned(known: &[(&str, &str)]) -> Attributes {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    known.iter().map(owned).collect()
}

fn describe_balancer(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("LoadBalancerArn")?;
    Ok(show(&balancers::find(&state.elb, arn)?.attributes))
}

fn modify_balancer(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("LoadBalancerArn")?;
    let balancer = balancers::find_mut(&mut state.elb, arn)?;
    change(&mut balancer.attributes, Params(&body), "Load balancer")?;
    Ok(show(&balancer.attributes))
}

fn describe_group(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("TargetGroupArn")?;
    Ok(show(&groups::find(&state.elb, arn)?.attributes))
}

fn modify_group(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("TargetGroupArn")?;
    let group = groups::find_mut(&mut state.elb, arn)?;
    change(&mut group.attributes, Params(&body), "Target group")?;
    Ok(show(&group.attributes))
}

fn change(attributes: &mut Attributes, params: Params<'_>, what: &str) -> Result<(), AwsError> {
    let mut changed = attributes.clone();
    for attribute in params.required_list("Attributes")? {
        let key = attribute.required("Key")?;
        let value = attribute.text("Value").unwrap_or_default();
        match key {
            DRAIN => drop(number(key, value, 0..=3600)?),
            IDLE => drop(number(key, value, 1..=4000)?),
            _ => {}
        }
        let slot = changed.get_mut(key).ok_or_else(|| invalid(format!("{what} attribute key '{key}' is not recognized")))?;
        value.clone_into(slot);
    }
    *attributes = changed;
    Ok(())
}

fn show(attributes: &Attributes) -> Value {
    let show = |(key, value): (&String, &String)| json!({"Key": key, "Value": value});
    json!({"Attributes": attributes.iter().map(show).collect::<Vec<_>>()})
}
