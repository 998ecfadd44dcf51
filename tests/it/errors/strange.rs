//! An AWS of the future: fields and enum values that nobody here knows, in every answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use shipit_core::event::ServiceOutcome;
use shipit_core::failure::Exit;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::front::{Front, head};
use crate::support::shop::Shop;

/// A front that changes the JSON of every answer; it is told the operation.
async fn front(to: SocketAddr, change: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> Front {
    let change = Arc::new(change);
    Front::serve("127.0.0.1:0", move |stream, _| {
        let change = change.clone();
        async move {
            let mut client = BufReader::new(stream);
            while let Some((lines, body)) = message(&mut client).await? {
                let target = lines.iter().find(|line| line.to_lowercase().starts_with("x-amz-target: "));
                let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default().to_owned();
                let mut server = BufReader::new(TcpStream::connect(to).await?);
                server.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).await?;
                server.write_all(&body).await?;
                let Some((lines, mut body)) = message(&mut server).await? else { return Ok(()) };
                if let Ok(mut value) = serde_json::from_slice::<Value>(&body) {
                    change(&operation, &mut value);
                    body = value.to_string().into_bytes();
                }
                let kept = lines.iter().filter(|line| !line.to_lowercase().starts_with("content-length"));
                let head: String = kept.map(|line| format!("{line}\r\n")).collect();
                client.write_all(format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes()).await?;
                client.write_all(&body).await?;
            }
            Ok(())
        }
    })
    .await
}

/// Head and body of a request or an answer.
async fn message(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<(Vec<String>, Vec<u8>)>> {
    let Some(lines) = head(stream).await? else { return Ok(None) };
    let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    Ok(Some((lines, body)))
}

/// A field of the future in every object: not in maps of names, and not in what goes back to ECS as it came.
fn with_new_fields(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let kept = ["options", "findingSeverityCounts", "deploymentConfiguration"];
            members.iter_mut().filter(|(name, _)| !kept.contains(&name.as_str())).for_each(|(_, member)| with_new_fields(member));
            members.insert("fromTheFuture".to_owned(), json!({"level": 3, "kinds": ["NEW"]}));
        }
        Value::Array(items) => items.iter_mut().for_each(with_new_fields),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_nobody_knows_yet_change_nothing() {
    let shop = Shop::open("fields").await;
    shop.stock().await;
    let to = shop.sandbox.registry().parse().unwrap();
    let front = front(to, |_, value| with_new_fields(value)).await;
    let ended = shop.deploy_by(front.url(), |_| ()).await;
    assert_eq!(ended.exit, Exit::Done, "{:?} {:?}", ended.failures, ended.outcome);
    shop.sandbox.finish().await;
}

/// The states of the rollout in an answer become one that nobody knows.
fn in_a_new_state(operation: &str, value: &mut Value) {
    let new = || Value::from("PONDERING");
    match operation {
        "ListServiceDeployments" => {
            for deployment in value["serviceDeployments"].as_array_mut().into_iter().flatten() {
                deployment["status"] = new();
            }
        }
        "DescribeServices" => {
            for deployment in value.pointer_mut("/services/0/deployments").and_then(Value::as_array_mut).into_iter().flatten() {
                deployment["rolloutState"] = new();
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_nobody_knows_is_waited_on_and_never_success() {
    let shop = Shop::open("states").await;
    shop.stock().await;
    let to = shop.sandbox.registry().parse().unwrap();
    let updated = Arc::new(AtomicUsize::new(0));
    let since = updated.clone();
    let front = front(to, move |operation, value| {
        if operation == "UpdateService" {
            since.store(1, Ordering::SeqCst);
        }
        // Six answers to looks that the engine makes while it waits.
        let waiting = since.load(Ordering::SeqCst);
        if (1..=6).contains(&waiting) && matches!(operation, "DescribeServices" | "ListServiceDeployments") {
            since.fetch_add(1, Ordering::SeqCst);
            in_a_new_state(operation, value);
        }
    })
    .await;
    let ended = shop.deploy_by(front.url(), |_| ()).await;
    assert_eq!(ended.exit, Exit::Done, "{:?} {:?}", ended.failures, ended.outcome);
    assert_eq!(updated.load(Ordering::SeqCst), 7, "success was believed before a state that is known");
    let stands = &ended.outcome.unwrap().services["backend"];
    assert!(matches!(stands, ServiceOutcome::Deployed { .. }), "{stands:?}");
    shop.sandbox.finish().await;
}
