//! A shop that deploys for real, and fast: the AWS adapter, real files and a sandbox, an image that lies in the registry
//! already, and a service that wants no tasks unless a test says so.

use std::path::PathBuf;
use std::sync::Mutex;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipit::adapter::aws::{self, Credentials, Target};
use shipit::adapter::docker::Docker;
use shipit::adapter::files::Files;
use shipit::adapter::git::{Environment, Git};
use shipit::config::{Overrides, load};
use shipit::engine::people::People;
use shipit::engine::record::Journal;
use shipit::engine::resume::begin;
use shipit::engine::{Context, observe, run};
use shipit::port::{Clock, Ports, Secret, SourceWish};
use shipit::report::Colour;
use shipit::report::failure::ending;
use shipit_core::content::SOURCES_LABEL;
use shipit_core::event::{Event, Outcome};
use shipit_core::failure::{Exit, Failure};
use shipit_core::journal::Head;
use shipit_core::pipeline::Pipeline;
use shipit_core::plan::{Plan, REVISION_LABEL, Reuse, plan};
use shipit_core::release::RunId;
use shipit_core::review::{Note, review};
use shipit_core::rollout::{Until, Wish};
use tokio::sync::watch;

use super::http::HTTP;
use super::sandbox::{self, REGION, TestSandbox};

/// The commit that is deployed.
pub const COMMIT: &str = "4f2a91c0000000000000000000000000000000aa";
const CONFIG_TYPE: &str = "application/vnd.docker.container.image.v1+json";
const LAYER_TYPE: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const IMAGE_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A layer without files: what there is to scan.
const EMPTY_TAR: [u8; 1024] = [0; 1024];

/// The pipeline file; the service's own state is the sandbox's.
const PIPELINE: &str = r#"pipeline: shop
account: "123456789012"
region: ap-northeast-2
cluster: storefront
images:
  backend: { context: backend, repository: storefront/backend }
gate: { fail_on: never, allow_status: [UNSUPPORTED_IMAGE] }
services:
  backend:
    task_definition: backend.taskdef.json
    containers: { api: backend }
    strategy: { rolling: { minimum_percent: 100, maximum_percent: 200 } }
"#;

/// How a deploy ended.
pub struct Ended {
    pub exit: Exit,
    /// None when it was refused before it began.
    pub outcome: Option<Outcome>,
    pub failures: Vec<Failure>,
    pub events: Vec<Event>,
}

impl Ended {
    /// The failures as a person reads them, with what differs from run to run named instead.
    pub fn words(&self, shop: &Shop) -> String {
        let told: Vec<String> = self.failures.iter().map(|failure| ending(failure, self.exit, Colour::No)).collect();
        shop.steady(&format!("{}\n(exit {})", told.join("\n"), self.exit.code()))
    }
}

/// The shop.
pub struct Shop {
    pub sandbox: TestSandbox,
    factor: f64,
}

impl Shop {
    /// Open, in a sandbox without an Engine: its clock runs 20 times as fast, its service wants no tasks.
    pub async fn open(name: &str) -> Self {
        let sandbox = TestSandbox::without_engine_at(name, 20.0).await;
        Self { sandbox, factor: 20.0 }.furnished().await
    }

    /// Open, with an Engine that runs the service's one task.
    pub async fn with_engine(name: &str) -> Self {
        let sandbox = TestSandbox::with_engine(name, 20.0).await;
        Self { sandbox, factor: 20.0 }.furnished_for(1).await
    }

    async fn furnished(self) -> Self {
        self.furnished_for(0).await
    }

    async fn furnished_for(self, desired: u32) -> Self {
        let shop = self;
        let folder = shop.folder();
        std::fs::create_dir_all(folder.join("backend")).unwrap();
        std::fs::write(folder.join("backend/Dockerfile"), "FROM shipit-busybox:1\nCOPY Dockerfile /\n").unwrap();
        std::fs::copy(sandbox::fixture("storefront/backend.taskdef.json"), folder.join("backend.taskdef.json")).unwrap();
        shop.write(PIPELINE);
        let mut seed = sandbox::json_file(&sandbox::fixture("storefront/seed.json"));
        for entry in seed.as_array_mut().unwrap() {
            if let Some(Value::String(file)) = entry.as_object_mut().unwrap().remove("file") {
                entry["body"] = sandbox::json_file(&sandbox::fixture("storefront").join(file));
                entry["body"]["desiredCount"] = desired.into();
            }
        }
        shop.sandbox.admin("seed", &seed).await;
        shop
    }

