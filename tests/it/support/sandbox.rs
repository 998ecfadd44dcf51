//! A test's own sandbox: its own id, folder, network and record, seeded from the fixtures, judged and cleaned up at the end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::query_parameters::{InspectNetworkOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder};
use serde_json::{Value, json};
use shipit_sandbox::client::Client;
use shipit_sandbox::elb::traffic::Forwards;
use shipit_sandbox::owner::LABEL_ID;
use shipit_sandbox::{Options, Running};

use super::{conform, http};

/// The account and region of the fixtures.
pub const ACCOUNT: &str = "123456789012";
/// See [`ACCOUNT`].
pub const REGION: &str = "ap-northeast-2";
/// Between two looks at a state that nothing announces.
const LOOK: Duration = Duration::from_millis(100);

/// A running sandbox. A test ends with [`TestSandbox::finish`], which judges what was said; without it the test fails.
pub struct TestSandbox {
    // Dropped in this order: tasks before the images that they run.
    running: Option<Running>,
    images: Images,
    folder: tempfile::TempDir,
}

/// Images of the sandbox's registry in the Engine.
struct Images {
    registry: Option<String>,
}

/// The Engine, where clients look for it.
pub fn engine() -> String {
    std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned())
}

/// A file of the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

impl TestSandbox {
    /// A sandbox without an Engine, in real time: for what needs no tasks.
    pub async fn without_engine(name: &str) -> Self {
        Self::start(name, |_| ()).await
    }

    /// The same, with a clock that runs so many times faster.
    pub async fn without_engine_at(name: &str, factor: f64) -> Self {
        Self::start(name, |options| options.factor = factor).await
    }

    /// A sandbox with the Engine whose clock runs so many times faster.
    pub async fn with_engine(name: &str, factor: f64) -> Self {
        Self::start(name, |options| {
            options.docker = Some(engine());
            options.factor = factor;
        })
        .await
    }

    async fn start(name: &str, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        let id = format!("test-{name}-{}", std::process::id());
        let mut options = Options::new(folder.path().join("sandbox"), id);
        ACCOUNT.clone_into(&mut options.account);
        REGION.clone_into(&mut options.region);
        options.record = Some(folder.path().join("exchanges.jsonl"));
        change(&mut options);
        let images = options.docker.is_some();
        let running = shipit_sandbox::serve(options).await.unwrap_or_else(|error| panic!("{error}"));
        let registry = images.then(|| running.address.to_string());
        Self { running: Some(running), images: Images { registry }, folder }
    }

    /// Images are built for its registry: they leave the Engine with it, also when the test fails.
    pub fn takes_images(&mut self) {
        self.images.registry = Some(self.registry());
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs until `finish`")
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        self.running().endpoint()
    }

    /// `127.0.0.1:PORT`, the registry.
    pub fn registry(&self) -> String {
        self.running().address.to_string()
    }

    /// The test's own folder, gone with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// So many virtual seconds pass at once.
    pub fn pass(&self, seconds: u64) {
        self.running().shared.lock().clock.virtual0 += seconds * 1000;
    }

    /// Its clock is so many seconds late: a session that it gives out has ended by then.
    pub fn late_by(&self, seconds: u64) {
        self.running().shared.lock().clock.virtual0 -= seconds * 1000;
    }

    /// Jobs of CodePipeline, with what their worker has answered.
    pub fn jobs(&self) -> Value {
        self.running().shared.lock().jobs()
    }

    /// Virtual time, epoch seconds.
    pub fn now(&self) -> f64 {
        self.running().shared.lock().now_seconds()
    }

    /// Plays a seed file of the fixtures; `"file"` stands for a body kept in a file beside it. Its requests are judged too.
    pub async fn seed(&self, name: &str) {
        let path = fixture(name);
        let mut entries = json_file(&path);
        for entry in entries.as_array_mut().unwrap() {
            let members = entry.as_object_mut().unwrap();
            if let Some(Value::String(file)) = members.remove("file") {
                members.insert("body".to_owned(), json_file(&path.with_file_name(file)));
            }
            let text = |name: &str| entry[name].as_str().unwrap();
            let complaints = conform::complaints_of_request(text("service"), text("operation"), &entry["body"]);
            assert!(complaints.is_empty(), "{}: {}", path.display(), told(&complaints));
        }
        self.admin("seed", &entries).await;
    }

