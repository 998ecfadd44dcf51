//! Capacity providers: FARGATE and FARGATE_SPOT, which every account has, and those of Auto Scaling groups. No group scales
//! here: what its provider can place is what its registered instances hold.

use serde_json::{Value, json};

use super::instance::Instance;
use super::placement::shares::Share;
use super::request::{invalid, list, object, page, required, text, texts};
use super::{cluster, ids};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The capacity provider operations.
pub(super) const TABLE: Table = &[
    ("CreateCapacityProvider", create),
    ("DescribeCapacityProviders", describe),
    ("DeleteCapacityProvider", delete),
    ("PutClusterCapacityProviders", put),
];

const FARGATE: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// A capacity provider of an Auto Scaling group.
#[derive(Clone, Debug)]
pub struct Provider {
    /// `capacityProviderArn`.
    pub arn: String,
    /// `autoScalingGroupProvider` as it is answered.
    pub group: Value,
    /// Its tags, as `{key, value}`.
    pub tags: Vec<Value>,
}

impl Provider {
    /// The Auto Scaling group's name: the end of its ARN, or what was given.
    fn group_name(&self) -> &str {
        let arn = text(&self.group, "autoScalingGroupArn").unwrap_or_default();
        arn.rsplit_once("autoScalingGroupName/").map_or(arn, |(_, name)| name)
    }
}

/// FARGATE or FARGATE_SPOT.
pub(super) fn is_fargate(name: &str) -> bool {
    FARGATE.contains(&name)
}

/// The provider that an instance belongs to: that of its Auto Scaling group, when its cluster has it.
pub(super) fn of<'a>(state: &'a State, instance: &Instance) -> Option<&'a str> {
    let group = instance.group()?;
    let associated = associated(state, &instance.cluster);
    let mut providers = state.ecs.providers.iter();
    let (name, _) = providers.find(|(name, provider)| provider.group_name() == group && associated.contains(name))?;
    Some(name)
}

fn associated(state: &State, cluster: &str) -> Vec<String> {
    state.ecs.clusters.get(cluster).map(|cluster| texts(&cluster.sent, "capacityProviders")).unwrap_or_default()
}

/// The cluster's `defaultCapacityProviderStrategy`.
pub(super) fn default_strategy<'a>(state: &'a State, cluster: &str) -> &'a [Value] {
    state.ecs.clusters.get(cluster).map_or(&[], |cluster| list(&cluster.sent, "defaultCapacityProviderStrategy"))
}

/// The strategy's providers belong to the cluster, and are all of one kind.
///
/// # Errors
/// `InvalidParameterException`.
pub(super) fn usable(state: &State, cluster: &str, shares: &[Share]) -> Result<(), AwsError> {
    let associated = associated(state, cluster);
    if shares.iter().any(|share| !associated.contains(&share.provider)) {
        let text = "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.";
        return Err(invalid(text));
    }
    let fargate = shares.iter().filter(|share| is_fargate(&share.provider)).count();
    if fargate > 0 && fargate < shares.len() {
        let text =
            "The specified capacity provider strategy cannot contain both Fargate and Auto Scaling group capacity providers.";
        return Err(invalid(text));
    }
    Ok(())
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "name")?.to_owned();
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    let prefixed = ["aws", "ecs", "fargate"].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
    if !letters || prefixed || name.len() > 255 {
        return Err(invalid(format!("The specified capacity provider name is invalid: {name}.")));
    }
    if state.ecs.providers.contains_key(&name) {
        return Err(invalid(
            "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.",
        ));
    }
    let sent = body.get("autoScalingGroupProvider").filter(|sent| sent.is_object());
    let sent = sent.ok_or_else(|| invalid("The sandbox has capacity providers of Auto Scaling groups only."))?;
    required(sent, "autoScalingGroupArn")?;
    let mut group = json!({
        "managedScaling": { "status": "DISABLED", "targetCapacity": 100, "minimumScalingStepSize": 1,
                            "maximumScalingStepSize": 10000, "instanceWarmupPeriod": 300 },
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "ENABLED",
    });
    super::service::configuration::overlay(&mut group, sent);
    let arn = state.arn("ecs", &format!("capacity-provider/{name}"));
    let provider = Provider { arn, group, tags: list(&body, "tags").to_vec() };
    let shown = shown(&name, &provider);
    state.ecs.providers.insert(name, provider);
    Ok(json!({ "capacityProvider": shown }))
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let all = FARGATE.iter().map(|name| (*name).to_owned()).chain(state.ecs.providers.keys().cloned());
    let wanted = texts(&body, "capacityProviders");
    let asked = !wanted.is_empty();
    let names: Vec<String> = if asked { wanted } else { all.collect() };
    let (mut providers, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let name = name.rsplit('/').next().unwrap_or(&name);
        let arn = state.arn("ecs", &format!("capacity-provider/{name}"));
        match state.ecs.providers.get(name) {
            Some(provider) => providers.push(shown(name, provider)),
            None if is_fargate(name) => providers.push(json!({
                "capacityProviderArn": arn, "name": name, "status": "ACTIVE", "tags": [], "type": name,
            })),
            None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
        }
    }
    let mut reply = page(providers, &body, "capacityProviders", 10)?;
    object(&mut reply).insert("failures".into(), failures.into());
    Ok(reply)
}

