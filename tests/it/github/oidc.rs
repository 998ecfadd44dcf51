//! A role by GitHub's tokens: no static keys, and a fresh token whenever the session has ended.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::sandbox::{REGION, TestSandbox};
use crate::support::shop::said;

const ROLE: &str = "arn:aws:iam::123456789012:role/ci";

/// GitHub's token endpoint: each token is another one. Answers its address, and what it was asked.
async fn endpoint() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/token?api-version=2.0", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let count = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let number = {
                let mut heard = heard.lock().unwrap();
                heard.push(request.clone());
                heard.len()
            };
            let may = request.to_lowercase().contains("authorization: bearer s3cret-of-the-job");
            let (status, body) = match may {
                true => ("200 OK", format!("{{\"count\": 9, \"value\": \"s3cret-token-{number}\"}}")),
                false => ("401 Unauthorized", "{}".to_owned()),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _left = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    (address, asked)
}

/// `shipit status`, several calls one after the other, in a job that may ask `address` for tokens.
async fn status(sandbox: &TestSandbox, address: &str, bearer: &str) -> (i32, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_shipit"));
    command.args(["status", "--service", "backend", "--cluster", "storefront"]).current_dir(sandbox.folder());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", sandbox.folder());
    command.env("AWS_ENDPOINT_URL", sandbox.endpoint()).env("AWS_REGION", REGION).env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_ACCESS_KEY_ID", "AKIASTATIC").env("AWS_SECRET_ACCESS_KEY", "static").env("AWS_ROLE_ARN", ROLE);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_RUN_ID", "7");
    command.env("ACTIONS_ID_TOKEN_REQUEST_URL", address).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", bearer);
    let (exit, out, err) = said(command).await;
    (exit, format!("{out}{err}"))
}

#[tokio::test]
async fn a_session_that_has_ended_is_followed_by_another_with_a_fresh_token() {
    let sandbox = TestSandbox::without_engine("oidc").await;
    sandbox.seed("storefront/seed.json").await;
    let (address, asked) = endpoint().await;

    let (exit, told) = status(&sandbox, &address, "s3cret-of-the-job").await;
    assert_eq!(exit, 0, "{told}");
    let once = sandbox.answered("AssumeRoleWithWebIdentity");
    assert_eq!((once.len(), asked.lock().unwrap().len()), (1, 1), "one session serves all calls");
    assert_eq!((&once[0]["RoleArn"], &once[0]["RoleSessionName"]), (&ROLE.into(), &"shipit-7".into()));
    let request = asked.lock().unwrap()[0].clone();
    assert!(request.starts_with("GET /token?api-version=2.0&audience=sts.amazonaws.com "), "{request}");

    // Sessions of a clock that is two hours late have ended when they begin.
    sandbox.late_by(7200);
    let (exit, late) = status(&sandbox, &address, "s3cret-of-the-job").await;
    assert_eq!(exit, 0, "{late}");
    let tokens: Vec<String> =
        sandbox.answered("AssumeRoleWithWebIdentity").iter().map(|asked| asked["WebIdentityToken"].to_string()).collect();
    let mut different = tokens.clone();
    different.sort();
    different.dedup();
    assert!(tokens.len() > 2 && different.len() == tokens.len(), "{tokens:?}");

    let (exit, refused) = status(&sandbox, &address, "s3cret-of-another").await;
    assert_ne!(exit, 0);
    assert!(refused.contains("GitHub gives no token: its token endpoint answers 401"), "{refused}");
    for text in [told, late, refused] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    sandbox.finish().await;
}
