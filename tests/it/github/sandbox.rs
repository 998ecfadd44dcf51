//! The action against a sandbox with real containers: what a person reads and a workflow gets when it goes well, when the
//! gate stops it, when it is turned back, stuck and cancelled; and a workflow that was written for another action.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::action::action;
use super::runner::{Cancel, Ran, Runner};
use crate::together::stage::{Stage, ended, git};

/// With the program of this build, and the sandbox of the stage for AWS.
fn runner(stage: &Stage, note: &str) -> Runner {
    let mut runner = Runner::new(&stage.home());
    runner.path(Path::new(env!("CARGO_BIN_EXE_shipit")).parent().unwrap());
    runner.env("SHIPIT_SANDBOX", "true").env("NOTE", note);
    runner
}

async fn deploy(stage: &Stage, note: &str, with: &[(&str, &str)]) -> Ran {
    runner(stage, note).uses(action(), with, Cancel::Never).await
}

/// What differs from run to run by a name for it.
fn steady(stage: &Stage, text: &str) -> String {
    let registry = stage.endpoint.trim_start_matches("http://");
    let text = text
        .replace(&stage.home().display().to_string(), "HOME")
        .replace(registry, "REGISTRY")
        .replace("123456789012", "ACCOUNT");
    let patterns = [
        (r"service-deployment/shop/(\w+)/[\w-]+", "service-deployment/shop/$1/DEPLOYMENT"),
        (r"crash: \d+ tasks", "crash: N tasks"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
        (r"\d{8}T\d{6}-[0-9a-f]+", "RUN"),
        (r"sha256:[0-9a-f]{12,64}…?", "DIGEST"),
        (r"\b[0-9a-f]{40}\b", "COMMIT"),
        (r"\b[0-9a-f]{32}\b", "TASK"),
        (r"\b[0-9a-f]{7,12}…?(\b|$)", "HASH"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z)?", "TIME"),
        (r"\b\d\d:\d\d:\d\d\b", "TIME"),
        (r"(\d+m )?\b\d+(\.\d+)?( ?ms|s| s| kB| MB| min)\b", "MUCH"),
        (r"web:\d+", "web:N"),
    ];
    patterns
        .iter()
        .fold(text, |text, (pattern, name)| regex_lite::Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned())
}

fn shown(stage: &Stage, ran: &Ran) -> String {
    let outputs: Vec<String> = ran.outputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let said = ran.commands.iter().map(|command| format!("{} {:?} {}", command.name, command.properties, command.data));
    let said: Vec<String> = said.collect();
    let text = format!(
        "exit {:?}\n\n-- outputs\n{}\n\n-- commands\n{}\n\n-- summary\n{}",
        ran.exit,
        outputs.join("\n"),
        said.join("\n"),
        ran.summary
    );
    steady(stage, &text)
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn a_person_and_a_workflow_are_told_how_it_ended() {
    let stage = Stage::new("action").await;
    let home = stage.home();
    let file = std::fs::read_to_string(home.join("shipit.yaml")).unwrap();

    let good = deploy(&stage, "good", &[]).await;
    insta::assert_snapshot!("deployed", shown(&stage, &good));
    assert!(good.log.contains("/report.html\n"), "the summary names the report: {}", good.log);
    stage.steady().await;

    let strict = file.replace("gate: { fail_on: never, allow_status: [UNSUPPORTED_IMAGE] }", "gate: { fail_on: high }");
    assert_ne!(strict, file);
    std::fs::write(home.join("strict.yaml"), strict).unwrap();
    let findings = json!([{"name": "CVE-2026-1", "severity": "HIGH", "uri": "https://example.org/CVE-2026-1"}]);
    let fault = stage.fault(json!({"match": {}, "kind": "scan", "status": "COMPLETE", "findings": findings})).await;
    let held = deploy(&stage, "held", &[("file", "strict.yaml")]).await;
    insta::assert_snapshot!("gate", shown(&stage, &held));
    stage.end_fault(&fault).await;

    let bad = deploy(&stage, "crash", &[]).await;
    insta::assert_snapshot!("turned_back", shown(&stage, &bad));
    assert!(bad.log.contains("/report.html shows the whole run"), "it is what to read next: {}", bad.log);
    stage.steady().await;

    let new = file.replace("  web:\n    task", "  fresh:\n    service_definition: fresh.service.json\n    task");
    assert_ne!(new, file);
    std::fs::write(home.join("fresh.yaml"), new).unwrap();
    let mut service: Value = serde_json::from_slice(&std::fs::read(home.join("web.service.json")).unwrap()).unwrap();
    service["serviceName"] = "fresh".into();
    std::fs::write(home.join("fresh.service.json"), service.to_string()).unwrap();
    let stuck = deploy(&stage, "crash", &[("file", "fresh.yaml")]).await;
    insta::assert_snapshot!("stuck", shown(&stage, &stuck));

    let left = cancelled(&stage, "leave").await;
    assert_eq!(left.signals, ["INT"], "{}", left.log);
    insta::assert_snapshot!("cancelled", shown(&stage, &left));
    stage.steady().await;

    left_on_its_way_back(&stage).await;
    stage.steady().await;

    workflow_for_the_aws_action(&stage).await;
    stage.finish().await;
}

/// The rollout is under way, and has been looked at.
async fn under_way(stage: &Stage, since: usize) {
    let looked = async |stage: &Stage| {
        stage.answered(since, "UpdateService").pop()?;
        stage.answered(since, "ListServiceDeployments").pop()
    };
    stage.until("the rollout is under way", looked).await;
}

/// A deploy that is cancelled in the middle of its rollout.
async fn cancelled(stage: &Stage, policy: &str) -> Ran {
    let since = stage.exchanges();
    let begun = Notify::new();
    let tell = async {
        under_way(stage, since).await;
        begun.notify_one();
    };
    let mut runner = runner(stage, policy);
    let with = [("on-interrupt", policy)];
    let (ran, ()) = tokio::join!(runner.uses(action(), &with, Cancel::When(&begun)), tell);
    ran
}

/// GitHub's second signal comes while AWS goes back: the last words are there all the same.
async fn left_on_its_way_back(stage: &Stage) {
    let since = stage.exchanges();
    let child = stage.shipit(&stage.home(), &["deploy", "--sandbox", "--output", "lines"], "left");
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    under_way(stage, since).await;
    kill_process(pid, Signal::INT).unwrap();
    stage.until("AWS goes back", async |stage| stage.answered(since, "StopServiceDeployment").pop()).await;
    kill_process(pid, Signal::TERM).unwrap();
    let left = ended(child).await;
    assert_eq!(left.exit, 130, "{}", left.said);
    for words in ["the run was left before its end", "`web` goes back to shop-web:", "shipit resume --sandbox 2"] {
        assert!(left.said.contains(words), "{words}: {}", left.said);
    }
}

/// What the render action does: the image into the container, and the file beside.
fn rendered(home: &Path, image: &str) -> PathBuf {
    let mut definition: Value = serde_json::from_slice(&std::fs::read(home.join("web.taskdef.json")).unwrap()).unwrap();
    definition["containerDefinitions"][0]["image"] = image.into();
    let place = home.join("rendered.json");
    std::fs::write(&place, definition.to_string()).unwrap();
    place
}

/// A workflow that was written for AWS's deploy action, with nothing changed but `uses:`, in a repository without a pipeline file.
async fn workflow_for_the_aws_action(stage: &Stage) {
    let home = stage.home();
    std::fs::remove_file(home.join("shipit.yaml")).unwrap();
    let pushed = stage.call_of("ecr", "DescribeImages", json!({"repositoryName": "shop/web"})).await;
    let tag = pushed["imageDetails"][0]["imageTags"].as_array().unwrap().iter().find_map(Value::as_str).unwrap().to_owned();
    let image = format!("{}/shop/web:{tag}", stage.endpoint.trim_start_matches("http://"));

    let workflow =
        include_str!("workflows/aws.yml").replace("aws-actions/amazon-ecs-deploy-task-definition@v2", "shipit/shipit@v0");
    let workflow: Value = serde_saphyr::from_str(&workflow).unwrap();
    let mut dropin = runner(stage, "dropin");
    for (name, value) in workflow["env"].as_object().unwrap() {
        dropin.env(name, value.as_str().unwrap());
    }
    let mut ran = None;
    for step in workflow["jobs"]["deploy"]["steps"].as_array().unwrap() {
        match step["uses"].as_str() {
            Some(uses) if uses.starts_with("shipit/") => {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let with: Vec<(&str, String)> =
                    step["with"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), text(value))).collect();
                let with: Vec<(&str, &str)> = with.iter().map(|(name, value)| (*name, value.as_str())).collect();
                ran = Some(dropin.uses(action(), &with, Cancel::Never).await);
            }
            Some(uses) if uses.contains("render") => {
                let outputs = json!({"task-definition": rendered(&home, &image).display().to_string()});
                dropin.step(step["id"].as_str().unwrap(), outputs);
            }
            // The image is built and pushed, as these steps would have done it.
            _ => {}
        }
    }
    let ran = ran.expect("a step uses the action");
    assert_eq!((ran.exit, ran.outputs["result"].as_str()), (Some(0), "deployed"), "{}", ran.log);
    let arn = &ran.outputs["task-definition-arn"];
    let service = stage.service().await;
    assert_eq!(service["taskDefinition"], arn.as_str(), "the output that AWS's action has");
    let described = stage.call("DescribeTaskDefinition", json!({"taskDefinition": arn})).await;
    assert_eq!(described["taskDefinition"]["containerDefinitions"][0]["image"], image.as_str());
    registered_alone(stage, arn).await;
    git(&home, &["checkout", "-q", "shipit.yaml"]).await;
}

