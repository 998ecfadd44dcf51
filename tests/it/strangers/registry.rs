//! docker and skopeo on the registry: login, push, pull, immutable tags, copies, and one digest everywhere.

use serde_json::{Value, json};

use super::storefront::{build, log_in};
use crate::support::http::HTTP;
use crate::support::sandbox::TestSandbox;

async fn described(sandbox: &TestSandbox, tag: &str) -> Value {
    let image = format!("imageTag={tag}");
    let images = ["ecr", "describe-images", "--repository-name", "storefront/backend", "--image-ids", &image];
    sandbox.aws_with(&images).await.json()["imageDetails"][0].take()
}

/// `Docker-Content-Digest` of a tag.
async fn content_digest(sandbox: &TestSandbox, tag: &str) -> String {
    let authorization = sandbox.call("ecr", "GetAuthorizationToken", json!({})).await;
    let token = authorization["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned();
    let accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
    let manifest = HTTP.head(format!("{}/v2/storefront/backend/manifests/{tag}", sandbox.endpoint()));
    let reply = manifest.header("authorization", format!("Basic {token}")).header("accept", accept).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.headers()["docker-content-digest"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn docker_and_skopeo_push_and_pull_and_agree_on_every_digest() {
    let sandbox = TestSandbox::with_engine("registry", 20.0).await;
    let repository = json!({
        "repositoryName": "storefront/backend", "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": true},
    });
    sandbox.call("ecr", "CreateRepository", repository).await;
    let image = build(&sandbox, "one").await;
    let complaint = sandbox.docker(&["push", &image]).await.complaint();
    assert!(complaint.contains("no basic auth credentials"), "{complaint}");
    log_in(&sandbox).await;

    // docker: pushed, pulled again by digest, the same digest everywhere.
    let pushed = sandbox.docker(&["push", &image]).await.text();
    let named = sandbox.docker(&["inspect", "--format", "{{index .RepoDigests 0}}", &image]).await.text();
    let (_, digest) = named.split_once('@').unwrap();
    assert!(pushed.contains(digest), "{pushed}");
    assert_eq!(content_digest(&sandbox, "one").await, digest);
    let details = described(&sandbox, "one").await;
    assert_eq!((&details["imageDigest"], &details["imageTags"]), (&digest.into(), &json!(["one"])));
    let at_registry = format!("docker://{image}");
    let inspect = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &at_registry];
    assert_eq!(sandbox.skopeo(&inspect).await.text(), digest);
    sandbox.docker(&["rmi", "--force", &image]).await.text();
    sandbox.docker(&["pull", &named]).await.text();

    // The tag is there to stay.
    let other = build(&sandbox, "two").await;
    sandbox.docker(&["tag", &other, &image]).await.text();
    let complaint = sandbox.docker(&["push", &image]).await.complaint();
    let refusal = "The image tag 'one' already exists in the 'storefront/backend' repository and cannot be overwritten because the tag is immutable.";
    assert!(complaint.contains(refusal), "{complaint}");
    assert_eq!(content_digest(&sandbox, "one").await, digest);

    // skopeo: from the Engine to the registry, to an OCI layout, and back as OCI.
    let from_engine = format!("docker-daemon:{other}");
    let to = format!("docker://{other}");
    sandbox.skopeo(&["copy", "--dest-tls-verify=false", &from_engine, &to]).await.text();
    let two = described(&sandbox, "two").await["imageDigest"].as_str().unwrap().to_owned();
    assert_eq!(content_digest(&sandbox, "two").await, two);
    let layout = format!("oci:{}:two", sandbox.folder().join("layout").display());
    sandbox.skopeo(&["copy", "--src-tls-verify=false", &to, &layout]).await.text();
    let of_layout = sandbox.skopeo(&["inspect", "--format", "{{.Digest}}", &layout]).await.text();
    let oci = format!("docker://{}/storefront/backend:oci", sandbox.registry());
    sandbox.skopeo(&["copy", "--dest-tls-verify=false", &layout, &oci]).await.text();
    let details = described(&sandbox, "oci").await;
    assert_eq!(details["imageDigest"], of_layout.as_str());
    assert_eq!(details["imageManifestMediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(sandbox.skopeo(&["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &oci]).await.text(), of_layout);
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn the_aws_cli_waits_for_a_scan_and_reads_its_findings() {
    let sandbox = TestSandbox::with_engine("scan", 20.0).await;
    sandbox.seed("storefront/seed.json").await;
    log_in(&sandbox).await;
    let findings = crate::support::sandbox::json_file(&crate::support::sandbox::fixture("findings/critical.json"));
    let fault = json!({"kind": "scan", "match": {"resource": "storefront/frontend"}, "status": "COMPLETE",
        "findings": findings["imageScanFindings"]["findings"]});
    sandbox.admin("faults", &fault).await;
    let backend = build(&sandbox, "one").await;
    let frontend = backend.replace("backend", "frontend");
    sandbox.docker(&["tag", &backend, &frontend]).await.text();
    for (image, severities) in
        [(&backend, Value::Null), (&frontend, findings["imageScanFindings"]["findingSeverityCounts"].clone())]
    {
        sandbox.docker(&["push", image]).await.text();
        let repository = image.split_once('/').unwrap().1.rsplit_once(':').unwrap().0;
        let arguments = format!("--repository-name {repository} --image-id imageTag=one");
        sandbox.aws(&format!("ecr wait image-scan-complete {arguments}")).await.text();
        let said = sandbox.aws(&format!("ecr describe-image-scan-findings {arguments}")).await.json();
        assert_eq!(said["imageScanStatus"]["status"], "COMPLETE");
        let counted = &said["imageScanFindings"]["findingSeverityCounts"];
        if severities.is_null() {
            assert_eq!(counted.as_object().map_or(0, serde_json::Map::len), 0, "{said}");
        } else {
            assert_eq!(counted, &severities);
        }
        let complaint = sandbox.aws(&format!("ecr start-image-scan {arguments}")).await.complaint();
        assert!(
            complaint.contains("(LimitExceededException)") && complaint.contains("The scan quota per image has been exceeded"),
            "{complaint}"
        );
    }
    sandbox.finish().await;
}
