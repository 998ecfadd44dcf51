//! Every cause that a sandbox can produce, produced: real containers fail, the real program deploys them, and what it says is
//! read on the terminal, in the JSON lines and in the file.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::PATIENCE;
use crate::support::sandbox::{ACCOUNT, REGION, TestSandbox, fixture};

/// How long the services may take to be there, on the wall.
const STEADY: Duration = Duration::from_secs(120);
const COMMIT: &str = "4f2a91c0c7d1b7a5b7e3f1d2c3b4a5968778695a";
/// Stays until it is asked to end.
const STAYS: &str = "trap 'exit 0' TERM; while :; do sleep 0.2; done";

/// A service, and the revision that fails.
struct Case {
    /// The service's name, which is that of the cause with hyphens.
    name: &'static str,
    /// Its stable name.
    cause: &'static str,
    exit: i32,
    balanced: Balanced,
    on: On,
    ends_by: By,
    /// Laid over the container of the good definition.
    over: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Balanced {
    Yes,
    No,
}

/// Where its tasks run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Fargate,
    /// The cluster's one container instance.
    Instance,
}

/// Who gives the rollout up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Ecs,
    Shipit,
}

impl Case {
    fn new(name: &'static str, cause: &'static str, over: Value) -> Self {
        Self { name, cause, exit: 4, balanced: Balanced::No, on: On::Fargate, ends_by: By::Ecs, over }
    }

    fn hopeless(self) -> Self {
        Self { ends_by: By::Shipit, ..self }
    }

    fn on_an_instance(self) -> Self {
        Self { on: On::Instance, ..self }
    }

    fn balanced(self) -> Self {
        Self { balanced: Balanced::Yes, ..self }
    }
}

fn start(port: &str, environment: &Value) -> Value {
    json!({"command": ["/app/start", port], "environment": environment})
}

fn shell(script: &str) -> Value {
    json!({"command": ["sh", "-c", script]})
}

fn logs(group: &str) -> Value {
    let options = json!({"awslogs-group": group, "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"});
    json!({"logDriver": "awslogs", "options": options})
}

fn fixed_port() -> Value {
    json!([{"containerPort": 3333, "hostPort": 3333}])
}

