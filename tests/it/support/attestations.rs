//! What is told about images of the fake world's registry.

use async_trait::async_trait;
use serde_json::{Value, json};
use shipit::port::{Attestations, Login, PortError, PortResult};
use shipit_core::attest::{Attestation, Referrer};
use shipit_core::release::Digest;

use super::faults::Op;
use super::images::digest as digest_of;
use super::world::Fake;

#[async_trait]
impl Attestations for Fake {
    async fn referrers(&self, _repository: &str, digest: &Digest, _login: &Login) -> PortResult<Vec<Referrer>> {
        self.call(Op::ListReferrers, digest.as_str(), Value::Null, |world| {
            let attached = world.images.attached.get(digest).into_iter().flatten();
            Ok(attached.map(|(referrer, _)| referrer.clone()).collect())
        })
        .await
    }

    async fn read(&self, repository: &str, referrer: &Referrer, _login: &Login) -> PortResult<Vec<u8>> {
        self.call(Op::ReadReferrer, referrer.digest.as_str(), Value::Null, |world| {
            let mut all = world.images.attached.values().flatten();
            let found = all.find(|(other, _)| other.digest == referrer.digest).map(|(_, content)| content.clone());
            found.ok_or_else(|| PortError::NotFound { what: format!("artifact {repository}@{}", referrer.digest) })
        })
        .await
    }

    async fn attach(
        &self,
        _repository: &str,
        digest: &Digest,
        attestation: Attestation,
        content: &[u8],
        _login: &Login,
    ) -> PortResult<Referrer> {
        self.call(Op::Attach, digest.as_str(), json!({"attestation": attestation}), |world| {
            let referrer = Referrer {
                digest: digest_of(&String::from_utf8_lossy(content)),
                artifact_type: attestation.artifact_type().into(),
                predicate_type: attestation.predicate_type().map(str::to_owned),
            };
            let attached = world.images.attached.entry(digest.clone()).or_default();
            if attached.iter().all(|(other, _)| *other != referrer) {
                attached.push((referrer.clone(), content.to_vec()));
            }
            Ok(referrer)
        })
        .await
    }
}
