//! The operations on a state, without a data plane: replies and refusals.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::dispatch::{self, Service};
use crate::state::State;
use crate::wire::query::strings;

fn state() -> State {
    State::new("123456789012".to_owned(), "eu-west-1".to_owned(), Clock::start(1.0), PathBuf::new())
}

fn call(state: &mut State, operation: &str, body: Value) -> Value {
    dispatch::call(state, Service::Elb, operation, strings(body)).unwrap()
}

/// `Code: message`
fn refused(state: &mut State, operation: &str, body: Value) -> String {
    let error = dispatch::call(state, Service::Elb, operation, strings(body)).unwrap_err();
    assert_eq!(error.status, 400);
    format!("{}: {}", error.code, error.message)
}

fn balancer(state: &mut State, name: &str) -> String {
    let reply = call(state, "CreateLoadBalancer", json!({"Name": name}));
    reply["LoadBalancers"][0]["LoadBalancerArn"].as_str().unwrap().to_owned()
}

fn group(state: &mut State, name: &str) -> String {
    let body = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "TargetType": "ip"});
    let reply = call(state, "CreateTargetGroup", body);
    reply["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap().to_owned()
}

fn to(group: &str) -> Value {
    json!([{"Type": "forward", "TargetGroupArn": group}])
}

fn listener(state: &mut State, balancer: &str, port: u16, actions: Value) -> String {
    let body = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": actions});
    let reply = call(state, "CreateListener", body);
    reply["Listeners"][0]["ListenerArn"].as_str().unwrap().to_owned()
}

#[test]
fn creating_the_same_again_answers_the_first_and_other_settings_are_refused() {
    let mut state = state();
    let first = balancer(&mut state, "shop");
    assert_eq!(balancer(&mut state, "shop"), first);
    let other = refused(&mut state, "CreateLoadBalancer", json!({"Name": "shop", "Scheme": "internal"}));
    assert!(other.starts_with("DuplicateLoadBalancerName: A load balancer with the same name 'shop'"), "{other}");
    let first = group(&mut state, "web");
    assert_eq!(group(&mut state, "web"), first);
    let body = json!({"Name": "web", "Protocol": "HTTP", "Port": 81, "TargetType": "ip"});
    let other = refused(&mut state, "CreateTargetGroup", body);
    assert!(other.starts_with("DuplicateTargetGroupName: "), "{other}");
}

#[test]
fn arns_are_built_as_aws_builds_them() {
    let mut state = state();
    let (balancer, web) = (balancer(&mut state, "shop"), group(&mut state, "web"));
    let listener = listener(&mut state, &balancer, 80, to(&web));
    let (_, lb) = balancer.rsplit_once('/').unwrap();
    let prefix = "arn:aws:elasticloadbalancing:eu-west-1:123456789012";
    assert_eq!(balancer, format!("{prefix}:loadbalancer/app/shop/{lb}"));
    assert!(lb.len() == 16 && lb.chars().all(|c| c.is_ascii_hexdigit()), "{lb}");
    assert!(listener.starts_with(&format!("{prefix}:listener/app/shop/{lb}/")), "{listener}");
    let rules = call(&mut state, "DescribeRules", json!({"ListenerArn": listener}));
    let rule = rules["Rules"][0]["RuleArn"].as_str().unwrap();
    assert!(rule.starts_with(&listener.replace(":listener/", ":listener-rule/")), "{rule}");
    assert_eq!((&rules["Rules"][0]["Priority"], &rules["Rules"][0]["IsDefault"]), (&json!("default"), &json!(true)));
}

