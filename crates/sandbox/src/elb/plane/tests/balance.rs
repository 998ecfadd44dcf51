//! Who gets a request: weights, rounds, draining, fail open, and nobody losing one while targets come and go.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::world::{Backend, World, forward, get, request, send};
use crate::elb::metrics::Counts;

async fn answers(address: SocketAddr, count: usize) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for _ in 0..count {
        let got = get(address, "/").await;
        assert_eq!(got.status, 200);
        *answers.entry(got.body).or_default() += 1;
    }
    answers
}

fn expected(counts: &[(&str, usize)]) -> BTreeMap<String, usize> {
    counts.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
}

#[tokio::test]
async fn weights_are_kept_exactly_and_zero_gets_nothing() {
    let world = World::start();
    let (blue, green) = (Backend::start("blue").await, Backend::start("green").await);
    let (stable, candidate) = (world.group("stable", "HTTP"), world.group("candidate", "HTTP"));
    let balancer = world.balancer("shop", "application");
    let (listener, address) = world.listener(&balancer, 80, forward(&[(&stable, 100), (&candidate, 0)])).await;
    world.register(&stable, &blue);
    world.register(&candidate, &green);
    world.until_health(&stable, &blue, "healthy").await;
    world.until_health(&candidate, &green, "healthy").await;

    assert_eq!(answers(address, 50).await, expected(&[("blue", 50)]));
    let weigh = |weights| world.call("ModifyListener", json!({"ListenerArn": listener, "DefaultActions": weights}));
    weigh(forward(&[(&stable, 90), (&candidate, 10)]));
    assert_eq!(answers(address, 100).await, expected(&[("blue", 90), ("green", 10)]));
    weigh(forward(&[(&stable, 1), (&candidate, 1)]));
    assert_eq!(answers(address, 10).await, expected(&[("blue", 5), ("green", 5)]));
    weigh(forward(&[(&stable, 0), (&candidate, 1)]));
    assert_eq!(answers(address, 20).await, expected(&[("green", 20)]));
    weigh(forward(&[(&stable, 0), (&candidate, 0)]));
    assert_eq!(get(address, "/").await.status, 503);

    let state = world.shared.lock();
    let totals = state.target_group_totals(&candidate).unwrap();
    assert_eq!(*totals, Counts { requests: 35, codes: [0, 35, 0, 0, 0], failed: 0, unconnected: 0 });
    let of_minutes: u64 = state.target_group_minutes(&stable).map(|minute| minute.counts.requests).sum();
    assert_eq!(of_minutes, 145);
    let healthy = state.target_group_minutes(&stable).last().unwrap().healthy;
    assert_eq!((healthy.most, healthy.last), (1, 1));
}

#[tokio::test]
async fn healthy_targets_take_turns_and_a_draining_one_finishes_what_it_has() {
    let world = World::start();
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let group = world.group("web", "HTTP");
    let balancer = world.balancer("shop", "application");
    let (_, address) = world.listener(&balancer, 80, forward(&[(&group, 1)])).await;
    world.register(&group, &one);
    world.until_health(&group, &one, "healthy").await;
    let in_flight = tokio::spawn(async move { get(address, "/wait").await });
    one.waiting.notified().await;

    world.register(&group, &two);
    world.until_health(&group, &two, "healthy").await;
    assert_eq!(answers(address, 10).await, expected(&[("one", 5), ("two", 5)]));

    world.deregister(&group, &one);
    assert_eq!(world.health(&group, &one), "draining: Target deregistration is in progress");
    assert_eq!(answers(address, 10).await, expected(&[("two", 10)]));
    let reply = world.call("DescribeTargetHealth", json!({"TargetGroupArn": group}));
    let states: Vec<&str> = reply["TargetHealthDescriptions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["TargetHealth"]["State"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["draining", "healthy"]);
    one.open();
    assert_eq!(in_flight.await.unwrap().body, "one");

    // Nothing is in flight any more, and still it drains until the delay is over.
    assert!(world.health(&group, &one).starts_with("draining"));
    let began = world.shared.lock().clock.now();
    world.until_health(&group, &one, "gone").await;
    let passed = world.shared.lock().clock.now() - began;
    assert!((10_000..40_000).contains(&passed.0), "{passed:?}");
}

#[tokio::test]
async fn without_a_healthy_target_all_get_requests_and_without_any_the_answer_is_503() {
    let world = World::start();
    let group = world.group("web", "HTTP");
    let balancer = world.balancer("shop", "application");
    let (_, address) = world.listener(&balancer, 80, forward(&[(&group, 1)])).await;
    let got = get(address, "/").await;
    assert_eq!((got.status, got.headers["server"].to_str().unwrap()), (503, "awselb/2.0"));

    let (sick, worse) = (Backend::start("sick").await, Backend::start("worse").await);
    for backend in [&sick, &worse] {
        backend.answer_health(500);
        world.register(&group, backend);
    }
    world.until_health(&group, &sick, "unhealthy").await;
    world.until_health(&group, &worse, "unhealthy").await;
    assert_eq!(answers(address, 6).await, expected(&[("sick", 3), ("worse", 3)]));

    sick.answer_health(200);
    world.until_health(&group, &sick, "healthy").await;
    assert_eq!(answers(address, 6).await, expected(&[("sick", 6)]));
    assert_eq!(world.shared.lock().target_group_totals(&group).unwrap().failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_targets_come_and_go_under_load() {
    let world = World::start();
    let group = world.group("web", "HTTP");
    let balancer = world.balancer("shop", "application");
    let (_, address) = world.listener(&balancer, 80, forward(&[(&group, 1)])).await;
    let mut current = Backend::start("0").await;
    world.register(&group, &current);
    world.until_health(&group, &current, "healthy").await;

    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                let (mut sent, mut failed) = (0, Vec::new());
                while !done.load(Ordering::Relaxed) {
                    let method = if client % 2 == 0 { "GET" } else { "POST" };
                    let got = send(address, request(method, "/", "")).await;
                    sent += 1;
                    if got.status != 200 {
                        failed.push(got);
                    }
                    tokio::task::yield_now().await;
                }
                (sent, failed)
            })
        })
        .collect();
    let mut served = 0;
    for round in 1..=3 {
        let next = Backend::start(&round.to_string()).await;
        world.register(&group, &next);
        world.until_health(&group, &next, "healthy").await;
        world.deregister(&group, &current);
        let at_most = current.hits() + clients.len() as u64;
        world.until_health(&group, &current, "gone").await;
        assert!(current.hits() <= at_most, "a draining target got new requests");
        served += current.hits();
        current = next;
    }
    done.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for client in clients {
        let (count, failed) = client.await.unwrap();
        assert!(failed.is_empty(), "{failed:?}");
        sent += count;
    }
    assert_eq!(sent, served + current.hits());
    assert!(sent > 100, "{sent}");
    assert_eq!(world.shared.lock().target_group_totals(&group).unwrap().requests, sent);
}
