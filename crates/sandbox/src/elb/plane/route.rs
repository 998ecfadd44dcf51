//! Where a request goes: the first rule that matches, its action, and a target.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::http::request::Parts;

use crate::elb::action::{Does, Fixed};
use crate::elb::attributes::{self, IDLE};
use crate::elb::condition;
use crate::elb::metrics::Ending;
use crate::elb::rules::Rule;
use crate::state::State;

/// What is to be done with a request.
#[derive(Debug)]
pub enum Route {
    /// To this target.
    Forward(Forward),
    /// The target group has no target, or all weights are 0: 503.
    NoTarget,
    /// To this address, with this status.
    Redirect(u16, String),
    /// This answer.
    Respond(Fixed),
    /// The listener has gone.
    Gone,
}

/// A target for a request.
#[derive(Debug)]
pub struct Forward {
    /// The target group's ARN.
    pub group: String,
    /// The target's registration.
    pub registration: u64,
    /// Its address.
    pub endpoint: SocketAddr,
    /// `Protocol` of the listener, for `X-Forwarded-Proto`.
    pub protocol: String,
    /// The listener's port, for `X-Forwarded-Port`.
    pub port: u16,
    /// How long an answer may take, in real time.
    pub patience: Duration,
}

/// Decides about a request; picks count, so each decision is to be carried out.
pub fn decide(state: &mut State, listener: &str, request: &Parts) -> Route {
    decide_by(
        state,
        listener,
        |rule| condition::matches(&rule.conditions, request),
        |redirect, protocol, port| redirect.location(request, protocol, port),
    )
}

/// Decides about a TCP connection: the default rule's.
pub fn decide_connection(state: &mut State, listener: &str) -> Route {
    decide_by(state, listener, |rule| rule.conditions.is_empty(), |_, _, _| String::new())
}

fn decide_by(
    state: &mut State,
    listener: &str,
    matches: impl Fn(&Rule) -> bool,
    location: impl Fn(&crate::elb::redirect::Redirect, &str, u16) -> String,
) -> Route {
    let elb = &mut state.elb;
    let Some(listener) = elb.listeners.get_mut(listener) else {
        return Route::Gone;
    };
    let attributes = elb.balancers.get(&listener.balancer).map(|balancer| &balancer.attributes);
    let patience = attributes.map_or(60, |attributes| attributes::seconds(attributes, IDLE, 60));
    let rule = listener.rules.iter_mut().find(|rule| matches(rule)).unwrap_or(&mut listener.default);
    let group = match &mut rule.action.does {
        Does::Respond(fixed) => return Route::Respond(fixed.clone()),
        Does::Redirect(redirect) => {
            return Route::Redirect(redirect.status, location(redirect, &listener.protocol, listener.port));
        }
        Does::Forward(forward) => forward.pick(),
    };
    let Some(group) = group.and_then(|arn| elb.groups.get_mut(arn)) else {
        return Route::NoTarget;
    };
    group.metrics.behind(&listener.balancer);
    let arn = group.arn.clone();
    match group.pick(None) {
        Some(it) => Route::Forward(Forward {
            group: arn,
            registration: it.registration,
            endpoint: it.target.endpoint,
            protocol: listener.protocol.clone(),
            port: listener.port,
            patience: Duration::from_secs(patience),
        }),
        None => {
            group.metrics.ended(state.clock.now(), Ending::Refused);
            Route::NoTarget
        }
    }
}

impl Forward {
    /// Another target of the same group; none when there is no other.
    pub fn elsewhere(&mut self, state: &mut State) -> Option<()> {
        let group = state.elb.groups.get_mut(&self.group)?;
        let it = group.pick(Some(self.registration))?;
        (self.registration, self.endpoint) = (it.registration, it.target.endpoint);
        Some(())
    }

    /// Counts how the request ended.
    pub fn ended(&self, state: &mut State, ending: Ending) {
        let now = state.clock.now();
        if let Some(group) = state.elb.groups.get_mut(&self.group) {
            group.metrics.ended(now, ending);
        }
    }
}
