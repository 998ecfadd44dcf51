//! What is told about images, beside them in the registry.

use async_trait::async_trait;
use shipit_core::attest::{Attestation, Referrer};
use shipit_core::release::Digest;

use super::{Login, PortResult};

/// Artifacts that refer to an image by its digest. `repository` is `<registry>/<name>` everywhere.
#[async_trait]
pub trait Attestations: Send + Sync {
    /// All that refer to the image.
    async fn referrers(&self, repository: &str, digest: &Digest, login: &Login) -> PortResult<Vec<Referrer>>;
    /// What one of them says.
    async fn read(&self, repository: &str, referrer: &Referrer, login: &Login) -> PortResult<Vec<u8>>;
    /// Lets `content` refer to the image; the same again changes nothing.
    async fn attach(
        &self,
        repository: &str,
        digest: &Digest,
        attestation: Attestation,
        content: &[u8],
        login: &Login,
    ) -> PortResult<Referrer>;
}
