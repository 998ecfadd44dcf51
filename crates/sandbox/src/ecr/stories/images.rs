//! Repositories and images.

use super::*;
use crate::ecr::manifest::{OCI_IMAGE, OCI_INDEX};

#[test]
fn repositories_are_made_listed_and_removed() {
    let (_folder, mut state) = world();
    for name in ["a/web", "b/web", "c/web"] {
        create(&mut state, name, "MUTABLE");
    }
    assert_eq!(code(&mut state, "CreateRepository", json!({"repositoryName": "a/web"})), "RepositoryAlreadyExistsException");
    assert_eq!(code(&mut state, "CreateRepository", json!({"repositoryName": "A"})), "InvalidParameterException");
    assert_eq!(code(&mut state, "CreateRepository", json!({})), "InvalidParameterException");

    let first = ok(&mut state, "DescribeRepositories", json!({"maxResults": 2}));
    assert_eq!(first["repositories"].as_array().unwrap().len(), 2);
    let rest = ok(&mut state, "DescribeRepositories", json!({"maxResults": 2, "nextToken": first["nextToken"]}));
    assert_eq!(rest["repositories"][0]["repositoryUri"], "127.0.0.1:5000/c/web");
    assert_eq!(rest["nextToken"], Value::Null);

    let error = ask(&mut state, "DescribeRepositories", json!({"repositoryNames": ["nope"]})).unwrap_err();
    assert_eq!(error.message, format!("The repository with name 'nope' does not exist in the registry with id '{ACCOUNT}'"));
    assert_eq!(
        code(&mut state, "DescribeImages", json!({"repositoryName": "a/web", "registryId": "210987654321"})),
        "RepositoryNotFoundException"
    );

    let manifest = image(&mut state, "a/web", DEBIAN);
    put(&mut state, "a/web", &manifest, "1").unwrap();
    assert_eq!(code(&mut state, "DeleteRepository", json!({"repositoryName": "a/web"})), "RepositoryNotEmptyException");
    ok(&mut state, "DeleteRepository", json!({"repositoryName": "a/web", "force": true}));
    create(&mut state, "a/web", "MUTABLE");
    let images = ok(&mut state, "DescribeImages", json!({"repositoryName": "a/web"}));
    assert_eq!(images["imageDetails"], json!([]), "a deleted repository has forgotten its images");
}

#[test]
fn tags_of_an_immutable_repository_do_not_move() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "IMMUTABLE");
    let one = image(&mut state, "web", DEBIAN);
    let other = image(&mut state, "web", &[("a", "b")]);
    put(&mut state, "web", &one, "v1").unwrap();

    let again = put(&mut state, "web", &one, "v1").unwrap_err();
    assert_eq!(again.code, "ImageAlreadyExistsException");
    assert_eq!(
        again.message,
        format!(
            "Image with digest '{}' and tag 'v1' already exists in the repository with name 'web' in registry with id '{ACCOUNT}'",
            digest_of(one.as_bytes())
        )
    );
    let moved = put(&mut state, "web", &other, "v1").unwrap_err();
    assert_eq!(moved.code, "ImageTagAlreadyExistsException");
    assert_eq!(
        moved.message,
        "The image tag 'v1' already exists in the 'web' repository and cannot be overwritten because the tag is immutable."
    );
    put(&mut state, "web", &one, "v2").expect("a second tag for the same image is no move");

    let filters = json!([{"filterType": "WILDCARD", "filter": "v*"}]);
    ok(
        &mut state,
        "PutImageTagMutability",
        json!({"repositoryName": "web", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": filters}),
    );
    put(&mut state, "web", &other, "v1").unwrap();
    let details = ok(&mut state, "DescribeImages", json!({"repositoryName": "web", "imageIds": [{"imageTag": "v1"}]}));
    assert_eq!(details["imageDetails"][0]["imageDigest"], digest_of(other.as_bytes()));
}

#[test]
fn what_a_manifest_refers_to_must_be_there() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    create(&mut state, "other", "MUTABLE");
    let manifest = image(&mut state, "other", DEBIAN);
    let error = put(&mut state, "web", &manifest, "v1").unwrap_err();
    assert_eq!(error.code, "LayersNotFoundException", "a layer of another repository does not count: {error:?}");

    let digest = digest_of(manifest.as_bytes());
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{"mediaType": DOCKER_IMAGE, "digest": digest, "size": 1}]});
    let index = index.to_string();
    assert_eq!(put(&mut state, "other", &index, "i").unwrap_err().code, "ReferencedImagesNotFoundException");
    put(&mut state, "other", &manifest, "v1").unwrap();
    put(&mut state, "other", &index, "i").unwrap();
    let details = ok(&mut state, "DescribeImages", json!({"repositoryName": "other"}));
    let sizes: Vec<_> = details["imageDetails"].as_array().unwrap().iter().map(|image| &image["imageSizeInBytes"]).collect();
    assert_eq!(sizes[0], sizes[1], "an index is as large as its largest child");

    let scan = json!({"repositoryName": "other", "imageId": {"imageTag": "i"}});
    assert_eq!(code(&mut state, "StartImageScan", scan), "UnsupportedImageTypeException");
    let deleted = ok(&mut state, "BatchDeleteImage", json!({"repositoryName": "other", "imageIds": [{"imageDigest": digest}]}));
    assert_eq!(deleted["failures"][0]["failureCode"], "ImageReferencedByManifestList");
    assert_eq!(put(&mut state, "web", "{", "x").unwrap_err().code, "InvalidParameterException");
    let wrong = json!({"repositoryName": "other", "imageManifest": manifest, "imageTag": "x", "imageDigest": digest_of(b"")});
    assert_eq!(code(&mut state, "PutImage", wrong), "ImageDigestDoesNotMatchException");
}

