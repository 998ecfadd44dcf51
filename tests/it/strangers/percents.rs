//! The percents of a rolling deployment on real containers: what is stuck stays stuck, what moves keeps to its bounds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::sandbox::TestSandbox;

/// Virtual seconds for which a stuck deployment is watched: four times what a moving one of this size takes.
const STUCK_FOR: f64 = 600.0;
/// Virtual seconds after which a RUNNING task without health checks is healthy.
const HEALTHY_AFTER: f64 = 40.0;
const CLUSTER: &str = "percents";
const COMPLAINT: &str = "was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Moves,
    Stuck,
}

/// Desired tasks, minimum and maximum percent, lower and upper bound, and what becomes of it.
#[derive(Clone, Copy, Debug)]
struct Row(u32, u32, u32, u32, u32, Fate);

use Fate::{Moves, Stuck};

/// The published table up to four tasks; 100/100 cannot be made at all.
const TABLE: [Row; 17] = [
    Row(1, 100, 200, 1, 2, Moves),
    Row(1, 50, 100, 1, 1, Stuck),
    Row(1, 100, 150, 1, 1, Stuck),
    Row(1, 50, 150, 1, 1, Stuck),
    Row(1, 0, 100, 0, 1, Moves),
    Row(2, 75, 100, 2, 2, Stuck),
    Row(2, 100, 149, 2, 2, Stuck),
    Row(2, 100, 150, 2, 3, Moves),
    Row(2, 50, 100, 1, 2, Moves),
    Row(3, 100, 125, 3, 3, Stuck),
    Row(3, 100, 133, 3, 3, Stuck),
    Row(3, 100, 134, 3, 4, Moves),
    Row(3, 66, 100, 2, 3, Moves),
    Row(3, 67, 100, 3, 3, Stuck),
    Row(4, 50, 100, 2, 4, Moves),
    Row(4, 100, 125, 4, 5, Moves),
    Row(4, 50, 200, 2, 8, Moves),
];

impl Row {
    fn name(&self) -> String {
        format!("of-{}-{}-{}", self.0, self.1, self.2)
    }

    fn service(&self, revision: &str) -> Value {
        json!({
            "cluster": CLUSTER, "serviceName": self.name(), "taskDefinition": revision, "desiredCount": self.0,
            "launchType": "EC2",
            "deploymentConfiguration": {"minimumHealthyPercent": self.1, "maximumPercent": self.2},
        })
    }
}

/// What was seen of a service at one moment.
#[derive(Debug, Default)]
struct Sight {
    tasks: Vec<String>,
    healthy: u32,
    old: Vec<String>,
}

/// A cluster with an instance, and two revisions of a task that does nothing.
async fn prepare(sandbox: &TestSandbox) -> [String; 2] {
    sandbox.call("ecs", "CreateCluster", json!({"clusterName": CLUSTER})).await;
    let resources = json!([
        {"name": "CPU", "type": "INTEGER", "integerValue": 4096}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 16384},
    ]);
    sandbox.call("ecs", "RegisterContainerInstance", json!({"cluster": CLUSTER, "totalResources": resources})).await;
    let definition = json!({
        "family": "idle", "containerDefinitions": [{
            "name": "idle", "image": "shipit-busybox:1", "memory": 16,
            "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"],
        }],
    });
    let mut revisions = [String::new(), String::new()];
    for revision in &mut revisions {
        let made = sandbox.call("ecs", "RegisterTaskDefinition", definition.clone()).await;
        made["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().clone_into(revision);
    }
    revisions
}

/// All services at one moment; none when tasks came or went meanwhile.
async fn sights(sandbox: &TestSandbox, old: &str) -> Option<BTreeMap<String, Sight>> {
    let list = async || {
        let (mut arns, mut body) = (Vec::new(), json!({"cluster": CLUSTER, "desiredStatus": "RUNNING"}));
        loop {
            let page = sandbox.call("ecs", "ListTasks", body.clone()).await;
            arns.extend(page["taskArns"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()));
            match page["nextToken"].as_str() {
                Some(token) => body["nextToken"] = token.into(),
                None => break,
            }
        }
        arns.sort();
        arns
    };
    let listed = list().await;
    let mut tasks = Vec::new();
    for some in listed.chunks(100) {
        let described = sandbox.call("ecs", "DescribeTasks", json!({"cluster": CLUSTER, "tasks": some})).await;
        tasks.extend(described["tasks"].as_array().unwrap().iter().cloned());
    }
    let now = sandbox.now();
    if list().await != listed {
        return None;
    }
    let mut sights: BTreeMap<String, Sight> = BTreeMap::new();
    for task in &tasks {
        let sight = sights.entry(task["group"].as_str()?.strip_prefix("service:")?.to_owned()).or_default();
        let arn = task["taskArn"].as_str()?.to_owned();
        let running = task["lastStatus"] == "RUNNING";
        if running && task["startedAt"].as_f64().is_some_and(|started| now - started >= HEALTHY_AFTER) {
            sight.healthy += 1;
        }
        if task["taskDefinitionArn"] == old {
            sight.old.push(arn.clone());
        }
        sight.tasks.push(arn);
    }
    Some(sights)
}

async fn services(sandbox: &TestSandbox, rows: &[Row]) -> BTreeMap<String, Value> {
    let mut services = BTreeMap::new();
    for some in rows.chunks(10) {
        let names: Vec<String> = some.iter().map(Row::name).collect();
        let described = sandbox.call("ecs", "DescribeServices", json!({"cluster": CLUSTER, "services": names})).await;
        for service in described["services"].as_array().unwrap() {
            services.insert(service["serviceName"].as_str().unwrap().to_owned(), service.clone());
        }
    }
    services
}

