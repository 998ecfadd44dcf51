//! Pushing through the Engine: progress of all layers as one, and the digest that the registry stored.

use std::collections::BTreeMap;

use bollard::auth::DockerCredentials;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use shipit_core::event::Progress;
use shipit_core::failure::{Code, Failure};
use shipit_core::push::{Because, PushedBy};
use shipit_core::release::{Digest, Tag};

use crate::adapter::docker::connect::Engine;
use crate::adapter::docker::{ended, request, trouble};
use crate::port::{Login, PushedImage, Tell};

/// Pushes `<repository>:<tag>`.
pub(super) async fn push(
    engine: &Engine,
    repository: &str,
    tag: &Tag,
    login: &Login,
    tell: Tell<'_>,
    because: Because,
) -> Result<PushedImage, Failure> {
    let name = repository.to_owned();
    let api = engine.api.clone().with_request_modifier(move |asked| request::as_push(asked, &name));
    let options = CreateImageOptionsBuilder::default().tag(tag.as_str()).build();
    let mut lines = std::pin::pin!(ended::lines(api.create_image(Some(options), None, Some(credentials(login)))));
    let mut layers = Layers::default();
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| trouble::of_push(repository, tag.as_str(), &error))?;
        if layers.take(&line) {
            tell(layers.progress());
        }
    }
    let sent = layers.sent();
    let digest = layers.digest.ok_or_else(|| {
        Failure::new(Code::PushFailed, format!("the Engine ended the push of `{repository}:{tag}` without a digest"))
            .because("without the registry's digest nothing can be deployed by digest")
            .next("run the same command again")
    })?;
    Ok(PushedImage { digest, sent, by: PushedBy::Engine { because } })
}

pub(in crate::adapter::docker) fn credentials(login: &Login) -> DockerCredentials {
    let password = login.password.reveal().clone();
    let base = DockerCredentials { serveraddress: Some(login.server.clone()), ..DockerCredentials::default() };
    match login.username.as_str() {
        "" => DockerCredentials { identitytoken: Some(password), ..base },
        name => DockerCredentials { username: Some(name.to_owned()), password: Some(password), ..base },
    }
}

/// The layers of one push, by the Engine's short id.
#[derive(Default)]
struct Layers {
    seen: BTreeMap<String, Layer>,
    digest: Option<Digest>,
}

/// Bytes are those of the layer before compression: the Engine tells no others.
#[derive(Default)]
struct Layer {
    sent: u64,
    total: u64,
    reused: bool,
}

impl Layers {
    /// Takes a line; whether there is something to tell.
    fn take(&mut self, line: &CreateImageInfo) -> bool {
        let status = line.status.as_deref().unwrap_or_default();
        let Some(id) = line.id.as_deref().filter(|id| !id.is_empty()) else {
            // `<tag>: digest: sha256:… size: 528`
            if let Some((_, rest)) = status.split_once("digest: ")
                && let Some(digest) = rest.split_whitespace().next().filter(|digest| digest.starts_with("sha256:"))
            {
                self.digest = Some(Digest(digest.to_owned()));
            }
            return false;
        };
        let layer = match status {
            "Preparing" | "Waiting" | "Pushing" | "Pushed" | "Layer already exists" => {
                self.seen.entry(id.to_owned()).or_default()
            }
            status if status.starts_with("Mounted from ") => self.seen.entry(id.to_owned()).or_default(),
            _ => return false,
        };
        let bytes = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
        if let Some(detail) = &line.progress_detail {
            layer.sent = layer.sent.max(bytes(detail.current));
            layer.total = layer.total.max(bytes(detail.total)).max(layer.sent);
        }
        match status {
            // The tar around a layer makes the count end a little above its size.
            "Pushed" => layer.total = layer.sent,
            "Layer already exists" => layer.reused = true,
            status if status.starts_with("Mounted from ") => layer.reused = true,
            _ => {}
        }
        true
    }

    fn sent(&self) -> u64 {
        self.seen.values().filter(|layer| !layer.reused).map(|layer| layer.sent).sum()
    }

    fn progress(&self) -> Progress {
        let count = |wanted: fn(&&Layer) -> bool| u32::try_from(self.seen.values().filter(wanted).count()).unwrap_or(u32::MAX);
        let total = self.seen.values().filter(|layer| !layer.reused).map(|layer| layer.total).sum();
        Progress::Push { sent: self.sent(), total, layers_reused: count(|layer| layer.reused), layers: count(|_| true) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_push_are_folded() {
        let lines = [
            r#"{"status":"The push refers to repository [127.0.0.1:1/a]"}"#,
            r#"{"status":"Preparing","progressDetail":{},"id":"a1"}"#,
            r#"{"status":"Preparing","progressDetail":{},"id":"b2"}"#,
            r#"{"status":"Preparing","progressDetail":{},"id":"c3"}"#,
            r#"{"status":"Layer already exists","progressDetail":{},"id":"c3"}"#,
            r#"{"status":"Mounted from other","progressDetail":{},"id":"b2"}"#,
            r#"{"status":"Pushing","progressDetail":{"current":512,"total":1000},"progress":"[=>]","id":"a1"}"#,
        ];
        let mut layers = Layers::default();
        for line in lines {
            layers.take(&serde_json::from_str(line).unwrap());
        }
        assert_eq!(layers.progress(), Progress::Push { sent: 512, total: 1000, layers_reused: 2, layers: 3 });
        let digest = format!("sha256:{}", "a".repeat(64));
        let last = [
            r#"{"status":"Pushing","progressDetail":{"current":1536},"id":"a1"}"#.to_owned(),
            r#"{"status":"Pushed","progressDetail":{},"id":"a1"}"#.to_owned(),
            format!(r#"{{"status":"v1: digest: {digest} size: 528"}}"#),
            format!(r#"{{"progressDetail":{{}},"aux":{{"Tag":"v1","Digest":"{digest}","Size":528}}}}"#),
        ];
        for line in &last {
            layers.take(&serde_json::from_str(line).unwrap());
        }
        assert_eq!(layers.progress(), Progress::Push { sent: 1536, total: 1536, layers_reused: 2, layers: 3 });
        assert_eq!(layers.digest, Some(Digest(digest)));
    }
}
