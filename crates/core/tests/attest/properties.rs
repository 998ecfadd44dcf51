//! What holds for all images.

use std::collections::BTreeSet;

use proptest::prelude::*;
use shipit_core::attest::{Attached, Attestation, Expected, Required, verify};

use crate::given::{commit, digest, document, package, source, statement};

fn hex() -> impl Strategy<Value = char> {
    prop::sample::select("0123456789abcdef".chars().collect::<Vec<_>>())
}

fn told(attestation: Attestation, content: impl ToString) -> Attached {
    Attached { artifact_type: attestation.artifact_type().into(), content: Some(content.to_string().into_bytes()) }
}

proptest! {
    /// What is told of one image passes for that image and for no other, from that commit and from no other.
    #[test]
    fn what_is_told_of_an_image_holds_for_it_alone(of in hex(), asked in hex(), from in hex(), wanted in hex()) {
        let (of, asked) = (digest(of), digest(asked));
        let attached = [
            told(Attestation::Sbom, document(&of, Vec::new())),
            told(Attestation::Provenance, statement(&of, &source(commit(from), None))),
        ];
        let expected = Expected { digest: &asked, commit: &commit(wanted), origin: None };
        let unmet = |attestation| verify(&[Required::Told(attestation)], &expected, &attached);
        prop_assert_eq!(unmet(Attestation::Sbom).is_empty(), of == asked);
        prop_assert_eq!(unmet(Attestation::Provenance).is_empty(), of == asked && from == wanted);
    }

    /// Every package has an id of its own that SPDX takes, and belongs to the image.
    #[test]
    fn ids_are_ids(names in prop::collection::vec("\\PC{1,20}", 0..20)) {
        let document = document(&digest('a'), names.iter().map(|name| package(name, "1")).collect());
        let packages = document["packages"].as_array().unwrap();
        let ids: BTreeSet<&str> = packages.iter().map(|package| package["SPDXID"].as_str().unwrap()).collect();
        prop_assert_eq!(ids.len(), names.len() + 1);
        for id in &ids {
            let rest = id.strip_prefix("SPDXRef-").unwrap();
            prop_assert!(!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)), "{}", id);
        }
        let contained = document["relationships"].as_array().unwrap().iter().filter(|one| one["relationshipType"] == "CONTAINS");
        prop_assert_eq!(contained.count(), names.len());
    }

    /// Nothing that refers to an image makes the judge fall over.
    #[test]
    fn anything_may_be_attached(content in "\\PC*") {
        let required = [Required::Told(Attestation::Sbom), Required::Told(Attestation::Provenance)];
        let expected = Expected { digest: &digest('a'), commit: &commit('4'), origin: Some("x") };
        let attached = [told(Attestation::Sbom, &content), told(Attestation::Provenance, &content)];
        prop_assert_eq!(verify(&required, &expected, &attached).len(), 2);
    }
}
