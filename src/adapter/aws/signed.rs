//! Requests signed by hand, for the few calls that no SDK client in the house makes.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;

use super::error::{AwsError, Kind};
use super::http::{Ask, Content, Reply, Web, chain};
use super::operation::Operation;

/// What a signature is made for.
pub(super) struct Scope<'a> {
    /// Whose.
    pub(super) credentials: &'a Credentials,
    /// E.g. `eu-west-1`.
    pub(super) region: &'a str,
    /// The service's name in signatures, e.g. `s3`.
    pub(super) service: &'static str,
}

/// A request that is to be signed.
pub(super) struct Request<'a> {
    /// What it is for.
    pub(super) operation: Operation,
    /// E.g. `POST`.
    pub(super) method: &'static str,
    /// Absolute, encoded as it goes out.
    pub(super) url: &'a str,
    /// Names in lower case, and values.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body; may be empty.
    pub(super) body: Vec<u8>,
}

/// Signs a request and sends it, once.
///
/// # Errors
/// It could not be signed or sent; what AWS answers is the reply.
pub(super) async fn send(web: &Web, scope: &Scope<'_>, request: Request<'_>) -> Result<Reply, AwsError> {
    let Request { operation, method, url, mut headers, body } = request;
    let unanswered = |message: String| AwsError { operation, kind: Kind::Unanswered { message } };
    let signed = signatures(scope, method, url, &headers, &body).map_err(unanswered)?;
    headers.extend(signed);
    let content = if body.is_empty() { Content::Nothing } else { Content::Whole(body) };
    web.exchange(Ask { method, url, headers, content }).await.map_err(unanswered)
}

fn signatures(
    scope: &Scope<'_>,
    method: &str,
    url: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, String> {
    let mut settings = SigningSettings::default();
    if scope.service == "s3" {
        // A key is what it is: `a//b` and `a/../b` are keys of their own.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = scope.credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| chain(&error))?;
    let named = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let signable = SignableRequest::new(method, url, named, SignableBody::Bytes(body)).map_err(|error| chain(&error))?;
    let (instructions, _) = sign(signable, &parameters.into()).map_err(|error| chain(&error))?.into_parts();
    let known = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
    let added = instructions.headers().map(|(name, value)| {
        let name =
            known.into_iter().find(|known| name.eq_ignore_ascii_case(known)).ok_or(format!("the header `{name}` is new"))?;
        Ok((name, value.to_owned()))
    });
    added.collect()
}
