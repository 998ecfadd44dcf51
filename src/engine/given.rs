//! Images that another stage has built: looked up in the registry, by digest or by a tag that the registry resolves.

use shipit_core::content::ContentKey;
use shipit_core::failure::{Code, Failure};
use shipit_core::given::{self, elsewhere, missing};
use shipit_core::imagedefinitions::{Given, Which};
use shipit_core::pipeline::Image;
use shipit_core::release::{Commit, Source, Tree};
use shipit_core::snapshot::{ImageSeen, RepositorySeen, Stored};

use super::Context;
use super::wait::patiently;
use crate::port::{Holds, PortError, SourceWish};

/// Looks at the image that is to be deployed as `image`.
///
/// # Errors
/// It is not there, it is in another registry, or the registry cannot be asked.
pub async fn look(context: &Context<'_>, image: &Image, given: &Given) -> Result<ImageSeen, Failure> {
    let registry = &context.ports.registry;
    let (name, throttled) = (given.to_string(), PortError::is_throttled);
    match patiently(context.clock, &name, throttled, async || registry.holds(&name).await).await? {
        Holds::Yes => {}
        Holds::No => return Err(missing(image, given)),
        Holds::Elsewhere => return Err(elsewhere(image, given)),
    }
    let stored = match &given.which {
        Which::Digest(digest) => {
            patiently(context.clock, &name, throttled, async || registry.image(&image.repository, digest).await).await?
        }
        Which::Tag(tag) => {
            let look = async || registry.look(&image.repository, tag, None).await;
            match patiently(context.clock, &name, throttled, look).await? {
                RepositorySeen::Present { held: Stored::OfCommit(stored), .. } => Some(stored),
                _ => None,
            }
        }
    };
    let held = Stored::Given(stored.ok_or_else(|| missing(image, given))?);
    let repository = RepositorySeen::Present { uri: given.uri.clone(), held };
    Ok(ImageSeen { key: ContentKey::not_built("another stage built it"), repository, running: None })
}

/// The source: as `--commit`, the repository or the CI names it, else as the images do. Nothing is built, so that no context is read.
///
/// # Errors
/// Nothing names a commit, or the repository cannot be read.
pub async fn source<'a>(
    context: &Context<'_>,
    wish: &SourceWish,
    images: impl IntoIterator<Item = &'a ImageSeen>,
) -> Result<Source, Failure> {
    if let Some(asked) = &wish.commit {
        return Ok(nowhere(given::named(asked)?, "--commit"));
    }
    match context.ports.source.read(&context.pipeline.folder, &[], wish).await.map_err(Failure::from) {
        Err(failure) if failure.code == Code::NoCommit => {}
        read => return read,
    }
    let stored = images.into_iter().filter_map(|seen| match &seen.repository {
        RepositorySeen::Present { held: Stored::Given(stored), .. } => Some(stored),
        _ => None,
    });
    Ok(nowhere(given::commit(stored)?, "the images"))
}

fn nowhere(commit: Commit, named_by: &str) -> Source {
    let tree = Tree::NoRepository { content: String::new(), named_by: named_by.to_owned() };
    Source { commit, subject: None, committed_at: None, origin: None, tree }
}
