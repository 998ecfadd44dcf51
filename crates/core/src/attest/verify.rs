//! Whether a digest has what is required of it. What cannot be read counts as absent: it fails closed.

use serde_json::Value;

use super::{Attestation, Required, source};
use crate::release::{Commit, Digest};

/// An artifact that refers to the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its type.
    pub artifact_type: String,
    /// What it says; none where nobody asked.
    pub content: Option<Vec<u8>>,
}

/// What an image should be, as this run knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected<'a> {
    /// Its digest.
    pub digest: &'a Digest,
    /// The commit that it was built from.
    pub commit: &'a Commit,
    /// The repository of that commit, if it is known.
    pub origin: Option<&'a str>,
}

/// What is missing or wrong, one sentence for each requirement that is not met; none when all are.
pub fn verify(required: &[Required], expected: &Expected<'_>, attached: &[Attached]) -> Vec<String> {
    required.iter().filter_map(|required| unmet(required, expected, attached)).collect()
}

/// Several artifacts may be of the type: one that is right is enough.
fn unmet(required: &Required, expected: &Expected<'_>, attached: &[Attached]) -> Option<String> {
    let mut first = None;
    for artifact in attached.iter().filter(|artifact| artifact.artifact_type == required.artifact_type()) {
        match wrong(required, expected, artifact) {
            None => return None,
            Some(why) => first = first.or(Some(why)),
        }
    }
    Some(match (first, required) {
        (Some(why), _) => format!("its {required} {why}"),
        (None, Required::Told(told)) => format!("no {told} ({}) refers to it", told.artifact_type()),
        (None, Required::Artifact(artifact_type)) => format!("no artifact of the type {artifact_type} refers to it"),
    })
}

fn wrong(required: &Required, expected: &Expected<'_>, artifact: &Attached) -> Option<String> {
    let Required::Told(told) = required else { return None };
    let read = artifact.content.as_deref().and_then(|content| serde_json::from_slice::<Value>(content).ok());
    let Some(read) = read else { return Some("cannot be read".to_owned()) };
    match told {
        Attestation::Sbom => sbom(expected, &read),
        Attestation::Provenance => provenance(expected, &read),
    }
}

/// The document describes the image, if it says what it describes.
fn sbom(expected: &Expected<'_>, document: &Value) -> Option<String> {
    if !document["spdxVersion"].as_str().is_some_and(|version| version.starts_with("SPDX-2.")) {
        return Some("is no SPDX 2 document".to_owned());
    }
    let all = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let described: Vec<Value> = all(&document["relationships"])
        .into_iter()
        .filter(|one| one["spdxElementId"] == "SPDXRef-DOCUMENT" && one["relationshipType"] == "DESCRIBES")
        .map(|one| one["relatedSpdxElement"].clone())
        .chain(all(&document["documentDescribes"]))
        .collect();
    let packages = all(&document["packages"]);
    let sums =
        packages.iter().filter(|package| described.contains(&package["SPDXID"])).flat_map(|package| all(&package["checksums"]));
    let sums: Vec<String> = sums
        .filter(|sum| sum["algorithm"] == "SHA256")
        .filter_map(|sum| Some(sum["checksumValue"].as_str()?.to_owned()))
        .collect();
    let other = sums.first().filter(|_| sums.iter().all(|sum| sum != expected.digest.hex()))?;
    Some(format!("describes sha256:{other}, not {}", expected.digest))
}

fn provenance(expected: &Expected<'_>, statement: &Value) -> Option<String> {
    let is_statement = statement["_type"].as_str().is_some_and(|name| name.starts_with("https://in-toto.io/Statement/"));
    if !is_statement {
        return Some("is no in-toto statement".to_owned());
    }
    let predicate = statement["predicateType"].as_str().unwrap_or_default();
    if !predicate.starts_with("https://slsa.dev/provenance/") {
        return Some(format!("is a statement of another kind: {predicate}"));
    }
    let all = |of: &Value| of.as_array().cloned().unwrap_or_default();
    if !all(&statement["subject"]).iter().any(|subject| subject["digest"]["sha256"] == expected.digest.hex()) {
        let named = statement["subject"][0]["digest"]["sha256"].as_str().unwrap_or("nothing");
        return Some(format!("is about {named}, not {}", expected.digest));
    }
    // SLSA's version 1, then 0.2.
    let predicate = &statement["predicate"];
    let mut sources = all(&predicate["buildDefinition"]["resolvedDependencies"]);
    sources.extend(all(&predicate["materials"]));
    let commit = |source: &Value| {
        let digest = &source["digest"];
        digest["gitCommit"].as_str().or_else(|| digest["sha1"].as_str()).map(str::to_owned)
    };
    let commits: Vec<(String, Option<String>)> =
        sources.iter().filter_map(|one| Some((commit(one)?, one["uri"].as_str().map(source::place)))).collect();
    let Some((other, _)) = commits.first() else { return Some("names no commit".to_owned()) };
    let same: Vec<&Option<String>> =
        commits.iter().filter(|(commit, _)| *commit == expected.commit.0).map(|(_, place)| place).collect();
    if same.is_empty() {
        return Some(format!("names commit {other}, not {}", expected.commit));
    }
    let wanted = source::place(expected.origin?);
    let elsewhere = same.iter().find_map(|place| place.as_ref().filter(|place| **place != wanted));
    let right = same.iter().any(|place| place.as_ref().is_none_or(|place| *place == wanted));
    elsewhere.filter(|_| !right).map(|other| format!("names the repository {other}, not {wanted}"))
}
