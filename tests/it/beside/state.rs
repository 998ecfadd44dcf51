//! How a service stands, in what two platforms must have in common.

use std::fmt;

use serde_json::Value;

/// A service's deployments, PRIMARY first.
#[derive(Clone, PartialEq, Eq)]
pub struct State {
    pub deployments: Vec<Deployment>,
}

/// All deployments of one revision, told as one: a rollback may be a deployment of its own or not.
#[derive(Clone, PartialEq, Eq)]
pub struct Deployment {
    pub revision: String,
    pub role: String,
    pub rollout: String,
    pub tasks: Tasks,
}

/// RUNNING tasks, against the service's desired count. How many of them are seen in between is luck.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tasks {
    Fewer,
    All,
}

impl State {
    /// Reads it off DescribeServices.
    pub fn of(service: &Value) -> Self {
        let mut seen: Vec<&Value> = service["deployments"].as_array().unwrap().iter().collect();
        seen.sort_by_key(|deployment| deployment["status"] != "PRIMARY");
        let mut revisions: Vec<&str> = seen.iter().map(|deployment| revision(deployment)).collect();
        let mut told = std::collections::BTreeSet::new();
        revisions.retain(|revision| told.insert(*revision));
        let deployments = revisions.into_iter().map(|named| {
            let of_it = || seen.iter().filter(|deployment| revision(deployment) == named);
            let running: u64 = of_it().filter_map(|deployment| deployment["runningCount"].as_u64()).sum();
            let first = of_it().next().unwrap();
            let text = |key: &str| first[key].as_str().unwrap().to_owned();
            let tasks = if Some(running) < service["desiredCount"].as_u64() { Tasks::Fewer } else { Tasks::All };
            Deployment { revision: named.to_owned(), role: text("status"), rollout: text("rolloutState"), tasks }
        });
        Self { deployments: deployments.collect() }
    }

    pub fn primary(&self) -> &Deployment {
        &self.deployments[0]
    }

    /// The others that have not been given up.
    pub fn leaving(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments.iter().skip(1).filter(|other| other.rollout != "FAILED")
    }
}

fn revision(deployment: &Value) -> &str {
    deployment["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap()
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.deployments.iter().map(|deployment| {
            let tasks = match deployment.tasks {
                Tasks::Fewer => "fewer",
                Tasks::All => "all",
            };
            format!("{} {} {} {tasks}", deployment.role, deployment.revision, deployment.rollout)
        });
        f.write_str(&told.collect::<Vec<_>>().join(", "))
    }
}
