//! The AWS adapter against the sandbox: real requests, real containers.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use shipit::adapter::aws::{self, Aws, Credentials, Target};
use shipit::port::{Account, Ask, Asker, Change, Clock, Evidence, PortError, Registry, ScanWish, Scans, Secret, Service};
use shipit_core::dossier::{Definition, StopCode};
use shipit_core::gate::{Detail, Status};
use shipit_core::release::{Commit, Revision, RunId, Tag};
use shipit_core::settled::{Begun, Settled, Strength, settled};
use shipit_core::snapshot::{RepositorySeen, ServiceSeen, Stored};
use shipit_sandbox::{Options, Running, serve};

use crate::support::PATIENCE;

const FACTOR: f64 = 10.0;

struct World {
    sandbox: Running,
    aws: Aws,
    folder: tempfile::TempDir,
    pulled: Pulled,
}

/// Image names that the sandbox's tasks have pulled into the Engine; forgotten there at the end, however the test ends.
#[derive(Default)]
struct Pulled(Mutex<Vec<String>>);

impl Drop for Pulled {
    fn drop(&mut self) {
        for name in self.0.get_mut().unwrap() {
            let _ = Command::new("docker").args(["rmi", "--force", name]).output();
        }
    }
}

impl World {
    async fn start(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let docker = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let id = format!("it-{name}-{}", std::process::id());
        let options = Options { factor: FACTOR, docker: Some(docker), ..Options::new(folder.path().join("sandbox"), id) };
        let sandbox = serve(options).await.unwrap();
        let target = Target {
            region: Some("us-east-1".to_owned()),
            endpoint: Some(sandbox.endpoint()),
            credentials: Credentials::Static { key: "AKIASANDBOX".to_owned(), secret: Secret::new("sandbox".to_owned()) },
            clock: Clock::starting(Timestamp::now(), FACTOR),
            ..Target::default()
        };
        let aws = aws::connect(&target, "prod").await.unwrap();
        Self { sandbox, aws, folder, pulled: Pulled::default() }
    }

    fn seed(&self, entries: &Value) {
        let entries: Vec<shipit_sandbox::seed::Entry> = serde_json::from_value(entries.clone()).unwrap();
        shipit_sandbox::seed::play(&self.sandbox.shared, &entries).unwrap();
    }

    /// Pushes the busybox of the fixtures as `shop/web:<tag>`, by Docker's own client; answers the image's name.
    async fn push(&self, tag: &str) -> String {
        let login = self.aws.registry.login().await.unwrap();
        let name = format!("{}/shop/web:{tag}", login.server);
        let config = self.folder.path().join("docker");
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker").arg("--config").arg(&config).args(arguments).output().unwrap();
            assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        docker(&["login", "--username", &login.username, "--password", login.password.reveal(), &login.server]);
        docker(&["tag", "shipit-busybox:1", &name]);
        docker(&["push", &name]);
        self.pulled.0.lock().unwrap().push(name.clone());
        docker(&["rmi", &name]);
        name
    }