    /// Posts to the admin API.
    pub async fn admin(&self, path: &str, body: &Value) -> Value {
        Client::new(self.endpoint()).post(path, body).await.unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    /// Removes all faults.
    pub async fn clear_faults(&self) {
        Client::new(self.endpoint()).delete("faults").await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// A call of a JSON service that must be answered.
    pub async fn call(&self, service: &str, operation: &str, body: Value) -> Value {
        let answer = self.try_call(service, operation, body).await;
        answer.unwrap_or_else(|error| panic!("{operation} was refused: {error}"))
    }

    /// A call of a JSON service: the reply, or the error.
    pub async fn try_call(&self, service: &str, operation: &str, body: Value) -> Result<Value, Value> {
        http::call(&self.endpoint(), service, operation, &body).await
    }

    /// Where a listener of a load balancer really listens.
    pub fn listener(&self, balancer: &str, port: u16) -> SocketAddr {
        let addresses = self.running().shared.lock().elb.addresses();
        *addresses.get(balancer).and_then(|ports| ports.get(&port)).unwrap_or_else(|| panic!("{balancer}:{port} does not listen"))
    }

    /// What a rule sends to a target group, of all that it sends: asked at any time.
    pub fn share(&self, rule: &str, group: &str) -> impl Fn() -> Option<(u32, u32)> + Send + use<> {
        let (shared, rule, group) = (Arc::clone(&self.running().shared), rule.to_owned(), group.to_owned());
        move || match shared.lock().forwards(&rule)? {
            Forwards::To(shares) => {
                let of_group = shares.iter().filter(|(other, _)| *other == group).map(|(_, weight)| weight);
                Some((of_group.sum(), shares.iter().map(|(_, weight)| weight).sum()))
            }
            Forwards::Otherwise => None,
        }
    }

    /// The requests of an operation that were answered without an error, in order.
    pub fn answered(&self, operation: &str) -> Vec<Value> {
        let record = std::fs::read_to_string(self.folder.path().join("exchanges.jsonl")).unwrap();
        let named = format!("\"operation\":\"{operation}\"");
        let lines = record.lines().filter(|line| line.contains(&named));
        let exchanges = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let good = exchanges.filter(|exchange| exchange["operation"] == operation && exchange["error"].is_null());
        good.map(|mut exchange| exchange["request"].take()).collect()
    }

    /// Looks until there is an answer, `within` on the wall.
    pub async fn until<T>(&self, what: &str, within: Duration, mut look: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + within;
        loop {
            if let Some(answer) = look(self).await {
                return answer;
            }
            if Instant::now() > end {
                let services = Client::new(self.endpoint()).get("status").await.map(|status| status["services"].clone());
                panic!("not within {within:?}: {what}; {services:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// One service, as DescribeServices has it.
    pub async fn service(&self, name: &str) -> Value {
        let body = json!({"cluster": "storefront", "services": [name]});
        self.call("ecs", "DescribeServices", body).await["services"][0].take()
    }

    /// Ends it, and fails the test when it has left something in the Engine or an exchange was not as AWS's models have it.
    pub async fn finish(mut self) {
        let running = self.running.take().expect("it is finished once");
        let id = running.owner.id.clone();
        running.shutdown().await.unwrap_or_else(|error| panic!("{error}"));
        if self.images.registry.is_some() {
            nothing_left(&id).await;
        }
        let complaints = conform::complaints_of_record(&self.folder.path().join("exchanges.jsonl"));
        assert!(complaints.is_empty(), "not as AWS's models have it:{}", told(&complaints));
    }
}

impl Drop for TestSandbox {
    fn drop(&mut self) {
        let forgotten = self.running.is_some() && !std::thread::panicking();
        assert!(!forgotten, "a test with a sandbox ends with `finish`");
    }
}

impl Drop for Images {
    /// Also when the test has failed: then the sandbox's tasks are gone already, and the images can go.
    fn drop(&mut self) {
        let Some(registry) = self.registry.take() else {
            return;
        };
        let list = Command::new("docker").args(["images", "--format", "{{.ID}} {{.Repository}}"]).output();
        let list = list.map(|done| String::from_utf8_lossy(&done.stdout).into_owned()).unwrap_or_default();
        let of_registry = |line: &str| {
            let (id, repository) = line.split_once(' ')?;
            repository.starts_with(&registry).then(|| id.to_owned())
        };
        let mut ids: Vec<String> = list.lines().filter_map(of_registry).collect();
        ids.sort();
        ids.dedup();
        if !ids.is_empty() {
            // What stays is an image that nobody names.
            let _ = Command::new("docker").args(["rmi", "--force"]).args(ids).output();
        }
    }
}

async fn nothing_left(id: &str) {
    let docker = shipit_sandbox::engine::connect(&engine()).await.unwrap();
    let label = format!("{LABEL_ID}={id}");
    let filters = HashMap::from([("label", vec![label.as_str()])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = docker.list_containers(Some(options)).await.unwrap();
    assert!(containers.is_empty(), "containers are left: {containers:?}");
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    for network in docker.list_networks(Some(options)).await.unwrap() {
        assert!(is_miscounted(&docker, network.id.as_deref().unwrap()).await, "a network is left: {network:?}");
    }
}

/// Engine 20.10 miscounts endpoints when many containers start and end at once: nobody can remove such a network until the
/// Engine is started anew, see `shipit_sandbox::engine`.
async fn is_miscounted(docker: &bollard::Docker, network: &str) -> bool {
    let found = docker.inspect_network(network, None::<InspectNetworkOptions>).await.unwrap();
    let empty = found.containers.is_none_or(|containers| containers.is_empty());
    let refused = docker.remove_network(network).await;
    empty && matches!(refused, Err(bollard::errors::Error::DockerResponseServerError { status_code: 403, .. }))
}

fn told(complaints: &[conform::Complaint]) -> String {
    complaints.iter().map(|complaint| format!("\n  {complaint}")).collect()
}

/// A file's JSON.
pub fn json_file(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}
