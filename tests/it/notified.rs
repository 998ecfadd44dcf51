//! Who is told how a run has ended: a webhook and EventBridge, by the real program; the URL of the webhook stays a secret.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::support::front::head;
use crate::support::shop::{COMMIT, Shop, said};

/// What nobody but the webhook may see.
const SECRET: &str = "T0-B0-s3cret";
const NOTIFY: &str = "
notify:
  webhook: { url: \"${env:HOOK}\" }
  event_bridge: {}
";

/// A webhook that notes path and body of what it is sent.
async fn webhook() -> (String, Arc<Mutex<Vec<(String, Value)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{SECRET}", listener.local_addr().unwrap());
    let noted: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let seen = noted.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let head = head(&mut stream).await.unwrap().unwrap();
            let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap()];
            stream.read_exact(&mut body).await.unwrap();
            seen.lock().unwrap().push((head[0].clone(), serde_json::from_slice(&body).unwrap()));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await.unwrap();
        }
    });
    (url, noted)
}

/// Files below the folder that hold the secret.
fn that_hold_it(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(that_hold_it(&path));
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(SECRET) {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn deploy(shop: &Shop, hook: &str) -> (i32, String) {
    let mut program = shop.program_at(&shop.sandbox.endpoint(), &["deploy", "--commit", COMMIT]);
    program.env("HOOK", hook).env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", shop.folder());
    let (exit, out, err) = said(program).await;
    (exit, out + &err)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_run_is_told_and_what_cannot_be_told_changes_nothing() {
    let shop = Shop::open("notified").await;
    shop.stock().await;
    let pipeline = shop.folder().join("shipit.yaml");
    let text = std::fs::read_to_string(&pipeline).unwrap();
    std::fs::write(&pipeline, text + NOTIFY).unwrap();
    let (url, noted) = webhook().await;

    let (exit, told) = deploy(&shop, &url).await;
    assert_eq!(exit, 0, "{told}");
    let noted = std::mem::take(&mut *noted.lock().unwrap());
    let [(request, body)] = noted.as_slice() else { panic!("{noted:?}") };
    assert_eq!(*request, format!("POST /{SECRET} HTTP/1.1"));
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("`shop: ✓ deployed 4f2a91c") && text.contains("backend"), "{text}");
    let events = shop.sandbox.answered("PutEvents");
    assert_eq!(events.len(), 1);
    let entry = &events[0]["Entries"][0];
    assert_eq!((&entry["Source"], &entry["DetailType"]), (&json!("shipit"), &json!("shipit Run Finished")));
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!((&detail["exit"], &detail["commit"], &detail["pipeline"]), (&json!(0), &json!(COMMIT), &json!("shop")));
    assert_eq!(detail["services"]["backend"]["stands"], "deployed");

    shop.fault(json!({"match": {"service": "events"}, "kind": "deny"})).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (exit, softly) = deploy(&shop, &format!("http://{free}/{SECRET}")).await;
    assert_eq!(exit, 0, "{softly}");
    assert!(softly.contains("notice: the webhook was not told how the run ended: "), "{softly}");
    assert!(softly.contains("notice: the event bus `default` was not told") && softly.contains("events:PutEvents"), "{softly}");

    assert!(!told.contains(SECRET) && !softly.contains(SECRET), "{told}{softly}");
    assert_eq!(that_hold_it(&shop.folder()), [""; 0]);
    shop.sandbox.finish().await;
}
