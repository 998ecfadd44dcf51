//! What a watch draws, at every width and height, of runs at every moment.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shipit_core::dossier::{Target, TargetGroup, TargetState};
use shipit_core::event::{Event, Progress, Stamped};
use shipit_core::plan::StepId;
use shipit_core::release::{DeploymentId, Revision};
use shipit_core::snapshot::{RunningService, ServiceSeen};
use shipit_scheduler::{Breaker, HealthSource, Percents, Span};

use super::super::ink;
use super::super::lines::Lines;
use super::super::stories::look;
use super::super::view::Frame;
use super::*;
use crate::report::Colour;

fn told(run: &str) -> Vec<Stamped> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/runs").join(format!("{run}.jsonl"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn revision(of: &str) -> Revision {
    Revision(format!("arn:aws:ecs:eu-west-1:1:task-definition/{of}"))
}

fn targets(states: &[TargetState]) -> Vec<TargetGroup> {
    let target = |state: &TargetState| Target {
        address: "10.0.0.1".into(),
        port: 1,
        state: state.clone(),
        reason: None,
        description: None,
    };
    vec![TargetGroup {
        arn: "arn".into(),
        path: None,
        check_port: "1".into(),
        timeout: 1,
        interval: 1,
        expects: None,
        container: "web".into(),
        container_port: 1,
        targets: states.iter().map(target).collect(),
    }]
}

fn standing(name: &str, runs: &str, running: u32, to: Option<&str>) -> Standing {
    let seen = ServiceSeen::Present(Box::new(RunningService {
        arn: "arn".into(),
        status: "ACTIVE".into(),
        controller: "ECS".into(),
        revision: revision(runs),
        definition: Value::Null,
        tags: BTreeMap::from([("shipit:commit".to_owned(), "4f2a91c0c7d1b7a5".to_owned())]),
        runtime: Default::default(),
        running_digests: BTreeMap::new(),
        desired: 8,
        running,
        percents: Percents { minimum_healthy: 100, maximum: 200 },
        breaker: Breaker::Off,
        configuration: Value::Null,
        load_balancers: Value::Null,
        grace: Span::seconds(0),
        health: HealthSource::default(),
        in_progress: to.map(|to| (DeploymentId("ecs-svc/1".into()), revision(to))),
        primary: None,
        target_groups: Vec::new(),
        load_balancer: None,
        codedeploy: None,
        routing: None,
    }));
    let targets = targets(&[TargetState::Healthy, TargetState::Unhealthy, TargetState::Healthy]);
    Standing { name: name.into(), seen, targets, words: Vec::new(), told: Value::Null }
}

fn about() -> About {
    let [pipeline, cluster] = ["storefront"; 2].map(str::to_owned);
    About { pipeline, environment: Some("production".into()), cluster, region: "ap-northeast-2".into() }
}

fn moment(event: &Stamped) -> Moment {
    Moment { event: event.clone(), wall: event.at }
}

/// A watch of the first events of a run.
fn watch(run: &str, events: usize) -> (Watch, Timestamp) {
    let events: Vec<Stamped> = told(run).into_iter().take(events).collect();
    let mut watch = Watch::new(about());
    watch.place(Place::Runs("run 20261118T084640-abc0 of ana@laptop, since 08:46:40 UTC".into()));
    watch.service(standing("backend", "backend:17", 8, None), &[]);
    let mut frontend = standing("frontend", "frontend:42", 16, Some("frontend:43"));
    frontend.words = vec![
        "`frontend` is at PRE_PRODUCTION_TRAFFIC_SHIFT: frontend:43 has 10% of the traffic, frontend:42 has 90%".into(),
        "  `frontend` waits for an answer at PRE_PRODUCTION_TRAFFIC_SHIFT: shipit continue frontend --proceed, or --turn-back"
            .into(),
    ];
    watch.service(frontend, &[]);
    events.iter().for_each(|event| watch.run(&moment(event)));
    (watch, events.last().unwrap().at + SignedDuration::from_secs(2))
}

fn drawn(watch: &Watch, now: Timestamp, width: usize, height: usize) -> String {
    let frame = Frame { width, colour: Colour::No, now, pulse: '●' };
    let lines = watch.draw(&frame, height);
    assert!(lines.len() <= height, "{} lines of {height}", lines.len());
    for line in &lines {
        assert!(ink::width(line) <= width, "{} of {width} columns: {line}", ink::width(line));
    }
    lines.join("\n")
}