#[test]
fn images_are_read_retagged_and_removed() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    let manifest = image(&mut state, "web", DEBIAN);
    let digest = digest_of(manifest.as_bytes());
    put(&mut state, "web", &manifest, "v1").unwrap();

    let got = ok(
        &mut state,
        "BatchGetImage",
        json!({"repositoryName": "web", "imageIds": [{"imageTag": "v1"}, {"imageTag": "nope"}, {}, {"imageDigest": "x"},
               {"imageDigest": digest_of(b""), "imageTag": "v1"}]}),
    );
    assert_eq!(got["images"][0]["imageManifest"], manifest);
    let codes: Vec<_> =
        got["failures"].as_array().unwrap().iter().map(|failure| failure["failureCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["ImageNotFound", "MissingDigestAndTag", "InvalidImageDigest", "ImageTagDoesNotMatchDigest"]);

    let converted = |id: Value| json!({"repositoryName": "web", "imageIds": [id], "acceptedMediaTypes": [OCI_IMAGE]});
    let by_tag = ok(&mut state, "BatchGetImage", converted(json!({"imageTag": "v1"})));
    assert_eq!(by_tag["images"][0]["imageManifestMediaType"], OCI_IMAGE);
    assert_ne!(by_tag["images"][0]["imageId"]["imageDigest"], digest);
    let by_digest = ok(&mut state, "BatchGetImage", converted(json!({"imageDigest": digest})));
    assert_eq!(by_digest["images"][0]["imageManifestMediaType"], DOCKER_IMAGE);

    let text = got["images"][0]["imageManifest"].as_str().unwrap().to_owned();
    put(&mut state, "web", &text, "v2").unwrap();
    let list = ok(&mut state, "ListImages", json!({"repositoryName": "web", "filter": {"tagStatus": "TAGGED"}}));
    assert_eq!(list["imageIds"], json!([{"imageDigest": digest, "imageTag": "v1"}, {"imageDigest": digest, "imageTag": "v2"}]));
    let missing =
        ask(&mut state, "DescribeImages", json!({"repositoryName": "web", "imageIds": [{"imageTag": "v1"}, {"imageTag": "v3"}]}));
    assert_eq!(
        missing.unwrap_err().message,
        format!(
            "The image with imageId {{imageDigest:'null', imageTag:'v3'}} does not exist within the repository with name 'web' in the registry with id '{ACCOUNT}'"
        )
    );

    let delete = |tag: &str| json!({"repositoryName": "web", "imageIds": [{"imageTag": tag}]});
    ok(&mut state, "BatchDeleteImage", delete("v1"));
    let left = ok(&mut state, "DescribeImages", json!({"repositoryName": "web"}));
    assert_eq!(left["imageDetails"][0]["imageTags"], json!(["v2"]));
    ok(&mut state, "BatchDeleteImage", delete("v2"));
    assert_eq!(ok(&mut state, "ListImages", json!({"repositoryName": "web"}))["imageIds"], json!([]));
    assert_eq!(ok(&mut state, "BatchDeleteImage", delete("v2"))["failures"][0]["failureCode"], "ImageNotFound");
}

#[test]
fn what_was_pushed_outlives_the_sandbox() {
    let (folder, mut first) = world();
    create(&mut first, "team/web", "IMMUTABLE");
    let manifest = image(&mut first, "team/web", DEBIAN);
    put(&mut first, "team/web", &manifest, "v1").unwrap();
    look(&mut first);
    let pushed = first.clock.now();

    let mut second = state(folder.path());
    second.clock.virtual0 = pushed.0 - 5000;
    assert_eq!(code(&mut second, "DescribeImages", json!({"repositoryName": "team/web"})), "RepositoryNotFoundException");
    create(&mut second, "team/web", "IMMUTABLE");
    let got = ok(&mut second, "BatchGetImage", json!({"repositoryName": "team/web", "imageIds": [{"imageTag": "v1"}]}));
    assert_eq!(got["images"][0]["imageManifest"], manifest);
    let details = ok(&mut second, "DescribeImages", json!({"repositoryName": "team/web"}));
    assert_eq!(details["imageDetails"][0]["imagePushedAt"], second.now_seconds(), "no time lies in the future");
    assert_eq!(put(&mut second, "team/web", &manifest, "v1").unwrap_err().code, "ImageAlreadyExistsException");
    assert_eq!(look(&mut second), 1, "the scan looks again, with the advisories of now");
}
