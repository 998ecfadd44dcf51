//! Rules of a listener, tried by priority; the default rule is the listener's own.

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::elb::action::{self, Action};
use crate::elb::condition::{self, Condition};
use crate::elb::listeners::Listener;
use crate::elb::params::{Params, invalid};
use crate::elb::{Elb, id, listeners, tags};
use crate::error::AwsError;
use crate::state::State;

/// Operations on rules.
pub const TABLE: Table = &[
    ("CreateRule", create),
    ("DescribeRules", describe),
    ("ModifyRule", modify),
    ("DeleteRule", delete),
    ("SetRulePriorities", set_priorities),
];

/// Rules a load balancer may have, default rules not counted.
const MOST: usize = 100;

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `RuleArn`.
    pub arn: String,
    /// When it is tried.
    pub priority: Priority,
    /// All of these must match; the default rule has none.
    pub conditions: Vec<Condition>,
    /// What it does.
    pub action: Action,
}

/// `Priority`: lower ones are tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// 1 to 50000, one rule each.
    Number(u32),
    /// The listener's default rule.
    Default,
}

impl Rule {
    /// A rule.
    pub fn new(arn: String, priority: Priority, conditions: Vec<Condition>, action: Action) -> Self {
        Self { arn, priority, conditions, action }
    }

    fn show(&self) -> Value {
        json!({
            "RuleArn": self.arn,
            "Priority": match self.priority {
                Priority::Number(number) => number.to_string(),
                Priority::Default => "default".to_owned(),
            },
            "Conditions": self.conditions.iter().map(Condition::show).collect::<Vec<_>>(),
            "Actions": [self.action.show()],
            "IsDefault": self.priority == Priority::Default,
        })
    }
}

fn not_found() -> AwsError {
    AwsError::new("RuleNotFound", "One or more rules not found")
}

fn in_use(priority: Priority) -> AwsError {
    let number = match priority {
        Priority::Number(number) => number.to_string(),
        Priority::Default => "default".to_owned(),
    };
    AwsError::new("PriorityInUse", format!("Priority '{number}' is currently in use"))
}

/// The rule's listener, and the rule's place among the numbered rules; no place is the default rule.
fn locate(elb: &Elb, arn: &str) -> Result<(String, Option<usize>), AwsError> {
    let found = elb.listeners.values().find_map(|listener| {
        if listener.default.arn == arn {
            return Some((listener.arn.clone(), None));
        }
        let place = listener.rules.iter().position(|rule| rule.arn == arn)?;
        Some((listener.arn.clone(), Some(place)))
    });
    found.ok_or_else(not_found)
}

