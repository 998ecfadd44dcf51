//! Attestations as OCI 1.1 has them: a manifest with one layer that names the image as its subject.

use async_trait::async_trait;
use serde_json::{Value, json};
use shipit_core::attest::{Attestation, PREDICATE_ANNOTATION, Referrer};
use shipit_core::release::Digest;

use super::{MANIFEST, Repository};
use crate::adapter::aws::http::Web;
use crate::adapter::content::digest_of;
use crate::port::{self, Login, PortError, PortResult};

/// The media type of a config that says nothing, whose bytes are `{}`.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Attestations in registries.
pub struct Attestations {
    web: Web,
}

impl Attestations {
    /// By this HTTP client.
    pub fn new(web: Web) -> Self {
        Self { web }
    }

    fn repository(&self, uri: &str, login: &Login) -> Repository {
        Repository::new(self.web.clone(), uri, login)
    }
}

#[async_trait]
impl port::Attestations for Attestations {
    async fn referrers(&self, repository: &str, digest: &Digest, login: &Login) -> PortResult<Vec<Referrer>> {
        let index = self.repository(repository, login).referrers(digest).await?;
        let index =
            index.ok_or_else(|| PortError::NotFound { what: format!("the list of what refers to {repository}@{digest}") })?;
        Ok(index["manifests"].as_array().into_iter().flatten().filter_map(referrer).collect())
    }

    async fn read(&self, repository: &str, referrer: &Referrer, login: &Login) -> PortResult<Vec<u8>> {
        let missing = || PortError::NotFound { what: format!("artifact {repository}@{}", referrer.digest) };
        let repository = self.repository(repository, login);
        let manifest = repository.manifest(referrer.digest.as_str()).await?.ok_or_else(missing)?;
        let manifest: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
        let layer = manifest["layers"][0]["digest"].as_str().ok_or_else(missing)?;
        repository.blob(&Digest(layer.to_owned())).await?.ok_or_else(missing)
    }

    async fn attach(
        &self,
        repository: &str,
        digest: &Digest,
        attestation: Attestation,
        content: &[u8],
        login: &Login,
    ) -> PortResult<Referrer> {
        let missing = || PortError::NotFound { what: format!("image {repository}@{digest}") };
        let repository = self.repository(repository, login);
        let subject = repository.manifest(digest.as_str()).await?.ok_or_else(missing)?;
        let config = repository.put_blob(b"{}").await?;
        let layer = repository.put_blob(content).await?;
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": attestation.artifact_type(),
            "config": {"mediaType": EMPTY, "digest": config, "size": 2},
            "layers": [{"mediaType": attestation.artifact_type(), "digest": layer, "size": content.len()}],
            "subject": {"mediaType": subject.media_type, "digest": digest, "size": subject.bytes.len()},
        });
        if let Some(predicate) = attestation.predicate_type() {
            manifest["annotations"] = json!({PREDICATE_ANNOTATION: predicate});
        }
        let bytes = manifest.to_string().into_bytes();
        let digest = repository.put_manifest(digest_of(&bytes).as_str(), MANIFEST, &bytes).await?;
        Ok(Referrer {
            digest,
            artifact_type: attestation.artifact_type().to_owned(),
            predicate_type: attestation.predicate_type().map(str::to_owned),
        })
    }
}

fn referrer(descriptor: &Value) -> Option<Referrer> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Referrer {
        digest: Digest(text(&descriptor["digest"])?),
        artifact_type: text(&descriptor["artifactType"]).unwrap_or_default(),
        predicate_type: text(&descriptor["annotations"][PREDICATE_ANNOTATION]),
    })
}