#[test]
fn a_new_target_group_has_the_documented_defaults() {
    let mut state = state();
    let web = group(&mut state, "web");
    let reply = call(&mut state, "DescribeTargetGroups", json!({"Names": ["web"]}));
    let shown = &reply["TargetGroups"][0];
    for (member, expected) in [
        ("HealthCheckProtocol", json!("HTTP")),
        ("HealthCheckPort", json!("traffic-port")),
        ("HealthCheckPath", json!("/")),
        ("HealthCheckIntervalSeconds", json!(30)),
        ("HealthCheckTimeoutSeconds", json!(5)),
        ("HealthyThresholdCount", json!(5)),
        ("UnhealthyThresholdCount", json!(2)),
        ("Matcher", json!({"HttpCode": "200"})),
        ("LoadBalancerArns", json!([])),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    let reply = call(&mut state, "DescribeTargetGroupAttributes", json!({"TargetGroupArn": web}));
    let delay = json!({"Key": "deregistration_delay.timeout_seconds", "Value": "300"});
    assert!(reply["Attributes"].as_array().unwrap().contains(&delay));
}

#[test]
fn what_does_not_exist_is_said_in_aws_words() {
    let mut state = state();
    for (operation, body, expected) in [
        ("DescribeLoadBalancers", json!({"Names": ["a", "b"]}), "LoadBalancerNotFound: Load balancers '[a, b]' not found"),
        ("DescribeTargetGroups", json!({"Names": ["a"]}), "TargetGroupNotFound: One or more target groups not found"),
        ("DescribeTargetHealth", json!({"TargetGroupArn": "a"}), "TargetGroupNotFound: One or more target groups not found"),
        ("DescribeListeners", json!({"ListenerArns": ["a"]}), "ListenerNotFound: One or more listeners not found"),
        ("ModifyRule", json!({"RuleArn": "a"}), "RuleNotFound: One or more rules not found"),
        ("DeleteListener", json!({"ListenerArn": "a"}), "ListenerNotFound: One or more listeners not found"),
    ] {
        assert_eq!(refused(&mut state, operation, body), expected, "{operation}");
    }
    call(&mut state, "DeleteLoadBalancer", json!({"LoadBalancerArn": "a"}));
    call(&mut state, "DeleteTargetGroup", json!({"TargetGroupArn": "a"}));
}

#[test]
fn a_target_group_serves_one_load_balancer_and_is_not_deleted_while_it_serves() {
    let mut state = state();
    let (shop, other, web) = (balancer(&mut state, "shop"), balancer(&mut state, "other"), group(&mut state, "web"));
    let first = listener(&mut state, &shop, 80, to(&web));
    listener(&mut state, &shop, 81, to(&web));
    let body = json!({"LoadBalancerArn": other, "Protocol": "HTTP", "Port": 80, "DefaultActions": to(&web)});
    let twice = refused(&mut state, "CreateListener", body);
    assert_eq!(
        twice,
        format!(
            "TargetGroupAssociationLimit: The following target groups cannot be associated with more than one load balancer: {web}"
        )
    );
    let reply = call(&mut state, "DescribeTargetGroups", json!({"LoadBalancerArn": shop}));
    assert_eq!(reply["TargetGroups"][0]["LoadBalancerArns"], json!([shop]));
    let in_use = refused(&mut state, "DeleteTargetGroup", json!({"TargetGroupArn": web}));
    assert_eq!(in_use, format!("ResourceInUse: Target group '{web}' is currently in use by a listener or a rule"));

    call(&mut state, "DeleteListener", json!({"ListenerArn": first}));
    assert!(state.target_group_in_use(&web));
    call(&mut state, "DeleteLoadBalancer", json!({"LoadBalancerArn": shop}));
    assert!(!state.target_group_in_use(&web));
    call(&mut state, "DeleteTargetGroup", json!({"TargetGroupArn": web}));
    assert!(state.elb.groups.is_empty());
}

#[test]
fn actions_that_make_no_sense_are_refused_and_change_nothing() {
    let mut state = state();
    let (shop, web) = (balancer(&mut state, "shop"), group(&mut state, "web"));
    let http = listener(&mut state, &shop, 80, to(&web));
    let before = call(&mut state, "DescribeListeners", json!({"ListenerArns": [http]}));
    let shares = |weights: &[u32]| {
        let share = |weight: &u32| json!({"TargetGroupArn": web, "Weight": weight});
        json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": weights.iter().map(share).collect::<Vec<_>>()}}])
    };
    for (actions, code) in [
        (to("arn:aws:elasticloadbalancing:targetgroup/none"), "TargetGroupNotFound"),
        (shares(&[1000]), "ValidationError"),
        (shares(&[1, 1]), "InvalidLoadBalancerAction"),
        (json!([{"Type": "forward"}]), "ValidationError"),
        (json!([{"Type": "authenticate-oidc"}]), "InvalidLoadBalancerAction"),
        (json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "302"}}]), "InvalidLoadBalancerAction"),
        (json!([to(&web)[0], to(&web)[0]]), "InvalidLoadBalancerAction"),
    ] {
        let body = json!({"ListenerArn": http, "Port": 8080, "DefaultActions": actions});
        let refusal = refused(&mut state, "ModifyListener", body);
        assert!(refusal.starts_with(code), "{actions}: {refusal}");
    }
    assert_eq!(call(&mut state, "DescribeListeners", json!({"ListenerArns": [http]})), before);
    let largest = json!({"ListenerArn": http, "DefaultActions": shares(&[999])});
    let reply = call(&mut state, "ModifyListener", largest);
    assert_eq!(reply["Listeners"][0]["DefaultActions"][0]["ForwardConfig"]["TargetGroups"][0]["Weight"], 999);
}

