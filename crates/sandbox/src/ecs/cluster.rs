//! Clusters: CreateCluster, DescribeClusters, ListClusters, and how other operations name one.

use serde_json::{Value, json};

use super::request::{includes, invalid, list, page, text, texts};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::state::State;

/// The cluster operations.
pub(super) const TABLE: Table = &[("CreateCluster", create), ("DescribeClusters", describe), ("ListClusters", list_clusters)];

/// A cluster: where services and tasks live.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// `clusterName`.
    pub name: String,
    /// `clusterArn`.
    pub arn: String,
    /// Its members as they were sent: settings, capacity providers and whatever else.
    pub sent: Value,
    /// Its tags, as `{key, value}`.
    pub tags: Vec<Value>,
}

/// The name that `cluster` (a name or an ARN, `default` when absent) stands for.
///
/// # Errors
/// `ClusterNotFoundException`.
pub(super) fn named(state: &State, body: &Value) -> Result<String, AwsError> {
    let name = short(text(body, "cluster").unwrap_or("default"));
    match state.ecs.clusters.contains_key(name) {
        true => Ok(name.to_owned()),
        false => Err(AwsError::new("ClusterNotFoundException", "Cluster not found.")),
    }
}

fn short(reference: &str) -> &str {
    reference.rsplit_once(":cluster/").map_or(reference, |(_, name)| name)
}

fn create(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let name = text(&body, "clusterName").unwrap_or("default").to_owned();
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
    if !letters || name.len() > 255 {
        return Err(invalid("Identifier must contain only letters, numbers, hyphens, or underscores."));
    }
    let arn = state.arn("ecs", &format!("cluster/{name}"));
    let tags = list(&body, "tags").to_vec();
    state.ecs.clusters.entry(name.clone()).or_insert(Cluster { name: name.clone(), arn, sent: body, tags });
    let cluster = &state.ecs.clusters[&name];
    Ok(json!({ "cluster": view(state, cluster, Detail::All) }))
}

fn describe(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let mut names = texts(&body, "clusters");
    if names.len() > 100 {
        return Err(invalid("Clusters cannot have more than 100 elements."));
    }
    if names.is_empty() {
        names.push("default".to_owned());
    }
    let detail = if includes(&body, "TAGS") { Detail::All } else { Detail::WithoutTags };
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        match state.ecs.clusters.get(short(&name)) {
            Some(cluster) => clusters.push(view(state, cluster, detail)),
            None => {
                let arn = state.arn("ecs", &format!("cluster/{}", short(&name)));
                failures.push(json!({ "arn": arn, "reason": "MISSING" }));
            }
        }
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

fn list_clusters(state: &mut State, body: Value) -> Result<Value, AwsError> {
    let arns = state.ecs.clusters.values().map(|cluster| cluster.arn.clone()).collect();
    page(arns, &body, "clusterArns", 100)
}

#[derive(Clone, Copy, PartialEq)]
enum Detail {
    All,
    WithoutTags,
}

/// The cluster of that name as it is answered.
pub(super) fn shown(state: &State, name: &str) -> Value {
    state.ecs.clusters.get(name).map_or(Value::Null, |cluster| view(state, cluster, Detail::All))
}

fn view(state: &State, cluster: &Cluster, detail: Detail) -> Value {
    let tasks = || state.ecs.tasks.values().filter(|task| task.cluster == cluster.name);
    let running = tasks().filter(|task| task.is_running()).count();
    let pending = tasks().filter(|task| task.is_pending()).count();
    let services = state.ecs.services.values();
    let services = services.filter(|service| service.cluster == cluster.name && service.is_active()).count();
    let tags = match detail {
        Detail::All => cluster.tags.as_slice(),
        Detail::WithoutTags => &[],
    };
    json!({
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": state.ecs.instances.values().filter(|one| one.cluster == cluster.name).count(),
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": services,
        "statistics": [],
        "tags": tags,
        "settings": cluster.sent.get("settings").cloned()
            .unwrap_or_else(|| json!([{ "name": "containerInsights", "value": "disabled" }])),
        "capacityProviders": list(&cluster.sent, "capacityProviders"),
        "defaultCapacityProviderStrategy": list(&cluster.sent, "defaultCapacityProviderStrategy"),
    })
}
