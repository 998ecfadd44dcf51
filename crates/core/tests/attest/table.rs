//! What is demanded against what is there.

use shipit_core::attest::{Attached, Attestation, Expected, Part, Referrer, Required, Role, parts, verify};
use shipit_core::release::Digest;
use shipit_core::snapshot::Child;

use crate::given::{ORIGIN, commit, digest, document, package, source, statement};

const SBOM: Required = Required::Told(Attestation::Sbom);
const PROVENANCE: Required = Required::Told(Attestation::Provenance);

fn attached(of: &Required, content: impl ToString) -> Attached {
    Attached { artifact_type: of.artifact_type().into(), content: Some(content.to_string().into_bytes()) }
}

fn unmet(required: &[Required], attached: &[Attached]) -> Vec<String> {
    let expected = Expected { digest: &digest('a'), commit: &commit('4'), origin: Some("git@github.com:acme/shop.git") };
    verify(required, &expected, attached)
}

fn sbom(of: &Digest) -> Attached {
    attached(&SBOM, document(of, vec![package("zlib1g", "1.2.13")]))
}

fn provenance(of: &Digest, commit_of: char, origin: Option<&str>) -> Attached {
    attached(&PROVENANCE, statement(of, &source(commit(commit_of), origin)))
}

#[test]
fn what_is_right_is_enough() {
    let ours = digest('a');
    let all = [sbom(&ours), provenance(&ours, '4', Some(ORIGIN))];
    assert_eq!(unmet(&[SBOM, PROVENANCE], &all), [""; 0]);
    assert_eq!(unmet(&[PROVENANCE], &[provenance(&ours, '4', None)]), [""; 0], "a repository that is not named is no other");
    let beside = [provenance(&digest('f'), '4', None), attached(&PROVENANCE, "{"), provenance(&ours, '4', Some(ORIGIN))];
    assert_eq!(unmet(&[PROVENANCE], &beside), [""; 0], "one that is right is enough");
    assert_eq!(unmet(&[], &[]), [""; 0]);
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    let ours = digest('a');
    let other = digest('f');
    let (a, f) = (ours.to_string(), other.hex().to_owned());
    let (four, five) = (commit('4').0, commit('5').0);
    let link = r#"{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://in-toto.io/attestation/link/v0.3"}"#;
    let mut nameless = statement(&ours, &source(commit('4'), None));
    nameless["predicate"]["buildDefinition"]["resolvedDependencies"] = serde_json::json!([]);
    for (required, there, told) in [
        (SBOM, vec![], "no sbom (application/spdx+json) refers to it".to_owned()),
        (PROVENANCE, vec![sbom(&ours)], "no provenance (application/vnd.in-toto+json) refers to it".to_owned()),
        (SBOM, vec![sbom(&other)], format!("its sbom describes sha256:{f}, not {a}")),
        (SBOM, vec![attached(&SBOM, "{}")], "its sbom is no SPDX 2 document".to_owned()),
        (SBOM, vec![attached(&SBOM, "<xml/>")], "its sbom cannot be read".to_owned()),
        (SBOM, vec![Attached { content: None, ..sbom(&ours) }], "its sbom cannot be read".to_owned()),
        (PROVENANCE, vec![provenance(&other, '4', None)], format!("its provenance is about {f}, not {a}")),
        (PROVENANCE, vec![attached(&PROVENANCE, "[]")], "its provenance is no in-toto statement".to_owned()),
        (
            PROVENANCE,
            vec![attached(&PROVENANCE, link)],
            "its provenance is a statement of another kind: https://in-toto.io/attestation/link/v0.3".to_owned(),
        ),
        (PROVENANCE, vec![attached(&PROVENANCE, nameless)], "its provenance names no commit".to_owned()),
        (PROVENANCE, vec![provenance(&ours, '5', None)], format!("its provenance names commit {five}, not {four}")),
        (
            PROVENANCE,
            vec![provenance(&ours, '4', Some("https://github.com/evil/shop"))],
            "its provenance names the repository github.com/evil/shop, not github.com/acme/shop".to_owned(),
        ),
    ] {
        assert_eq!(unmet(&[required], &there), [told]);
    }
}

#[test]
fn any_artifact_type_can_be_demanded() {
    let signature = Required::Artifact("application/vnd.cncf.notary.signature".into());
    assert_eq!(
        unmet(std::slice::from_ref(&signature), &[sbom(&digest('a'))]),
        ["no artifact of the type application/vnd.cncf.notary.signature refers to it"]
    );
    let there = Attached { artifact_type: signature.artifact_type().into(), content: None };
    assert_eq!(unmet(&[signature], &[there]), [""; 0]);
}

#[test]
fn older_statements_of_other_builders_are_read() {
    let ours = digest('a');
    let old = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": "pkg:docker/shop", "digest": {"sha256": ours.hex()}}],
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": {"materials": [{"uri": "git+https://github.com/acme/shop@refs/heads/main", "digest": {"sha1": commit('4')}}]},
    });
    assert_eq!(unmet(&[PROVENANCE], &[attached(&PROVENANCE, old)]), [""; 0]);
}

#[test]
fn a_list_of_referrers_tells_statements_apart() {
    let statement = |predicate: Option<&str>| Referrer {
        digest: digest('c'),
        artifact_type: PROVENANCE.artifact_type().into(),
        predicate_type: predicate.map(str::to_owned),
    };
    assert!(statement(None).tells(Attestation::Provenance), "it may be");
    assert!(statement(Some("https://slsa.dev/provenance/v1")).tells(Attestation::Provenance));
    assert!(!statement(Some("https://openvex.dev/ns/v0.2.0")).tells(Attestation::Provenance));
    assert!(!statement(None).tells(Attestation::Sbom));
}

#[test]
fn an_index_and_its_images_each_have_their_own() {
    let signature = Required::Artifact("application/vnd.cncf.notary.signature".into());
    let child = |platform: &str, of| Child { platform: platform.into(), digest: digest(of) };
    let told = |parts: &[Part], of| parts.iter().map(|part| part.is_told(of)).collect::<Vec<_>>();
    let demanded = |parts: &[Part], of| parts.iter().map(|part| part.is_demanded(of)).collect::<Vec<_>>();

    let alone = parts(&digest('a'), Vec::new());
    assert_eq!((alone[0].role.clone(), alone[0].digest.clone()), (Role::Whole, digest('a')));
    assert_eq!((told(&alone, Attestation::Sbom), told(&alone, Attestation::Provenance)), (vec![true], vec![true]));
    assert_eq!([&SBOM, &PROVENANCE, &signature].map(|of| demanded(&alone, of)), [[true], [true], [true]].map(Vec::from));

    let index = parts(&digest('a'), vec![child("linux/amd64", 'b'), child("linux/arm64", 'c')]);
    let digests: Vec<Digest> = index.iter().map(|part| part.digest.clone()).collect();
    assert_eq!(digests, [digest('a'), digest('b'), digest('c')]);
    assert_eq!(told(&index, Attestation::Sbom), [false, true, true], "an index is not installed anywhere");
    assert_eq!(told(&index, Attestation::Provenance), [true, true, true]);
    assert_eq!(demanded(&index, &SBOM), [false, true, true], "each of what may run");
    assert_eq!(demanded(&index, &PROVENANCE), [true, false, false], "an index names its images by digest");
    assert_eq!(demanded(&index, &signature), [true, false, false], "it is the index that is signed");
    assert_eq!(index[2].said("no sbom refers to it".into()), "linux/arm64: no sbom refers to it");
}
