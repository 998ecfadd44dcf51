//! A blob through the registry's own API: ECR has no other way to an image's config.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shipit_core::release::Digest;

use crate::adapter::aws::http::{Answer, Web, is_this_machine};
use crate::adapter::aws::operation::GET_BLOB;
use crate::port::{Login, PortError, PortResult};

const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a blob of `repository`, whose URI is `<registry>/<repository>`. Plain HTTP only to this machine.
pub async fn get(web: &Web, uri: &str, repository: &str, digest: &Digest, login: &Login) -> PortResult<Vec<u8>> {
    let registry = uri.strip_suffix(repository).unwrap_or(uri).trim_end_matches('/');
    let url = format!("{}://{registry}/v2/{repository}/blobs/{digest}", scheme(registry));
    let basic = STANDARD.encode(format!("{}:{}", login.username, login.password.reveal()));
    let unreachable = |message: String| PortError::Unreachable { what: format!("registry `{registry}`"), message };
    let transfer = async {
        let answer = web.get(&url, Some(&format!("Basic {basic}"))).await.map_err(unreachable)?;
        if answer.status == 403 {
            let body = answer.bytes().await.unwrap_or_default();
            return Err(PortError::Denied { action: GET_BLOB.action(), message: words(&body) });
        }
        accepted(&answer, repository, digest)?;
        answer.bytes().await.map_err(unreachable)
    };
    match tokio::time::timeout(PATIENCE, transfer).await {
        Ok(bytes) => bytes,
        Err(_) => Err(unreachable(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

fn accepted(answer: &Answer, repository: &str, digest: &Digest) -> PortResult<()> {
    let message = format!("the registry answers HTTP {}", answer.status);
    match answer.status {
        200 => Ok(()),
        401 => Err(PortError::Expired { message }),
        404 => Err(PortError::NotFound { what: format!("config {} of `{repository}`", digest.short()) }),
        429 => Err(PortError::Throttled { action: GET_BLOB.action() }),
        status if status >= 500 => Err(PortError::Unreachable { what: "the registry".to_owned(), message }),
        status => Err(PortError::Refused { action: GET_BLOB.action(), code: status.to_string(), message }),
    }
}

/// The registry's words: `{"errors": [{"code", "message"}]}`.
fn words(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body.pointer("/errors/0/message").and_then(serde_json::Value::as_str);
    message.unwrap_or("the registry answers HTTP 403").to_owned()
}

fn scheme(registry: &str) -> &'static str {
    if is_this_machine(&format!("http://{registry}")) { "http" } else { "https" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_plain_http() {
        assert_eq!(scheme("127.0.0.1:5000"), "http");
        assert_eq!(scheme("localhost:5000"), "http");
        assert_eq!(scheme("123456789012.dkr.ecr.us-east-1.amazonaws.com"), "https");
        assert_eq!(scheme("127.evil.example"), "https");
    }
}
