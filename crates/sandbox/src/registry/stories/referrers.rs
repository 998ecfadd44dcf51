//! Artifacts that refer to an image, and blobs that are mounted.

use super::*;
use crate::ecr::manifest::OCI_INDEX;

const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const SBOM: &str = "application/spdx+json";

/// The manifest of an artifact about `subject` with one layer.
fn artifact(subject: &str, config: &str, layer: &str, artifact_type: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "artifactType": artifact_type,
        "config": {"mediaType": EMPTY, "digest": config, "size": 2},
        "layers": [{"mediaType": artifact_type, "digest": layer, "size": 5}],
        "subject": {"mediaType": DOCKER_IMAGE, "digest": subject, "size": 1},
        "annotations": {"org.opencontainers.image.created": "2026-11-20T10:00:00Z"},
    })
    .to_string()
}

impl Pusher {
    async fn push_artifact(&self, manifest: &str) -> Reply {
        let headers = [(CONTENT_TYPE.as_str(), OCI_IMAGE)];
        let place = format!("team/web/manifests/{}", digest_of(manifest.as_bytes()));
        self.send(Method::PUT, &place, &headers, manifest.to_owned()).await
    }

    async fn referrers(&self, subject: &str) -> Vec<Value> {
        let reply = self.send(Method::GET, &format!("team/web/referrers/{subject}"), &[], "").await;
        assert_eq!((reply.status, reply.header(CONTENT_TYPE)), (StatusCode::OK, OCI_INDEX));
        let mut index: Value = serde_json::from_slice(&reply.body).unwrap();
        serde_json::from_value(index["manifests"].take()).unwrap()
    }
}

#[tokio::test]
async fn artifacts_are_listed_by_what_they_are_about() {
    let pusher = Pusher::start("IMMUTABLE").await;
    let (config, layer) = (pusher.push_blob(b"{}").await, pusher.push_blob(b"layer").await);
    let image = manifest(&config, &layer);
    let subject = digest_of(image.as_bytes());
    assert_eq!(pusher.referrers(&subject).await, Vec::<Value>::new(), "nothing is there, and that is no error");

    let sbom = artifact(&subject, &config, &layer, SBOM);
    let statement = artifact(&subject, &config, &layer, "application/vnd.in-toto+json");
    let put = pusher.push_artifact(&sbom).await;
    assert_eq!((put.status, put.header("oci-subject")), (StatusCode::CREATED, subject.as_str()), "before its subject");
    assert_eq!(pusher.push_manifest("v1", &image).await.header("oci-subject"), "", "an image is about nothing");
    assert_eq!(pusher.push_artifact(&statement).await.status, StatusCode::CREATED);
    assert_eq!(pusher.push_artifact(&statement).await.status, StatusCode::CREATED, "once more changes nothing");

    let listed = pusher.referrers(&subject).await;
    assert_eq!(listed.len(), 2);
    let of_sbom = listed.iter().find(|descriptor| descriptor["artifactType"] == SBOM).unwrap();
    assert_eq!(of_sbom["digest"], digest_of(sbom.as_bytes()));
    assert_eq!(of_sbom["size"], sbom.len(), "the manifest's, as every descriptor has it");
    assert_eq!(of_sbom["annotations"]["org.opencontainers.image.created"], "2026-11-20T10:00:00Z");
    let place = format!("team/web/referrers/{subject}?artifactType=application%2Fspdx%2Bjson");
    let filtered = pusher.send(Method::GET, &place, &[], "").await;
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    let filtered: Value = serde_json::from_slice(&filtered.body).unwrap();
    assert_eq!(filtered["manifests"], json!([of_sbom]));
    assert_eq!(pusher.send(Method::GET, "team/web/referrers/v1", &[], "").await.code(), "DIGEST_INVALID");
    assert_eq!(pusher.send(Method::GET, &format!("none/web/referrers/{subject}"), &[], "").await.code(), "NAME_UNKNOWN");

    let details = ask(&mut pusher.shared.lock(), "DescribeImages", json!({"repositoryName": "team/web"})).unwrap();
    let details = details["imageDetails"].as_array().unwrap();
    let detail = details.iter().find(|detail| detail["imageDigest"] == of_sbom["digest"]).unwrap();
    assert_eq!((&detail["subjectManifestDigest"], &detail["artifactMediaType"]), (&json!(subject), &json!(SBOM)));

    let gone = pusher.send(Method::DELETE, &format!("team/web/manifests/{subject}"), &[], "").await;
    assert_eq!(gone.status, StatusCode::ACCEPTED);
    let again = pusher.send(Method::DELETE, &format!("team/web/manifests/{subject}"), &[], "").await;
    assert_eq!(again.code(), "MANIFEST_UNKNOWN");
    assert_eq!(pusher.referrers(&subject).await.len(), 2, "what refers to it stays");
}

#[tokio::test]
async fn what_is_about_an_image_is_not_scanned() {
    let pusher = Pusher::start("MUTABLE").await;
    let on_push = json!({"repositoryName": "team/web", "imageScanningConfiguration": {"scanOnPush": true}});
    ask(&mut pusher.shared.lock(), "PutImageScanningConfiguration", on_push).unwrap();
    let (config, layer) = (pusher.push_blob(b"{}").await, pusher.push_blob(b"layer").await);
    let sbom = artifact(&digest_of(b"subject"), &config, &layer, SBOM);
    pusher.push_artifact(&sbom).await;
    let digest = digest_of(sbom.as_bytes());
    let mut state = pusher.shared.lock();
    assert!(state.repository(None, "team/web").unwrap().contents.images[&digest].basic.is_none());
    let start = json!({"repositoryName": "team/web", "imageId": {"imageDigest": digest}});
    assert_eq!(ask(&mut state, "StartImageScan", start).unwrap_err().code, "UnsupportedImageTypeException");
}

#[tokio::test]
async fn a_blob_is_mounted_where_the_account_allows_it_and_a_manifest_refers_to_it() {
    let pusher = Pusher::start("MUTABLE").await;
    ask(&mut pusher.shared.lock(), "CreateRepository", json!({"repositoryName": "team/api"})).unwrap();
    let (config, layer) = (pusher.push_blob(b"{}").await, pusher.push_blob(b"layer").await);
    let mount = format!("team/api/blobs/uploads/?mount={layer}&from=team/web");
    let set = |value: &str| {
        let setting = json!({"name": "BLOB_MOUNTING", "value": value});
        ask(&mut pusher.shared.lock(), "PutAccountSetting", setting).unwrap();
    };
    let answer = async || pusher.send(Method::POST, &mount, &[], "").await.status;
    set("ENABLED");
    assert_eq!(answer().await, StatusCode::ACCEPTED, "no manifest refers to it yet");
    pusher.push_manifest("v1", &manifest(&config, &layer)).await;
    set("DISABLED");
    assert_eq!(answer().await, StatusCode::ACCEPTED);
    set("ENABLED");
    assert_eq!(answer().await, StatusCode::CREATED);
    let there = pusher.send(Method::HEAD, &format!("team/api/blobs/{layer}"), &[], "").await;
    assert_eq!(there.status, StatusCode::OK);
    let nowhere = format!("team/api/blobs/uploads/?mount={layer}&from=team/none");
    assert_eq!(pusher.send(Method::POST, &nowhere, &[], "").await.status, StatusCode::ACCEPTED);
}
