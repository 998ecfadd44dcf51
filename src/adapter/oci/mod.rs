//! One repository of a registry by OCI's distribution API, as ECR speaks it: blobs, manifests, referrers.
//!
//! Every request is repeated where that may help ([`retry`]), uploads from their start. What a registry answers that is no
//! success is a [`Trouble`]; the ports' errors are made of it.

mod attestations;
mod blobs;
mod manifests;
mod retry;
#[cfg(test)]
mod tests;
mod trouble;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use crate::adapter::aws::http::{Ask, Content, Reply, Web, is_this_machine};
use crate::port::{Login, Secret};

pub use attestations::Attestations;
pub use blobs::{Mount, Upload};
pub use manifests::{INDEX, MANIFEST, Manifest};
pub use retry::Patience;
pub use trouble::Trouble;

/// How long a request without an upload may take to be answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// A repository, and who asks.
#[derive(Clone)]
pub struct Repository {
    web: Web,
    /// Host and port, without scheme.
    registry: String,
    name: String,
    authorization: Secret<String>,
}

impl Repository {
    /// The repository whose URI is `<registry>/<name>`. Plain HTTP is spoken to this machine alone.
    pub fn new(web: Web, uri: &str, login: &Login) -> Self {
        let (registry, name) = uri.split_once('/').unwrap_or((uri, ""));
        let basic = STANDARD.encode(format!("{}:{}", login.username, login.password.reveal()));
        let authorization = Secret::new(format!("Basic {basic}"));
        Self { web, registry: registry.to_owned(), name: name.to_owned(), authorization }
    }

    /// Its name in the registry.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn url(&self, rest: &str) -> String {
        format!("{}://{}/v2/{}/{rest}", scheme(&self.registry), self.registry, self.name)
    }

    /// Where a registry's `Location` leads, which may be relative.
    fn located(&self, location: &str) -> Result<String, Trouble> {
        let base = self.url("blobs/uploads/");
        let joined = Url::parse(&base).and_then(|base| base.join(location));
        joined.map(String::from).map_err(|error| Trouble::Refused {
            action: "ecr:InitiateLayerUpload",
            code: "Location".to_owned(),
            message: format!("the registry answers `{location}`: {error}"),
        })
    }

    /// Asks once, without patience for the answer's body.
    async fn ask(
        &self,
        method: &'static str,
        url: &str,
        content: Content,
        headers: &[(&'static str, &str)],
    ) -> Result<Reply, Trouble> {
        let mut headers: Vec<(&'static str, String)> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        // An upload may be sent to elsewhere, where the login is nobody's business.
        if Url::parse(url).is_ok_and(|url| Url::parse(&self.url("")).is_ok_and(|ours| ours.origin() == url.origin())) {
            headers.push(("authorization", self.authorization.reveal().clone()));
        }
        let is_upload = matches!(content, Content::Pieces(_));
        let exchange = self.web.exchange(Ask { method, url, headers, content });
        let reply = match is_upload {
            // How long it takes is the sender's affair.
            true => exchange.await,
            false => match tokio::time::timeout(PATIENCE, exchange).await {
                Ok(reply) => reply,
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            },
        };
        reply.map_err(|message| self.unreachable(message))
    }

    fn unreachable(&self, message: String) -> Trouble {
        Trouble::Unreachable { registry: self.registry.clone(), message, wait: None }
    }

    /// What a reply says that is no success; `action` is the IAM action that the request needs.
    async fn trouble(&self, reply: Reply, action: &'static str) -> Trouble {
        Trouble::of(&self.registry, action, reply).await
    }
}

fn scheme(registry: &str) -> &'static str {
    if is_this_machine(&format!("http://{registry}")) { "http" } else { "https" }
}
