//! Strategies that shift traffic, from wish and sight to plan: what ECS is sent and what puts it back, what is refused.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod bodies;
mod codedeploy;
mod judged;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shipit_core::analysis::{AlarmState, Judge};
use shipit_core::failure::{Code, Failure};
use shipit_core::gate::GatePolicy;
use shipit_core::pipeline::{
    OnInterrupt, Pause, PauseAt, Pipeline, Service, Share, Shift, Steps, Strategy as Way, TaskDefinitionSource, Traffic, WhenSame,
};
use shipit_core::plan::{Body, Driver, End, Live, Plan, Reuse, Roll, StepKind, Wired, Wiring, leftover, plan};
use shipit_core::release::{Commit, Revision, Source, Tree};
use shipit_core::review::{Note, review};
use shipit_core::routing::{BalancerSeen, GroupSeen, Known, Mesh, RouteSeen, Routing, WiringSeen};
use shipit_core::snapshot::{RunningService, ServiceSeen, Snapshot, TargetGroupSeen};
use shipit_scheduler::{Breaker, HealthSource, Percents, Span};

const RULE: &str = "arn:aws:elasticloadbalancing:eu:1:listener-rule/app/shop/1/2/3";

fn arn(name: &str) -> String {
    format!("arn:aws:elasticloadbalancing:eu:1:targetgroup/{name}/0")
}

fn group(name: &str) -> GroupSeen {
    GroupSeen {
        arn: arn(name),
        target_type: "ip".into(),
        protocol: "HTTP".into(),
        vpc: Some("vpc-1".into()),
        health: "HTTP traffic-port/health".into(),
        load_balancer: Some("arn:aws:elasticloadbalancing:eu:1:loadbalancer/app/shop/1".into()),
    }
}

fn forwards(weights: &[(&str, u32)]) -> RouteSeen {
    RouteSeen::Forwards { weights: weights.iter().map(|(name, weight)| (arn(name), *weight)).collect() }
}

fn known() -> Known {
    Known {
        wired: Wired::Already,
        alternate_named: arn("web-b"),
        alternate: Some(group("web-b")),
        production_rule: RULE.into(),
        production: forwards(&[("web-a", 1), ("web-b", 0)]),
        test: None,
        role: Some("arn:aws:iam::1:role/ecs".into()),
        resolved: Some(arn("web-a")),
    }
}

fn routed(wiring: WiringSeen) -> Routing {
    Routing { balancers: vec![BalancerSeen { declared: group("web-a"), wiring }], ..Routing::default() }
}

fn minutes(minutes: u64) -> Span {
    Span::seconds(minutes * 60)
}

fn canary() -> Way {
    let steps = Steps::Canary { share: Share::percent(10), bake: minutes(5) };
    Way::Shift(Shift { steps, terminate_after: Some(minutes(10)) })
}

fn wanted(strategy: Way) -> Service {
    Service {
        name: "frontend".into(),
        service: "web".into(),
        needs: Vec::new(),
        task_definition: TaskDefinitionSource::Running,
        containers: BTreeMap::new(),
        images: BTreeMap::new(),
        strategy,
        traffic: None,
        pause: None,
        judge: None,
        smoke: None,
        service_definition: None,
        when_same: WhenSame::Leave,
        lines: Default::default(),
    }
}

fn running(controller: &str, routing: Option<Routing>) -> RunningService {
    let revision = Revision("arn:aws:ecs:eu:1:task-definition/web:42".into());
    RunningService {
        arn: "arn:aws:ecs:eu:1:service/shop/web".into(),
        status: "ACTIVE".into(),
        controller: controller.into(),
        definition: json!({"family": "web", "containerDefinitions": [{"name": "web", "image": "web@sha256:00"}]}),
        revision,
        tags: BTreeMap::new(),
        runtime: Default::default(),
        running_digests: BTreeMap::new(),
        desired: 8,
        running: 8,
        percents: Percents::default(),
        breaker: Breaker::with_rollback(),
        configuration: json!({"strategy": "ROLLING", "minimumHealthyPercent": 100, "maximumPercent": 200}),
        load_balancers: json!([{"targetGroupArn": arn("web-a"), "containerName": "web", "containerPort": 80}]),
        grace: Span(0),
        health: HealthSource { container: false, target: true },
        in_progress: None,
        primary: None,
        target_groups: vec![TargetGroupSeen {
            arn: arn("web-a"),
            drain: Span::seconds(30),
            interval: Span::seconds(5),
            healthy_threshold: 2,
        }],
        load_balancer: Some("shop.example".into()),
        codedeploy: None,
        routing: routing.map(Box::new),
    }
}

