//! An image's packages as an SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3). The same image gives the same bytes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Subject;
use crate::inventory::{Inventory, Package};

/// The document's own id.
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// The id of the image in it.
const IMAGE: &str = "SPDXRef-Image";

/// The document. `created` is the commit's time, for the document tells nothing that is younger; without one it is the epoch.
pub fn document(subject: Subject<'_>, inventory: &Inventory, created: Option<Timestamp>, version: &str) -> Value {
    let created = created.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut packages = vec![image(subject)];
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", IMAGE)];
    for (index, package) in inventory.packages.iter().enumerate() {
        let id = format!("SPDXRef-Package-{}-{}", index + 1, id_part(&package.listed.name));
        relationships.push(relationship(IMAGE, "CONTAINS", &id));
        packages.push(of_package(&id, package));
    }
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": subject.repository,
        // Documents must not share one: the same image read by another version may list other packages.
        "documentNamespace": format!("https://shipit.dev/spdx/{}/{version}", subject.digest.hex()),
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "creators": [format!("Tool: shipit-{version}")]},
        "packages": packages,
        "relationships": relationships,
    });
    if !inventory.unread.is_empty() {
        let places: Vec<&str> = inventory.unread.iter().map(|place| place.path.as_str()).collect();
        document["comment"] = format!("not read, and what they list is missing here: {}", places.join(", ")).into();
    }
    document
}

fn image(subject: Subject<'_>) -> Value {
    json!({
        "SPDXID": IMAGE,
        "name": subject.repository,
        "versionInfo": subject.digest,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": subject.digest.hex()}],
        "externalRefs": [purl(&of_image(subject))],
    })
}

/// `pkg:oci/<last part of the name>@<digest>?repository_url=<registry>/<name>` (the purl type `oci`).
fn of_image(subject: Subject<'_>) -> String {
    let name = subject.repository.rsplit('/').next().unwrap_or(subject.repository);
    let escaped = |text: &str| text.replace(':', "%3A");
    format!("pkg:oci/{name}@{}?repository_url={}", escaped(subject.digest.as_str()), escaped(subject.repository))
}

fn of_package(id: &str, package: &Package) -> Value {
    json!({
        "SPDXID": id,
        "name": package.listed.name,
        "versionInfo": package.listed.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "sourceInfo": format!("listed in {} of layer {}", package.found.path, package.found.layer),
        "externalRefs": [purl(&package.purl)],
    })
}

fn purl(locator: &str) -> Value {
    json!({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator})
}

fn relationship(element: &str, kind: &str, related: &str) -> Value {
    json!({"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": related})
}

/// An id has letters, digits, `.` and `-`.
fn id_part(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}
