//! ECR: what a repository holds, the login for it, and scan results.

mod findings;
mod manifest;
mod scan;
mod scanning;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use shipit_core::release::{Digest, Tag};
use shipit_core::snapshot::{Child, RepositorySeen, Stored, StoredImage};
use tokio::sync::Mutex;

use self::manifest::{ACCEPTED, Manifest};
use super::error::{AwsError, named};
use super::http::Web;
use super::operation::{self, Operation};
use crate::adapter::oci::Repository;
use crate::port::{Clock, Holds, Login, PortError, PortResult, Registry, Secret, Tagged};

pub use scan::Scanner;

/// A login is renewed this long before it ends, for a push takes a while.
const MARGIN: SignedDuration = SignedDuration::from_mins(30);

/// The account's registry.
pub struct Repositories {
    ecr: aws_sdk_ecr::Client,
    web: Web,
    clock: Clock,
    login: Arc<Mutex<Option<(Login, Timestamp)>>>,
}

impl Repositories {
    /// Of the account and region of this configuration.
    pub fn new(sdk: &SdkConfig, web: Web, clock: Clock) -> Self {
        Self { ecr: aws_sdk_ecr::Client::new(sdk), web, clock, login: Arc::default() }
    }

    async fn uri(&self, repository: &str) -> Result<Option<String>, AwsError> {
        let reply = self.ecr.describe_repositories().repository_names(repository).send().await;
        match reply.map_err(|error| AwsError::of(operation::DESCRIBE_REPOSITORIES, &error)) {
            Ok(reply) => Ok(reply.repositories.unwrap_or_default().into_iter().find_map(|found| found.repository_uri)),
            Err(error) if is_missing_repository(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// When it was pushed, and how many tags it has.
    async fn details(&self, repository: &str, digest: &Digest) -> PortResult<(Option<Timestamp>, usize)> {
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let reply = self.ecr.describe_images().repository_name(repository).image_ids(id).send().await;
        let reply = reply.map_err(|error| {
            named(AwsError::of(operation::DESCRIBE_IMAGES, &error), || format!("image `{repository}@{}`", digest.short()))
        })?;
        let image = reply.image_details.unwrap_or_default().into_iter().next();
        let tags = image.as_ref().map_or(0, |image| image.image_tags().len());
        let pushed = image.and_then(|image| image.image_pushed_at);
        Ok((pushed.and_then(|at| Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or(0)).ok()), tags))
    }

    async fn stored(&self, uri: &str, repository: &str, found: Found) -> PortResult<StoredImage> {
        let (about, (pushed_at, tags)) =
            futures_util::try_join!(self.about(uri, repository, &found), self.details(repository, &found.digest))?;
        let (labels, platforms) = about;
        Ok(StoredImage { digest: found.digest, labels, pushed_at, tags, platforms })
    }

    /// Labels, of an index those of its first image; and what it runs on.
    async fn about(&self, uri: &str, repository: &str, found: &Found) -> PortResult<(manifest::Labels, Vec<String>)> {
        let of_index = manifest::platforms(&found.text);
        let config = match &found.manifest {
            Manifest::Image { config } => config.clone(),
            Manifest::Index { children } => {
                let Some(child) = children.first() else {
                    return Ok((manifest::Labels::new(), of_index));
                };
                let id = ImageIdentifier::builder().image_digest(child.digest.as_str()).build();
                match image(&self.ecr, repository, id).await?.map(|found| found.manifest) {
                    Some(Manifest::Image { config }) => config,
                    Some(Manifest::Index { .. }) | None => return Ok((manifest::Labels::new(), of_index)),
                }
            }
        };
        let login = self.login().await?;
        let held = Repository::new(self.web.clone(), uri, &login).blob(&config).await?;
        let missing = || PortError::NotFound { what: format!("config {} of `{repository}`", config.short()) };
        let bytes = held.ok_or_else(missing)?;
        let (labels, platform) = manifest::config(&bytes).map_err(|error| unreadable(operation::GET_BLOB, error))?;
        Ok((labels, if of_index.is_empty() { platform.into_iter().collect() } else { of_index }))
    }

    async fn authorize(&self) -> PortResult<(Login, Timestamp)> {
        let operation = operation::GET_AUTHORIZATION_TOKEN;
        let reply = self.ecr.get_authorization_token().send().await;
        let reply = reply.map_err(|error| PortError::from(AwsError::of(operation, &error)))?;
        let data = reply.authorization_data.unwrap_or_default().into_iter().next();
        let data = data.ok_or_else(|| unreadable(operation, "there is no token in the reply"))?;
        let token =
            STANDARD.decode(data.authorization_token.unwrap_or_default()).ok().and_then(|token| String::from_utf8(token).ok());
        let token = token.ok_or_else(|| unreadable(operation, "the token is not base64 text"))?;
        let (username, password) =
            token.split_once(':').ok_or_else(|| unreadable(operation, "the token is not `user:password`"))?;
        let endpoint = data.proxy_endpoint.unwrap_or_default();
        let server = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, server)| server).trim_end_matches('/');
        let login =
            Login { server: server.to_owned(), username: username.to_owned(), password: Secret::new(password.to_owned()) };
        let until = data.expires_at.and_then(|at| Timestamp::from_second(at.secs()).ok());
        Ok((login, until.unwrap_or_else(|| self.clock.now())))
    }
}