#[test]
fn priorities_are_unique_and_default_rules_belong_to_the_listener() {
    let mut state = state();
    let (shop, web) = (balancer(&mut state, "shop"), group(&mut state, "web"));
    let http = listener(&mut state, &shop, 80, to(&web));
    let rule = |priority: u32| {
        json!({"ListenerArn": http, "Priority": priority, "Actions": to(&web),
               "Conditions": [{"Field": "path-pattern", "Values": ["/a"]}]})
    };
    let arn = |reply: Value| reply["Rules"][0]["RuleArn"].as_str().unwrap().to_owned();
    let low = arn(call(&mut state, "CreateRule", rule(10)));
    let high = arn(call(&mut state, "CreateRule", rule(5)));
    assert_eq!(refused(&mut state, "CreateRule", rule(10)), "PriorityInUse: Priority '10' is currently in use");
    assert!(refused(&mut state, "CreateRule", rule(0)).starts_with("ValidationError"));
    let onto = json!({"RulePriorities": [{"RuleArn": low, "Priority": 5}]});
    assert_eq!(refused(&mut state, "SetRulePriorities", onto), "PriorityInUse: Priority '5' is currently in use");
    let swap = json!([{"RuleArn": low, "Priority": 5}, {"RuleArn": high, "Priority": 10}]);
    call(&mut state, "SetRulePriorities", json!({"RulePriorities": swap}));
    let rules = call(&mut state, "DescribeRules", json!({"ListenerArn": http}));
    let order: Vec<&str> = rules["Rules"].as_array().unwrap().iter().map(|it| it["RuleArn"].as_str().unwrap()).collect();
    assert_eq!(order[..2], [low.as_str(), high.as_str()]);
    let default = json!({"RuleArn": order[2], "Actions": to(&web)});
    let expected = format!("OperationNotPermitted: Default rule '{}' cannot be", order[2]);
    assert_eq!(refused(&mut state, "ModifyRule", default.clone()), format!("{expected} modified"));
    assert_eq!(refused(&mut state, "DeleteRule", default), format!("{expected} deleted"));
}

#[test]
fn attributes_and_tags_are_checked_before_anything_changes() {
    let mut state = state();
    let web = group(&mut state, "web");
    let set = |key: &str, value: &str| json!({"TargetGroupArn": web, "Attributes": [{"Key": key, "Value": value}]});
    let unknown = refused(&mut state, "ModifyTargetGroupAttributes", set("colour", "red"));
    assert_eq!(unknown, "ValidationError: Target group attribute key 'colour' is not recognized");
    let long = set("deregistration_delay.timeout_seconds", "3601");
    assert!(refused(&mut state, "ModifyTargetGroupAttributes", long).contains("less than or equal to 3600"));

    let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]);
    let twice = refused(&mut state, "AddTags", json!({"ResourceArns": [web], "Tags": tags}));
    assert!(twice.starts_with("DuplicateTagKeys"), "{twice}");
    call(&mut state, "AddTags", json!({"ResourceArns": [web], "Tags": [{"Key": "a", "Value": "1"}]}));
    let reply = call(&mut state, "DescribeTags", json!({"ResourceArns": [web]}));
    assert_eq!(reply["TagDescriptions"][0]["Tags"], json!([{"Key": "a", "Value": "1"}]));

    let shop = balancer(&mut state, "shop");
    let protect = json!([{"Key": "deletion_protection.enabled", "Value": "true"}]);
    call(&mut state, "ModifyLoadBalancerAttributes", json!({"LoadBalancerArn": shop, "Attributes": protect}));
    let kept = refused(&mut state, "DeleteLoadBalancer", json!({"LoadBalancerArn": shop}));
    assert!(kept.starts_with("OperationNotPermitted"), "{kept}");
}
