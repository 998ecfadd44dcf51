//! A judge that could never let anything pass is refused before anything is touched.

use shipit_core::analysis::{Latency, Probe};
use shipit_core::codedeploy::Balancer;

use super::codedeploy::by_codedeploy;
use super::*;

const NETWORK: &str = "arn:aws:elasticloadbalancing:eu:1:loadbalancer/net/shop/1";

fn judged(judge: Judge) -> Service {
    Service { judge: Some(judge), ..wanted(canary()) }
}

fn all_at_once(judge: Judge) -> Service {
    let steps = Steps::AllAtOnce;
    Service { strategy: Way::Shift(Shift { steps, terminate_after: Some(minutes(10)) }), ..judged(judge) }
}

/// Behind a Network Load Balancer, whose listener has one of the two groups.
fn network() -> RunningService {
    let listener = "arn:aws:elasticloadbalancing:eu:1:listener/net/shop/1/2";
    let group =
        |name: &str, load_balancer: Option<&str>| GroupSeen { load_balancer: load_balancer.map(str::to_owned), ..group(name) };
    let known = Known {
        production_rule: listener.into(),
        production: forwards(&[("web-b", 1)]),
        resolved: Some(arn("web-b")),
        alternate: Some(group("web-b", Some(NETWORK))),
        ..known()
    };
    let seen = BalancerSeen { declared: group("web-a", None), wiring: WiringSeen::Known(Box::new(known)) };
    running("ECS", Some(Routing { balancers: vec![seen], ..Routing::default() }))
}

fn mesh() -> RunningService {
    let mesh = Routing { mesh: Mesh::ServiceConnect, ..Routing::default() };
    RunningService { load_balancer: None, ..running("ECS", Some(mesh)) }
}

fn probed(url: &str) -> Judge {
    let probe = Probe { name: "front".into(), url: url.into(), headers: Vec::new(), expect: 200 };
    Judge { errors: None, probes: vec![probe], ..Judge::default() }
}

#[test]
fn what_nobody_counts_is_not_judged() {
    let latency = Judge { latency: Some(Latency::default()), ..Judge::default() };
    let alone = Judge { errors: None, ..latency.clone() };
    let own = "http://{load_balancer}:9001/";
    let refused = [
        refusals(judged(Judge::default()), network()),
        refusals(judged(latency), mesh()),
        refusals(all_at_once(alone), by_codedeploy(Balancer::Network, &["web-a", "web-b"])),
        refusals(judged(probed(own)), mesh()),
    ];
    insta::assert_snapshot!(told(&refused.concat()), @r"
    refused[SHIP113]: the errors of `frontend` cannot be judged
      because  a Network Load Balancer counts connections, not requests: arn:aws:elasticloadbalancing:eu:1:loadbalancer/net/shop/1
      now      nothing was touched
      next     `judge: { errors: ~ }` of `frontend`, without `latency`, and metrics, probes or alarms of your own
    refused[SHIP113]: the errors and latency of `frontend` cannot be judged
      because  requests are counted by target group, and it has no load balancer
      now      nothing was touched
      next     `judge: { errors: ~ }` of `frontend`, without `latency`, and metrics, probes or alarms of your own
    refused[SHIP113]: the latency of `frontend` cannot be judged
      because  a Network Load Balancer counts connections, not requests: DgpECS-shop-web
      now      nothing was touched
      next     `judge: { errors: ~ }` of `frontend`, without `latency`, and metrics, probes or alarms of your own
    refused[SHIP113]: the probe `front` of `frontend` cannot be sent
      because  `frontend` has no load balancer whose name could stand for `{load_balancer}`
      now      nothing was touched
      next     write the candidate's whole address as its `url`
    ");
    let alarms = Judge { errors: None, alarms: vec!["web-5xx".into()], ..Judge::default() };
    for (judge, running) in [
        (Judge::default(), seen(known())),
        (alarms.clone(), network()),
        (alarms, mesh()),
        (probed(own), network()),
        (probed("http://candidate.shop.internal/"), mesh()),
    ] {
        assert!(rolled(judged(judge.clone()), running).0.judge.is_some(), "{judge:?}");
    }
}

#[test]
fn a_probe_is_sent_to_the_load_balancer_of_the_service() {
    let roll = rolled(judged(probed("http://{load_balancer}:9001/")), seen(known())).0;
    assert_eq!(roll.judge.unwrap().probes[0].url, "http://shop.example:9001/");
}
