//! An image, what is installed in it, how it was built.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use shipit_core::attest::provenance::{self, Build};
use shipit_core::attest::{Subject, sbom};
use shipit_core::inventory::{Ecosystem, Inventory, Listed, Package, Place};
use shipit_core::pipeline::Image;
use shipit_core::release::{Commit, Digest, RunId, Source, Tree};

pub const REPOSITORY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/storefront/backend";
pub const ORIGIN: &str = "https://github.com/acme/shop";

pub fn digest(of: char) -> Digest {
    Digest(format!("sha256:{}", of.to_string().repeat(64)))
}

pub fn commit(of: char) -> Commit {
    Commit(of.to_string().repeat(40))
}

pub fn package(name: &str, version: &str) -> Package {
    Package {
        purl: format!("pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12"),
        listed: Listed {
            name: name.into(),
            version: version.into(),
            ecosystem: Ecosystem::Deb,
            architecture: Some("amd64".into()),
            source: None,
            license: None,
        },
        found: Place { path: "var/lib/dpkg/status".into(), layer: digest('1') },
    }
}

pub fn document(digest: &Digest, packages: Vec<Package>) -> Value {
    let inventory = Inventory { system: None, packages, unread: Vec::new() };
    let created: Timestamp = "2026-11-20T10:00:00.5Z".parse().unwrap();
    sbom::document(Subject { repository: REPOSITORY, digest }, &inventory, Some(created), "0.1.0")
}

pub fn source(commit: Commit, origin: Option<&str>) -> Source {
    Source { commit, subject: None, committed_at: None, origin: origin.map(str::to_owned), tree: Tree::Clean }
}

pub fn image() -> Image {
    Image {
        name: "backend".into(),
        context: "/shop/backend".into(),
        dockerfile: "Dockerfile".into(),
        repository: "storefront/backend".into(),
        args: BTreeMap::from([("TOKEN".into(), "h0neypot".into())]),
        target: Some("serve".into()),
        platforms: vec!["linux/amd64".into()],
        compression: Default::default(),
        secrets: Default::default(),
        cache: Default::default(),
    }
}

pub fn statement(digest: &Digest, source: &Source) -> Value {
    let build = Build {
        pipeline: &"storefront".to_owned(),
        image: &image(),
        context: "backend",
        inputs: &self::digest('e'),
        source,
        bases: &[("debian:12-slim".into(), self::digest('b'))],
        run: &RunId("01JD8".into()),
        started: Some("2026-11-20T10:01:00Z".parse().unwrap()),
        finished: Some("2026-11-20T10:02:00Z".parse().unwrap()),
        version: "0.1.0",
    };
    provenance::statement(Subject { repository: REPOSITORY, digest }, &build)
}
