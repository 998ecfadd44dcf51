//! Deployments that shift traffic, with a load balancer whose targets are healthy when they should be.

mod functions;
mod hooks;
mod stages;
mod stops;
mod wiring;

use serde_json::{Value, json};

use super::*;
use crate::elb::health::{Health, Outcome, Thresholds};
use crate::elb::targets::Target;
use crate::wire::query::strings;

/// The two target groups, and the rules of an application load balancer.
struct Wiring {
    blue: String,
    green: String,
    production: String,
    test: String,
}

fn elb(state: &mut State, operation: &str, body: Value) -> Value {
    dispatch(state, Aws::Elb, operation, strings(body)).unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn group(state: &mut State, name: &str) -> String {
    let body = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip"});
    text(&elb(state, "CreateTargetGroup", body)["TargetGroups"][0]["TargetGroupArn"])
}

fn forward(shares: &[(&str, u32)]) -> Value {
    let groups: Vec<Value> = shares.iter().map(|(group, weight)| json!({"TargetGroupArn": group, "Weight": weight})).collect();
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
}

/// A listener's default rule.
fn rule(state: &mut State, balancer: &str, port: u16, actions: Value) -> String {
    let body = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": actions});
    let listener = text(&elb(state, "CreateListener", body)["Listeners"][0]["ListenerArn"]);
    text(&elb(state, "DescribeRules", json!({"ListenerArn": listener}))["Rules"][0]["RuleArn"])
}

fn wire(state: &mut State) -> Wiring {
    let (blue, green) = (group(state, "blue"), group(state, "green"));
    let balancer = text(&elb(state, "CreateLoadBalancer", json!({"Name": "lb"}))["LoadBalancers"][0]["LoadBalancerArn"]);
    let production = rule(state, &balancer, 80, forward(&[(&blue, 1), (&green, 0)]));
    let test = rule(state, &balancer, 8080, forward(&[(&blue, 1)]));
    Wiring { blue, green, production, test }
}

impl Wiring {
    fn balancer(&self) -> Value {
        json!({
            "targetGroupArn": self.blue, "containerName": "web", "containerPort": 80,
            "advancedConfiguration": {
                "alternateTargetGroupArn": self.green, "productionListenerRule": self.production,
                "testListenerRule": self.test, "roleArn": "arn:aws:iam::123456789012:role/ecs",
            },
        })
    }

    /// What blue and green get on the production rule.
    fn production(&self, state: &State) -> (u32, u32) {
        self.on(state, &self.production)
    }

    fn on(&self, state: &State, rule: &str) -> (u32, u32) {
        let forwards = state.forwards(rule).unwrap();
        (forwards.weight(&self.blue).unwrap_or(0), forwards.weight(&self.green).unwrap_or(0))
    }

    /// How many targets there are in blue and green.
    fn targets(&self, state: &State) -> (usize, usize) {
        let count = |group: &String| state.elb.groups[group].targets.len();
        (count(&self.blue), count(&self.green))
    }
}

/// The service `web` of two tasks behind that load balancer, settled on its first revision `one`; `two` is registered.
fn shifted(configuration: Value) -> (State, Wiring) {
    let mut state = state();
    let wiring = wire(&mut state);
    register(&mut state, "one");
    let body = service(json!({"loadBalancers": [wiring.balancer()], "deploymentConfiguration": configuration}));
    call(&mut state, "CreateService", body);
    for _ in 0..20 {
        rest(&mut state);
        for hook in awaiting(&mut state) {
            proceed(&mut state, &hook, "CONTINUE");
        }
        rest(&mut state);
        pass(&mut state, 3600);
    }
    rest(&mut state);
    assert_eq!(rollouts(&mut state), ["SUCCESSFUL"]);
    register(&mut state, "two");
    (state, wiring)
}

/// The world turns until nothing more happens; no time passes. A target of the image `sick` fails its checks.
fn rest(state: &mut State) {
    for _ in 0..40 {
        let mut happened = schedule::look(state).acted;
        let now = state.now_seconds();
        let open: Vec<_> = state.ecs.tasks.values().filter(|task| !task.is_stopped()).cloned().collect();
        for task in open {
            let image = task.containers[0].image.clone();
            if image == "crash" {
                state.ecs.tasks.get_mut(&task.id).unwrap().ask_to_stop(StopCode::EssentialContainerExited, "exited", now);
            }
            if state.ecs.tasks[&task.id].stop.is_some() {
                for target in &task.targets {
                    state.elb.groups.get_mut(&target.group).unwrap().targets.retain(|it| it.target.id != task.address);
                }
                facts::stopped(state, &task.id);
                happened = true;
            } else if !task.is_running() {
                for target in &task.targets {
                    let endpoint = "127.0.0.1:1".parse().unwrap();
                    let (id, port) = (task.address.clone(), target.port);
                    state.register_target(&target.group, Target { id, port, endpoint });
                    let outcome = if image == "sick" { Outcome::Code(500) } else { Outcome::Passed };
                    let health = Health::default().after(outcome, Thresholds { healthy: 1, unhealthy: 1 });
                    state.elb.groups.get_mut(&target.group).unwrap().targets.last_mut().unwrap().health = health;
                }
                facts::running(state, &task.id);
                happened = true;
            }
        }
        if !happened {
            return;
        }
    }
    panic!("never rests: {:#}", web(state));
}

fn begin(state: &mut State) -> String {
    update(state, json!({"taskDefinition": "web:2"}));
    rest(state);
    arn(state)
}

/// The newest service deployment's ARN.
fn arn(state: &mut State) -> String {
    let reply = call(state, "ListServiceDeployments", json!({"cluster": "prod", "service": "web"}));
    text(&reply["serviceDeployments"][0]["serviceDeploymentArn"])
}

/// The newest service deployment.
fn newest(state: &mut State) -> Value {
    let arn = arn(state);
    let reply = call(state, "DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]}));
    reply["serviceDeployments"][0].clone()
}

fn stage(state: &mut State) -> String {
    newest(state)["lifecycleStage"].as_str().unwrap_or("none").to_owned()
}

/// `requestedProductionTrafficWeight` of source and target.
fn requested(state: &mut State) -> (f64, f64) {
    let newest = newest(state);
    let weight = |revision: &Value| revision["requestedProductionTrafficWeight"].as_f64().unwrap();
    (weight(&newest["sourceServiceRevisions"][0]), weight(&newest["targetServiceRevision"]))
}

/// The ids of hooks that wait for an answer.
fn awaiting(state: &mut State) -> Vec<String> {
    let newest = newest(state);
    let details = newest["lifecycleHookDetails"].as_array().cloned().unwrap_or_default();
    details.iter().filter(|one| one["status"] == "AWAITING_ACTION").map(|one| text(&one["hookId"])).collect()
}

fn proceed(state: &mut State, hook: &str, action: &str) {
    let body = json!({"serviceDeploymentArn": arn(state), "hookId": hook, "action": action});
    call(state, "ContinueServiceDeployment", body);
    rest(state);
}

fn pause(stages: &[&str]) -> Value {
    json!({"targetType": "PAUSE", "lifecycleStages": stages})
}

fn blue_green(hooks: Value) -> Value {
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "lifecycleHooks": hooks})
}

/// Everything is as before the deployment: `one` in blue has all traffic, nothing is left of `two`.
fn is_back(state: &mut State, wiring: &Wiring) {
    assert_eq!(rollouts(state)[0], "ROLLBACK_SUCCESSFUL");
    let service = web(state);
    assert_eq!(deployments(&service), [("PRIMARY".to_owned(), "COMPLETED".to_owned(), "1".to_owned())]);
    assert_eq!((&service["runningCount"], wiring.targets(state)), (&json!(2), (2, 0)));
    let (blue, green) = wiring.production(state);
    assert!(blue > 0 && green == 0, "{blue}:{green}");
    let (blue, green) = wiring.on(state, &wiring.test);
    assert!(blue > 0 && green == 0, "{blue}:{green} on the test rule");
}
