//! The JSON Schema of the pipeline file, for editors. These types say what the reader takes; a test holds both together.

mod notify;
pub mod page;
mod secrets;
mod shift;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use notify::Notify;
use secrets::{BuildSecret, NotSecret};
use shift::{BlueGreen, Canary, Judge, Linear, Pause, Traffic};

/// Text that `${env:…}` fills in; whether it fits is known only then.
const VARIABLE: &str = r"\$\{env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";

/// A pipeline of shipit: images, their gate, the services they are rolled out to.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Pipeline {
    /// The pipeline's name.
    pipeline: String,
    /// The AWS region; without it the one of the AWS profile or environment.
    region: Option<Region>,
    /// The AWS account, in quotes; credentials of any other account are refused.
    account: Option<Account>,
    /// A role to assume before anything else.
    assume_role: Option<Role>,
    /// The ECS cluster's name; has to be given here or in the environment that is deployed to.
    cluster: Option<String>,
    /// The images that are built, by name.
    images: Option<BTreeMap<String, Image>>,
    /// What is told about every image, beside it in the registry; nothing if not given.
    attest: Option<Vec<Attestation>>,
    /// What stops an image before it is deployed.
    gate: Option<Gate>,
    /// What every image must have beside it in the registry: `sbom`, `provenance`, or an artifact type; nothing if not given.
    verify: Option<Vec<Required>>,
    /// The services that are deployed, by name.
    services: BTreeMap<String, Service>,
    /// Images of other containers that may stay on a moving tag.
    allow_latest: Option<Vec<String>>,
    /// What an interrupted run leaves behind; `turn-back` if not given.
    on_interrupt: Option<OnInterrupt>,
    /// Who is told how a run has ended; nobody if not given.
    notify: Option<Notify>,
    /// What `--env <name>` lays over the rest of the file.
    environments: Option<BTreeMap<String, Value>>,
}

/// An image that is built from a folder.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Image {
    /// The build context, relative to the pipeline file.
    context: String,
    /// The Dockerfile, relative to the context; `Dockerfile` if not given.
    dockerfile: Option<String>,
    /// The ECR repository's name, without registry and tag.
    repository: Repository,
    /// Build arguments.
    args: Option<BTreeMap<String, Scalar>>,
    /// The stage to build; the last one if not given.
    target: Option<String>,
    /// The platform; the Engine's own if not given.
    platform: Option<Platform>,
    /// The platforms, one build each: the image is an index of them.
    platforms: Option<Vec<Platform>>,
    /// Secrets for `RUN --mount=type=secret`, by id; they are never in the image.
    secrets: Option<BTreeMap<String, BuildSecret>>,
    /// `default`: `RUN --mount=type=ssh` reaches this machine's SSH agent.
    ssh: Option<Ssh>,
    /// What looks like a secret in the image and is none.
    not_secret: Option<Vec<NotSecret>>,
    /// `inline`: other machines find in the image what its layers came of.
    cache: Option<CacheKept>,
    /// How its layers are kept in the registry; `gzip` if not given.
    compression: Option<Compression>,
}

/// How layers are kept in the registry.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive alone")]
enum Compression {
    /// What every runtime reads.
    Gzip,
    /// Quicker; what runs the image must read it: containerd 1.5, Docker Engine 23.
    Zstd,
}

/// The scan gate.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Gate {
    /// The lowest severity that blocks; `high` if not given.
    fail_on: Option<Threshold>,
    /// How many findings of a severity or worse may stay, beside `fail_on`.
    thresholds: Option<Thresholds>,
    /// Findings that nothing fixes yet do not block; `false` if not given.
    fixable_only: Option<YesOrNo>,
    /// Findings that the running image has too do not block; `false` if not given.
    new_only: Option<YesOrNo>,
    /// No older scan result counts, e.g. `7d`.
    max_age: Option<Age>,
    /// Statuses without a result that pass; every other fails closed.
    allow_status: Option<Vec<AllowStatus>>,
    /// Findings that are accepted until a day.
    waivers: Option<Vec<Waiver>>,
}

/// How many findings of that severity or worse may stay.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Thresholds {
    /// Critical ones.
    critical: Option<Count>,
    /// High or worse.
    high: Option<Count>,
    /// Medium or worse.
    medium: Option<Count>,
    /// Low or worse.
    low: Option<Count>,
}

