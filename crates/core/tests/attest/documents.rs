//! The documents as they are attached.

use crate::given::{ORIGIN, commit, digest, document, package, source, statement};

#[test]
fn an_sbom_names_the_image_and_its_packages() {
    let document = document(&digest('a'), vec![package("libssl3", "3.0.11-1"), package("zlib1g", "1:1.2.13")]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn a_provenance_names_what_it_was_built_from_and_no_value() {
    let statement = statement(&digest('a'), &source(commit('4'), Some(ORIGIN)));
    let text = serde_json::to_string_pretty(&statement).unwrap();
    assert!(!text.contains("h0neypot"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    let once = || document(&digest('a'), vec![package("libssl3", "3.0.11-1")]).to_string();
    assert_eq!(once(), once());
}
