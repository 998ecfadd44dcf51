//! A real deploy whose image is told about, in the eyes of the validators of SPDX and in-toto; then one of which nothing is
//! told.

use std::fs;

use serde_json::{Value, json};
use shipit_core::failure::{Code, Exit};

use crate::support::http::HTTP;
use crate::support::sandbox::TestSandbox;
use crate::support::shop::Shop;

const DPKG: &str = "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13\n";

/// What refers to the image that is told about, by type: digest and content.
async fn told(sandbox: &TestSandbox, image: &str) -> Vec<(String, String, Vec<u8>)> {
    let body = json!({"repositoryName": "storefront/backend", "subjectId": {"imageDigest": image}});
    let listed = sandbox.call("ecr", "ListImageReferrers", body).await["referrers"].take();
    let token = sandbox.call("ecr", "GetAuthorizationToken", json!({})).await;
    let token = token["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned();
    let mut all = Vec::new();
    for referrer in listed.as_array().unwrap() {
        let digest = referrer["digest"].as_str().unwrap();
        let body = json!({"repositoryName": "storefront/backend", "imageIds": [{"imageDigest": digest}]});
        let manifest = sandbox.call("ecr", "BatchGetImage", body).await["images"][0]["imageManifest"].take();
        let manifest: Value = serde_json::from_str(manifest.as_str().unwrap()).unwrap();
        assert_eq!(manifest["subject"]["digest"], image);
        let blob = manifest["layers"][0]["digest"].as_str().unwrap();
        let url = format!("{}/v2/storefront/backend/blobs/{blob}", sandbox.endpoint());
        let content = HTTP.get(url).header("authorization", format!("Basic {token}")).send().await.unwrap();
        all.push((
            referrer["artifactType"].as_str().unwrap().to_owned(),
            digest.to_owned(),
            content.bytes().await.unwrap().to_vec(),
        ));
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn what_is_built_is_told_about_and_what_nothing_is_told_of_is_refused() {
    let mut shop = Shop::open("attested").await;
    shop.sandbox.takes_images();
    shop.change("gate: {", "attest: [sbom, provenance]\nverify: [sbom, provenance]\ngate: {");
    fs::write(shop.folder().join("backend/Dockerfile"), "FROM shipit-busybox:1\nCOPY status /var/lib/dpkg/status\n").unwrap();
    fs::write(shop.folder().join("backend/status"), DPKG).unwrap();
    let ended = shop.deploy().await;
    assert_eq!(ended.exit, Exit::Done, "{}", ended.words(&shop));
    let image = ended.outcome.unwrap().images["backend"].to_string();

    let first = told(&shop.sandbox, &image).await;
    let types: Vec<&str> = first.iter().map(|(artifact_type, ..)| artifact_type.as_str()).collect();
    assert_eq!(types, ["application/spdx+json", "application/vnd.in-toto+json"]);
    let files = ["sbom.spdx.json", "statement.json"].map(|name| shop.sandbox.folder().join(name));
    for (file, (.., content)) in files.iter().zip(&first) {
        fs::write(file, content).unwrap();
    }
    let judged = shop.sandbox.python("attestations.py", &[files[0].to_str().unwrap(), files[1].to_str().unwrap(), &image]).await;
    assert_eq!(judged.json(), json!(["zlib1g"]));

    // What is told is lost: the run that built the image is known here, so that it can be told again, in the same bytes.
    let forget = async || {
        let ids: Vec<Value> = first.iter().map(|(_, digest, _)| json!({"imageDigest": digest})).collect();
        let body = json!({"repositoryName": "storefront/backend", "imageIds": ids});
        assert_eq!(shop.sandbox.call("ecr", "BatchDeleteImage", body).await["failures"], json!([]));
    };
    forget().await;
    let again = shop.deploy().await;
    assert_eq!(again.exit, Exit::Done, "{}", again.words(&shop));
    assert_eq!(told(&shop.sandbox, &image).await, first);

    // Nobody here knows the run any more.
    forget().await;
    fs::remove_dir_all(shop.folder().join(".shipit")).unwrap();
    let updates = shop.sandbox.answered("UpdateService").len();
    let refused = shop.deploy().await;
    assert_eq!(refused.failures[0].code, Code::NotVerified);
    insta::assert_snapshot!(refused.words(&shop).replace(&image[..19], "DIGEST"));
    assert_eq!(shop.sandbox.answered("UpdateService").len(), updates, "no service is touched");
    shop.sandbox.finish().await;
}
