//! The admin API under `/_sandbox/`: health, status, faults, functions, jobs, seed, down. Its errors are `{"error": text}` with a 4xx.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};

use crate::dispatch::{self, Service};
use crate::faults::Fault;
use crate::loops::Loops;
use crate::seed::{self, Entry};

/// A seed of thousands of services fits.
const LIMIT: usize = 32 << 20;

pub(crate) fn router(loops: Loops) -> Router {
    Router::new()
        .route("/_sandbox/health", get(health))
        .route("/_sandbox/status", get(status))
        .route("/_sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/_sandbox/faults/{id}", delete(remove_fault))
        .route("/_sandbox/functions", post(register_function))
        .route("/_sandbox/jobs", get(jobs).post(queue_job))
        .route("/_sandbox/seed", post(play_seed))
        .route("/_sandbox/down", post(down))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(LIMIT))
        .with_state(loops)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn refused(why: impl std::fmt::Display) -> Response {
    answer(StatusCode::BAD_REQUEST, &json!({ "error": why.to_string() }))
}

async fn unknown() -> Response {
    answer(StatusCode::NOT_FOUND, &json!({"error": "the admin API does not have this path or method"}))
}

/// `{"id", "pid", "status": "ok"}`
async fn health(State(loops): State<Loops>) -> Response {
    let body = json!({"status": "ok", "id": loops.owner.id, "pid": loops.owner.process.pid});
    answer(StatusCode::OK, &body)
}

/// What there is, for a person: where everything listens, services with their counts, instances, alarms, faults.
async fn status(State(loops): State<Loops>) -> Response {
    let mut state = loops.shared.lock();
    let mut ask = |service, operation, body: Value| dispatch::call(&mut state, service, operation, body).unwrap_or_default();
    let clusters = ask(Service::Ecs, "ListClusters", json!({}))["clusterArns"].clone();
    let mut services = Vec::new();
    for cluster in clusters.as_array().into_iter().flatten() {
        let named = ask(Service::Ecs, "ListServices", json!({"cluster": cluster, "maxResults": 100}));
        for names in named["serviceArns"].as_array().map(Vec::as_slice).unwrap_or_default().chunks(10) {
            let described = ask(Service::Ecs, "DescribeServices", json!({"cluster": cluster, "services": names}));
            for service in described["services"].as_array().into_iter().flatten() {
                let shown = ["serviceName", "clusterArn", "taskDefinition", "desiredCount", "runningCount", "pendingCount"];
                let mut entry = shown.iter().map(|name| (*name, service[*name].clone())).collect::<Value>();
                entry["rolloutState"] = service["deployments"][0]["rolloutState"].clone();
                services.push(entry);
            }
        }
    }
    let mut instances = Vec::new();
    for cluster in clusters.as_array().into_iter().flatten() {
        let listed = ask(Service::Ecs, "ListContainerInstances", json!({"cluster": cluster}))["containerInstanceArns"].clone();
        let body = json!({"cluster": cluster, "containerInstances": listed});
        for instance in
            ask(Service::Ecs, "DescribeContainerInstances", body)["containerInstances"].as_array().into_iter().flatten()
        {
            let shown = ["ec2InstanceId", "containerInstanceArn", "status", "remainingResources", "runningTasksCount"];
            instances.push(shown.iter().map(|name| (*name, instance[*name].clone())).collect::<Value>());
        }
    }
    let repositories = ask(Service::Ecr, "DescribeRepositories", json!({}))["repositories"].clone();
    let names = repositories.as_array().into_iter().flatten().map(|it| it["repositoryUri"].clone()).collect::<Value>();
    let alarms = ask(Service::CloudWatch, "DescribeAlarms", json!({}))["MetricAlarms"].clone();
    let alarms = alarms.as_array().into_iter().flatten();
    let alarms: Value = alarms.map(|it| json!({"name": it["AlarmName"], "state": it["StateValue"]})).collect();
    let body = json!({
        "endpoint": format!("http://{}", state.address),
        "registry": state.address,
        "id": loops.owner.id,
        "account": state.account,
        "region": state.region,
        "clock": state.clock,
        "now": state.now_seconds(),
        "docker": loops.docker.is_some(),
        "load_balancers": state.elb.addresses(),
        "repositories": names,
        "services": services,
        "instances": instances,
        "alarms": alarms,
        "faults": state.faults.list(),
    });
    answer(StatusCode::OK, &body)
}

async fn faults(State(loops): State<Loops>) -> Response {
    answer(StatusCode::OK, &json!({ "faults": loops.shared.lock().faults.list() }))
}

/// Answers `{"id": N}`.
async fn add_fault(State(loops): State<Loops>, body: Bytes) -> Response {
    let fault = serde_json::from_slice(&body).map_err(|error| error.to_string()).and_then(Fault::read);
    match fault {
        Ok(fault) => {
            let id = loops.shared.lock().faults.add(fault);
            loops.shared.ring();
            answer(StatusCode::CREATED, &json!({ "id": id }))
        }
        Err(error) => refused(error),
    }
}

async fn remove_fault(State(loops): State<Loops>, Path(id): Path<String>) -> Response {
    let removed = id.parse().is_ok_and(|id| loops.shared.lock().faults.remove(id));
    loops.shared.ring();
    match removed {
        true => answer(StatusCode::OK, &json!({})),
        false => answer(StatusCode::NOT_FOUND, &json!({ "error": format!("there is no fault `{id}`") })),
    }
}

async fn clear_faults(State(loops): State<Loops>) -> Response {
    loops.shared.lock().faults.clear();
    loops.shared.ring();
    answer(StatusCode::OK, &json!({}))
}

/// Takes `{"arn", "url"}`: hooks of that Lambda function are posted to the URL.
async fn register_function(State(loops): State<Loops>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (Some(arn), Some(url)) = (body["arn"].as_str(), body["url"].as_str()) else {
        return refused("a function is `{\"arn\": …, \"url\": …}`");
    };
    let registered = loops.shared.lock().functions.register(arn, url);
    loops.shared.ring();
    match registered {
        Ok(()) => answer(StatusCode::CREATED, &json!({})),
        Err(why) => refused(why),
    }
}

/// Answers `{"jobs": [{"id", "status", "result"}]}`.
async fn jobs(State(loops): State<Loops>) -> Response {
    answer(StatusCode::OK, &json!({ "jobs": loops.shared.lock().jobs() }))
}

/// Takes a job of a custom action of CodePipeline, as [`crate::state::State::queue_job`] wants it, and answers `{"id": ID}`.
async fn queue_job(State(loops): State<Loops>, body: Bytes) -> Response {
    let job: Value = serde_json::from_slice(&body).unwrap_or_default();
    let queued = loops.shared.lock().queue_job(&job);
    loops.shared.ring();
    match queued {
        Ok(id) => answer(StatusCode::CREATED, &json!({ "id": id })),
        Err(why) => refused(why),
    }
}

/// Takes a list of entries and answers `{"taken": {NAME: value}}`.
async fn play_seed(State(loops): State<Loops>, body: Bytes) -> Response {
    let entries: Vec<Entry> = match serde_json::from_slice(&body) {
        Ok(entries) => entries,
        Err(error) => return refused(error),
    };
    match seed::play(&loops.shared, &entries) {
        Ok(taken) => answer(StatusCode::OK, &json!({ "taken": taken })),
        Err(error) => refused(error),
    }
}

/// Answers at once; the sandbox then ends in its own time.
async fn down(State(loops): State<Loops>) -> Response {
    loops.stop.cancel();
    answer(StatusCode::ACCEPTED, &json!({"status": "ending"}))
}
