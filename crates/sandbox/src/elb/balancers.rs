//! Load balancers: what they are, and the operations on them.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::dispatch::Table;
use crate::elb::attributes::{self, Attributes, PROTECTED};
use crate::elb::params::{Params, checked_name};
use crate::elb::{Elb, VPC, id, tags};
use crate::error::AwsError;
use crate::state::State;

/// Operations on load balancers.
pub const TABLE: Table = &[("CreateLoadBalancer", create), ("DescribeLoadBalancers", describe), ("DeleteLoadBalancer", delete)];

/// A load balancer.
#[derive(Debug)]
pub struct Balancer {
    /// `LoadBalancerArn`.
    pub arn: String,
    /// What it was made with and cannot change.
    pub nature: Nature,
    /// `CreatedTime`, virtual epoch seconds.
    pub created: f64,
    /// The loopback address of its own, which is also its `DNSName`: `http://<DNSName>:<listener port>/` works.
    pub address: Ipv4Addr,
    /// Its attributes.
    pub attributes: Attributes,
}

/// The settings of a load balancer that the sandbox never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nature {
    /// `LoadBalancerName`.
    pub name: String,
    /// `Type`.
    pub kind: Kind,
    /// `Scheme`.
    pub scheme: String,
    /// `Subnets` in the order of the request; the sandbox has none, so none need be named.
    pub subnets: Vec<String>,
    /// `SecurityGroups`.
    pub security_groups: Vec<String>,
}

/// `Type` of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTTP.
    Application,
    /// TCP.
    Network,
}

impl Kind {
    /// As the API says it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Application => "application",
            Kind::Network => "network",
        }
    }

    /// The first part of its ARNs' paths.
    pub fn path(self) -> &'static str {
        match self {
            Kind::Application => "app",
            Kind::Network => "net",
        }
    }
}

/// The load balancer of an ARN.
///
/// # Errors
/// `LoadBalancerNotFound`.
pub fn find<'a>(elb: &'a Elb, arn: &str) -> Result<&'a Balancer, AwsError> {
    elb.balancers.get(arn).ok_or_else(not_found)
}

/// The load balancer of an ARN, to be changed.
///
/// # Errors
/// `LoadBalancerNotFound`.
pub fn find_mut<'a>(elb: &'a mut Elb, arn: &str) -> Result<&'a mut Balancer, AwsError> {
    elb.balancers.get_mut(arn).ok_or_else(not_found)
}

fn not_found() -> AwsError {
    AwsError::new("LoadBalancerNotFound", "One or more load balancers not found")
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let nature = nature(params)?;
    let tags = tags::read(params)?;
    let same_name = |balancer: &&Balancer| balancer.nature.name == nature.name;
    if let Some(balancer) = state.elb.balancers.values().find(same_name) {
        return if balancer.nature == nature {
            Ok(json!({"LoadBalancers": [show(&state.region, balancer)]}))
        } else {
            Err(AwsError::new(
                "DuplicateLoadBalancerName",
                format!("A load balancer with the same name '{}' exists, but with different settings", nature.name),
            ))
        };
    }
    let path = format!("loadbalancer/{}/{}/{}", nature.kind.path(), nature.name, id(state));
    let arn = state.arn("elasticloadbalancing", &path);
    let balancer = Balancer {
        address: address(state, &arn),
        arn,
        nature,
        created: state.now_seconds(),
        attributes: attributes::of_balancer(),
    };
    let reply = json!({"LoadBalancers": [show(&state.region, &balancer)]});
    state.elb.tags.insert(balancer.arn.clone(), tags);
    state.elb.balancers.insert(balancer.arn.clone(), balancer);
    Ok(reply)
}