    async fn register(&self, image: &str, command: &str) -> Revision {
        let definition = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
            "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
            "tags": [{"key": "shipit:run", "value": command}],
            "containerDefinitions": [{
                "name": "web", "image": image, "essential": true, "command": ["sh", "-c", command],
                "healthCheck": {"command": ["CMD-SHELL", "test -f /ready"], "interval": 5, "timeout": 2, "retries": 2},
                "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}},
            }],
        });
        self.aws.service.register(&definition).await.unwrap()
    }

    async fn begin(&self, revision: &Revision, create: Option<Value>) -> Begun {
        let asker = Asker { run: RunId("r-1".to_owned()), commit: Commit("4f2a91c".to_owned()) };
        let (service, revision, configuration) = ("web".to_owned(), revision.clone(), Value::Null);
        let load_balancers = Value::Null;
        let change =
            Change { service, revision, configuration, load_balancers, create, shift: None, alarms: Default::default(), asker };
        self.aws.service.begin(&change).await.unwrap()
    }

    /// Follows until `ended` says so.
    async fn until(&self, begun: &Begun, ended: impl Fn(&Settled) -> bool) -> Settled {
        let started = Instant::now();
        loop {
            let seen = self.aws.service.follow(begun).await.unwrap();
            let now = settled(begun, &seen);
            if ended(&now) {
                return now;
            }
            assert!(started.elapsed() < PATIENCE, "still {now:?}: {seen:#?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Runs until it is asked to end, without ever being healthy.
const STAYS: &str = "trap 'exit 0' TERM; echo settings are missing; while :; do sleep 1; done";
/// The same, healthy.
const WORKS: &str = "touch /ready; trap 'exit 0' TERM; while :; do sleep 1; done";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_service_is_made_changed_and_turned_back() {
    let world = World::start("aws").await;
    let missing = world.aws.service.look("web").await.unwrap_err();
    assert!(matches!(missing, PortError::Failed(failure) if failure.what == "cluster `prod` does not exist"));
    assert_eq!(world.aws.account.whoami().await.unwrap(), ("000000000000".to_owned(), "us-east-1".to_owned()));
    let tag = Tag("4f2a91c".to_owned());
    assert_eq!(world.aws.registry.look("shop/web", &tag, None).await.unwrap(), RepositorySeen::Missing);
    world.seed(&json!([
        {"service": "ecs", "operation": "CreateCluster", "body": {"clusterName": "prod"}},
        {"service": "logs", "operation": "CreateLogGroup", "body": {"logGroupName": "/ecs/web"}},
        {"service": "ecr", "operation": "CreateRepository", "body": {"repositoryName": "shop/web"}},
    ]));
    assert!(matches!(world.aws.service.look("web").await.unwrap(), ServiceSeen::Missing));

    let image = world.push("4f2a91c").await;
    let RepositorySeen::Present { held: Stored::OfCommit(stored), .. } =
        world.aws.registry.look("shop/web", &tag, None).await.unwrap()
    else {
        panic!("it has been pushed");
    };
    assert!(stored.pushed_at.is_some());
    let started = Instant::now();
    let wish = ScanWish { detail: Detail::Findings, ask: Ask::IfUnknown };
    let look = async || world.aws.scans.look("shop/web", &stored.digest, wish).await.unwrap().remove(0).scan.status;
    while matches!(look().await, Status::NotFound | Status::InProgress) {
        assert!(started.elapsed() < PATIENCE, "a scan that was asked for ends");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let first = world.register(&image, WORKS).await;
    let create = json!({"desiredCount": 1, "launchType": "FARGATE", "deploymentConfiguration": {
        "minimumHealthyPercent": 100, "maximumPercent": 200, "deploymentCircuitBreaker": {"enable": true, "rollback": true}},
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let begun = world.begin(&first, Some(create)).await;
    let done = world.until(&begun, |now| *now != Settled::Pending).await;
    assert_eq!(done, Settled::Done { strength: Strength::ServiceDeployment });
    let ServiceSeen::Present(seen) = world.aws.service.look("web").await.unwrap() else { panic!("it exists") };
    assert_eq!((&seen.revision, seen.running, &seen.in_progress), (&first, 1, &None));
    assert_eq!(seen.running_digests.get("web"), Some(&stored.digest));
    assert_eq!(seen.tags.get("shipit:run").map(String::as_str), Some(WORKS));
    assert_eq!(world.begin(&first, None).await.deployment, begun.deployment, "nothing changed, nothing new");
    assert_eq!(world.aws.service.current("web").await.unwrap(), None);

    let second = world.register(&image, STAYS).await;
    let begun = world.begin(&second, None).await;
    assert_eq!(world.aws.service.current("web").await.unwrap(), Some(begun.clone()));
    let back = world.until(&begun, |now| !matches!(now, Settled::Pending | Settled::RollingBack { .. })).await;
    assert!(matches!(&back, Settled::RolledBack { to, .. } if *to == first), "{back:?}");
    let stops = world.aws.evidence.stopped("web", &begun.deployment, &BTreeSet::new()).await.unwrap();
    let stop = stops.iter().find(|stop| stop.has_failed()).unwrap();
    assert_eq!((&stop.code, stop.reason.as_str()), (&StopCode::ServiceSchedulerInitiated, "Task failed container health checks"));
    let definition = Definition::read(&world.aws.evidence.definition(&second).await.unwrap());
    let place = definition.containers[0].log.clone().unwrap();
    let stream = place.stream("web", &stop.task).unwrap();
    assert_eq!(world.aws.evidence.log(&place, &stream).await.unwrap(), ["settings are missing"]);

    let third = world.register(&image, &format!("{WORKS} # once more")).await;
    let begun = world.begin(&third, None).await;
    world.aws.service.stop(&begun, shipit::port::StopType::Rollback).await.unwrap();
    let back = world.until(&begun, |now| !matches!(now, Settled::Pending | Settled::RollingBack { .. })).await;
    assert!(matches!(&back, Settled::RolledBack { to, .. } if *to == first), "{back:?}");
    world.sandbox.shutdown().await.unwrap();
}