    /// Where the pipeline file lies.
    pub fn folder(&self) -> PathBuf {
        self.sandbox.folder().join("shop")
    }

    /// Another pipeline file.
    pub fn write(&self, pipeline: &str) {
        std::fs::write(self.folder().join("shipit.yaml"), pipeline).unwrap();
    }

    /// The pipeline file with this in place of that.
    pub fn change(&self, this: &str, that: &str) {
        let path = self.folder().join("shipit.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(this), "{this}");
        std::fs::write(&path, text.replace(this, that)).unwrap();
    }

    fn pipeline(&self) -> Pipeline {
        let loaded = load(&self.folder().join("shipit.yaml"), &Overrides::default(), &|_| None);
        loaded.unwrap_or_else(|_| panic!("the shop's pipeline file is in order")).pipeline
    }

    /// Sets a fault of the sandbox.
    pub async fn fault(&self, fault: Value) {
        self.sandbox.admin("faults", &fault).await;
    }

    /// The image of [`COMMIT`] as a build would have pushed it.
    pub async fn stock(&self) {
        let image = self.pipeline().images.remove(0);
        let sources = shipit::adapter::docker::sources(&image, None).unwrap();
        let labels = json!({SOURCES_LABEL: sources, REVISION_LABEL: COMMIT});
        let config = json!({"architecture": "amd64", "os": "linux", "config": {"Labels": labels},
                            "rootfs": {"type": "layers", "diff_ids": [digest(&EMPTY_TAR)]}})
        .to_string();
        let layer = EMPTY_TAR.to_vec();
        let manifest = json!({"schemaVersion": 2, "mediaType": IMAGE_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": digest(config.as_bytes()), "size": config.len()},
            "layers": [{"mediaType": LAYER_TYPE, "digest": digest(&layer), "size": layer.len()}]});
        self.push_blob(layer).await;
        self.push_blob(config.into_bytes()).await;
        let url = format!("{}/v2/storefront/backend/manifests/{COMMIT}", self.sandbox.endpoint());
        let reply = HTTP.put(url).header("authorization", self.basic().await).header("content-type", IMAGE_TYPE);
        assert_eq!(reply.body(manifest.to_string()).send().await.unwrap().status(), 201);
    }

    async fn basic(&self) -> String {
        let reply = self.sandbox.call("ecr", "GetAuthorizationToken", json!({})).await;
        format!("Basic {}", reply["authorizationData"][0]["authorizationToken"].as_str().unwrap())
    }

    async fn push_blob(&self, bytes: Vec<u8>) {
        let (endpoint, basic) = (self.sandbox.endpoint(), self.basic().await);
        let begun = HTTP.post(format!("{endpoint}/v2/storefront/backend/blobs/uploads/")).header("authorization", &basic);
        let begun = begun.send().await.unwrap();
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        let location = if location.starts_with('/') { format!("{endpoint}{location}") } else { location };
        let url = format!("{location}?digest={}", digest(&bytes));
        let reply = HTTP.put(url).header("authorization", basic).body(bytes).send().await.unwrap();
        assert_eq!(reply.status(), 201);
    }

    /// What shipit reaches the sandbox by.
    fn target(&self, endpoint: String) -> Target {
        let millis = (self.sandbox.now() * 1000.0) as i64;
        Target {
            region: Some(REGION.to_owned()),
            endpoint: Some(endpoint),
            credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
            clock: Clock::starting(Timestamp::from_millisecond(millis).unwrap(), self.factor),
            ..Target::default()
        }
    }

    /// Deploys.
    pub async fn deploy(&self) -> Ended {
        self.deploy_by(self.sandbox.endpoint(), |_| ()).await
    }

    /// Deploys by another way to the sandbox; `watch` sees every event as it comes.
    pub async fn deploy_by(&self, endpoint: String, watch: impl Fn(&Event) + Send + Sync) -> Ended {
        let pipeline = self.pipeline();
        let target = self.target(endpoint);
        let aws = aws::connect(&target, &pipeline.cluster).await.unwrap();
        let ports = Ports {
            source: Box::new(Git::new(Environment::of_process())),
            builder: Box::new(Docker::when_needed()),
            registry: Box::new(aws.registry),
            attestations: Box::new(aws.attestations),
            scans: Box::new(aws.scans),
            service: Box::new(aws.service),
            revisions: Box::new(aws.revisions),
            routes: Box::new(aws.routes),
            evidence: Box::new(aws.evidence),
            account: Box::new(aws.account),
            store: Box::new(Files::open(&pipeline.folder).unwrap()),
            probe: Box::new(aws.probe),
            metrics: Box::new(aws.metrics),
            roles: Box::new(aws.roles),
        };
        let events = Mutex::new(Vec::new());
        let tell = |event: Event| {
            watch(&event);
            events.lock().unwrap().push(event);
        };
        let (_stays, interrupt) = watch::channel(Wish::GoOn);
        let context = Context {
            ports: &ports,
            pipeline: &pipeline,
            clock: target.clock,
            by: "ana@laptop",
            tell: &tell,
            people: People::Away,
            until: Until::Deployed,
            interrupt,
        };
        let ended = carry_out(&context).await;
        let events = events.into_inner().unwrap();
        match ended {
            Ok(outcome) => {
                let failures = outcome.failure.clone().into_iter().collect();
                Ended { exit: outcome.exit, outcome: Some(outcome), failures, events }
            }
            Err(failures) => Ended { exit: failures[0].code.exit(), outcome: None, failures, events },
        }
    }

    /// Text with the sandbox's address and what else differs from run to run named instead.
    pub fn steady(&self, text: &str) -> String {
        let text = text.replace(&self.sandbox.registry(), "REGISTRY").replace(&self.folder().display().to_string(), "FOLDER");
        let times = regex_lite::Regex::new(r"\d{8}T\d{6}Z").unwrap();
        let runs = regex_lite::Regex::new(r"\d{8}T\d{6}-[0-9a-f]+").unwrap();
        runs.replace_all(&times.replace_all(&text, "TIME"), "RUN").into_owned()
    }

    /// The `shipit` program in the shop's folder, with nothing of this machine's environment but the path.
    pub fn program(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_shipit"));
        command.args(arguments).current_dir(self.folder()).env_clear().kill_on_drop(true);
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder())
            .env("DOCKER_HOST", sandbox::engine())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", REGION);
        command
    }