/// A finding that is accepted until a day.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Waiver {
    /// The vulnerability, e.g. `CVE-2026-1234`.
    id: String,
    /// Only in this package.
    package: Option<String>,
    /// The last day on which it holds, e.g. `2027-01-31`.
    until: Day,
    /// Why it is acceptable.
    reason: String,
}

/// A service and how it is rolled out.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Service {
    /// The ECS service's name, if it is another than here.
    service: Option<String>,
    /// Services that must be deployed before.
    needs: Option<Vec<String>>,
    /// A file of ECS's register-task-definition JSON, or `running`: the one that runs now.
    task_definition: String,
    /// Container name: image name; without it the task definition names all images itself.
    containers: Option<BTreeMap<String, String>>,
    /// How it is rolled out; `rolling` if not given.
    strategy: Option<AnyStrategy>,
    /// How traffic can be moved between two target groups, where the service is not wired for it yet.
    traffic: Option<Traffic>,
    /// Where a person is asked before it goes on; needs a strategy that shifts traffic.
    pause: Option<Pause>,
    /// What lets traffic move on, and what turns it back; needs a strategy that shifts traffic.
    judge: Option<Judge>,
    /// A request that must be answered as expected after the rollout.
    smoke: Option<Smoke>,
    /// A file of ECS's create-service JSON, used when the service does not exist.
    service_definition: Option<String>,
    /// A service that runs already what it would get is rolled out all the same; `false` if not given.
    force_new_deployment: Option<YesOrNo>,
}

/// A strategy's name, or a block of that name.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read by the derive alone")]
enum AnyStrategy {
    Word(StrategyWord),
    Block(Strategy),
}

/// A strategy with nothing more to say.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "read by the derive alone")]
enum StrategyWord {
    /// ECS replaces tasks within the percents that the service has.
    Rolling,
    /// The new version is brought up beside the old one, then all traffic moves at once.
    BlueGreen,
    /// The same, but 10 % of the traffic first, for 5 minutes.
    Canary,
    /// The same, but 10 % of the traffic every 6 minutes.
    Linear,
    /// As `blue_green`.
    #[schemars(rename = "blue-green")]
    BlueGreenToo,
}

/// A strategy and its details.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Strategy {
    /// ECS replaces tasks within the percents.
    rolling: Option<Rolling>,
    /// The new version is brought up beside the old one, then all traffic moves at once.
    blue_green: Option<BlueGreen>,
    /// The same, but one share of the traffic first, then the rest.
    canary: Option<Canary>,
    /// The same, but the traffic moves by equal steps.
    linear: Option<Linear>,
}

/// Percents of the desired count; what is not given stays as the service has it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Rolling {
    /// So many tasks stay healthy at least.
    minimum_percent: Option<MinimumPercent>,
    /// So many tasks run at most.
    maximum_percent: Option<MaximumPercent>,
}

/// One address that must answer after the rollout.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read by the derive alone")]
struct Smoke {
    /// The URL; `{load_balancer}` stands for the DNS name of the service's load balancer.
    url: String,
    /// The HTTP status expected; 200 if not given.
    expect: Option<Status>,
    /// How long it may take, e.g. `90s`, `5m`; `1m` if not given.
    within: Option<Duration>,
}

/// Text that may look like a number or like yes and no.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read by the derive alone")]
enum Scalar {
    String(String),
    Number(f64),
    Bool(bool),
}

fn matching(pattern: &str) -> Schema {
    json_schema!({ "type": "string", "pattern": format!("^{pattern}$|{VARIABLE}") })
}

fn words(words: &[&str]) -> Schema {
    json_schema!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": VARIABLE }] })
}

fn number(least: u32, most: u32) -> Schema {
    let integer = json!({ "type": "integer", "minimum": least, "maximum": most });
    json_schema!({ "anyOf": [integer, { "type": "string", "pattern": format!("^[0-9]+$|{VARIABLE}") }] })
}

macro_rules! values {
    ($($name:ident = $schema:expr;)*) => {
        $(
            struct $name;

            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        )*
    };
}

