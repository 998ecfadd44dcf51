//! Before anything was done: what is missing, who is asked, what time it is.

use serde_json::json;
use shipit_core::failure::{CODES, Code, Exit};

use crate::support::shop::{COMMIT, Ended, Shop, said};

#[track_caller]
fn refused(ended: &Ended, code: Code) {
    assert!(ended.outcome.is_none(), "{:?}", ended.failures);
    assert_eq!(ended.failures[0].code, code);
    assert_eq!(ended.exit, code.exit());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named_with_the_command_that_makes_it() {
    let shop = Shop::open("missing").await;
    shop.change("cluster: storefront", "cluster: storefrnt");
    let ended = shop.deploy().await;
    refused(&ended, Code::ClusterMissing);
    insta::assert_snapshot!("missing_cluster", ended.words(&shop));
    shop.change("cluster: storefrnt", "cluster: storefront");

    shop.change("repository: storefront/backend", "repository: storefront/backnd");
    let ended = shop.deploy().await;
    refused(&ended, Code::RepositoryMissing);
    insta::assert_snapshot!("missing_repository", ended.words(&shop));
    shop.change("repository: storefront/backnd", "repository: storefront/backend");

    shop.change("  backend:\n    task_definition", "  backend:\n    service: backnd\n    task_definition");
    let ended = shop.deploy().await;
    refused(&ended, Code::ServiceMissing);
    insta::assert_snapshot!("missing_service", ended.words(&shop));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_not_in_the_definition_is_named_with_the_one_that_was_meant() {
    let shop = Shop::open("container").await;
    shop.change("task_definition: backend.taskdef.json", "task_definition: running");
    shop.change("{ api: backend }", "{ apii: backend }");
    let ended = shop.deploy().await;
    refused(&ended, Code::ContainerMissing);
    insta::assert_snapshot!("container_missing", ended.words(&shop));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_explained_by_the_program_and_one_that_is_none_is_refused() {
    let explain = |arguments: &[&str]| {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_shipit")).arg("explain").args(arguments).output().unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (exit, one, _) = explain(&["SHIP503"]);
    assert!(exit == Some(0) && one.contains(Code::Denied.meaning()) && one.contains(Code::Denied.remedies()[0]), "{one}");
    let (exit, all, _) = explain(&[]);
    assert!(exit == Some(0) && CODES.iter().all(|code| all.contains(&code.to_string())), "{all}");
    let (exit, page, _) = explain(&["--markdown"]);
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md")).unwrap();
    assert!(exit == Some(0) && page == written, "the page is what `shipit explain --markdown > docs/errors.md` writes");
    let (exit, _, told) = explain(&["SHIP999"]);
    assert!(exit == Some(2) && told.contains("SHIP002"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_is_refused() {
    let shop = Shop::open("account").await;
    shop.change("account: \"123456789012\"", "account: \"999999999999\"");
    let ended = shop.deploy().await;
    refused(&ended, Code::WrongAccount);
    insta::assert_snapshot!("wrong_account", ended.words(&shop));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_told_from_wrong_keys_whichever_service_says_it() {
    let shop = Shop::open("clock").await;
    for service in ["sts", "ecs", "ecr", "elbv2"] {
        shop.fault(json!({"match": {"service": service}, "kind": "clock_skew", "minutes": 20})).await;
        let ended = shop.deploy().await;
        refused(&ended, Code::ClockSkew);
        assert_eq!(ended.failures[0].what, "this machine's clock is 20 min behind AWS's");
        if service == "ecs" {
            insta::assert_snapshot!("clock_skew", ended.words(&shop));
        }
        shop.sandbox.clear_faults().await;
    }
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credentials_and_none_that_are_accepted_are_told_apart() {
    let shop = Shop::open("credentials").await;
    let mut nobody = shop.program(&["deploy", "--commit", COMMIT]);
    nobody.env("AWS_ENDPOINT_URL", shop.sandbox.endpoint());
    let (exit, _, told) = said(nobody).await;
    assert_eq!(exit, i32::from(Exit::Refused.code()), "{told}");
    insta::assert_snapshot!("no_credentials", shop.steady(&told));

    shop.fault(json!({"match": {"service": "sts"}, "kind": "expire"})).await;
    let ended = shop.deploy().await;
    refused(&ended, Code::ExpiredCredentials);
    insta::assert_snapshot!("expired_credentials", ended.words(&shop));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_does_not_answer_is_said_with_what_was_tried() {
    let shop = Shop::open("engine").await;
    let mut build = shop.program_at(&shop.sandbox.endpoint(), &["build", "--commit", COMMIT]);
    build.env("DOCKER_HOST", format!("unix://{}/none.sock", shop.folder().display()));
    let (exit, _, told) = said(build).await;
    assert_eq!(exit, i32::from(Exit::Failed.code()), "{told}");
    let error = told.split("error[").nth(1).unwrap_or_else(|| panic!("{told}"));
    insta::assert_snapshot!("engine_unreachable", shop.steady(&format!("error[{error}")));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zstd_is_refused_where_a_docker_that_does_not_read_it_would_pull() {
    let shop = Shop::open("zstd").await;
    shop.change("repository: storefront/backend }", "repository: storefront/backend, compression: zstd }");
    let older = json!({"cluster": "storefront", "instanceIdentityDocument": json!({"instanceId": "i-0a1b2c3d4e5f60001"}).to_string(),
        "versionInfo": {"agentVersion": "1.75.0", "agentHash": "d8bd5b4b", "dockerVersion": "DockerVersion: 20.10.25"}});
    shop.sandbox.call("ecs", "RegisterContainerInstance", older).await;
    let mut plan = shop.program_at(&shop.sandbox.endpoint(), &["plan", "--commit", COMMIT]);
    plan.env("DOCKER_HOST", format!("unix://{}/none.sock", shop.folder().display()));
    let (exit, _, told) = said(plan).await;
    assert_eq!(exit, i32::from(Exit::Refused.code()), "{told}");
    insta::assert_snapshot!("no_zstd", shop.steady(&told));
    shop.sandbox.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker"]
async fn a_dockerfile_s_error_is_told_with_its_line() {
    let shop = Shop::open("dockerfile").await;
    let dockerfile = "FROM shipit-busybox:1\nRUN echo compiling && \\\n    echo 'no such module: payments' >&2 && exit 3\n";
    std::fs::write(shop.folder().join("backend/Dockerfile"), dockerfile).unwrap();
    let ended = shop.deploy().await;
    let failure = &ended.failures[0];
    assert_eq!((ended.exit, failure.code), (Exit::Failed, Code::BuildFailed), "{failure:?}");
    assert!(failure.because.iter().any(|line| line.contains("no such module: payments")), "{failure:?}");
    assert!(failure.next[0].ends_with("/backend/Dockerfile:2`"), "{failure:?}");
    shop.sandbox.finish().await;
}