/// As AWS's action without `service`: the definition is registered, once, and nothing runs otherwise than before.
async fn registered_alone(stage: &Stage, running: &str) {
    let home = stage.home();
    let mut definition: Value = serde_json::from_slice(&std::fs::read(home.join("rendered.json")).unwrap()).unwrap();
    let register = async |with: &[(&str, &str)], definition: &Value| {
        std::fs::write(home.join("alone.json"), definition.to_string()).unwrap();
        let ran = runner(stage, "dropin").uses(action(), with, Cancel::Never).await;
        assert_eq!(ran.exit, Some(0), "{}", ran.log);
        (ran.outputs["result"].clone(), ran.outputs["task-definition-arn"].clone())
    };
    let with = [("task-definition", "alone.json"), ("cluster", "shop"), ("wait-for-service-stability", "true")];
    let since = stage.exchanges();
    assert_eq!(register(&with, &definition).await, ("unchanged".to_owned(), running.to_owned()), "it is what runs");
    assert_eq!(stage.answered(since, "RegisterTaskDefinition"), Vec::<Value>::new());
    definition["memory"] = "1024".into();
    let (result, new) = register(&with, &definition).await;
    assert!(result == "registered" && new != running, "{result}: {new}");
    assert_eq!(register(&with, &definition).await, ("unchanged".to_owned(), new), "the same content is no second revision");
    assert_eq!(stage.answered(since, "RegisterTaskDefinition").len(), 1);
    assert_eq!(stage.answered(since, "UpdateService"), Vec::<Value>::new());
    assert_eq!(stage.service().await["taskDefinition"], running);
}
