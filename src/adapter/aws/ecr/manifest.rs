//! Manifests and image configs, as far as shipit reads them: which config, which platforms, which labels.

use std::collections::BTreeMap;

use serde_json::Value;
use shipit_core::release::Digest;
use shipit_core::snapshot::Child;

/// Labels of an image's config.
pub type Labels = BTreeMap<String, String>;

/// The media types a registry may have stored an image under.
pub const ACCEPTED: [&str; 4] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
];

/// What a manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// One image.
    Image {
        /// Its config.
        config: Digest,
    },
    /// Several.
    Index {
        /// One a platform, attestations left out.
        children: Vec<Child>,
    },
}

impl Manifest {
    /// Reads a manifest; the text decides, not the media type that came with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(children) = json["manifests"].as_array() {
            let children = children.iter().filter(|child| is_image(child)).filter_map(child);
            return Ok(Manifest::Index { children: children.collect() });
        }
        let config = digest(&json["config"]["digest"]).ok_or("the manifest names no config")?;
        Ok(Manifest::Image { config })
    }
}

/// `Labels` of an image's config, and what it runs on.
pub fn config(config: &[u8]) -> Result<(Labels, Option<String>), String> {
    let json: Value = serde_json::from_slice(config).map_err(|error| error.to_string())?;
    let labels = json["config"]["Labels"].as_object();
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    Ok((labels.into_iter().flatten().filter_map(text).collect(), platform(&json)))
}

/// What the images of an index run on; nothing where it is no index.
pub fn platforms(text: &str) -> Vec<String> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let children = json["manifests"].as_array().into_iter().flatten();
    children.filter(|child| is_image(child)).filter_map(|child| platform(&child["platform"])).collect()
}

fn platform(value: &Value) -> Option<String> {
    Some(format!("{}/{}", value["os"].as_str()?, value["architecture"].as_str()?))
}

/// BuildKit stores provenance beside the images, as children of the platform `unknown/unknown`.
fn is_image(child: &Value) -> bool {
    child["platform"]["os"] != "unknown" && child["annotations"]["vnd.docker.reference.type"] != "attestation-manifest"
}

fn child(entry: &Value) -> Option<Child> {
    let part = |name: &str| entry["platform"][name].as_str().filter(|part| !part.is_empty());
    let parts: Vec<&str> = ["os", "architecture", "variant"].into_iter().filter_map(part).collect();
    let platform = if parts.is_empty() { "unknown platform".to_owned() } else { parts.join("/") };
    Some(Child { digest: digest(&entry["digest"])?, platform })
}

fn digest(value: &Value) -> Option<Digest> {
    value.as_str().map(|text| Digest(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_names_its_config() {
        let manifest = Manifest::parse(r#"{"schemaVersion":2,"config":{"digest":"sha256:c0"},"layers":[]}"#);
        assert_eq!(manifest, Ok(Manifest::Image { config: Digest("sha256:c0".to_owned()) }));
    }

    #[test]
    fn attestations_are_not_images() {
        let index = r#"{"manifests":[
            {"digest":"sha256:a0","platform":{"os":"unknown","architecture":"unknown"}},
            {"digest":"sha256:a1","annotations":{"vnd.docker.reference.type":"attestation-manifest"}},
            {"digest":"sha256:b0","platform":{"os":"linux","architecture":"amd64"}}]}"#;
        let child = Child { digest: Digest("sha256:b0".to_owned()), platform: "linux/amd64".to_owned() };
        assert_eq!(Manifest::parse(index), Ok(Manifest::Index { children: vec![child] }));
        assert_eq!(platforms(index), ["linux/amd64"]);
    }

    #[test]
    fn what_is_no_manifest_is_an_error() {
        assert!(Manifest::parse("").is_err());
        assert!(Manifest::parse("{}").is_err());
    }

    #[test]
    fn labels_may_be_absent() {
        assert_eq!(config(br#"{"config":{"Labels":null}}"#), Ok((Labels::new(), None)));
        let text =
            br#"{"os":"linux","architecture":"arm64","config":{"Labels":{"org.opencontainers.image.revision":"4f2a91c"}}}"#;
        let (found, platform) = config(text).unwrap();
        assert_eq!(platform.as_deref(), Some("linux/arm64"));
        assert_eq!(found.get("org.opencontainers.image.revision").map(String::as_str), Some("4f2a91c"));
        assert!(config(b"<html>").is_err());
    }
}
