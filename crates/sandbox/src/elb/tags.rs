//! Tags of load balancers, target groups, listeners and rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::dispatch::Table;
use crate::elb::Elb;
use crate::elb::params::Params;
use crate::error::AwsError;
use crate::state::State;

/// Operations on tags.
pub const TABLE: Table = &[("AddTags", add), ("DescribeTags", describe), ("RemoveTags", remove)];

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

const MOST: usize = 50;

/// The `Tags` of a request.
///
/// # Errors
/// `DuplicateTagKeys`, `TooManyTags`.
pub fn read(params: Params<'_>) -> Result<Tags, AwsError> {
    let mut tags = Tags::new();
    for tag in params.list("Tags") {
        let key = tag.required("Key")?;
        let value = tag.text("Value").unwrap_or_default();
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(AwsError::new("DuplicateTagKeys", format!("The tag key '{key}' was specified more than once")));
        }
    }
    limited(tags)
}

fn limited(tags: Tags) -> Result<Tags, AwsError> {
    if tags.len() > MOST {
        let message = format!("The maximum number of tags per resource ('{MOST}') has been reached");
        return Err(AwsError::new("TooManyTags", message));
    }
    Ok(tags)
}

fn add(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    params.required_list("Tags")?;
    let new = read(params)?;
    for arn in resources(&state.elb, params)? {
        let tags = state.elb.tags.entry(arn).or_default();
        let mut all = tags.clone();
        all.extend(new.clone());
        *tags = limited(all)?;
    }
    Ok(json!({}))
}

fn remove(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let params = Params(&body);
    let keys = params.texts("TagKeys");
    for arn in resources(&state.elb, params)? {
        let tags = state.elb.tags.entry(arn).or_default();
        tags.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let mut described = Vec::new();
    for arn in resources(&state.elb, Params(&body))? {
        let tags = state.elb.tags.get(&arn).cloned().unwrap_or_default();
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        described.push(json!({"ResourceArn": arn, "Tags": tags}));
    }
    Ok(json!({"TagDescriptions": described}))
}

/// The named resources, each of which must exist.
fn resources(elb: &Elb, params: Params<'_>) -> Result<Vec<String>, AwsError> {
    params.required_list("ResourceArns")?;
    let arns = params.texts("ResourceArns");
    for arn in &arns {
        let rules = || elb.listeners.values().flat_map(|listener| listener.all_rules());
        let (there, code, message) = if arn.contains(":targetgroup/") {
            (elb.groups.contains_key(arn), "TargetGroupNotFound", "One or more target groups not found")
        } else if arn.contains(":listener-rule/") {
            (rules().any(|rule| rule.arn == *arn), "RuleNotFound", "One or more rules not found")
        } else if arn.contains(":listener/") {
            (elb.listeners.contains_key(arn), "ListenerNotFound", "One or more listeners not found")
        } else {
            (elb.balancers.contains_key(arn), "LoadBalancerNotFound", "One or more load balancers not found")
        };
        if !there {
            return Err(AwsError::new(code, message));
        }
    }
    Ok(arns)
}