fn delete(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = required(&body, "capacityProvider")?;
    let name = name.rsplit('/').next().unwrap_or(name).to_owned();
    let used = |cluster: &cluster::Cluster| texts(&cluster.sent, "capacityProviders").contains(&name);
    if state.ecs.clusters.values().any(used) {
        let text = "The capacity provider cannot be deleted because it is associated with a cluster. Remove the capacity provider from the cluster and try again.";
        return Err(invalid(text));
    }
    let provider =
        state.ecs.providers.remove(&name).ok_or_else(|| {
            invalid("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
        })?;
    let mut shown = shown(&name, &provider);
    shown["status"] = "INACTIVE".into();
    shown["updateStatus"] = "DELETE_COMPLETE".into();
    Ok(json!({ "capacityProvider": shown }))
}

/// PutClusterCapacityProviders: what the cluster has and takes by default from now on.
fn put(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let cluster = cluster::named(state, &body)?;
    let names = texts(&body, "capacityProviders");
    if names.iter().any(|name| !is_fargate(name) && !state.ecs.providers.contains_key(name)) {
        let text = "The specified capacity provider does not exist. Specify a valid name or ARN and try again.";
        return Err(invalid(text));
    }
    let strategy = list(&body, "defaultCapacityProviderStrategy");
    super::placement::shares::read(strategy)?;
    if strategy.iter().any(|item| !names.iter().any(|name| text(item, "capacityProvider") == Some(name))) {
        let text = "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.";
        return Err(invalid(text));
    }
    let strategy = strategy.to_vec();
    let id = ids::uuid(state);
    if let Some(cluster) = state.ecs.clusters.get_mut(&cluster) {
        let members = object(&mut cluster.sent);
        members.insert("capacityProviders".into(), names.into());
        members.insert("defaultCapacityProviderStrategy".into(), strategy.into());
    }
    let mut shown = cluster::shown(state, &cluster);
    let members = object(&mut shown);
    let attachment = json!({ "id": id, "type": "as_policy", "status": "CREATED", "details": [] });
    members.insert("attachments".into(), json!([attachment]));
    members.insert("attachmentsStatus".into(), "UPDATE_COMPLETE".into());
    Ok(json!({ "cluster": shown }))
}

fn shown(name: &str, provider: &Provider) -> Value {
    json!({
        "capacityProviderArn": provider.arn,
        "name": name,
        "status": "ACTIVE",
        "autoScalingGroupProvider": provider.group,
        "updateStatus": "CREATE_COMPLETE",
        "tags": provider.tags,
        "type": "EC2_AUTOSCALING",
    })
}