/// The service's only deployment is of this revision, and completed.
fn is_at(service: &Value, revision: &str) -> bool {
    let deployments = service["deployments"].as_array().unwrap();
    deployments.len() == 1 && deployments[0]["rolloutState"] == "COMPLETED" && deployments[0]["taskDefinition"] == revision
}

/// Rolls a service a row side by side and holds each to its row.
async fn roll(sandbox: &TestSandbox, rows: &[Row], [old, new]: &[String; 2]) {
    for row in rows {
        sandbox.call("ecs", "CreateService", row.service(old)).await;
    }
    let begin = sandbox
        .until("all services are steady", PATIENCE, async |sandbox| {
            let sights = sights(sandbox, old).await?;
            let services = services(sandbox, rows).await;
            let steady = |row: &Row| sights[&row.name()].healthy == row.0 && is_at(&services[&row.name()], old);
            rows.iter().all(steady).then_some(sights)
        })
        .await;
    for row in rows {
        let body = json!({"cluster": CLUSTER, "service": row.name(), "taskDefinition": new});
        sandbox.call("ecs", "UpdateService", body).await;
    }
    let updated = sandbox.now();
    let mut looks = 0;
    sandbox
        .until("what moves has moved, and what is stuck was watched for long enough", PATIENCE, async |sandbox| {
            let services = services(sandbox, rows).await;
            for Row(desired, minimum, maximum, _, upper, _) in rows {
                let service = &services[&Row(*desired, *minimum, *maximum, 0, 0, Stuck).name()];
                let total = service["runningCount"].as_u64().unwrap() + service["pendingCount"].as_u64().unwrap();
                assert!(total <= u64::from(*upper), "{total} tasks, at most {upper}: {service}");
            }
            let sights = sights(sandbox, old).await?;
            looks += 1;
            for row in rows {
                let none = Sight::default();
                let sight = sights.get(&row.name()).unwrap_or(&none);
                assert!(sight.healthy >= row.3, "{row:?}: {sight:?}");
                assert!(sight.tasks.len() <= row.4 as usize, "{row:?}: {sight:?}");
                if row.5 == Stuck {
                    assert_eq!(sight.tasks, begin[&row.name()].tasks, "{row:?} moves");
                }
            }
            let moved = rows.iter().filter(|row| row.5 == Moves).all(|row| is_at(&services[&row.name()], new));
            (moved && sandbox.now() - updated >= STUCK_FOR).then_some(())
        })
        .await;
    assert!(looks >= 20, "only {looks} looks");
    let (services, sights) = (services(sandbox, rows).await, sights(sandbox, old).await.unwrap_or_default());
    for row in rows {
        let service = &services[&row.name()];
        let said =
            service["events"].as_array().unwrap().iter().any(|event| event["message"].as_str().unwrap().ends_with(COMPLAINT));
        assert_eq!(said, row.5 == Stuck, "{row:?}: {service}");
        if row.5 == Stuck {
            let primary = &service["deployments"][0];
            let shown = (&primary["rolloutState"], &primary["runningCount"], &primary["failedTasks"], &service["runningCount"]);
            assert_eq!(shown, (&json!("IN_PROGRESS"), &json!(0), &json!(0), &json!(row.0)), "{row:?}");
            assert_eq!(sights[&row.name()].old.len(), row.0 as usize, "{row:?}");
        }
        let gone = json!({"cluster": CLUSTER, "service": row.name(), "force": true});
        sandbox.call("ecs", "DeleteService", gone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn every_row_of_the_published_table_holds_on_containers() {
    let sandbox = TestSandbox::with_engine("percents", 20.0).await;
    let revisions = prepare(&sandbox).await;
    let never = Row(1, 100, 100, 1, 1, Stuck).service(&revisions[0]);
    let refusal = sandbox.try_call("ecs", "CreateService", never).await.unwrap_err();
    assert_eq!(refusal["__type"], "InvalidParameterException");
    let text = "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.";
    assert_eq!(refusal["message"], text);
    roll(&sandbox, &TABLE, &revisions).await;
    sandbox.finish().await;
}

/// Bounds by a way of its own: the smallest count that is enough, the largest that still fits.
fn bounds(desired: u32, minimum: u32, maximum: u32) -> (u32, u32) {
    let lower = (0..=desired).find(|count| count * 100 >= desired * minimum).unwrap();
    let upper = (0..=desired * 2).rfind(|count| count * 100 <= desired * maximum).unwrap();
    (lower, upper)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn full_matrix_of_percents_holds_on_containers() {
    let sandbox = TestSandbox::with_engine("percents-all", 20.0).await;
    let revisions = prepare(&sandbox).await;
    let mut rows = Vec::new();
    for desired in 1..=4 {
        for minimum in [0, 25, 50, 75, 99, 100] {
            for maximum in [100, 101, 125, 150, 199, 200].into_iter().filter(|maximum| minimum + maximum != 200) {
                let (lower, upper) = bounds(desired, minimum, maximum);
                let fate = if lower < desired || upper > desired { Moves } else { Stuck };
                rows.push(Row(desired, minimum, maximum, lower, upper, fate));
            }
        }
    }
    for batch in rows.chunks(18) {
        roll(&sandbox, batch, &revisions).await;
    }
    sandbox.finish().await;
}
