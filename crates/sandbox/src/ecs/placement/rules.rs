//! `placementConstraints` and `placementStrategy` as they are sent.

use serde_json::Value;

use super::super::request::{invalid, list, text};
use super::Site;
use super::expression::Expression;
use crate::error::AwsError;

/// Constraints and strategies are at most so many, as on AWS.
const MOST_CONSTRAINTS: usize = 10;
const MOST_STRATEGIES: usize = 5;

/// What instances are allowed, and which of them is liked best.
#[derive(Clone, Debug, Default)]
pub(in crate::ecs) struct Rules {
    /// All of them must hold.
    pub constraints: Vec<Constraint>,
    /// The first decides, the next among those that are equal to it.
    pub strategies: Vec<Strategy>,
}

/// `placementConstraints[].type`.
#[derive(Clone, Debug)]
pub(in crate::ecs) enum Constraint {
    /// No two wanted tasks of the group on one instance.
    DistinctInstance,
    /// The instance satisfies an expression of the cluster query language.
    MemberOf(Expression),
}

/// `placementStrategy[].type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Strategy {
    /// Where the fewest tasks of the group are.
    Spread(Field),
    /// Where the least is left.
    Binpack(Resource),
    /// Anywhere.
    Random,
}

/// `field` of spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Field {
    /// `instanceId`, or `host`.
    Instance,
    /// `attribute:<name>`.
    Attribute(String),
}

/// `field` of binpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Resource {
    /// `cpu`.
    Cpu,
    /// `memory`.
    Memory,
}

impl Field {
    /// What the site has there.
    pub(super) fn of<'a>(&self, site: &'a Site) -> Option<&'a str> {
        match self {
            Field::Instance => Some(&site.id),
            Field::Attribute(name) => site.attributes.get(name).map(String::as_str),
        }
    }
}

impl Rules {
    /// The rules that a request or service sends, with the constraints of its task definition. Without a strategy tasks
    /// are spread over Availability Zones.
    ///
    /// # Errors
    /// `InvalidParameterException`.
    pub(in crate::ecs) fn read(sent: &Value, definition: &Value) -> Result<Self, AwsError> {
        let sent_constraints = list(sent, "placementConstraints");
        let constraints = sent_constraints.iter().chain(list(definition, "placementConstraints"));
        let constraints = constraints.map(constraint).collect::<Result<Vec<_>, _>>()?;
        let strategies = list(sent, "placementStrategy").iter().map(strategy).collect::<Result<Vec<_>, _>>()?;
        if sent_constraints.len() > MOST_CONSTRAINTS || strategies.len() > MOST_STRATEGIES {
            return Err(invalid(format!(
                "At most {MOST_CONSTRAINTS} placement constraints and {MOST_STRATEGIES} placement strategies can be specified."
            )));
        }
        let zones = || vec![Strategy::Spread(Field::Attribute("ecs.availability-zone".to_owned()))];
        Ok(Self { constraints, strategies: if strategies.is_empty() { zones() } else { strategies } })
    }
}

fn constraint(sent: &Value) -> Result<Constraint, AwsError> {
    let expression = text(sent, "expression");
    match (text(sent, "type"), expression) {
        (Some("distinctInstance"), None) => Ok(Constraint::DistinctInstance),
        (Some("distinctInstance"), Some(_)) => {
            Err(invalid("An expression cannot be specified with the distinctInstance placement constraint."))
        }
        (Some("memberOf"), Some(expression)) => {
            let read = Expression::read(expression);
            read.map(Constraint::MemberOf).map_err(|why| invalid(format!("Invalid expression `{expression}`: {why}")))
        }
        (Some("memberOf"), None) => Err(invalid("The memberOf placement constraint needs an expression.")),
        (other, _) => Err(invalid(format!("Invalid placement constraint type: {}.", other.unwrap_or_default()))),
    }
}

fn strategy(sent: &Value) -> Result<Strategy, AwsError> {
    let field = text(sent, "field");
    match (text(sent, "type"), field) {
        (Some("random"), None) => Ok(Strategy::Random),
        (Some("binpack"), Some(field)) if field.eq_ignore_ascii_case("cpu") => Ok(Strategy::Binpack(Resource::Cpu)),
        (Some("binpack"), Some(field)) if field.eq_ignore_ascii_case("memory") => Ok(Strategy::Binpack(Resource::Memory)),
        (Some("spread"), Some("instanceId" | "host")) => Ok(Strategy::Spread(Field::Instance)),
        (Some("spread"), Some(field)) => match field.strip_prefix("attribute:") {
            Some(name) if !name.is_empty() => Ok(Strategy::Spread(Field::Attribute(name.to_owned()))),
            _ => Err(invalid(format!("Invalid field for the placement strategy spread: {field}."))),
        },
        (kind, field) => Err(invalid(format!(
            "Invalid placement strategy: type {}, field {}.",
            kind.unwrap_or_default(),
            field.unwrap_or_default()
        ))),
    }
}
