//! Jobs of a custom action: their artefacts in S3, the queue, and what their worker has answered.

use std::io::{Cursor, Write as _};

use serde_json::{Value, json};
use shipit_sandbox::client::Client;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::http::HTTP;

/// An archive with these files at its root, in S3.
pub async fn put(endpoint: &str, key: &str, files: &[(&str, &[u8])]) {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    let credential = "AWS4-HMAC-SHA256 Credential=AKIABUILD/20261122/ap-northeast-2/s3/aws4_request";
    let sent = HTTP.put(format!("{endpoint}/artefacts/{key}")).header("authorization", credential).body(archive).send();
    assert_eq!(sent.await.unwrap().status(), 200);
}

/// A job of the application with that artefact; its id.
pub async fn queue(endpoint: &str, application: &str, key: &str, commit: &str) -> String {
    let job = json!({
        "actionTypeId": {"category": "Deploy", "owner": "Custom", "provider": "shipit", "version": "1"},
        "configuration": {"Application": application, "Commit": commit},
        "inputArtifacts": [{"name": "web", "bucketName": "artefacts", "objectKey": key}],
    });
    let queued = Client::new(endpoint).post("jobs", &job).await.unwrap();
    queued["id"].as_str().unwrap().to_owned()
}

/// The job as it stands.
pub async fn job(endpoint: &str, id: &str) -> Value {
    let jobs = Client::new(endpoint).get("jobs").await.unwrap();
    jobs["jobs"].as_array().unwrap().iter().find(|job| job["id"] == id).unwrap().clone()
}
