//! `pipelines/Jenkinsfile`: its own shell bodies with Jenkins's environment, for each way a build can end.

use std::path::Path;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use serde_json::json;

use super::agent::{Build, Ended};
use super::example;
use super::groovy::{Body, bodies};
use crate::together::stage::{Stage, git};

/// The bodies of the file, run in the order in which Jenkins does.
struct Job {
    bodies: Vec<Body>,
    build: Build,
}

impl Job {
    async fn build(stage: &Stage, number: u32, note: &str) -> Self {
        Self { bodies: bodies(&example("Jenkinsfile")), build: Build::jenkins(&stage.home(), number, note).await }
    }

    fn bodies_of(&self, place: &str) -> Vec<String> {
        let of_place = self.bodies.iter().filter(|body| body.place == place);
        let bodies: Vec<String> = of_place.map(|body| body.script.clone()).collect();
        assert!(!bodies.is_empty(), "{place} has no body");
        bodies
    }

    /// All bodies of a stage or a condition; the end of the first that fails, else of the last.
    async fn run(&mut self, place: &str) -> Ended {
        let mut last = None;
        for script in self.bodies_of(place) {
            let ended = self.build.run(place.trim_start_matches("stage "), &script).await;
            let failed = ended.exit != 0;
            last = Some(ended);
            if failed {
                break;
            }
        }
        last.expect("there is a body")
    }

    /// Runs stages that end well.
    async fn up_to(&mut self, stages: &[&str]) {
        for stage in stages {
            let ended = self.run(&format!("stage {stage}")).await;
            assert_eq!(ended.exit, 0, "{stage}: {}", ended.log);
        }
    }

    /// What the `post` block hands to Jenkins: the cases of all test results, and the number of runs that are archived.
    async fn results(&mut self, stage: &Stage) -> (Vec<String>, usize) {
        let ended = self.run("always").await;
        assert_eq!(ended.exit, 0, "{}", ended.log);
        let this_build = stage.home().join(".shipit/this-build");
        let mut runs: Vec<_> = std::fs::read_dir(&this_build).unwrap().map(|entry| entry.unwrap().path()).collect();
        runs.retain(|run| run.join("journal.jsonl").exists());
        runs.sort();
        let mut all = cases(&this_build.join("gate.xml"));
        for run in &runs {
            all.extend(cases(&run.join("junit.xml")));
        }
        (all, runs.len())
    }
}