/// On Linux all of 127.0.0.0/8 is the loopback, so every load balancer has an address of its own and its listeners their own
/// ports. The server's address and start are part of it, so that two sandboxes do not meet.
fn address(state: &State, arn: &str) -> Ipv4Addr {
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    let seed = format!("{arn} {} {}", state.address, state.clock.wall0);
    let hash = Sha256::digest(seed);
    Ipv4Addr::new(127, 64 + hash[0] % 64, hash[1], 1 + hash[2] % 254)
}

fn nature(params: Params<'_>) -> Result<Nature, AwsError> {
    let name = checked_name("load balancer", params.required("Name")?)?;
    let kind = match params.one_of("Type", &["application", "network", "gateway"])? {
        None | Some("application") => Kind::Application,
        Some("network") => Kind::Network,
        Some(other) => {
            return Err(AwsError::new(
                "InvalidConfigurationRequest",
                format!("the sandbox does not support load balancers of type '{other}'"),
            ));
        }
    };
    let scheme = params.one_of("Scheme", &["internet-facing", "internal"])?;
    let mut subnets = params.texts("Subnets");
    for mapping in params.list("SubnetMappings") {
        subnets.push(mapping.required("SubnetId")?.to_owned());
    }
    Ok(Nature {
        name: name.to_owned(),
        kind,
        scheme: scheme.unwrap_or("internet-facing").to_owned(),
        subnets,
        security_groups: params.texts("SecurityGroups"),
    })
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let (params, elb) = (Params(&body), &state.elb);
    let (arns, names) = (params.texts("LoadBalancerArns"), params.texts("Names"));
    for arn in &arns {
        find(elb, arn)?;
    }
    let all = || elb.balancers.values();
    let unknown = |name: &&String| !all().any(|balancer| balancer.nature.name == **name);
    let unknown: Vec<&str> = names.iter().filter(unknown).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message = format!("Load balancers '[{}]' not found", unknown.join(", "));
        return Err(AwsError::new("LoadBalancerNotFound", message));
    }
    let wanted = all().filter(|balancer| {
        (arns.is_empty() || arns.contains(&balancer.arn)) && (names.is_empty() || names.contains(&balancer.nature.name))
    });
    let shown: Vec<Value> = wanted.map(|balancer| show(&state.region, balancer)).collect();
    Ok(json!({"LoadBalancers": shown}))
}

/// Deletes its listeners too. Deleting what is not there succeeds, as on AWS.
fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("LoadBalancerArn")?;
    let Some(balancer) = state.elb.balancers.get(arn) else {
        return Ok(json!({}));
    };
    if balancer.attributes.get(PROTECTED).is_some_and(|it| it == "true") {
        return Err(AwsError::new(
            "OperationNotPermitted",
            format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
        ));
    }
    state.elb.balancers.remove(arn);
    state.elb.tags.remove(arn);
    let of_balancer = |listener: &&crate::elb::listeners::Listener| listener.balancer == arn;
    let listeners = state.elb.listeners.values().filter(of_balancer);
    let listeners: Vec<String> = listeners.map(|listener| listener.arn.clone()).collect();
    for listener in listeners {
        state.elb.remove_listener(&listener);
    }
    Ok(json!({}))
}

fn show(region: &str, balancer: &Balancer) -> Value {
    let nature = &balancer.nature;
    let zones: Vec<Value> = nature
        .subnets
        .iter()
        .zip('a'..='z')
        .map(|(subnet, letter)| json!({"ZoneName": format!("{region}{letter}"), "SubnetId": subnet, "LoadBalancerAddresses": []}))
        .collect();
    json!({
        "LoadBalancerArn": balancer.arn,
        "DNSName": balancer.address.to_string(),
        "CanonicalHostedZoneId": "Z00000000000000000001",
        "CreatedTime": balancer.created,
        "LoadBalancerName": nature.name,
        "Scheme": nature.scheme,
        "VpcId": VPC,
        "State": {"Code": "active"},
        "Type": nature.kind.name(),
        "AvailabilityZones": zones,
        "SecurityGroups": nature.security_groups,
        "IpAddressType": "ipv4",
    })
}
