//! Manifests by tag or digest, and what refers to one.

use serde_json::Value;
use shipit_core::release::Digest;

use super::{Patience, Repository, Trouble};
use crate::adapter::aws::http::Content;
use crate::adapter::content::digest_of;

/// An image, by OCI.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Several images, or what refers to one, by OCI.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// All four, or ECR converts what it has, and with it the digest.
const ACCEPTED: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json";

const READ: &str = "ecr:BatchGetImage";
const PUT: &str = "ecr:PutImage";

/// A manifest as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes, which the digest is of.
    pub bytes: Vec<u8>,
}

impl Repository {
    /// The digest of what a tag or digest names, if it names anything.
    ///
    /// # Errors
    /// Whatever is no answer to that.
    pub async fn digest(&self, reference: &str) -> Result<Option<Digest>, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.digest_once(reference).await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn digest_once(&self, reference: &str) -> Result<Option<Digest>, Trouble> {
        let url = self.url(&format!("manifests/{reference}"));
        let reply = self.ask("HEAD", &url, Content::Nothing, &[("accept", ACCEPTED)]).await?;
        match (reply.status, reply.header("docker-content-digest")) {
            (200, Some(digest)) => Ok(Some(Digest(digest.to_owned()))),
            (404, _) => Ok(None),
            _ => Err(self.trouble(reply, READ).await),
        }
    }

    /// The manifest that a tag or digest names, if there is one.
    ///
    /// # Errors
    /// Whatever is no answer to that, also other bytes than those of the digest.
    pub async fn manifest(&self, reference: &str) -> Result<Option<Manifest>, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.manifest_once(reference).await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn manifest_once(&self, reference: &str) -> Result<Option<Manifest>, Trouble> {
        let url = self.url(&format!("manifests/{reference}"));
        let reply = self.ask("GET", &url, Content::Nothing, &[("accept", ACCEPTED)]).await?;
        match reply.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.trouble(reply, READ).await),
        }
        let media_type = reply.header("content-type").unwrap_or(MANIFEST).to_owned();
        let told = reply.header("docker-content-digest").map(|digest| Digest(digest.to_owned()));
        let bytes = reply.bytes().await.map_err(|message| self.unreachable(message))?;
        let digest = digest_of(&bytes);
        let wanted = told.unwrap_or_else(|| digest.clone());
        let named = !reference.starts_with("sha256:") || reference == digest.as_str();
        if wanted == digest && named { Ok(Some(Manifest { digest, media_type, bytes })) } else { Err(other(READ, &digest)) }
    }

    /// Puts a manifest under a tag or its own digest, with exactly this media type; answers the digest that the registry has.
    ///
    /// # Errors
    /// A tag that cannot be moved, blobs that are not there, a registry that made something else of it.
    pub async fn put_manifest(&self, reference: &str, media_type: &str, bytes: &[u8]) -> Result<Digest, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.put_once(reference, media_type, bytes).await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn put_once(&self, reference: &str, media_type: &str, bytes: &[u8]) -> Result<Digest, Trouble> {
        let url = self.url(&format!("manifests/{reference}"));
        let digest = digest_of(bytes);
        let reply = self.ask("PUT", &url, Content::Whole(bytes.to_vec()), &[("content-type", media_type)]).await?;
        match (reply.status, reply.header("docker-content-digest")) {
            (200..=204, Some(found)) if found != digest.as_str() => Err(other(PUT, &digest)),
            (200..=204, _) => Ok(digest.clone()),
            _ => Err(self.trouble(reply, PUT).await),
        }
    }

    /// The index of what refers to a manifest, as OCI 1.1 has it; none where the registry knows no referrers.
    ///
    /// # Errors
    /// Whatever is no answer to that.
    pub async fn referrers(&self, digest: &Digest) -> Result<Option<Value>, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.referrers_once(digest).await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn referrers_once(&self, digest: &Digest) -> Result<Option<Value>, Trouble> {
        let url = self.url(&format!("referrers/{digest}"));
        let reply = self.ask("GET", &url, Content::Nothing, &[("accept", INDEX)]).await?;
        match reply.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.trouble(reply, READ).await),
        }
        let bytes = reply.bytes().await.map_err(|message| self.unreachable(message))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| self.unreachable(error.to_string()))
    }
}

fn other(action: &'static str, digest: &Digest) -> Trouble {
    Trouble::Refused {
        action,
        code: "DIGEST_INVALID".to_owned(),
        message: format!("the registry names another digest than {digest}, which is that of the bytes"),
    }
}
