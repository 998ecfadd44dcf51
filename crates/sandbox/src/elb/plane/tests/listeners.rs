//! Listeners come and go with the state.

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::world::{Backend, World, forward, get, request, send, text};

fn fixed(body: &str) -> Value {
    json!([{"Type": "fixed-response", "FixedResponseConfig":
        {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": body}}])
}

#[tokio::test]
async fn the_dns_name_with_the_listeners_own_port_works() {
    let world = World::start();
    let balancer = world.balancer("shop", "application");
    let reply = world.call("DescribeLoadBalancers", json!({"Names": ["shop"]}));
    let name = text(&reply["LoadBalancers"][0]["DNSName"]);
    let (_, first) = world.listener(&balancer, 3333, fixed("first")).await;
    let (_, second) = world.listener(&balancer, 8443, fixed("second")).await;
    if cfg!(target_os = "linux") {
        assert_eq!(first.to_string(), format!("{name}:3333"));
        assert_eq!(second.to_string(), format!("{name}:8443"));
    }
    assert_eq!(get(first, "/").await.body, "first");
    assert_eq!(get(second, "/").await.body, "second");
    let addresses = world.shared.lock().load_balancer_addresses();
    assert_eq!(addresses["shop"], [(3333, first), (8443, second)].into());
}

#[tokio::test]
async fn a_taken_port_is_replaced_and_the_replacement_is_known() {
    let world = World::start();
    let balancer = world.balancer("shop", "application");
    let address = world.shared.lock().elb.balancers[&balancer].address;
    let _own = TcpListener::bind((address, 3334)).await.unwrap();
    let _common = TcpListener::bind("127.0.0.1:3334").await;
    let (listener, bound) = world.listener(&balancer, 3334, fixed("here")).await;
    assert_ne!(bound.port(), 3334);
    assert_eq!(get(bound, "/").await.body, "here");
    assert_eq!(world.shared.lock().listener_address(&listener), Some(bound));
    assert_eq!(world.shared.lock().load_balancer_addresses()["shop"][&3334], bound);
}

#[tokio::test]
async fn deleted_listeners_close_and_modified_ones_move() {
    let world = World::start();
    let balancer = world.balancer("shop", "application");
    let (listener, first) = world.listener(&balancer, 3335, fixed("old")).await;
    world.call("ModifyListener", json!({"ListenerArn": listener, "Port": 3336, "DefaultActions": fixed("new")}));
    let second = world.until(|state| state.listener_address(&listener).filter(|it| *it != first)).await;
    assert_eq!(get(second, "/").await.body, "new");
    assert!(TcpStream::connect(first).await.is_err());

    world.call("DeleteListener", json!({"ListenerArn": listener}));
    let (_, third) = world.listener(&balancer, 3336, fixed("again")).await;
    assert_eq!(third, second);
    assert_eq!(get(third, "/").await.body, "again");
    world.call("DeleteLoadBalancer", json!({"LoadBalancerArn": balancer}));
    let state_is_empty = world.shared.lock().elb.listeners.is_empty();
    assert!(state_is_empty);
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while TcpStream::connect(third).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn rules_are_tried_by_priority_and_the_default_is_the_last() {
    let world = World::start();
    let balancer = world.balancer("shop", "application");
    let (listener, address) = world.listener(&balancer, 80, fixed("default")).await;
    let rule = |priority: u32, conditions: Value, actions: Value| {
        let body = json!({"ListenerArn": listener, "Priority": priority, "Conditions": conditions, "Actions": actions});
        text(&world.call("CreateRule", body)["Rules"][0]["RuleArn"])
    };
    let api = json!([{"Field": "path-pattern", "Values": ["/api/*"]}]);
    let test = json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Test", "Values": ["1"]}}]);
    rule(20, api.clone(), fixed("api"));
    let late = rule(30, test, fixed("test"));
    rule(
        40,
        json!([{"Field": "path-pattern", "Values": ["/old"]}]),
        json!([{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302", "Path": "/new"}}]),
    );
    let with_header = |path: &str| {
        let mut request = request("GET", path, "");
        request.headers_mut().insert("x-test", "1".parse().unwrap());
        request
    };
    assert_eq!(get(address, "/").await.body, "default");
    assert_eq!(get(address, "/api/a").await.body, "api");
    assert_eq!(send(address, with_header("/")).await.body, "test");
    assert_eq!(send(address, with_header("/api/a")).await.body, "api");
    let moved = get(address, "/old?a=b").await;
    assert_eq!((moved.status, moved.headers["location"].to_str().unwrap()), (302, "http://shop.example/new?a=b"));

    let priorities = json!([{"RuleArn": late, "Priority": 10}]);
    world.call("SetRulePriorities", json!({"RulePriorities": priorities}));
    assert_eq!(send(address, with_header("/api/a")).await.body, "test");
    world.call("DeleteRule", json!({"RuleArn": late}));
    assert_eq!(send(address, with_header("/api/a")).await.body, "api");
}

#[tokio::test]
async fn a_network_load_balancer_carries_bytes_and_checks_connections() {
    let world = World::start();
    let backend = Backend::start("one").await;
    backend.answer_health(500);
    let group = world.group("web", "TCP");
    let balancer = world.balancer("shop", "network");
    let (_, address) = world.listener_of("TCP", &balancer, 80, forward(&[(&group, 1)])).await;
    world.register(&group, &backend);
    world.until_health(&group, &backend, "healthy").await;
    let got = get(address, "/headers").await;
    assert_eq!(got.status, 200);
    assert!(!got.body.contains("x-forwarded-for"), "{}", got.body);
}
