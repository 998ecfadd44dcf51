//! An image whose scan stands as a row says, on the sandbox.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shipit_core::release::Digest;

use super::rows::{Finds, Row};
use crate::support::http::HTTP;
use crate::support::sandbox::TestSandbox;

pub const IMAGE_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE: &str = "application/vnd.docker.container.image.v1+json";
const LAYER_TYPE: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Something that can stand for a registry.
pub trait Stand {
    /// Makes the repository with one image, whose scan stands so.
    async fn image(&self, repository: &str, row: &Row) -> Digest;
}

/// What the high one looks like in basic scanning.
pub fn basic(row: &Row) -> Vec<Value> {
    let zlib = json!({"name": "CVE-2026-7", "severity": "HIGH", "uri": "https://example.org/CVE-2026-7", "attributes": [
        {"key": "package_version", "value": "1.2-3"}, {"key": "package_name", "value": "zlib"}]});
    if row.finds == Finds::High { vec![zlib] } else { Vec::new() }
}

pub const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
const LAYER: &[u8] = b"layer";

/// One image's manifest.
pub fn manifest() -> Value {
    json!({"schemaVersion": 2, "mediaType": IMAGE_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": digest(CONFIG.as_bytes()), "size": CONFIG.len()},
        "layers": [{"mediaType": LAYER_TYPE, "digest": digest(LAYER), "size": LAYER.len()}]})
}

fn digest(bytes: &[u8]) -> String {
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hash}")
}

impl Stand for TestSandbox {
    async fn image(&self, repository: &str, row: &Row) -> Digest {
        let scan_on_push = json!({"scanOnPush": true});
        self.call("ecr", "CreateRepository", json!({"repositoryName": repository, "imageScanningConfiguration": scan_on_push}))
            .await;
        if row.status == "NOT_SCANNED" {
            self.call("ecr", "PutRegistryScanningConfiguration", json!({"scanType": "ENHANCED", "rules": []})).await;
        } else {
            let age = f64::from(row.days) * 24.0 * 3600.0;
            let fault = json!({"kind": "scan", "match": {"resource": repository}, "status": row.status, "description": "so",
                               "findings": basic(row), "age_seconds": age});
            self.admin("faults", &fault).await;
        }
        let token = self.call("ecr", "GetAuthorizationToken", json!({})).await;
        let token = format!("Basic {}", token["authorizationData"][0]["authorizationToken"].as_str().unwrap());
        let registry = format!("{}/v2/{repository}", self.endpoint());
        for blob in [CONFIG.as_bytes(), LAYER] {
            let begun = HTTP.post(format!("{registry}/blobs/uploads/")).header("authorization", &token).send().await.unwrap();
            let location = begun.headers()["location"].to_str().unwrap().to_owned();
            let location = if location.starts_with('/') { format!("{}{location}", self.endpoint()) } else { location };
            let put = HTTP.put(format!("{location}?digest={}", digest(blob))).header("authorization", &token);
            assert_eq!(put.body(blob.to_vec()).send().await.unwrap().status(), 201);
        }
        let text = manifest().to_string();
        let put =
            HTTP.put(format!("{registry}/manifests/one")).header("authorization", &token).header("content-type", IMAGE_TYPE);
        assert_eq!(put.body(text.clone()).send().await.unwrap().status(), 201);
        Digest(digest(text.as_bytes()))
    }
}
