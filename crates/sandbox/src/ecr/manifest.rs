//! A manifest's JSON: which kind it is and what it refers to. Only what the registry needs is read.

use serde::Deserialize;
use serde_json::Value;

/// Docker's image manifest.
pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// OCI's image manifest.
pub const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI's image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Larger manifests are refused (BatchGetImage's limit).
pub const LARGEST: usize = 4 << 20;

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its media type.
    pub media_type: String,
    /// The artifact's type: its own, else the config's.
    pub artifact_media_type: Option<String>,
    /// The digest of the manifest it is about.
    pub subject: Option<String>,
    /// What it refers to.
    pub refers: Refers,
}

/// What a manifest refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refers {
    /// A config and layers, lowest first.
    Blobs {
        /// The config.
        config: Descriptor,
        /// The layers.
        layers: Vec<Descriptor>,
    },
    /// Manifests.
    Manifests(Vec<Descriptor>),
}

/// A reference by digest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it refers to.
    #[serde(default)]
    pub media_type: String,
    /// By digest.
    pub digest: String,
    /// Bytes.
    #[serde(default)]
    pub size: u64,
    /// Where a layer that no registry holds can be had.
    #[serde(default)]
    pub urls: Vec<String>,
}

impl Descriptor {
    /// A layer of a file system, not a piece of an attestation or a chart.
    pub fn is_file_system(&self) -> bool {
        self.media_type.contains("rootfs.diff.tar") || self.media_type.starts_with("application/vnd.oci.image.layer.v1.tar")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: u32,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    subject: Option<Descriptor>,
}

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadManifest {
    /// Not JSON, or not a manifest.
    #[error("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")]
    Syntax,
    /// A media type that ECR does not take.
    #[error("Invalid parameter at 'ImageManifestMediaType' failed to satisfy constraint: 'Unsupported manifest media type {0}'")]
    MediaType(String),
}

impl Manifest {
    /// Reads a manifest. The sender's media type must be the manifest's own, if both are there.
    ///
    /// # Errors
    /// It is none, or of a kind that ECR does not take.
    pub fn read(bytes: &[u8], sent: Option<&str>) -> Result<Self, BadManifest> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|_| BadManifest::Syntax)?;
        let own = wire.media_type.as_deref();
        let media_type = match (sent, own) {
            (Some(sent), Some(own)) if sent != own => {
                return Err(BadManifest::MediaType(sent.to_owned()));
            }
            (Some(media_type), _) | (None, Some(media_type)) => media_type,
            (None, None) if wire.config.is_some() => OCI_IMAGE,
            (None, None) => OCI_INDEX,
        };
        let refers = match (media_type, wire.config) {
            _ if wire.schema_version != 2 => return Err(BadManifest::MediaType(media_type.to_owned())),
            (DOCKER_IMAGE | OCI_IMAGE, Some(config)) => Refers::Blobs { config, layers: wire.layers },
            (DOCKER_IMAGE | OCI_IMAGE, None) => return Err(BadManifest::Syntax),
            (DOCKER_LIST | OCI_INDEX, _) => Refers::Manifests(wire.manifests),
            _ => return Err(BadManifest::MediaType(media_type.to_owned())),
        };
        let of_config = match &refers {
            Refers::Blobs { config, .. } if !config.media_type.is_empty() => Some(config.media_type.clone()),
            _ => None,
        };
        Ok(Self {
            media_type: media_type.to_owned(),
            artifact_media_type: wire.artifact_type.or(of_config),
            subject: wire.subject.map(|subject| subject.digest),
            refers,
        })
    }
}

/// The other of the two image formats: Docker's as OCI's or the reverse, for a reader who takes only that. The bytes, and
/// so the digest, are not those that were pushed. None when it is already of that type, or is an index.
pub fn convert(bytes: &[u8], to: &str) -> Option<Vec<u8>> {
    const PAIRS: &[(&str, &str)] = &[
        (DOCKER_IMAGE, OCI_IMAGE),
        ("application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("application/vnd.docker.image.rootfs.diff.tar", "application/vnd.oci.image.layer.v1.tar"),
    ];
    let turn = |media_type: &str| {
        PAIRS.iter().find_map(|(docker, oci)| match to {
            OCI_IMAGE => (media_type == *docker).then_some(*oci),
            DOCKER_IMAGE => (media_type == *oci).then_some(*docker),
            _ => None,
        })
    };
    let mut manifest: Value = serde_json::from_slice(bytes).ok()?;
    let from = Manifest::read(bytes, None).ok()?.media_type;
    turn(&from)?;
    manifest["mediaType"] = Value::from(to);
    if let Some(config) = manifest.get_mut("config") {
        retype(config, turn);
    }
    for layer in manifest.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
        retype(layer, turn);
    }
    serde_json::to_vec(&manifest).ok()
}

fn retype(descriptor: &mut Value, turn: impl Fn(&str) -> Option<&'static str>) {
    if let Some(turned) = descriptor["mediaType"].as_str().and_then(turn) {
        descriptor["mediaType"] = Value::from(turned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
      "config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:c","size":1},
      "layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","digest":"sha256:l","size":2}]}"#;

    #[test]
    fn kinds_of_manifests() {
        let manifest = Manifest::read(DOCKER.as_bytes(), Some(DOCKER_IMAGE)).unwrap();
        assert_eq!(manifest.artifact_media_type.as_deref(), Some("application/vnd.docker.container.image.v1+json"));
        let Refers::Blobs { layers, .. } = &manifest.refers else { panic!("{manifest:?}") };
        assert!(layers[0].is_file_system());
        let index = br#"{"schemaVersion":2,"manifests":[{"digest":"sha256:m","size":3}]}"#;
        assert_eq!(Manifest::read(index, None).unwrap().media_type, OCI_INDEX);
        assert_eq!(Manifest::read(b"{", None), Err(BadManifest::Syntax));
        assert_eq!(Manifest::read(b"{\"schemaVersion\":2}", Some(OCI_IMAGE)), Err(BadManifest::Syntax));
        for sent in [OCI_IMAGE, "text/plain"] {
            assert_eq!(Manifest::read(DOCKER.as_bytes(), Some(sent)), Err(BadManifest::MediaType(sent.to_owned())));
        }
        let old = br#"{"schemaVersion":1}"#;
        assert!(matches!(
            Manifest::read(old, Some("application/vnd.docker.distribution.manifest.v1+json")),
            Err(BadManifest::MediaType(_))
        ));
    }

    #[test]
    fn conversion_changes_all_media_types_and_goes_back() {
        let oci = convert(DOCKER.as_bytes(), OCI_IMAGE).unwrap();
        let text = String::from_utf8(oci.clone()).unwrap();
        assert!(!text.contains("docker"), "{text}");
        let back: Value = serde_json::from_slice(&convert(&oci, DOCKER_IMAGE).unwrap()).unwrap();
        assert_eq!(back, serde_json::from_str::<Value>(DOCKER).unwrap());
        assert_eq!(convert(DOCKER.as_bytes(), DOCKER_IMAGE), None);
        assert_eq!(convert(DOCKER.as_bytes(), OCI_INDEX), None);
    }
}