#[async_trait]
impl Registry for Repositories {
    async fn look(&self, repository: &str, tag: &Tag, source: Option<&Tag>) -> PortResult<RepositorySeen> {
        let id = |tag: &Tag| ImageIdentifier::builder().image_tag(tag.as_str()).build();
        let ids = [tag].into_iter().chain(source).map(id).collect();
        let (uri, found) = futures_util::join!(self.uri(repository), images(&self.ecr, repository, ids));
        let Some(uri) = uri? else {
            return Ok(RepositorySeen::Missing);
        };
        let mut found = found?;
        let mut under = |wanted: &Tag| {
            let at = found.iter().position(|one| one.tag.as_deref() == Some(wanted.as_str()))?;
            Some(found.swap_remove(at))
        };
        let held = match under(tag) {
            Some(found) => Stored::OfCommit(self.stored(&uri, repository, found).await?),
            None => match source.and_then(&mut under) {
                Some(found) => Stored::OfContent(self.stored(&uri, repository, found).await?),
                None => Stored::Nothing,
            },
        };
        Ok(RepositorySeen::Present { uri, held })
    }

    async fn image(&self, repository: &str, digest: &Digest) -> PortResult<Option<StoredImage>> {
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let (uri, found) = futures_util::join!(self.uri(repository), image(&self.ecr, repository, id));
        match (uri?, found?) {
            (Some(uri), Some(found)) => Ok(Some(self.stored(&uri, repository, found).await?)),
            _ => Ok(None),
        }
    }

    async fn tag(&self, repository: &str, digest: &Digest, tag: &Tag) -> PortResult<Tagged> {
        tags::add(&self.ecr, repository, digest, tag).await
    }

    async fn children(&self, repository: &str, digest: &Digest) -> PortResult<Vec<Child>> {
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        match image(&self.ecr, repository, id).await?.map(|found| found.manifest) {
            Some(Manifest::Index { children }) => Ok(children),
            Some(Manifest::Image { .. }) => Ok(Vec::new()),
            None => Err(PortError::NotFound { what: format!("image `{repository}@{}`", digest.short()) }),
        }
    }

    async fn join(&self, repository: &str, children: &[Child], tag: &Tag) -> PortResult<Digest> {
        tags::join(&self.ecr, repository, children, tag).await
    }

    async fn login(&self) -> PortResult<Login> {
        let mut kept = self.login.lock().await;
        if let Some((login, until)) = kept.as_ref()
            && self.clock.now() + MARGIN < *until
        {
            return Ok(login.clone());
        }
        let (login, until) = self.authorize().await?;
        *kept = Some((login.clone(), until));
        Ok(login)
    }