values! {
    Region = matching("[a-z]{2,}(-[a-z]{2,})+-[0-9]{1,2}");
    Account = matching("[0-9]{12}");
    Role = matching("arn:aws[a-z-]*:iam::[0-9]{12}:role/.+");
    Repository = matching(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*");
    Platform = words(&["linux/amd64", "linux/arm64"]);
    Ssh = words(&["default"]);
    Attestation = words(&["sbom", "provenance"]);
    Required = matching(r"(sbom|provenance|[^/ ]+/[^/ ]+)");
    CacheKept = words(&["inline", "registry"]);
    Threshold = words(&["critical", "high", "medium", "low", "never"]);
    Count = number(0, i32::MAX.unsigned_abs());
    YesOrNo = json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": VARIABLE }] });
    Age = matching("[0-9]+[mhd]");
    AllowStatus = words(&[
        "UNSUPPORTED_IMAGE",
        "SCAN_ELIGIBILITY_EXPIRED",
        "LIMIT_EXCEEDED",
        "IMAGE_SIZE_EXCEEDED",
        "NOT_SCANNED",
    ]);
    OnInterrupt = words(&["turn-back", "leave", "stop"]);
    When = words(&["always", "failure"]);
    FromVariable = json_schema!({ "type": "string", "pattern": VARIABLE });
    Day = matching("[0-9]{4}-[0-9]{2}-[0-9]{2}");
    MinimumPercent = number(0, 100);
    MaximumPercent = number(100, i32::MAX.unsigned_abs());
    Status = number(100, 599);
    Duration = matching("[0-9]+(ms|s|m|h)");
    Share = matching(r"[0-9]+(\.[0-9])?%");
    Part = matching(r"[0-9]+(\.[0-9]{1,4})?%");
    Requests = json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, matching("[0-9]+ ?(requests)?")] });
    Rule = matching("arn:aws[a-z-]*:elasticloadbalancing:[^:]*:[0-9]{12}:listener(-rule)?/.+");
    Place = words(&["scaled-up", "test-traffic", "before-production", "after-production"]);
}

/// The schema (draft 7, which editors read best), as it is committed in `pipelines/schema.json`.
pub fn schema() -> Value {
    let mut root = SchemaSettings::draft07().into_generator().into_root_schema_for::<Pipeline>().to_value();
    let mut environment = root.clone();
    if let Some(members) = environment.as_object_mut() {
        members.retain(|member, _| matches!(member.as_str(), "type" | "properties" | "additionalProperties"));
        if let Some(properties) = members.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|key, _| key != "pipeline" && key != "environments");
        }
    }
    let definitions = root.get("definitions").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut partial = Map::new();
    for (name, definition) in &definitions {
        partial.insert(in_part(name), in_parts(definition.clone()));
    }
    if let Some(all) = root.get_mut("definitions").and_then(Value::as_object_mut) {
        all.extend(partial);
    }
    if let Some(environments) = root.pointer_mut("/properties/environments") {
        environments["additionalProperties"] = in_parts(environment);
    }
    root
}

fn in_part(name: &str) -> String {
    format!("{name}InPart")
}

/// The schema of something that is laid over another: nothing has to be given.
fn in_parts(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(member, _)| member != "required");
            Value::Object(members.map(|(member, value)| (member.clone(), renamed(&member, value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(in_parts).collect()),
        value => value,
    }
}

fn renamed(member: &str, value: Value) -> Value {
    match (member, value) {
        ("$ref", Value::String(name)) => Value::String(in_part(&name)),
        (_, value) => in_parts(value),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::schema;
    use crate::config::read::shape::SHAPES;

    #[test]
    fn the_reader_and_the_schema_know_the_same_keys() {
        let schema = schema();
        for shape in SHAPES {
            let pointer = if shape.title == "Pipeline" { String::new() } else { format!("/definitions/{}", shape.title) };
            let definition = schema.pointer(&pointer).expect("every shape has a definition");
            let properties = definition["properties"].as_object().expect("it has properties");
            let in_schema: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(in_schema, shape.keys.iter().copied().collect(), "{}", shape.title);
            assert_eq!(definition["additionalProperties"], false, "{}", shape.title);
        }
        let definitions = schema["definitions"].as_object().expect("there are definitions");
        let of_maps = definitions.iter().filter(|(name, one)| !name.ends_with("InPart") && one.get("properties").is_some());
        assert_eq!(of_maps.count() + 1, SHAPES.len(), "every map of the schema has a shape");
    }
}
