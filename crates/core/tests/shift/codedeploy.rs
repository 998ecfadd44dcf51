//! Services that CodeDeploy deploys: what its deployment group allows, what it cannot do, and what a person is told of it.

use shipit_core::codedeploy::{Alarms, Balancer, CodeDeploySeen, Hooks, Ready, Terminate};
use shipit_core::rollout::{Guard, Policy, Until};

use super::*;

pub fn by_codedeploy(balancer: Balancer, groups: &[&str]) -> RunningService {
    let group = CodeDeploySeen {
        application: "AppECS-shop-web".into(),
        group: "DgpECS-shop-web".into(),
        configuration: "CodeDeployDefault.ECSAllAtOnce".into(),
        steps: Some(Steps::AllAtOnce),
        target_groups: groups.iter().map(|name| arn(name)).collect(),
        production_listeners: vec!["arn:aws:elasticloadbalancing:eu:1:listener/app/shop/1/2".into()],
        test_listener: None,
        balancer,
        load_balancer: None,
        ready: Ready::GoesOn,
        terminate: Terminate::After { minutes: 10 },
        alarms: Vec::new(),
        rolls_back_on: Vec::new(),
        hooks: Hooks::Known(Vec::new()),
    };
    RunningService { codedeploy: Some(Box::new(group)), ..running("CODE_DEPLOY", None) }
}

fn group(change: impl FnOnce(&mut CodeDeploySeen)) -> RunningService {
    let mut running = by_codedeploy(Balancer::Application, &["web-a", "web-b"]);
    change(running.codedeploy.as_deref_mut().unwrap());
    running
}

#[test]
fn codedeploy_goes_by_its_deployment_group() {
    let (roll, because, _) = rolled(wanted(canary()), by_codedeploy(Balancer::Application, &["web-b", "web-a"]));
    assert_eq!((roll.driver, roll.wiring[0].stable()), (Driver::CodeDeploy, arn("web-b").as_str()));
    assert_eq!(Body::of(&roll), Body::default(), "it refuses a task definition in UpdateService");
    assert!(because.starts_with("canary 10% → 100%"), "{because}");
    let missing = refusals(wanted(canary()), running("CODE_DEPLOY", None));
    assert_eq!(missing[0].code, Code::DeploymentGroupMissing);
    let network = refusals(wanted(canary()), by_codedeploy(Balancer::Network, &["web-a", "web-b"]));
    let one = refusals(wanted(canary()), by_codedeploy(Balancer::Application, &["web-a"]));
    insta::assert_snapshot!(told(&[network, one].concat()));
}

fn pauses(at: PauseAt) -> Service {
    Service { pause: Some(Pause { at: vec![at], timeout: minutes(90) }), ..wanted(canary()) }
}

#[test]
fn a_pause_is_readys_or_it_is_refused_with_what_to_change() {
    let waits = |seen: &mut CodeDeploySeen| seen.ready = Ready::Waits { minutes: 30 };
    for service in [wanted(canary()), pauses(PauseAt::BeforeProduction)] {
        let (roll, _, _) = rolled(service, group(waits));
        assert_eq!(roll.pause, Some(Pause { at: vec![PauseAt::BeforeProduction], timeout: minutes(30) }));
        assert_eq!(Policy::of(&roll, Until::Usual).guards, [(PauseAt::BeforeProduction, Guard::Person)].into());
    }
    let at_once = refusals(pauses(PauseAt::BeforeProduction), group(|_| {}));
    let elsewhere = refusals(pauses(PauseAt::AfterProduction), group(waits));
    insta::assert_snapshot!(told(&[at_once, elsewhere].concat()));
}

fn judged(alarms: &[String]) -> Service {
    Service { judge: Some(Judge { alarms: alarms.to_vec(), ..Judge::default() }), ..wanted(canary()) }
}

#[test]
fn alarms_of_group_and_judge_are_heeded_together_and_one_that_rings_is_refused() {
    let own = |seen: &mut CodeDeploySeen| seen.alarms = vec!["own".into()];
    let (roll, _, _) = rolled(judged(&["web-5xx".into()]), group(own));
    assert_eq!(roll.alarms, Alarms::These(vec!["own".into(), "web-5xx".into()]));
    assert_eq!(rolled(wanted(canary()), group(own)).0.alarms, Alarms::OfGroup);

    let mut rings = group(own);
    let alarms = [("own".to_owned(), Some(AlarmState::Alarm)), ("web-5xx".to_owned(), None)].into();
    rings.routing = Some(Box::new(Routing { alarms, ..Routing::default() }));
    let rings = refusals(judged(&["web-5xx".into()]), rings);
    let many: Vec<String> = (0..10).map(|number| format!("web-{number}")).collect();
    assert!(refusals_or_none(judged(&many), group(|_| {})).is_empty(), "ten are taken");
    let many = refusals(judged(&many), group(own));
    insta::assert_snapshot!(told(&[rings, many].concat()));
}

fn refusals_or_none(service: Service, running: RunningService) -> Vec<Failure> {
    planned(service, running).err().unwrap_or_default()
}

#[test]
fn what_codedeploy_does_otherwise_than_ecs_is_said() {
    let notes = |service: Service, running: RunningService| {
        let (_, _, notes) = rolled(service, running);
        notes.iter().map(|note| format!("{note:?}\n")).collect::<String>()
    };
    let lone = notes(Service { ..wanted(canary()) }, group(|_| {}));
    let judged = notes(
        judged(&[]),
        group(|seen| {
            seen.ready = Ready::Waits { minutes: 30 };
            seen.hooks = Hooks::Known(vec![("BeforeAllowTraffic".into(), "check".into())]);
        }),
    );
    let own = Way::Shift(Shift { steps: Steps::Canary { share: Share::percent(20), bake: minutes(3) }, terminate_after: None });
    let elsewhere = notes(
        wanted(own),
        group(|seen| {
            seen.terminate = Terminate::Never;
            seen.hooks = Hooks::Elsewhere { place: "s3://specs/web.yaml".into() };
        }),
    );
    insta::assert_snapshot!([lone, judged, elsewhere].join("\n"));
}

#[test]
fn the_termination_wait_is_waited_for_where_that_is_asked_for_or_judged() {
    let until = |service: Service, running: RunningService, until| Policy::of(&rolled(service, running).0, until).until;
    assert_eq!(until(wanted(canary()), group(|_| {}), Until::Usual), Until::TrafficShifted);
    assert_eq!(until(wanted(canary()), group(|_| {}), Until::Deployed), Until::Deployed);
    assert_eq!(until(judged(&[]), group(|_| {}), Until::Usual), Until::Deployed);
    assert_eq!(until(wanted(canary()), seen(known()), Until::Usual), Until::Deployed, "ECS's bake is waited for");
    let (roll, because, _) = rolled(wanted(canary()), group(|_| {}));
    assert!(because.contains("bake 10m"), "the group's own wait: {because}");
    assert_eq!(Policy::of(&roll, Until::Usual).guards, [].into(), "CodeDeploy has no hooks to answer");
}

#[test]
fn a_way_back_that_nothing_holds_passes_ready() {
    let (mut roll, _, _) = rolled(wanted(canary()), group(|seen| seen.ready = Ready::Waits { minutes: 30 }));
    (roll.pause, roll.alarms) = (None, Alarms::Off);
    assert_eq!(Policy::of(&roll, Until::Usual).guards, [(PauseAt::BeforeProduction, Guard::Nobody)].into());
}
