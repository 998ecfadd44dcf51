//! Listeners: a port of a load balancer, with its rules.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::elb::action::{self, Action};
use crate::elb::balancers::Kind;
use crate::elb::check::Speech;
use crate::elb::params::{Params, invalid};
use crate::elb::rules::{Priority, Rule};
use crate::elb::{Elb, balancers, id, tags};
use crate::error::AwsError;
use crate::state::State;

/// Operations on listeners.
pub const TABLE: Table =
    &[("CreateListener", create), ("DescribeListeners", describe), ("ModifyListener", modify), ("DeleteListener", delete)];

/// A listener. One of HTTPS speaks HTTP: the sandbox has no certificates.
#[derive(Debug)]
pub struct Listener {
    /// `ListenerArn`.
    pub arn: String,
    /// The load balancer's ARN.
    pub balancer: String,
    /// `Protocol`: HTTP, HTTPS or TCP.
    pub protocol: String,
    /// `Port`.
    pub port: u16,
    /// `Certificates` as they were given.
    certificates: Vec<Value>,
    /// `SslPolicy` as it was given.
    policy: Option<String>,
    /// What happens when no rule matches.
    pub default: Rule,
    /// The other rules, by priority.
    pub rules: Vec<Rule>,
    /// Where it really listens; none until it does.
    pub bound: Option<SocketAddr>,
}

impl Listener {
    /// The rules in the order in which they are tried, the default last.
    pub fn all_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain([&self.default])
    }

    /// HTTP or TCP.
    pub fn speech(&self) -> Speech {
        if self.protocol == "TCP" { Speech::Tcp } else { Speech::Http }
    }
}

/// The listener of an ARN.
///
/// # Errors
/// `ListenerNotFound`.
pub fn find<'a>(elb: &'a Elb, arn: &str) -> Result<&'a Listener, AwsError> {
    elb.listeners.get(arn).ok_or_else(not_found)
}

fn not_found() -> AwsError {
    AwsError::new("ListenerNotFound", "One or more listeners not found")
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let balancer = balancers::find(&state.elb, params.required("LoadBalancerArn")?)?;
    let (balancer, kind) = (balancer.arn.clone(), balancer.nature.kind);
    let port = params.port("Port")?.ok_or_else(|| invalid("A port must be specified"))?;
    let protocol = protocol(params, kind)?.ok_or_else(|| invalid("A protocol must be specified"))?;
    port_is_free(&state.elb, &balancer, port, "")?;
    let certificates = certificates(params);
    if protocol == "HTTPS" && certificates.is_empty() {
        return Err(invalid("A certificate must be specified for HTTPS listeners"));
    }
    let action = action::read(&state.elb, &balancer, speech(&protocol), params, "DefaultActions")?;
    let tags = tags::read(params)?;
    let arn = format!("{}/{}", balancer.replacen(":loadbalancer/", ":listener/", 1), id(state));
    let rule = format!("{}/{}", arn.replacen(":listener/", ":listener-rule/", 1), id(state));
    let listener = Listener {
        arn: arn.clone(),
        balancer,
        protocol,
        port,
        certificates,
        policy: params.text("SslPolicy").map(str::to_owned),
        default: Rule::new(rule, Priority::Default, Vec::new(), action),
        rules: Vec::new(),
        bound: None,
    };
    let reply = json!({"Listeners": [show(&listener)]});
    state.elb.tags.insert(arn.clone(), tags);
    state.elb.listeners.insert(arn, listener);
    Ok(reply)
}

fn speech(protocol: &str) -> Speech {
    if protocol == "TCP" { Speech::Tcp } else { Speech::Http }
}

fn protocol(params: Params<'_>, kind: Kind) -> Result<Option<String>, AwsError> {
    let known = ["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC"];
    match (params.one_of("Protocol", &known)?, kind) {
        (None, _) => Ok(None),
        (Some(protocol @ ("HTTP" | "HTTPS")), Kind::Application) | (Some(protocol @ "TCP"), Kind::Network) => {
            Ok(Some(protocol.to_owned()))
        }
        (Some(other), _) => Err(AwsError::new(
            "UnsupportedProtocol",
            format!("Listener protocol '{other}' is not supported for this load balancer"),
        )),
    }
}

fn port_is_free(elb: &Elb, balancer: &str, port: u16, except: &str) -> Result<(), AwsError> {
    let mut others = elb.listeners.values().filter(|listener| listener.arn != except);
    if others.any(|listener| listener.balancer == balancer && listener.port == port) {
        let message = format!("A listener already exists on this port for this load balancer '{balancer}'");
        return Err(AwsError::new("DuplicateListener", message));
    }
    Ok(())
}

fn certificates(params: Params<'_>) -> Vec<Value> {
    let arns = params.list("Certificates").into_iter().filter_map(|it| it.text("CertificateArn"));
    arns.map(|arn| json!({"CertificateArn": arn})).collect()
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let (params, elb) = (Params(&body), &state.elb);
    let arns = params.texts("ListenerArns");
    for arn in &arns {
        find(elb, arn)?;
    }
    let balancer = params.text("LoadBalancerArn");
    if let Some(balancer) = balancer {
        balancers::find(elb, balancer)?;
    } else if arns.is_empty() {
        return Err(invalid("You must specify either listener ARNs or a load balancer ARN"));
    }
    let mut wanted: Vec<&Listener> = elb
        .listeners
        .values()
        .filter(|listener| arns.is_empty() || arns.contains(&listener.arn))
        .filter(|listener| balancer.is_none_or(|arn| listener.balancer == arn))
        .collect();
    wanted.sort_by_key(|listener| (&listener.balancer, listener.port));
    Ok(json!({"Listeners": wanted.into_iter().map(show).collect::<Vec<_>>()}))
}

fn modify(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let arn = params.required("ListenerArn")?;
    let old = find(&state.elb, arn)?;
    let kind = balancers::find(&state.elb, &old.balancer)?.nature.kind;
    let port = params.port("Port")?.unwrap_or(old.port);
    let protocol = protocol(params, kind)?.unwrap_or_else(|| old.protocol.clone());
    port_is_free(&state.elb, &old.balancer, port, arn)?;
    let new = certificates(params);
    let certificates = if new.is_empty() { old.certificates.clone() } else { new };
    if protocol == "HTTPS" && certificates.is_empty() {
        return Err(invalid("A certificate must be specified for HTTPS listeners"));
    }
    let action: Option<Action> = if params.list("DefaultActions").is_empty() {
        None
    } else {
        Some(action::read(&state.elb, &old.balancer, speech(&protocol), params, "DefaultActions")?)
    };
    let listener = state.elb.listeners.get_mut(arn).ok_or_else(not_found)?;
    if listener.port != port {
        listener.bound = None;
    }
    (listener.port, listener.protocol, listener.certificates) = (port, protocol, certificates);
    if let Some(policy) = params.text("SslPolicy") {
        listener.policy = Some(policy.to_owned());
    }
    if let Some(action) = action {
        listener.default.action = action;
    }
    Ok(json!({"Listeners": [show(listener)]}))
}

fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("ListenerArn")?;
    find(&state.elb, arn)?;
    state.elb.remove_listener(arn);
    Ok(json!({}))
}

fn show(listener: &Listener) -> Value {
    let mut shown = json!({
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.balancer,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": [listener.default.action.show()],
    });
    if listener.protocol == "HTTPS" {
        shown["Certificates"] = json!(listener.certificates);
        shown["SslPolicy"] = json!(listener.policy.as_deref().unwrap_or("ELBSecurityPolicy-2016-08"));
    }
    shown
}