/// The plan with its notes, for a service that is to run another definition than it does.
fn planned(mut service: Service, running: RunningService) -> Result<(Plan, Vec<Note>), Vec<Failure>> {
    let definition = json!({"family": "web", "containerDefinitions": [{"name": "web", "image": "web@sha256:01"}]});
    service.task_definition = TaskDefinitionSource::File { path: "web.json".into(), definition };
    let pipeline = Pipeline {
        name: "shop".into(),
        environment: None,
        region: None,
        account: None,
        assume_role: None,
        cluster: "shop".into(),
        images: Vec::new(),
        given: BTreeMap::new(),
        gate: GatePolicy::default(),
        services: vec![service],
        attest: Vec::new(),
        verify: Vec::new(),
        allow_latest: Vec::new(),
        on_interrupt: OnInterrupt::TurnBack,
        notify: shipit_core::notify::Notify::default(),
        folder: "/shop".into(),
    };
    let snapshot = Snapshot {
        at: Timestamp::UNIX_EPOCH,
        source: Source { commit: Commit("c".into()), subject: None, committed_at: None, origin: None, tree: Tree::Clean },
        account: "1".into(),
        region: "eu".into(),
        images: BTreeMap::new(),
        services: BTreeMap::from([("frontend".into(), ServiceSeen::Present(Box::new(running)))]),
        ancestry: BTreeMap::new(),
        reach: None,
        instances: Default::default(),
    };
    let plan = plan(&pipeline, &snapshot, Reuse::Same)?;
    let notes = review(&pipeline, &snapshot, &plan);
    Ok((plan, notes))
}

fn rolled(service: Service, running: RunningService) -> (Roll, String, Vec<String>) {
    let (plan, notes) = planned(service, running).unwrap();
    let step = plan.steps.iter().find(|step| matches!(step.kind, StepKind::Roll(_))).unwrap();
    let StepKind::Roll(roll) = &step.kind else { unreachable!() };
    let notes = notes.into_iter().map(|note| match note {
        Note::Remark { message } => message,
        Note::Refusal { failure } => failure.what,
    });
    ((**roll).clone(), step.because.clone(), notes.collect())
}

fn refusals(service: Service, running: RunningService) -> Vec<Failure> {
    planned(service, running).expect_err("it is refused")
}