    /// The same, with credentials and this endpoint for all of AWS.
    pub fn program_at(&self, endpoint: &str, arguments: &[&str]) -> tokio::process::Command {
        let mut command = self.program(arguments);
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ACCESS_KEY_ID", "AKIASANDBOX").env("AWS_SECRET_ACCESS_KEY", "sandbox");
        command
    }
}

/// What a program said: exit code, standard output, standard error.
pub async fn said(mut command: tokio::process::Command) -> (i32, String, String) {
    let done = tokio::time::timeout(super::PATIENCE, command.output()).await;
    let done = done.expect("the program ends within two minutes").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
}

/// Observe, plan, review, open the journal, run: as `shipit deploy` does it.
async fn carry_out(context: &Context<'_>) -> Result<Outcome, Vec<Failure>> {
    let wish = SourceWish { commit: Some(COMMIT.to_owned()), ..SourceWish::default() };
    let snapshot = observe::observe(context, &wish, Reuse::Same).await?;
    let plan: Plan = plan(context.pipeline, &snapshot, Reuse::Same)?;
    let notes = review(context.pipeline, &snapshot, &plan).into_iter();
    let refusals: Vec<Failure> = notes
        .filter_map(|note| match note {
            Note::Refusal { failure } => Some(failure),
            Note::Remark { .. } => None,
        })
        .collect();
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let run_id = RunId(format!("{}", Timestamp::now().strftime("%Y%m%dT%H%M%S%6f")));
    let head = Head { run: run_id, by: context.by.to_owned(), plan };
    let book = begin(context, head, Vec::new()).await.map_err(|failure| vec![failure])?;
    let journal = Journal::new(context.ports.store.as_ref(), context.clock, book.head.run, book.entries);
    Ok(run::run(context, &book.head.plan, &journal).await)
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