/// A numbered rule's listener and place; `done` is what cannot be done to a default rule.
fn locate_numbered(elb: &Elb, arn: &str, done: &str) -> Result<(String, usize), AwsError> {
    match locate(elb, arn)? {
        (listener, Some(place)) => Ok((listener, place)),
        (_, None) => Err(AwsError::new("OperationNotPermitted", format!("Default rule '{arn}' cannot be {done}"))),
    }
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let listener = listeners::find(&state.elb, params.required("ListenerArn")?)?;
    let number = params.number("Priority", 1..=50_000)?;
    let priority = Priority::Number(number.ok_or_else(|| invalid("A priority must be specified"))?);
    let conditions = condition::read(params)?;
    let action = action::read(&state.elb, &listener.balancer, listener.speech(), params, "Actions")?;
    let tags = tags::read(params)?;
    if listener.rules.iter().any(|rule| rule.priority == priority) {
        return Err(in_use(priority));
    }
    let same_balancer = |other: &&Listener| other.balancer == listener.balancer;
    let of_balancer = state.elb.listeners.values().filter(same_balancer);
    if of_balancer.map(|listener| listener.rules.len()).sum::<usize>() >= MOST {
        return Err(AwsError::new(
            "TooManyRules",
            format!("The maximum number of rules on load balancer '{}' has been reached", listener.balancer),
        ));
    }
    let listener_arn = listener.arn.clone();
    let arn = format!("{}/{}", listener_arn.replacen(":listener/", ":listener-rule/", 1), id(state));
    let rule = Rule::new(arn.clone(), priority, conditions, action);
    let reply = json!({"Rules": [rule.show()]});
    state.elb.tags.insert(arn, tags);
    if let Some(listener) = state.elb.listeners.get_mut(&listener_arn) {
        listener.rules.push(rule);
        listener.rules.sort_by_key(|rule| rule.priority);
    }
    Ok(reply)
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let (params, elb) = (Params(&body), &state.elb);
    let arns = params.texts("RuleArns");
    let rules: Vec<&Rule> = match params.text("ListenerArn") {
        Some(_) if !arns.is_empty() => {
            return Err(invalid("You cannot specify both a listener ARN and rule ARNs"));
        }
        Some(listener) => listeners::find(elb, listener)?.all_rules().collect(),
        None if arns.is_empty() => {
            return Err(invalid("You must specify either a listener ARN or rule ARNs"));
        }
        None => {
            let all = || elb.listeners.values().flat_map(Listener::all_rules);
            let find = |arn: &String| all().find(|rule| rule.arn == *arn).ok_or_else(not_found);
            arns.iter().map(find).collect::<Result<_, _>>()?
        }
    };
    Ok(json!({"Rules": rules.into_iter().map(Rule::show).collect::<Vec<_>>()}))
}

fn modify(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let (listener, place) = locate_numbered(&state.elb, params.required("RuleArn")?, "modified")?;
    let listener = listeners::find(&state.elb, &listener)?;
    let mut rule = listener.rules[place].clone();
    if !params.list("Conditions").is_empty() {
        rule.conditions = condition::read(params)?;
    }
    if !params.list("Actions").is_empty() {
        rule.action = action::read(&state.elb, &listener.balancer, listener.speech(), params, "Actions")?;
    }
    let reply = json!({"Rules": [rule.show()]});
    let listener = listener.arn.clone();
    if let Some(listener) = state.elb.listeners.get_mut(&listener) {
        listener.rules[place] = rule;
    }
    Ok(reply)
}

fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arn = Params(&body).required("RuleArn")?;
    let (listener, place) = locate_numbered(&state.elb, arn, "deleted")?;
    if let Some(listener) = state.elb.listeners.get_mut(&listener) {
        listener.rules.remove(place);
    }
    state.elb.tags.remove(arn);
    Ok(json!({}))
}

fn set_priorities(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let mut wanted = Vec::new();
    for pair in Params(&body).required_list("RulePriorities")? {
        let arn = pair.required("RuleArn")?;
        let number = pair.number("Priority", 1..=50_000)?;
        let priority = Priority::Number(number.ok_or_else(|| invalid("A priority must be specified"))?);
        let (listener, _) = locate_numbered(&state.elb, arn, "modified")?;
        wanted.push((listener, arn, priority));
    }
    let mut listener_rules = Vec::new();
    for listener in state.elb.listeners.values() {
        let mut rules = listener.rules.clone();
        for rule in &mut rules {
            if let Some((_, _, priority)) = wanted.iter().find(|(_, arn, _)| *arn == rule.arn) {
                rule.priority = *priority;
            }
        }
        rules.sort_by_key(|rule| rule.priority);
        if let Some(pair) = rules.windows(2).find(|pair| pair[0].priority == pair[1].priority) {
            return Err(in_use(pair[0].priority));
        }
        listener_rules.push((listener.arn.clone(), rules));
    }
    let mut shown = Vec::new();
    for (listener, rules) in listener_rules {
        let changed = |rule: &&Rule| wanted.iter().any(|(_, arn, _)| *arn == rule.arn);
        shown.extend(rules.iter().filter(changed).map(Rule::show));
        if let Some(listener) = state.elb.listeners.get_mut(&listener) {
            listener.rules = rules;
        }
    }
    Ok(json!({"Rules": shown}))
}
