//! moto as a process of its own, from the virtual environment; its answers to questions about scans are given beforehand.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shipit_core::release::Digest;

use super::rows::{Finds, Row};
use super::stand::{IMAGE_TYPE, Stand, basic, manifest};
use crate::support::PATIENCE;
use crate::support::http::HTTP;
use crate::support::sandbox::REGION;
use crate::support::venv;

/// A running moto.
pub struct Moto {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Moto {
    /// Starts it on a free port of the loopback interface and waits until it answers.
    pub async fn start() -> Self {
        let program = venv::program("moto_server");
        assert!(program.exists(), "`{}` is missing: run `make venv`", program.display());
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let mut moto = Self { process: process.unwrap(), port, folder };
        let started = Instant::now();
        while HTTP.get(format!("{}/moto-api/", moto.endpoint())).send().await.is_err() {
            let ended = moto.process.try_wait().unwrap();
            let late = started.elapsed() > PATIENCE;
            assert!(ended.is_none() && !late, "moto does not start ({ended:?}):\n{}", moto.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        moto
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn ecr(&self, operation: &str, body: Value) -> Value {
        let scope = format!("Credential=AKIAMOTO/20260101/{REGION}/ecr/aws4_request");
        let request = HTTP
            .post(self.endpoint())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{operation}"))
            .header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"));
        let reply = request.body(body.to_string()).send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert_eq!(status, 200, "{operation}: {text}\n{}", self.log());
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Moto {
    /// Also when the test has failed.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn enhanced(row: &Row) -> Vec<Value> {
    let package = json!({"name": "zlib", "version": "1.2", "fixedInVersion": "NotAvailable"});
    let details = json!({"vulnerabilityId": "CVE-2026-7", "vulnerablePackages": [package]});
    let zlib = json!({"severity": "HIGH", "status": "ACTIVE", "fixAvailable": "NO", "packageVulnerabilityDetails": details});
    if row.finds == Finds::High { vec![zlib] } else { Vec::new() }
}

impl Stand for Moto {
    async fn image(&self, repository: &str, row: &Row) -> Digest {
        // What scans by itself is a setting of the registry; moto applies it to every repository, at once.
        let rules = json!([{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}]);
        let scanning = match row.status {
            "NOT_SCANNED" => json!({"scanType": "ENHANCED", "rules": []}),
            _ => json!({"scanType": "BASIC", "rules": rules}),
        };
        self.ecr("CreateRepository", json!({"repositoryName": repository})).await;
        self.ecr("PutRegistryScanningConfiguration", scanning).await;
        let put = json!({"repositoryName": repository, "imageManifest": manifest().to_string(), "imageTag": "one",
                         "imageManifestMediaType": IMAGE_TYPE});
        let image = self.ecr("PutImage", put).await["image"]["imageId"].clone();
        let id = json!({"imageDigest": image["imageDigest"]});
        if !matches!(row.status, "NOT_SCANNED" | "SCAN_NOT_FOUND") {
            self.ecr("StartImageScan", json!({"repositoryName": repository, "imageId": id})).await;
            let at = jiff::Timestamp::now().as_second() - i64::from(row.days) * 24 * 3600;
            let mut findings = json!({"imageScanCompletedAt": at, "vulnerabilitySourceUpdatedAt": at});
            let (shape, list) =
                if row.status == "ACTIVE" { ("enhancedFindings", enhanced(row)) } else { ("findings", basic(row)) };
            findings["findingSeverityCounts"] = if list.is_empty() { json!({}) } else { json!({"HIGH": list.len()}) };
            findings[shape] = Value::from(list);
            let mut result = json!({"repositoryName": repository, "imageId": id,
                                    "imageScanStatus": {"status": row.status, "description": "so"}});
            if matches!(row.status, "COMPLETE" | "ACTIVE" | "SCAN_ELIGIBILITY_EXPIRED") {
                result["imageScanFindings"] = findings;
            }
            let given = json!({"results": [result], "region": REGION});
            let url = format!("{}/moto-api/static/ecr/scan-finding-results", self.endpoint());
            let reply = HTTP.post(url).header("content-type", "application/json").body(given.to_string()).send().await.unwrap();
            assert!(reply.status().is_success(), "{}", self.log());
        }
        Digest(image["imageDigest"].as_str().unwrap().to_owned())
    }
}
