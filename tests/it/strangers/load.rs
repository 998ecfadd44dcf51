//! Requests through the load balancer all the time, while the backend is rolled.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::storefront::{answering, ended, pushed, register, update};
use crate::support::http;
use crate::support::sandbox::TestSandbox;

const CLIENTS: usize = 4;
/// Requests that a load has at least.
const REQUESTS: usize = 300;

/// Clients that ask one after the other until they are told to stop, and have asked often enough.
struct Load {
    over: Arc<AtomicBool>,
    clients: JoinSet<(BTreeMap<String, usize>, Vec<String>)>,
}

impl Load {
    fn begin(address: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (over, asked) = (Arc::clone(&over), Arc::clone(&asked));
            clients.spawn(async move {
                let (mut served, mut failed) = (BTreeMap::new(), Vec::new());
                while asked.fetch_add(1, Ordering::Relaxed) < REQUESTS || !over.load(Ordering::Relaxed) {
                    match http::version(address, "/api").await {
                        Ok(version) => *served.entry(version).or_default() += 1,
                        Err(error) => failed.push(error),
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                (served, failed)
            });
        }
        Self { over, clients }
    }

    /// Requests served, by version; none may have failed.
    async fn end(mut self) -> BTreeMap<String, usize> {
        self.over.store(true, Ordering::Relaxed);
        let mut all: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(client) = self.clients.join_next().await {
            let (served, failed) = client.unwrap();
            assert!(failed.is_empty(), "{} requests failed, the first: {}", failed.len(), failed[0]);
            for (version, count) in served {
                *all.entry(version).or_default() += count;
            }
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn no_request_fails_while_a_service_is_rolled_or_turned_back() {
    let sandbox = TestSandbox::with_engine("load", 10.0).await;
    sandbox.seed("storefront/seed.json").await;
    let image = pushed(&sandbox).await;
    let address = answering(&sandbox).await;
    let first = register(&sandbox, &image, &[("VERSION", "1")]).await;
    let deployment = update(&sandbox, &first).await;
    assert_eq!(ended(&sandbox, &deployment).await["status"], "SUCCESSFUL");

    // From one revision to the next: both serve, nothing fails.
    let load = Load::begin(address);
    let second = register(&sandbox, &image, &[("VERSION", "2")]).await;
    let deployment = update(&sandbox, &second).await;
    assert_eq!(ended(&sandbox, &deployment).await["status"], "SUCCESSFUL");
    assert_eq!(http::version(address, "/api").await, Ok("2".to_owned()));
    let served = load.end().await;
    assert!(served.keys().eq(["1", "2"]), "{served:?}");

    // A revision that crashes: the breaker trips, the old one serves all the time.
    let load = Load::begin(address);
    let broken = register(&sandbox, &image, &[("VERSION", "3"), ("CRASH", "no price list")]).await;
    let deployment = update(&sandbox, &broken).await;
    let rolled_back = ended(&sandbox, &deployment).await;
    assert_eq!(rolled_back["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(rolled_back["deploymentCircuitBreaker"], json!({"status": "TRIGGERED", "failureCount": 3, "threshold": 3}));
    let served = load.end().await;
    assert!(served.keys().eq(["2"]), "{served:?}");

    let service = sandbox.service("backend").await;
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1, "{service}");
    assert_eq!(service["taskDefinition"], second.as_str());
    let arns = json!({"cluster": "storefront", "serviceName": "backend", "desiredStatus": "STOPPED"});
    let stopped = sandbox.call("ecs", "ListTasks", arns).await["taskArns"].take();
    let tasks = sandbox.call("ecs", "DescribeTasks", json!({"cluster": "storefront", "tasks": stopped})).await["tasks"].take();
    let crashed: Vec<_> = tasks.as_array().unwrap().iter().filter(|task| task["taskDefinitionArn"] == broken.as_str()).collect();
    assert!(crashed.len() >= 3, "{tasks}");
    for task in crashed.iter().filter(|task| task["stopCode"] == "EssentialContainerExited") {
        assert_eq!(task["containers"][0]["exitCode"], 1, "{task}");
    }
    assert!(crashed.iter().any(|task| task["stoppedReason"] == "Essential container in task exited"), "{tasks}");
    sandbox.finish().await;
}