fn told(failures: &[Failure]) -> String {
    let part = |name: &str, lines: &[String]| {
        assert!(!lines.is_empty(), "every part is told: {name}");
        lines.iter().map(|line| format!("\n  {name:8} {}", line.replace('\n', "\n           "))).collect::<String>()
    };
    let one = |failure: &Failure| {
        let parts = [part("because", &failure.because), part("now", &failure.now), part("next", &failure.next)].concat();
        format!("refused[{}]: {}{parts}", failure.code, failure.what)
    };
    failures.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn seen(wiring: Known) -> RunningService {
    running("ECS", Some(routed(WiringSeen::Known(Box::new(wiring)))))
}

#[test]
fn a_canary_is_planned_with_its_parts_its_time_and_what_it_needs() {
    let (roll, because, notes) = rolled(wanted(canary()), seen(known()));
    insta::assert_snapshot!(because);
    insta::assert_snapshot!(notes.join("\n"));
    assert_eq!(
        (roll.driver, roll.wiring[0].live, roll.wiring[0].candidate()),
        (Driver::Ecs, Live::Declared, arn("web-b").as_str())
    );
    assert!(roll.patience_ms > minutes(10).0, "a bake is no stall");
    assert!(roll.expected_ms.unwrap() >= minutes(15).0, "both bakes are in it: {:?}", roll.expected_ms);
}

#[test]
fn the_live_group_is_the_one_that_the_running_revision_is_in() {
    let swapped = Known { production: forwards(&[("web-a", 0), ("web-b", 100)]), resolved: Some(arn("web-b")), ..known() };
    let (roll, ..) = rolled(wanted(canary()), seen(swapped));
    assert_eq!((roll.wiring[0].stable(), roll.wiring[0].candidate()), (arn("web-b").as_str(), arn("web-a").as_str()));
    let unresolved = Known { production: forwards(&[("web-a", 0), ("web-b", 7)]), resolved: None, ..known() };
    let (roll, ..) = rolled(wanted(canary()), seen(unresolved));
    assert_eq!(roll.wiring[0].live, Live::Alternate, "where ECS says nothing the one weight says it");
}

#[test]
fn all_words_of_strategies() {
    let because = |steps| rolled(wanted(Way::Shift(Shift { steps, terminate_after: None })), seen(known())).1;
    let linear = Steps::Linear { step: Share::percent(10), bake: minutes(6) };
    let all = [because(Steps::AllAtOnce), because(linear), because(Steps::Linear { step: Share(334), bake: Span(0) })];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_holds_traffic_and_what_stays_is_named() {
    let guarded =
        Service { pause: Some(Pause { at: vec![PauseAt::BeforeProduction], timeout: minutes(60) }), ..wanted(canary()) };
    let mut hooked = seen(known());
    hooked.configuration["lifecycleHooks"] = json!([
        {"targetType": "AWS_LAMBDA", "hookTargetArn": "arn:aws:lambda:eu:1:function:check", "lifecycleStages": ["POST_SCALE_UP"]},
        {"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]},
        {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}]);
    let (_, _, notes) = rolled(guarded, hooked.clone());
    hooked.configuration["strategy"] = json!("CANARY");
    hooked.load_balancers[0]["advancedConfiguration"] = json!({"alternateTargetGroupArn": arn("web-b")});
    let back = Service { judge: Some(Judge::default()), ..wanted(Way::Rolling { minimum_percent: None, maximum_percent: None }) };
    let (roll, _, left) = rolled(back, hooked);
    assert!(roll.judge.is_none(), "nothing is judged where nothing shifts");
    insta::assert_snapshot!([notes, left].concat().join("\n"));
}

#[test]
fn every_refusal_says_what_is_missing_and_what_to_add() {
    let of = |known: Known| refusals(wanted(canary()), seen(known));
    let missing_group = Known { alternate: None, ..known() };
    let unlike = Known { alternate: Some(GroupSeen { health: "HTTP traffic-port/".into(), ..group("web-b") }), ..known() };
    let both = Known { production: forwards(&[("web-a", 50), ("web-b", 50)]), ..known() };
    let none = Known { production: forwards(&[("web-a", 0), ("web-b", 0)]), ..known() };
    let third = Known { production: forwards(&[("web-a", 1), ("web-b", 0), ("other", 1)]), ..known() };
    let disagree = Known { production: forwards(&[("web-a", 0), ("web-b", 1)]), ..known() };
    let foreign = Known { resolved: Some(arn("web-c")), ..known() };
    let lonely = Known { production: forwards(&[("web-a", 1)]), ..known() };
    let redirect = Known { production: RouteSeen::Other { action: "redirect".into() }, ..known() };
    let no_rules = Known { production: RouteSeen::Missing, test: Some((format!("{RULE}4"), RouteSeen::Missing)), ..known() };
    let unwired = |rules: &[&str]| {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        refusals(wanted(canary()), running("ECS", Some(routed(WiringSeen::Unwired { rules }))))
    };
    let bare = refusals(wanted(canary()), running("ECS", Some(Routing::default())));
    let alarms = BTreeMap::from([
        ("bad".to_owned(), Some(AlarmState::Alarm)),
        ("fine".to_owned(), Some(AlarmState::InsufficientData)),
        ("gone".to_owned(), None),
    ]);
    let roles = BTreeMap::from([
        ("arn:aws:iam::1:role/gone".to_owned(), None),
        ("arn:aws:iam::1:role/good".to_owned(), Some(BTreeSet::from(["ecs.amazonaws.com".to_owned()]))),
        ("arn:aws:iam::1:role/tasks".to_owned(), Some(BTreeSet::from(["ecs-tasks.amazonaws.com".to_owned()]))),
    ]);
    let alarms = Routing { alarms, roles, ..routed(WiringSeen::Known(Box::new(known()))) };
    let alarms = refusals(wanted(canary()), running("ECS", Some(alarms)));
    let controllers: Vec<Failure> = ["CODE_DEPLOY", "EXTERNAL", "NEW"]
        .into_iter()
        .flat_map(|controller| {
            refusals(wanted(Way::Rolling { minimum_percent: None, maximum_percent: None }), running(controller, None))
        })
        .collect();
    let all = [missing_group, unlike, both, none, third, disagree, foreign, lonely, redirect, no_rules];
    let all: Vec<Failure> = all.into_iter().flat_map(of).collect();
    let all = [unwired(&[RULE]), unwired(&[]), bare, all, alarms, controllers].concat();
    assert!(all.iter().all(|failure| failure.code.exit() == shipit_core::failure::Exit::Refused));
    assert_eq!(all.iter().filter(|failure| failure.code == Code::AlarmUnusable).count(), 2, "one without data is no refusal");
    insta::assert_snapshot!(told(&all));
}

#[test]
fn a_mesh_and_a_network_load_balancer_need_no_second_group_on_a_rule() {
    let mesh = Routing { mesh: Mesh::ServiceConnect, ..Routing::default() };
    assert_eq!(rolled(wanted(canary()), running("ECS", Some(mesh))).0.wiring, []);
    let listener = "arn:aws:elasticloadbalancing:eu:1:listener/net/shop/1/2";
    let network = Known { production_rule: listener.into(), production: forwards(&[("web-a", 1)]), ..known() };
    let mut running = seen(network);
    running.load_balancers[0]["advancedConfiguration"] = json!({"productionListenerRule": listener});
    let (roll, because, _) = rolled(wanted(canary()), running);
    assert_eq!(roll.wiring[0].live, Live::Declared);
    assert!(because.contains("shift 20m"), "{because}");
}

#[test]
fn what_the_file_wires_is_sent_and_taken_back() {
    let traffic = Traffic {
        alternate_target_group: "web-b".into(),
        production_rule: RULE.into(),
        test_rule: None,
        role: "arn:aws:iam::1:role/ecs".into(),
    };
    let service = Service { traffic: Some(traffic), ..wanted(canary()) };
    let (roll, because, _) = rolled(service, seen(Known { wired: Wired::ByUs, ..known() }));
    assert!(because.contains("after its load balancer is told of both target groups"), "{because}");
    let body = Body::of(&roll);
    insta::assert_snapshot!(
        serde_json::to_string_pretty(
            &json!({"deploymentConfiguration": body.configuration, "loadBalancers": body.load_balancers})
        )
        .unwrap()
    );
    let back = Body::back(&roll);
    assert_eq!(back.load_balancers, roll.before_load_balancers);
    assert_eq!(back.configuration, roll.before_configuration);
}

#[test]
fn both_who_pause_and_who_judge_share_one_hook_a_stage() {
    let judge =
        Judge { alarms: vec!["web-5xx".into(), "own".into()], patience: SignedDuration::from_mins(30), ..Judge::default() };
    let pause = Pause { at: vec![PauseAt::ScaledUp, PauseAt::BeforeProduction], timeout: minutes(60) };
    let service = Service { judge: Some(judge), pause: Some(pause), ..wanted(canary()) };
    let mut running = seen(known());
    running.configuration["alarms"] = json!({"alarmNames": ["own"], "enable": true, "rollback": false});
    let body = Body::of(&rolled(service, running).0).configuration;
    let hooks: Vec<(String, u64)> = body["lifecycleHooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hook| {
            assert_eq!(hook["timeoutConfiguration"]["action"], "ROLLBACK");
            (hook["lifecycleStages"].to_string(), hook["timeoutConfiguration"]["timeoutInMinutes"].as_u64().unwrap())
        })
        .collect();
    let stage = |name: &str, minutes| (format!("[\"{name}\"]"), minutes);
    assert_eq!(
        hooks,
        [stage("POST_SCALE_UP", 60), stage("PRE_PRODUCTION_TRAFFIC_SHIFT", 60), stage("POST_PRODUCTION_TRAFFIC_SHIFT", 40),]
    );
    assert_eq!(body["alarms"], json!({"alarmNames": ["own", "web-5xx"], "enable": true, "rollback": true}));
}

#[test]
fn what_someone_changed_meanwhile_stays_and_what_ecs_adds_hides_nothing() {
    let service = Service { judge: Some(Judge::default()), ..wanted(canary()) };
    let (roll, _, _) = rolled(service, seen(known()));
    let mut now = Body::of(&roll).configuration;
    now["canaryConfiguration"]["canaryPercent"] = json!(10.0);
    now["lifecycleHooks"][0]["hookDetails"] = json!({});
    now["bakeTimeInMinutes"] = json!(30);
    let left = leftover(&roll, End::TurnedBack, &now).unwrap();
    assert_eq!(
        left.what,
        ["the PAUSE hook at `PRE_PRODUCTION_TRAFFIC_SHIFT`", "the PAUSE hook at `POST_PRODUCTION_TRAFFIC_SHIFT`", "`strategy`"]
    );
    assert_eq!(left.configuration["bakeTimeInMinutes"], 30, "someone has set that");
    assert_eq!((&left.configuration["strategy"], &left.configuration["lifecycleHooks"]), (&json!("ROLLING"), &json!([])));
    assert_eq!(left.configuration.get("canaryConfiguration"), None, "it goes with its strategy");
    let unknown = Roll { before_configuration: Value::Null, ..roll };
    assert_eq!(leftover(&unknown, End::TurnedBack, &now), None, "what is not known is not put back");
}

#[test]
fn a_rollout_under_way_tells_which_group_served_before_it() {
    let found = |resolved: Option<&str>| {
        let service = seen(Known { resolved: resolved.map(arn), production: forwards(&[("web-a", 9), ("web-b", 1)]), ..known() });
        Wiring::under_way(&service)
    };
    for (candidate, before) in [("web-b", "web-a"), ("web-a", "web-b")] {
        let found = found(Some(candidate));
        let [pair] = found.as_slice() else { panic!("one pair: {found:?}") };
        assert_eq!((pair.stable(), pair.candidate()), (arn(before).as_str(), arn(candidate).as_str()));
        assert_eq!(pair.production_rule, RULE);
    }
    assert_eq!(found(None), [], "it is not guessed by the weights");
    assert_eq!(found(Some("other")), []);
}