#[test]
fn a_canary_in_progress() {
    let (watch, now) = watch("success", 72);
    for (width, height) in [(80, 23), (80, 50), (200, 50)] {
        insta::assert_snapshot!(format!("canary-{width}x{height}"), drawn(&watch, now, width, height));
    }
}

#[test]
fn what_goes_wrong() {
    for (run, events) in [("turned-back", 80), ("stuck", 40), ("gate", 20)] {
        let (watch, now) = watch(run, events);
        for (width, height) in [(80, 40), (200, 50)] {
            insta::assert_snapshot!(format!("{run}-{width}"), drawn(&watch, now, width, height));
        }
    }
}

#[test]
fn before_after_and_without_a_run() {
    let (mut ended, now) = watch("turned-back", 83);
    ended.place(Place::Free);
    insta::assert_snapshot!("ended-80", drawn(&ended, now, 80, 40));
    let (mut cut, now) = watch("success", 60);
    cut.place(Place::Cut);
    cut.silent(now, "the connection was refused");
    insta::assert_snapshot!("cut-80", drawn(&cut, now, 80, 40));
    let mut alone = Watch::new(about());
    alone.service(standing("backend", "backend:17", 8, None), &[]);
    insta::assert_snapshot!("alone-80", drawn(&alone, now, 80, 40));
}

/// Someone else's deployment, as looks at AWS show it.
fn others() -> (Watch, Timestamp) {
    let step = StepId::roll("frontend");
    let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
    let mut events = vec![Stamped { at: at(0), event: Event::StepStarted { step: step.clone() } }];
    for (second, running) in [(10, 0), (20, 1), (30, 2)] {
        let progress = Progress::Rollout(look(running, 2 - running, 2));
        events.push(Stamped { at: at(second), event: Event::StepProgress { step: step.clone(), progress } });
    }
    let mut watch = Watch::new(about());
    let moments: Vec<Moment> = events.iter().map(moment).collect();
    watch.service(standing("frontend", "frontend:42", 4, Some("frontend:43")), &moments);
    (watch, at(31))
}

#[test]
fn a_deployment_that_no_run_here_tells_of() {
    let (mut watch, now) = others();
    insta::assert_snapshot!("others-80", drawn(&watch, now, 80, 40));
    // A run of this folder tells of its own rollouts itself.
    watch.place(Place::Runs("run".into()));
    told("success").iter().take(60).for_each(|event| watch.run(&moment(event)));
    assert_eq!(drawn(&watch, now, 80, 40).matches("rollout    frontend").count(), 1);
}

#[test]
fn nothing_is_ever_wider_or_higher_than_the_terminal_and_no_foreign_text_commands_it() {
    let hostile = "x\u{1b}[2J\u{1b}]0;t\u{7}\r\n::error::y \u{202e} 漢字漢字漢字漢字漢字漢字漢字漢字";
    for run in ["success", "turned-back", "stuck", "gate"] {
        let all = told(run);
        for events in [1, 3, 10, 30, 50, 79, all.len()] {
            let (mut watch, now) = watch(run, events.min(all.len()));
            let mut strange = standing(hostile, hostile, 1, Some(hostile));
            strange.words = vec![hostile.to_owned(); 3];
            watch.service(strange, &[]);
            watch.silent(now, hostile);
            watch.place(Place::Runs(hostile.into()));
            for (width, height) in [(1, 1), (7, 3), (20, 5), (40, 10), (80, 24), (149, 30), (150, 30), (300, 100)] {
                let text = drawn(&watch, now, width, height);
                assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text:?}");
            }
        }
    }
}

#[test]
fn a_log_of_it() {
    let out = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut log = Log::new(about(), {
        let out = std::sync::Arc::clone(&out);
        move || Lines::new(Shared(std::sync::Arc::clone(&out)), Colour::No)
    });
    log.service(standing("backend", "backend:17", 8, None), &[]);
    log.service(standing("backend", "backend:17", 8, None), &[]);
    log.silent(Timestamp::UNIX_EPOCH, "the connection was refused");
    log.silent(Timestamp::UNIX_EPOCH, "the connection was refused");
    log.place(Place::Runs("run 20261118T084640-abc0 of ana@laptop, since 08:46:40 UTC".into()));
    told("success").iter().for_each(|event| log.run(&moment(event)));
    log.service(standing("backend", "backend:18", 8, None), &[]);
    let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
    insta::assert_snapshot!("log", text);
}

struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
