//! Whether what runs a service reads layers that are compressed with zstd.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use serde_json::json;
use shipit_core::runtime::{Instance, Instances, Reads, Runtime};

fn fargate(platform: &str) -> Runtime {
    Runtime::Fargate { platform: platform.into() }
}

fn on(providers: &[&str]) -> Runtime {
    Runtime::Instances { providers: providers.iter().map(|name| (*name).to_owned()).collect() }
}

#[test]
fn what_runs_a_service_is_read_from_it() {
    for (service, runtime) in [
        (json!({"launchType": "FARGATE"}), fargate("LATEST")),
        (json!({"launchType": "FARGATE", "platformVersion": "1.3.0", "platformFamily": "Linux"}), fargate("1.3.0")),
        (
            json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}], "platformVersion": "1.4.0"}),
            fargate("1.4.0"),
        ),
        (json!({"launchType": "FARGATE", "platformVersion": "1.0.0", "platformFamily": "Windows Server 2019"}), Runtime::Other),
        (json!({"launchType": "EC2"}), on(&[])),
        (json!({"capacityProviderStrategy": [{"capacityProvider": "large"}]}), on(&["large"])),
        (json!({"launchType": "EXTERNAL"}), Runtime::Other),
        (json!({"launchType": "MANAGED_INSTANCES"}), Runtime::Other),
        (json!({}), Runtime::Other),
        (
            json!({"deploymentController": {"type": "CODE_DEPLOY"}, "taskSets": [
                {"status": "ACTIVE", "launchType": "EC2"},
                {"status": "PRIMARY", "launchType": "FARGATE", "platformVersion": "1.3.0"}]}),
            fargate("1.3.0"),
        ),
    ] {
        assert_eq!(Runtime::of(&service), runtime, "{service}");
    }
}

/// `yes`, `unknown` or `no`, with why.
fn said(runtime: &Runtime, instances: &Instances) -> String {
    match runtime.reads_zstd(instances, "web", "shop") {
        Reads::Yes => "yes".to_owned(),
        Reads::Unknown { why } => format!("unknown: {why}"),
        Reads::No { why, .. } => format!("no: {why}"),
    }
}

#[test]
fn fargate_reads_it_since_it_runs_containerd() {
    for platform in ["LATEST", "1.4.0", "1.10.0", "2.0.0", ""] {
        assert_eq!(said(&fargate(platform), &Instances::NotAsked), "yes", "{platform}");
    }
    for platform in ["1.3.0", "1.2.0", "1.1", "1"] {
        let why = format!("no: `web` is on Fargate's platform version {platform}, which runs Docker; 1.4.0 reads zstd");
        assert_eq!(said(&fargate(platform), &Instances::NotAsked), why);
    }
    let Reads::No { next, .. } = fargate("1.3.0").reads_zstd(&Instances::NotAsked, "web", "shop") else { unreachable!() };
    assert_eq!(next, "aws ecs update-service --cluster shop --service web --platform-version LATEST");
}

#[test]
fn container_instances_read_it_since_docker_23() {
    let one = |name: &str, provider: Option<&str>, docker: Option<&str>| Instance {
        name: name.into(),
        provider: provider.map(str::to_owned),
        docker: docker.map(str::to_owned),
    };
    let old = one("i-old", Some("small"), Some("DockerVersion: 20.10.25"));
    let new = one("i-new", Some("large"), Some("DockerVersion: 25.0.8"));
    let first = one("i-first", None, Some("DockerVersion: 23.0.0"));
    let silent = one("i-silent", Some("large"), None);
    let strange = one("i-strange", Some("large"), Some("DockerVersion: unknown"));
    let unread = Instances::Unknown { why: "denied".into() };
    let listed = |all: &[&Instance]| Instances::Listed(all.iter().map(|one| (*one).clone()).collect());
    let is_old = "no: `web` may run on i-old, whose Docker is 20.10.25; Docker reads zstd since 23.0";
    for (runtime, instances, expected) in [
        (on(&[]), listed(&[&new, &first]), "yes"),
        (on(&[]), listed(&[&new, &old]), is_old),
        (on(&["large"]), listed(&[&new, &old]), "yes"),
        (on(&["small", "large"]), listed(&[&silent, &old]), is_old),
        (on(&["large"]), listed(&[&silent]), "unknown: which Docker i-silent runs, where `web` may run, is not known"),
        (on(&["large"]), listed(&[&strange]), "unknown: which Docker i-strange runs, where `web` may run, is not known"),
        (
            on(&["other"]),
            listed(&[&old]),
            "unknown: there is no container instance yet for `web`: which Docker it will have is not known",
        ),
        (on(&[]), unread.clone(), "unknown: which Docker the container instances of `web` run is not known: denied"),
        (fargate("LATEST"), listed(&[&old]), "yes"),
        (Runtime::Other, unread, "yes"),
    ] {
        assert_eq!(said(&runtime, &instances), expected, "{runtime:?} {instances:?}");
    }
}
