//! What a listener or rule does with a request: forward, redirect or a fixed response.

use serde_json::{Value, json};

use crate::elb::Elb;
use crate::elb::check::Speech;
use crate::elb::forward::{Forward, Share, Stickiness};
use crate::elb::groups;
use crate::elb::params::{Params, invalid};
use crate::elb::redirect::Redirect;
use crate::error::AwsError;

/// One action with its place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What to do.
    pub does: Does,
    /// `Order`, where the request gave one.
    pub order: Option<u32>,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Sends the request to a target.
    Forward(Forward),
    /// Sends the client elsewhere.
    Redirect(Redirect),
    /// Answers by itself.
    Respond(Fixed),
}

/// A fixed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// `StatusCode`: 2XX, 4XX or 5XX.
    pub status: u16,
    /// `ContentType`.
    pub content_type: Option<String>,
    /// `MessageBody`.
    pub body: String,
}

impl Action {
    /// The target groups it forwards to, those with weight 0 included.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let shares = match &self.does {
            Does::Forward(forward) => &forward.shares[..],
            Does::Redirect(_) | Does::Respond(_) => &[],
        };
        shares.iter().map(|share| share.group.as_str())
    }

    /// As replies show it.
    pub fn show(&self) -> Value {
        let mut shown = match &self.does {
            Does::Forward(forward) => forward.show(),
            Does::Redirect(redirect) => {
                json!({"Type": "redirect", "RedirectConfig": redirect.show()})
            }
            Does::Respond(fixed) => json!({"Type": "fixed-response", "FixedResponseConfig": {
                "MessageBody": fixed.body,
                "StatusCode": fixed.status.to_string(),
                "ContentType": fixed.content_type,
            }}),
        };
        if let Some(order) = self.order {
            shown["Order"] = json!(order);
        }
        shown
    }
}

/// The one action of a request's list (`name`: `Actions` or `DefaultActions`), for a load balancer that speaks `speech`.
///
/// # Errors
/// `ValidationError`, `InvalidLoadBalancerAction`, `TargetGroupNotFound`, `TargetGroupAssociationLimit`,
/// `IncompatibleProtocols`.
pub fn read(elb: &Elb, balancer: &str, speech: Speech, params: Params<'_>, name: &str) -> Result<Action, AwsError> {
    let actions = params.required_list(name)?;
    let [action] = actions[..] else {
        return Err(bad("An action list must have exactly one action: the sandbox does not support authentication"));
    };
    let does = match (action.required("Type")?, speech) {
        ("forward", _) => Does::Forward(forward(elb, balancer, speech, action)?),
        ("redirect", Speech::Http) => Does::Redirect(Redirect::read(action.part("RedirectConfig"))?),
        ("fixed-response", Speech::Http) => Does::Respond(fixed(action.part("FixedResponseConfig"))?),
        (other, _) => {
            return Err(bad(format!("the sandbox does not support actions of type '{other}' here")));
        }
    };
    let order = action.number("Order", 1..=50_000)?;
    Ok(Action { does, order })
}

fn bad(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidLoadBalancerAction", message)
}

fn fixed(config: Params<'_>) -> Result<Fixed, AwsError> {
    let code = config.required("StatusCode")?;
    let status = match code.parse() {
        Ok(status @ (200..=299 | 400..=599)) => status,
        _ => {
            return Err(bad(format!("Fixed response status code '{code}' must be 2XX, 4XX or 5XX")));
        }
    };
    let body = config.text("MessageBody").unwrap_or_default();
    if body.len() > 1024 {
        return Err(bad("Fixed response message body cannot be longer than '1024' characters"));
    }
    let kinds = ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];
    Ok(Fixed { status, content_type: config.one_of("ContentType", &kinds)?.map(str::to_owned), body: body.to_owned() })
}

fn forward(elb: &Elb, balancer: &str, speech: Speech, action: Params<'_>) -> Result<Forward, AwsError> {
    let config = action.part("ForwardConfig");
    let mut shares: Vec<Share> = Vec::new();
    for group in config.list("TargetGroups") {
        let arn = group.required("TargetGroupArn")?;
        let weight = group.number("Weight", 0..=999)?.unwrap_or(1);
        if shares.iter().any(|share| share.group == arn) {
            return Err(bad(format!("Target group '{arn}' is specified more than once in a forward action")));
        }
        shares.push(Share::new(arn, weight));
    }
    match (action.text("TargetGroupArn"), &shares[..]) {
        (Some(arn), []) => shares.push(Share::new(arn, 1)),
        (Some(arn), [only]) if only.group == arn => {}
        (Some(_), _) => {
            return Err(bad("TargetGroupArn and ForwardConfig must name the same single target group"));
        }
        (None, []) => return Err(invalid("A target group ARN must be specified")),
        (None, _) => {}
    }
    if shares.len() > 5 {
        return Err(AwsError::new(
            "TooManyTargetGroups",
            "The maximum number of target groups per forward action ('5') has been reached",
        ));
    }
    for share in &shares {
        let group = groups::find(elb, &share.group)?;
        if group.nature.speech != speech {
            return Err(AwsError::new(
                "IncompatibleProtocols",
                format!("The protocol of target group '{}' is not compatible with the listener's", share.group),
            ));
        }
        if elb.balancers_of(&share.group).iter().any(|other| *other != balancer) {
            return Err(AwsError::new(
                "TargetGroupAssociationLimit",
                format!("The following target groups cannot be associated with more than one load balancer: {}", share.group),
            ));
        }
    }
    let sticky = config.part("TargetGroupStickinessConfig");
    let stickiness =
        Stickiness { enabled: sticky.flag("Enabled")?.unwrap_or(false), seconds: sticky.number("DurationSeconds", 1..=604_800)? };
    Ok(Forward { shares, stickiness })
}
