//! The ORAS client and the AWS CLI on artifacts that refer to an image, and the AWS CLI on the registry's settings.

use serde_json::{Value, json};

use super::storefront::{build, log_in};
use crate::support::sandbox::TestSandbox;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn oras_attaches_what_the_aws_cli_lists() {
    let mut sandbox = TestSandbox::without_engine("referrers").await;
    sandbox.takes_images();
    sandbox.call("ecr", "CreateRepository", json!({"repositoryName": "storefront/backend"})).await;
    log_in(&sandbox).await;
    let image = build(&sandbox, "one").await;
    sandbox.docker(&["push", "--quiet", &image]).await.text();
    let named = sandbox.docker(&["inspect", "--format", "{{index .RepoDigests 0}}", &image]).await.text();
    let (_, digest) = named.split_once('@').unwrap();
    let body = json!({"repositoryName": "storefront/backend", "imageIds": [{"imageDigest": digest}]});
    let got = sandbox.call("ecr", "BatchGetImage", body).await["images"][0].take();
    let size = got["imageManifest"].as_str().unwrap().len().to_string();
    let media_type = got["imageManifestMediaType"].as_str().unwrap();
    let file = sandbox.folder().join("sbom.spdx.json");
    std::fs::write(&file, r#"{"spdxVersion": "SPDX-2.3"}"#).unwrap();
    let artifact = sandbox.python_in_registry("referrers.py", &[&named, &size, media_type, file.to_str().unwrap()]).await.json();

    let subject = format!("imageDigest={digest}");
    let list = ["ecr", "list-image-referrers", "--repository-name", "storefront/backend", "--subject-id", &subject];
    let listed = sandbox.aws_with(&list).await.json();
    let referrers = listed["referrers"].as_array().unwrap();
    assert_eq!(referrers.len(), 1, "{listed}");
    assert_eq!(referrers[0]["digest"], artifact["digest"]);
    assert_eq!(
        (&referrers[0]["annotations"]["org.example.by"], &referrers[0]["artifactStatus"]),
        (&json!("oras"), &json!("ACTIVE"))
    );
    let others = [&list[..], &["--filter", "artifactTypes=application/vnd.in-toto+json"]].concat();
    assert_eq!(sandbox.aws_with(&others).await.json()["referrers"], json!([]));

    let described =
        sandbox.aws("ecr describe-images --repository-name storefront/backend --image-ids imageTag=sbom").await.json();
    assert_eq!(described["imageDetails"][0]["subjectManifestDigest"], digest);
    let delete = "ecr batch-delete-image --repository-name storefront/backend --image-ids imageTag=one";
    assert_eq!(sandbox.aws(delete).await.json()["failures"], json!([]), "an image that is referred to can go");
    assert_eq!(sandbox.aws_with(&list).await.json()["referrers"].as_array().map(Vec::len), Some(1));
    sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_sets_the_registry() {
    let sandbox = TestSandbox::without_engine("registry-settings").await;
    let get = async |name: &str| sandbox.aws(&format!("ecr get-account-setting --name {name}")).await.json()["value"].take();
    assert_eq!(get("BLOB_MOUNTING").await, "DISABLED");
    sandbox.aws("ecr put-account-setting --name BLOB_MOUNTING --value ENABLED").await.json();
    assert_eq!(get("BLOB_MOUNTING").await, "ENABLED");
    assert_eq!(get("BASIC_SCAN_TYPE_VERSION").await, "AWS_NATIVE");

    sandbox.aws("ecr create-repository --repository-name shop/web").await.json();
    let rules = r#"[{"scanFrequency":"SCAN_ON_PUSH","repositoryFilters":[{"filter":"shop/*","filterType":"WILDCARD"}]}]"#;
    let put = ["ecr", "put-registry-scanning-configuration", "--scan-type", "BASIC", "--rules", rules];
    sandbox.aws_with(&put).await.json();
    let registry = sandbox.aws("ecr get-registry-scanning-configuration").await.json();
    assert_eq!(registry["scanningConfiguration"]["rules"][0]["scanFrequency"], "SCAN_ON_PUSH");
    let batch = "ecr batch-get-repository-scanning-configuration --repository-names shop/web shop/none";
    let repositories = sandbox.aws(batch).await.json();
    let of_web = &repositories["scanningConfigurations"][0];
    assert_eq!((&of_web["scanOnPush"], &of_web["appliedScanFilters"][0]["filter"]), (&json!(true), &json!("shop/*")));
    assert_eq!(repositories["failures"][0]["failureCode"], "REPOSITORY_NOT_FOUND");
    let own = "ecr put-image-scanning-configuration --repository-name shop/web --image-scanning-configuration scanOnPush=true";
    assert_eq!(sandbox.aws(own).await.json()["imageScanningConfiguration"]["scanOnPush"], true);
    let pin = "ecr put-image-tag-mutability --repository-name shop/web --image-tag-mutability IMMUTABLE";
    assert_eq!(sandbox.aws(pin).await.json()["imageTagMutability"], "IMMUTABLE");

    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    sandbox.aws_with(&["ecr", "put-registry-policy", "--policy-text", policy]).await.json();
    assert_eq!(sandbox.aws("ecr get-registry-policy").await.json()["policyText"], policy);
    sandbox.aws("ecr delete-registry-policy").await.json();
    let complaint = sandbox.aws("ecr get-registry-policy").await.complaint();
    assert!(complaint.contains("(RegistryPolicyNotFoundException)"), "{complaint}");
    let described = sandbox.aws("ecr describe-registry").await.json();
    assert_eq!(described["replicationConfiguration"]["rules"], Value::Array(Vec::new()));
    sandbox.finish().await;
}