/// `shop.web gate: failure, …`, as the `junit` step reads them; nothing where there is no such file.
fn cases(file: &Path) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let attribute = |start: &BytesStart<'_>, name: &str| {
        let found = start.try_get_attribute(name).unwrap().unwrap();
        found.normalized_value(XmlVersion::Explicit1_0).unwrap().into_owned()
    };
    let (mut cases, mut reader) = (Vec::<String>::new(), quick_xml::Reader::from_str(&text));
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return cases,
            Event::Start(start) | Event::Empty(start) => match start.name().as_ref() {
                "testcase" => cases.push(format!("{} {}", attribute(&start, "classname"), attribute(&start, "name"))),
                verdict @ ("failure" | "skipped") => {
                    let told = format!(": {verdict}, {}", attribute(&start, "message"));
                    cases.last_mut().unwrap().push_str(&told);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_jenkinsfile_deploys_turns_back_is_aborted_and_stops_at_the_gate() {
    let stage = Stage::new("jenkins").await;
    let before = ["plan", "build", "gate"];

    let mut job = Job::build(&stage, 1, "first").await;
    job.up_to(&before).await;
    let deployed = job.run("stage deploy").await;
    assert_eq!(deployed.exit, 0, "{}", deployed.log);
    assert!(!deployed.log.contains('\u{1b}'), "{}", deployed.log);
    let (results, runs) = job.results(&stage).await;
    insta::assert_snapshot!("success", results.join("\n"));
    assert_eq!(runs, 2, "those of build and deploy");
    let good = stage.service().await["taskDefinition"].clone();

    let mut job = Job::build(&stage, 2, "crash").await;
    job.up_to(&before).await;
    let back = job.run("stage deploy").await;
    assert_eq!(back.exit, 4, "{}", back.log);
    let (results, runs) = job.results(&stage).await;
    let failed: Vec<&String> = results.iter().filter(|case| case.contains(": failure, ")).collect();
    assert_eq!(failed, ["shop.web roll: failure, `web` was turned back to shop-web:2"], "{results:#?}");
    assert_eq!(runs, 2, "what the build before has left is not this one's");
    assert_eq!(stage.service().await["taskDefinition"], good);

    let slow = stage.fault(json!({"match": {"resource": "web"}, "kind": "slow_start", "seconds": 400.0})).await;
    let mut job = Job::build(&stage, 3, "slow").await;
    job.up_to(&before).await;
    let since = stage.exchanges();
    let body = job.bodies_of("stage deploy").remove(0);
    let running = job.build.begin("deploy", &body);
    stage.until("it rolls", async |stage| (!stage.answered(since, "UpdateService").is_empty()).then_some(())).await;
    let asked = async {
        let asked = async |stage: &Stage| (!stage.answered(since, "StopServiceDeployment").is_empty()).then_some(());
        stage.until("AWS is asked for the way back", asked).await;
        stage.end_fault(&slow).await;
    };
    let (aborted, ()) = tokio::join!(running.aborted(), asked);
    // The shell that waits for shipit is told to end too, after it: its own exit may be either.
    for told in ["interrupted: the policy is carried out", "(exit 130)"] {
        assert!(aborted.log.contains(told), "{told}: {}", aborted.log);
    }
    stage.steady().await;
    assert_eq!(stage.service().await["taskDefinition"], good);
    let (results, _) = job.results(&stage).await;
    let failed: Vec<&String> = results.iter().filter(|case| case.contains(": failure, ")).collect();
    assert_eq!(failed, ["shop.run run: failure, the run was interrupted"], "{results:#?}");
    let status = job.run("aborted").await;
    assert_eq!(status.exit, 0, "{}", status.log);

    let pipeline = stage.home().join("shipit.yaml");
    let strict = std::fs::read_to_string(&pipeline).unwrap().replace("fail_on: never", "fail_on: high");
    std::fs::write(&pipeline, strict).unwrap();
    git(&stage.home(), &["commit", "-q", "-a", "-m", "hold what is high\n::error::at the gate</failure>]]>"]).await;
    let finding = json!({"name": "CVE-2026-7", "severity": "HIGH", "attributes": [{"key": "package_name", "value": "zlib"}]});
    stage.fault(json!({"kind": "scan", "match": {"resource": "shop/web"}, "status": "COMPLETE", "findings": [finding]})).await;
    let mut job = Job::build(&stage, 4, "fourth").await;
    job.up_to(&before[..2]).await;
    let since = stage.exchanges();
    let held = job.run("stage gate").await;
    assert_eq!(held.exit, 3, "{}", held.log);
    let (results, _) = job.results(&stage).await;
    let failed: Vec<&String> = results.iter().filter(|case| case.contains(": failure, ")).collect();
    assert_eq!(failed, ["shop.web gate: failure, `web` is stopped at the gate: 1 finding"], "{results:#?}");
    let anyway = job.run("stage deploy").await;
    assert_eq!(anyway.exit, 3, "{}", anyway.log);
    assert!(stage.answered(since, "UpdateService").is_empty() && stage.answered(since, "RegisterTaskDefinition").is_empty());
    assert_eq!(stage.service().await["taskDefinition"], good);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_first_deploy_that_crashes_is_stuck_and_the_test_results_say_so() {
    let stage = Stage::without_service("jenkins-stuck").await;
    let mut job = Job::build(&stage, 1, "crash").await;
    job.up_to(&["plan", "build", "gate"]).await;
    let stuck = job.run("stage deploy").await;
    assert_eq!(stuck.exit, 5, "{}", stuck.log);
    let (results, _) = job.results(&stage).await;
    insta::assert_snapshot!("stuck", results.join("\n"));
    stage.finish().await;
}

#[test]
fn the_file_says_what_the_stages_are_for() {
    let file = example("Jenkinsfile");
    let bodies = bodies(&file);
    let places: Vec<&str> = bodies.iter().map(|body| body.place.as_str()).collect();
    assert_eq!(
        places,
        ["stage plan", "stage plan", "stage build", "stage gate", "stage deploy", "always", "aborted"],
        "{bodies:#?}"
    );
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    for wanted in [
        &["skipStagesAfterUnstable()"][..],
        &["disableConcurrentBuilds()"],
        &[
            "int exit = sh(script: 'shipit scan --output junit > .shipit/this-build/gate.xml', returnStatus: true)",
            "if (exit == 3) {",
            "unstable('stopped at the gate; no service was touched')",
            "} else if (exit != 0) {",
            "error(\"shipit scan: exit ${exit}\")",
            "}",
        ],
    ] {
        assert!(lines.windows(wanted.len()).any(|found| found == wanted), "{wanted:#?}");
    }
}
