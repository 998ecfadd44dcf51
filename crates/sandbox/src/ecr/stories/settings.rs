//! The registry's own settings.

use super::*;

#[test]
fn account_settings_have_their_words() {
    let (_folder, mut state) = world();
    for (name, first) in
        [("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"), ("REGISTRY_POLICY_SCOPE", "V2"), ("BLOB_MOUNTING", "DISABLED")]
    {
        let got = ok(&mut state, "GetAccountSetting", json!({"name": name}));
        assert_eq!(got, json!({"name": name, "value": first}));
        ok(&mut state, "PutAccountSetting", got);
        let wrong = json!({"name": name, "value": "PERHAPS"});
        assert_eq!(code(&mut state, "PutAccountSetting", wrong), "InvalidParameterException");
    }
    ok(&mut state, "PutAccountSetting", json!({"name": "BLOB_MOUNTING", "value": "ENABLED"}));
    assert_eq!(ok(&mut state, "GetAccountSetting", json!({"name": "BLOB_MOUNTING"}))["value"], "ENABLED");
    assert_eq!(code(&mut state, "GetAccountSetting", json!({"name": "BLOB"})), "InvalidParameterException");
}

#[test]
fn a_registry_has_one_policy_or_none() {
    let (_folder, mut state) = world();
    for operation in ["GetRegistryPolicy", "DeleteRegistryPolicy"] {
        assert_eq!(code(&mut state, operation, json!({})), "RegistryPolicyNotFoundException");
    }
    assert_eq!(code(&mut state, "PutRegistryPolicy", json!({"policyText": "no"})), "InvalidParameterException");
    let policy = json!({"policyText": r#"{"Version":"2012-10-17","Statement":[]}"#});
    let put = ok(&mut state, "PutRegistryPolicy", policy.clone());
    assert_eq!((&put["registryId"], &put["policyText"]), (&json!(ACCOUNT), &policy["policyText"]));
    for operation in ["GetRegistryPolicy", "DeleteRegistryPolicy"] {
        assert_eq!(ok(&mut state, operation, json!({})), put);
    }
    assert_eq!(code(&mut state, "GetRegistryPolicy", json!({})), "RegistryPolicyNotFoundException");
}

#[test]
fn referrers_are_filtered_and_paged() {
    let (_folder, mut state) = world();
    create(&mut state, "web", "MUTABLE");
    let subject = digest_of(b"subject");
    let (config, layer) = (blob(&mut state, "web", b"{}"), blob(&mut state, "web", b"layer"));
    for number in 0..3 {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": if number == 0 { "application/spdx+json" } else { "application/vnd.in-toto+json" },
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
            "layers": [{"mediaType": "text/plain", "digest": layer, "size": 5}],
            "subject": {"mediaType": DOCKER_IMAGE, "digest": subject, "size": 1},
            "annotations": {"number": number.to_string()},
        });
        ok(&mut state, "PutImage", json!({"repositoryName": "web", "imageManifest": manifest.to_string()}));
    }
    let list = |state: &mut State, more: Value| {
        let mut body = json!({"repositoryName": "web", "subjectId": {"imageDigest": subject}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask(state, "ListImageReferrers", body)
    };
    let first = list(&mut state, json!({"maxResults": 2})).unwrap();
    let rest = list(&mut state, json!({"maxResults": 2, "nextToken": first["nextToken"]})).unwrap();
    assert_eq!((first["referrers"].as_array().unwrap().len(), rest["referrers"].as_array().unwrap().len()), (2, 1));
    let sboms = list(&mut state, json!({"filter": {"artifactTypes": ["application/spdx+json"]}})).unwrap();
    assert_eq!(sboms["referrers"].as_array().unwrap().len(), 1);
    assert_eq!((&sboms["referrers"][0]["annotations"]["number"], &sboms["referrers"][0]["size"]), (&json!("0"), &json!(7)));
    let archived = list(&mut state, json!({"filter": {"artifactStatus": "ARCHIVED"}})).unwrap();
    assert_eq!(archived["referrers"], json!([]));
    assert_eq!(list(&mut state, json!({"maxResults": 51})).unwrap_err().code, "InvalidParameterException");
}