fn cases() -> Vec<Case> {
    let ended = json!([{"name": "CRASH", "value": "missing DATABASE_URL"}]);
    let sick = json!([{"name": "HEALTH", "value": "500 Oops"}]);
    let check = json!({"command": ["CMD-SHELL", "test -f /ready"], "interval": 5, "timeout": 2, "retries": 2});
    let with = |mut value: Value, member: &str, more: Value| {
        value[member] = more;
        value
    };
    let elsewhere = logs("/ecs/elsewhere");
    let nowhere = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop/db-AbCdEf");
    let secrets = json!([{"name": "DATABASE_URL", "valueFrom": nowhere}]);
    vec![
        Case::new("image-missing", "image_missing", shell(STAYS)).hopeless(),
        Case::new("image-architecture", "image_architecture", json!({"command": ["/app"]})).hopeless(),
        Case::new("log-group", "log_group", with(shell(STAYS), "logConfiguration", elsewhere)).hopeless(),
        Case::new("secret-missing", "secret_missing", with(shell(STAYS), "secrets", secrets.clone())).hopeless(),
        Case::new("secret-instance", "secret_missing", with(shell(STAYS), "secrets", secrets)).hopeless().on_an_instance(),
        // The way back starts a task as well, and the port is taken for that one too.
        Case { exit: 5, ..Case::new("no-port", "no_port", with(shell(STAYS), "portMappings", fixed_port())).on_an_instance() },
        Case::new("no-memory", "no_memory", with(shell(STAYS), "memory", json!(8192))).on_an_instance(),
        Case::new("crash", "crash", start("3333", &ended)),
        Case { exit: 5, ..Case::new("first", "crash", start("3333", &ended)) },
        Case::new("out-of-memory", "out_of_memory", with(shell("echo filling; exec tail /dev/zero"), "memory", json!(16))),
        Case::new("container-health", "container_health", with(shell(STAYS), "healthCheck", check)),
        Case::new("target-code", "target_code", start("3333", &sick)).balanced(),
        Case::new("target-port", "target_port", start("4444", &json!([]))).balanced(),
        Case::new("target-timeout", "target_timeout", json!({"command": ["nc", "-ll", "-p", "3333", "-e", "sleep", "60"]}))
            .balanced(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn each_cause_is_produced_and_named_on_the_terminal_in_json_and_in_the_file() {
    let sandbox = TestSandbox::with_engine("dossiers", 10.0).await;
    let world = World::make(&sandbox).await;
    let cases = cases();
    join_all(cases.iter().map(|case| world.service(case))).await;
    let told = join_all(cases.iter().map(|case| world.deploy(case))).await;
    let wrong: Vec<String> = cases.iter().zip(&told).filter_map(|(case, told)| told.complaint(case)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    for (case, told) in cases.iter().zip(&told) {
        insta::assert_snapshot!(case.name, told.failure(&sandbox.registry()));
    }
    sandbox.finish().await;
}

/// The cluster, its load balancer, and the images.
struct World<'a> {
    sandbox: &'a TestSandbox,
    /// The good image, by digest.
    good: String,
    /// An image that was in the registry and is not any more, by digest.
    gone: String,
}

impl<'a> World<'a> {
    async fn make(sandbox: &'a TestSandbox) -> Self {
        let balancer =
            json!({"Name": "shop", "Type": "application", "Subnets": ["subnet-1", "subnet-2"], "SecurityGroups": ["sg-1"]});
        sandbox
            .admin(
                "seed",
                &json!([
                    {"service": "ecs", "operation": "CreateCluster", "body": {"clusterName": "prod"}},
                    {"service": "elbv2", "operation": "CreateLoadBalancer", "body": balancer},
                ]),
            )
            .await;
        let instance = json!({
            "cluster": "prod", "instanceIdentityDocument": json!({"instanceId": "i-00000000000000001"}).to_string(),
            "totalResources": [
                {"name": "CPU", "type": "INTEGER", "integerValue": 2048}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 4096},
            ],
        });
        sandbox.call("ecs", "RegisterContainerInstance", instance).await;
        let world = Self { sandbox, good: String::new(), gone: String::new() };
        world.log_in().await;
        let good = world.push("shop/good", fixture("storefront/backend").as_path()).await;
        let gone = world.push("shop/gone", fixture("storefront/frontend").as_path()).await;
        let (name, digest) = gone.split_once('@').unwrap();
        let deleted = json!({"repositoryName": "shop/gone", "imageIds": [{"imageDigest": digest}]});
        assert_eq!(sandbox.call("ecr", "BatchDeleteImage", deleted).await["failures"], json!([]));
        sandbox.docker(&["rmi", "--force", &format!("{name}:1")]).await.text();
        Self { good, gone, ..world }
    }

    async fn log_in(&self) {
        let reply = self.sandbox.call("ecr", "GetAuthorizationToken", json!({})).await;
        let token = STANDARD.decode(reply["authorizationData"][0]["authorizationToken"].as_str().unwrap()).unwrap();
        let token = String::from_utf8(token).unwrap();
        let (user, password) = token.split_once(':').unwrap();
        let registry = self.sandbox.registry();
        self.sandbox.docker(&["login", "--username", user, "--password", password, &registry]).await.text();
    }

    /// Builds and pushes an image of this test's own; answers its name with the digest.
    async fn push(&self, repository: &str, context: &Path) -> String {
        self.sandbox.call("ecr", "CreateRepository", json!({"repositoryName": repository})).await;
        let name = format!("{}/{repository}:1", self.sandbox.registry());
        let label = format!("shipit.test={name}");
        self.sandbox.docker(&["build", "--quiet", "--label", &label, "--tag", &name, context.to_str().unwrap()]).await.text();
        self.sandbox.docker(&["push", "--quiet", &name]).await.text();
        let digest = self.sandbox.docker(&["inspect", "--format", "{{index .RepoDigests 0}}", &name]).await.text();
        format!("{name}@{}", digest.split_once('@').unwrap().1).replacen(":1@", "@", 1)
    }

    fn folder(&self, case: &Case) -> PathBuf {
        self.sandbox.folder().join(case.name)
    }

    /// The service with its good revision, and the folder from which the bad one is deployed.
    async fn service(&self, case: &Case) {
        let name = case.name;
        self.sandbox.call("ecr", "CreateRepository", json!({"repositoryName": format!("shop/{name}")})).await;
        self.sandbox.call("logs", "CreateLogGroup", json!({"logGroupName": format!("/ecs/{name}")})).await;
        let create = self.create(case).await;
        self.pipeline(case, &create);
        if case.name == "first" {
            return;
        }
        let mut good = match case.balanced {
            Balanced::Yes => start("3333", &json!([])),
            Balanced::No => shell(STAYS),
        };
        if case.cause == "no_port" {
            good["portMappings"] = fixed_port();
        }
        let definition = self.definition(case, &self.good, &good);
        self.sandbox.call("ecs", "RegisterTaskDefinition", definition).await;
        let mut body = create;
        (body["cluster"], body["serviceName"], body["taskDefinition"]) = ("prod".into(), name.into(), name.into());
        self.sandbox.call("ecs", "CreateService", body).await;
        let steady = async |sandbox: &TestSandbox| {
            let described = sandbox.call("ecs", "DescribeServices", json!({"cluster": "prod", "services": [name]})).await;
            (described["services"][0]["deployments"][0]["rolloutState"] == "COMPLETED").then_some(())
        };
        self.sandbox.until(&format!("{name} is steady"), STEADY, steady).await;
    }

    /// create-service JSON.
    async fn create(&self, case: &Case) -> Value {
        // Without a breaker only shipit can tell that there is no use in waiting.
        let breaker = case.ends_by == By::Ecs;
        let mut create = json!({
            "desiredCount": 1,
            "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": breaker, "rollback": breaker}},
        });
        match case.on {
            On::Instance => create["launchType"] = "EC2".into(),
            On::Fargate => {
                create["launchType"] = "FARGATE".into();
                create["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
            }
        }
        if case.balanced == Balanced::Yes {
            create["loadBalancers"] =
                json!([{"targetGroupArn": self.targets(case).await, "containerName": "app", "containerPort": 3333}]);
            create["healthCheckGracePeriodSeconds"] = json!(10);
        }
        create
    }

    /// A target group behind a listener of its own; answers its ARN.
    async fn targets(&self, case: &Case) -> String {
        let place = cases().iter().position(|other| other.name == case.name).unwrap();
        let group = json!({
            "Name": case.name, "Protocol": "HTTP", "Port": 3333, "VpcId": "vpc-1", "TargetType": "ip", "HealthCheckPath": "/health",
            "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
        });
        let forward = json!([{"Type": "forward", "TargetGroupArn": "${ref:group}"}]);
        let balancer = self.sandbox.aws("elbv2 describe-load-balancers --names shop").await.json();
        let arn = &balancer["LoadBalancers"][0]["LoadBalancerArn"];
        let entries = json!([
            {"service": "elbv2", "operation": "CreateTargetGroup", "as": "group", "take": "TargetGroups.0.TargetGroupArn", "body": group},
            {"service": "elbv2", "operation": "CreateListener",
                "body": {"LoadBalancerArn": arn, "Protocol": "HTTP", "Port": 8000 + place, "DefaultActions": forward}},
        ]);
        self.sandbox.admin("seed", &entries).await;
        let command = format!("elbv2 describe-target-groups --names {}", case.name);
        self.sandbox.aws(&command).await.json()["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap().to_owned()
    }

    fn definition(&self, case: &Case, image: &str, over: &Value) -> Value {
        let name = case.name;
        let mut container = json!({
            "name": "app", "image": image, "essential": true, "portMappings": [{"containerPort": 3333}], "stopTimeout": 2,
            "logConfiguration": logs(&format!("/ecs/{name}")),
        });
        let platform = match case.on {
            On::Instance => {
                container["memory"] = json!(64);
                json!({"networkMode": "bridge", "requiresCompatibilities": ["EC2"]})
            }
            On::Fargate => {
                json!({"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"})
            }
        };
        container.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        let mut definition = json!({
            "family": name, "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/execution"),
            "containerDefinitions": [container],
        });
        definition.as_object_mut().unwrap().extend(platform.as_object().unwrap().clone());
        definition
    }

    /// The pipeline's folder: it joins this test's sandbox.
    fn pipeline(&self, case: &Case, create: &Value) {
        let folder = self.folder(case);
        std::fs::create_dir_all(folder.join(".shipit")).unwrap();
        std::os::unix::fs::symlink(self.sandbox.folder().join("sandbox"), folder.join(".shipit/sandbox")).unwrap();
        let mut definition = self.definition(case, "filled in", &case.over);
        if case.cause == "image_missing" {
            let sidecar = json!({"name": "sidecar", "image": self.gone, "essential": false});
            definition["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
        }
        std::fs::write(folder.join("taskdef.json"), definition.to_string()).unwrap();
        std::fs::write(folder.join("service.json"), create.to_string()).unwrap();
        let context = match case.cause {
            "image_architecture" => foreign(&folder),
            _ => fixture("storefront/backend"),
        };
        let pipeline = format!(
            "pipeline: {name}\nregion: {REGION}\ncluster: prod\nimages:\n  app: {{ context: {context}, repository: shop/{name} }}\n\
             gate: {{ fail_on: never, allow_status: [UNSUPPORTED_IMAGE] }}\nservices:\n  {name}:\n    task_definition: taskdef.json\n    \
             service_definition: service.json\n    containers: {{ app: app }}\n",
            name = case.name,
            context = context.display(),
        );
        std::fs::write(folder.join("shipit.yaml"), pipeline).unwrap();
    }

    async fn deploy(&self, case: &Case) -> Told {
        let folder = self.folder(case);
        let kept = ["PATH", "DOCKER_HOST"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipit"));
        command.args(["deploy", "--sandbox", "--output", "lines", "--commit", COMMIT]);
        let output = command.env_clear().envs(kept).env("HOME", &folder).current_dir(&folder).kill_on_drop(true).output();
        let output =
            tokio::time::timeout(PATIENCE, output).await.unwrap_or_else(|_| panic!("{} is not over", case.name)).unwrap();
        let run = std::fs::read_dir(folder.join(".shipit/runs")).ok().and_then(|mut runs| Some(runs.next()?.ok()?.path()));
        let file = |name: &str| run.as_ref().and_then(|run| std::fs::read_to_string(run.join(name)).ok()).unwrap_or_default();
        let events = file("events.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kept = serde_json::from_str(&file(&format!("dossier-{}.json", case.name))).unwrap_or_default();
        let terminal = String::from_utf8(output.stderr).unwrap();
        Told { exit: output.status.code(), terminal, events, kept }
    }
}

/// A context whose program is for another processor than any that tests run on: an ELF header for s390.
fn foreign(folder: &Path) -> PathBuf {
    let context = folder.join("foreign");
    std::fs::create_dir(&context).unwrap();
    let mut header = vec![0x7f, b'E', b'L', b'F', 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 22];
    header.resize(4096, 0);
    std::fs::write(context.join("app"), header).unwrap();
    std::fs::set_permissions(context.join("app"), Permissions::from_mode(0o755)).unwrap();
    std::fs::write(context.join("Dockerfile"), "FROM shipit-busybox:1\nCOPY app /app\nCMD [\"/app\"]\n").unwrap();
    context
}

/// What a deploy has said.
struct Told {
    exit: Option<i32>,
    /// The log that a person reads.
    terminal: String,
    /// `events.jsonl`.
    events: Vec<Value>,
    /// The dossier's file.
    kept: Value,
}

impl Told {
    /// What is not as it should be.
    fn complaint(&self, case: &Case) -> Option<String> {
        let last = self.events.iter().rfind(|event| event["event"] == "dossier").unwrap_or(&Value::Null);
        let named = self.terminal.contains(&format!("! {}: ", case.cause.replace('_', " ")));
        let fine = self.exit == Some(case.exit) && last["cause"] == case.cause && named && self.kept == *last;
        let stops = &last["dossier"]["stops"];
        (!fine).then(|| format!("{}: exit {:?}, {}: {stops}\n{}", case.name, self.exit, last["cause"], self.terminal))
    }

    /// The four parts, without what differs from run to run.
    fn failure(&self, registry: &str) -> String {
        let at = self.terminal.find("\nerror[").map_or(0, |at| at + 1);
        let text = self.terminal[at..].trim_end().replace(registry, "REGISTRY");
        let text = regex_lite::Regex::new(r"\d{8}T\d{6}-[0-9a-f]+").unwrap().replace_all(&text, "RUN");
        let hex = |word: &str| word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit());
        let mut words = String::new();
        for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let (word, end) = part.split_at(part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len()));
            words.push_str(if hex(word) { "HEX" } else { word });
            words.push_str(end);
        }
        words.lines().map(without_chance).collect::<Vec<_>>().join("\n")
    }
}

/// How many tasks had failed, how often a line was logged, and whether a task that is stopped has ended yet differs from run to
/// run.
fn without_chance(line: &str) -> String {
    let mut line = line.to_owned();
    for end in [" (app exited with 0)", " (app exited with 137)", " (app exited with 143)"] {
        line = line.replace(end, "");
    }
    if let Some((before, lines)) = line.split_once("its last log lines: ") {
        line = format!("{before}its last log lines: {}", lines.rsplit(" | ").next().unwrap_or(lines));
    }
    let words: Vec<&str> = line.split(' ').collect();
    let counts = |at: usize| match (words[at].trim_start_matches('('), words.get(at + 1).copied().unwrap_or_default()) {
        (number, "tasks") => number.parse::<u32>().is_ok(),
        (number, next) if next.starts_with("times)") => number.parse::<u32>().is_ok(),
        _ => false,
    };
    let shown = (0..words.len())
        .map(|at| if counts(at) { words[at].replace(|c: char| c.is_ascii_digit(), "N") } else { words[at].to_owned() });
    shown.collect::<Vec<_>>().join(" ")
}