    async fn login_anew(&self, refused: &Login) -> PortResult<Login> {
        // Several pushes may be refused at once: the first of them to come here renews it for all.
        let mut kept = self.login.lock().await;
        kept.take_if(|(login, _)| login.password.reveal() == refused.password.reveal());
        drop(kept);
        self.login().await
    }

    async fn holds(&self, image: &str) -> PortResult<Holds> {
        let (uri, id) = named_image(image);
        let Some((host, repository)) = uri.split_once('/') else { return Ok(Holds::Elsewhere) };
        match self.uri(repository).await? {
            Some(found) if found == uri => {}
            // A repository of this name is gone, or it never was in this registry: its host tells.
            None if host.split('.').nth(1) == Some("dkr") => return Ok(Holds::No),
            _ => return Ok(Holds::Elsewhere),
        }
        let found = self::image(&self.ecr, repository, id).await?;
        Ok(if found.is_some() { Holds::Yes } else { Holds::No })
    }
}

/// `<host>/<repository>` and the digest or tag of an image that names its registry.
fn named_image(image: &str) -> (&str, ImageIdentifier) {
    let id = ImageIdentifier::builder();
    let (name, id) = match image.split_once('@') {
        Some((name, digest)) => (name, id.image_digest(digest)),
        None => {
            let (name, tag) = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((image, "latest"));
            (name, id.image_tag(tag))
        }
    };
    // A name may have a tag beside its digest.
    let end = name.rfind('/').and_then(|slash| name[slash..].find(':').map(|colon| slash + colon)).unwrap_or(name.len());
    (&name[..end], id.build())
}

/// An image as the registry answers it.
struct Found {
    digest: Digest,
    /// The tag it was asked for by.
    tag: Option<String>,
    manifest: Manifest,
    /// The manifest, byte for byte.
    text: String,
    media_type: Option<String>,
}

/// The image that `id` names, if there is one.
async fn image(ecr: &aws_sdk_ecr::Client, repository: &str, id: ImageIdentifier) -> PortResult<Option<Found>> {
    Ok(images(ecr, repository, vec![id]).await?.into_iter().next())
}

/// The images that are there of those that `ids` name.
async fn images(ecr: &aws_sdk_ecr::Client, repository: &str, ids: Vec<ImageIdentifier>) -> PortResult<Vec<Found>> {
    let operation = operation::BATCH_GET_IMAGE;
    let request = ecr.batch_get_image().repository_name(repository).set_image_ids(Some(ids));
    // All four, or ECR converts what it has, and with it the digest.
    let reply = request.set_accepted_media_types(Some(ACCEPTED.map(str::to_owned).to_vec())).send().await;
    let reply = reply.map_err(|error| named(AwsError::of(operation, &error), || format!("repository `{repository}`")))?;
    let is_other = |code: &Option<ImageFailureCode>| *code != Some(ImageFailureCode::ImageNotFound);
    if let Some(failure) = reply.failures.unwrap_or_default().into_iter().find(|failure| is_other(&failure.failure_code)) {
        return Err(PortError::Refused {
            action: operation.action(),
            code: failure.failure_code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
            message: failure.failure_reason.unwrap_or_default(),
        });
    }
    let found = reply.images.unwrap_or_default().into_iter().map(|image| {
        let (digest, tag) = image.image_id.map(|id| (id.image_digest, id.image_tag)).unwrap_or_default();
        let digest = Digest(digest.ok_or_else(|| unreadable(operation, "an image without digest"))?);
        let text = image.image_manifest.unwrap_or_default();
        let manifest = Manifest::parse(&text).map_err(|error| unreadable(operation, error))?;
        Ok(Found { digest, tag, manifest, text, media_type: image.image_manifest_media_type })
    });
    found.collect()
}

fn is_missing_repository(error: &AwsError) -> bool {
    error.code() == Some("RepositoryNotFoundException")
}

fn unreadable(operation: Operation, why: impl ToString) -> PortError {
    PortError::Refused { action: operation.action(), code: "UnreadableReply".to_owned(), message: why.to_string() }
}
