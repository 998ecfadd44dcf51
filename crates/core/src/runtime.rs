//! What pulls a service's images and runs them, and whether it reads layers that are compressed with zstd.
//!
//! containerd does since 1.5, Docker since 23.0 (<https://docs.docker.com/engine/release-notes/23.0/>). Fargate runs containerd
//! since platform version 1.4.0, and Docker before
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-fargate.html>).

use serde_json::Value;

/// The first Docker that reads zstd.
const DOCKER: u32 = 23;
/// The first platform version of Fargate that reads zstd.
const FARGATE: [u32; 2] = [1, 4];

/// What runs a service's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Runtime {
    /// Fargate.
    Fargate {
        /// Its platform version as the service names it, e.g. `LATEST`.
        platform: String,
    },
    /// Container instances of the cluster.
    Instances {
        /// Those of these capacity providers; all, where none is named.
        providers: Vec<String>,
    },
    /// Something of which nothing is known here.
    #[default]
    Other,
}

/// A container instance of the cluster, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its EC2 id, or the last part of its ARN.
    pub name: String,
    /// The capacity provider that it belongs to.
    pub provider: Option<String>,
    /// `versionInfo.dockerVersion`, e.g. `DockerVersion: 20.10.25`.
    pub docker: Option<String>,
}

/// The container instances of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Instances {
    /// Nothing depends on them.
    #[default]
    NotAsked,
    /// They could not be read.
    Unknown {
        /// Why.
        why: String,
    },
    /// They are these.
    Listed(Vec<Instance>),
}

/// Whether a service will read layers that are compressed with zstd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Nothing is known against it.
    Yes,
    /// It may not.
    Unknown {
        /// What is not known.
        why: String,
    },
    /// It will not.
    No {
        /// Why.
        why: String,
        /// What would change that.
        next: String,
    },
}

impl Runtime {
    /// Of a service as ECS describes it, or as it is to be created. The task sets of CodeDeploy's services say it for them.
    pub fn of(service: &Value) -> Self {
        let sets = service["taskSets"].as_array().into_iter().flatten();
        let primary = sets.into_iter().find(|set| set["status"] == "PRIMARY").unwrap_or(&Value::Null);
        let told = |key: &str| [&service[key], &primary[key]].into_iter().find(|value| !value.is_null()).unwrap_or(&Value::Null);
        let strategy = told("capacityProviderStrategy").as_array().into_iter().flatten();
        let providers: Vec<String> = strategy.filter_map(|one| one["capacityProvider"].as_str()).map(str::to_owned).collect();
        let is_fargate = |name: &String| matches!(name.as_str(), "FARGATE" | "FARGATE_SPOT");
        let is_windows = told("platformFamily").as_str().is_some_and(|family| family.to_lowercase().starts_with("windows"));
        match told("launchType").as_str() {
            _ if is_windows => Runtime::Other,
            Some("FARGATE") => Runtime::fargate(told("platformVersion")),
            Some("EC2") => Runtime::Instances { providers },
            Some(_) => Runtime::Other,
            None if providers.is_empty() => Runtime::Other,
            None if providers.iter().all(is_fargate) => Runtime::fargate(told("platformVersion")),
            None => Runtime::Instances { providers },
        }
    }

    fn fargate(platform: &Value) -> Self {
        Runtime::Fargate { platform: platform.as_str().unwrap_or("LATEST").to_owned() }
    }

    /// Whether it reads zstd. `service` is its name in ECS, in `cluster`.
    pub fn reads_zstd(&self, instances: &Instances, service: &str, cluster: &str) -> Reads {
        match (self, instances) {
            (Runtime::Fargate { platform }, _) if is_before(platform, &FARGATE) => Reads::No {
                why: format!("`{service}` is on Fargate's platform version {platform}, which runs Docker; 1.4.0 reads zstd"),
                next: format!("aws ecs update-service --cluster {cluster} --service {service} --platform-version LATEST"),
            },
            (Runtime::Fargate { .. } | Runtime::Other, _) | (Runtime::Instances { .. }, Instances::NotAsked) => Reads::Yes,
            (Runtime::Instances { .. }, Instances::Unknown { why }) => {
                Reads::Unknown { why: format!("which Docker the container instances of `{service}` run is not known: {why}") }
            }
            (Runtime::Instances { providers }, Instances::Listed(all)) => {
                let may_run = |one: &&Instance| {
                    providers.is_empty() || one.provider.as_ref().is_some_and(|provider| providers.contains(provider))
                };
                of_instances(service, all.iter().filter(may_run).collect())
            }
        }
    }
}

fn of_instances(service: &str, instances: Vec<&Instance>) -> Reads {
    let is_old = |one: &&&Instance| one.docker.as_deref().is_some_and(|version| is_before(version, &[DOCKER]));
    if let Some(old) = instances.iter().find(is_old) {
        let version = old.docker.as_deref().map(plain).unwrap_or_default();
        return Reads::No {
            why: format!("`{service}` may run on {}, whose Docker is {version}; Docker reads zstd since 23.0", old.name),
            next: format!("replace {}: the Docker of a current ECS-optimized AMI reads zstd", old.name),
        };
    }
    let unknown = |one: &&&Instance| one.docker.as_deref().is_none_or(|version| numbers(version).is_empty());
    let why = match instances.iter().find(unknown) {
        Some(one) => format!("which Docker {} runs, where `{service}` may run, is not known", one.name),
        None if instances.is_empty() => {
            format!("there is no container instance yet for `{service}`: which Docker it will have is not known")
        }
        None => return Reads::Yes,
    };
    Reads::Unknown { why }
}

/// `20.10.25` of `DockerVersion: 20.10.25`.
fn plain(version: &str) -> &str {
    version.rsplit(' ').next().unwrap_or(version)
}

/// The numbers that a version begins with; none of `LATEST`.
fn numbers(version: &str) -> Vec<u32> {
    plain(version).split('.').map_while(|part| part.parse().ok()).collect()
}

/// Whether a version is known to be older.
fn is_before(version: &str, first: &[u32]) -> bool {
    let numbers = numbers(version);
    !numbers.is_empty() && numbers.as_slice() < first
}
