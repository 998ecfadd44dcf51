//! A pipeline whose images another stage has built: narrowed to what `imagedefinitions.json` names.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::{Code, Failure};
use crate::imagedefinitions::{Definition, Given};
use crate::pipeline::{Image, Name, Pipeline, Service};
use crate::plan::REVISION_LABEL;
use crate::release::Commit;
use crate::snapshot::StoredImage;

/// The pipeline with these images in place of builds. Services of which none is named are left out, as if they were not in
/// the file; a service is deployed whole. Where the pipeline is one service and builds nothing, its task definition gets them.
///
/// # Errors
/// Containers that no service has, images of other repositories than the pipeline's, and services that are named in part; all
/// of them.
pub fn narrowed(mut pipeline: Pipeline, definitions: &[Definition]) -> Result<Pipeline, Failure> {
    if let ([service], []) = (pipeline.services.as_mut_slice(), pipeline.images.as_slice()) {
        service.images = instead(definitions)?;
        return Ok(pipeline);
    }
    let mut wrong = Vec::new();
    let mut given: BTreeMap<Name, Given> = BTreeMap::new();
    for Definition { container, image } in definitions {
        match wanted(&pipeline, container, image) {
            Err(why) => wrong.push(why),
            Ok(name) => match given.insert(name.clone(), image.clone()) {
                Some(other) if other != *image => {
                    wrong.push(format!("image `{name}` is named twice, as `{other}` and as `{image}`"));
                }
                _ => {}
            },
        }
    }
    let mut services = Vec::new();
    for service in &pipeline.services {
        let images: BTreeSet<&Name> = service.containers.values().collect();
        let missing: Vec<&str> = images.iter().filter(|name| !given.contains_key(**name)).map(|name| name.as_str()).collect();
        if missing.is_empty() && !images.is_empty() {
            services.push(service.clone());
        } else if missing.len() < images.len() {
            let missing = missing.join("`, `");
            wrong.push(format!("service `{}` is named in part: an image of `{missing}` is missing", service.name));
        }
    }
    if !wrong.is_empty() {
        let failure = Failure::new(Code::ImageDefinitions, "what was built is not what this pipeline deploys");
        let failure = wrong.into_iter().fold(failure, Failure::because).now("nothing was touched");
        return Err(failure.next("`name` is a container under `containers:`, and the image is in the `repository:` of its image"));
    }
    let images = pipeline.images.iter().filter(|image| given.contains_key(&image.name)).cloned().collect();
    Ok(Pipeline { images, services, given, ..pipeline })
}

/// The image of each container.
fn instead(definitions: &[Definition]) -> Result<BTreeMap<String, String>, Failure> {
    let mut images = BTreeMap::new();
    for Definition { container, image } in definitions {
        let image = image.to_string();
        if let Some(other) = images.insert(container.clone(), image.clone()).filter(|other| *other != image) {
            return Err(Failure::new(Code::ImageDefinitions, "what was built is not what this service can run")
                .because(format!("container `{container}` is named twice, with `{other}` and with `{image}`"))
                .now("nothing was touched")
                .next("name each container once"));
        }
    }
    Ok(images)
}

/// The image of the pipeline that an entry means: the container's, of that repository.
fn wanted(pipeline: &Pipeline, container: &str, given: &Given) -> Result<Name, String> {
    let has = |service: &Service| service.containers.get(container).cloned();
    let names: BTreeSet<Name> = pipeline.services.iter().filter_map(has).collect();
    let images: Vec<&Image> = names.iter().filter_map(|name| pipeline.image(name)).collect();
    if let Some(image) = images.iter().find(|image| image.repository == given.repository()) {
        return Ok(image.name.clone());
    }
    let repositories: Vec<&str> = images.iter().map(|image| image.repository.as_str()).collect();
    Err(match repositories.as_slice() {
        [] => {
            let known: BTreeSet<&str> =
                pipeline.services.iter().flat_map(|service| service.containers.keys()).map(String::as_str).collect();
            let known: Vec<&str> = known.into_iter().collect();
            format!("no service has a container `{container}` with an image of this pipeline; there are `{}`", known.join("`, `"))
        }
        known => format!(
            "container `{container}` has its image in the repository `{}`, and `{given}` is of `{}`",
            known.join("` or `"),
            given.repository()
        ),
    })
}

/// It is not in the registry.
pub fn missing(image: &Image, given: &Given) -> Failure {
    Failure::new(Code::ImageDefinitions, format!("`{given}` is not in the registry"))
        .because(format!("it is to be deployed as image `{}`, and nothing is built in its place", image.name))
        .now("nothing was touched")
        .next(format!("aws ecr describe-images --repository-name {}    # what is there", image.repository))
        .next("push it, then run the same command again")
}

/// It is in another registry, whose scans are not to be had.
pub fn elsewhere(image: &Image, given: &Given) -> Failure {
    Failure::new(Code::ImageDefinitions, format!("`{given}` is not in the registry of this account and region"))
        .because(format!("the gate judges image `{}` by the scans of its registry, and asks no other", image.name))
        .now("nothing was touched")
        .next("name the account's profile and the region of that registry, or copy the image to this one")
}

/// The commit that a person or another stage names for them: whatever stands here beside the pipeline file, it is not what they
/// were built from.
///
/// # Errors
/// It is no full hash.
pub fn named(text: &str) -> Result<Commit, Failure> {
    let text = text.trim();
    if is_hash(text) {
        return Ok(Commit(text.to_ascii_lowercase()));
    }
    Err(Failure::new(Code::NoCommit, format!("`{}` (--commit) is not a commit's full hash", text.escape_debug()))
        .because("what is deployed must name one commit for ever: 40 or 64 hex digits")
        .now("nothing was touched")
        .next("git rev-parse <commit>^{commit}, and give that to `--commit`"))
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.chars().all(|digit| digit.is_ascii_hexdigit())
}

/// The commit that all of them were built from, as their labels say.
///
/// # Errors
/// They say none, or not the same.
pub fn commit<'a>(images: impl IntoIterator<Item = &'a StoredImage>) -> Result<Commit, Failure> {
    let labels: BTreeSet<Option<&str>> =
        images.into_iter().map(|image| image.labels.get(REVISION_LABEL).map(String::as_str)).collect();
    let failure = Failure::new(Code::NoCommit, "no commit names these images");
    let failure = match labels.iter().copied().collect::<Vec<_>>().as_slice() {
        [Some(one)] if is_hash(one) => return Ok(Commit(one.to_ascii_lowercase())),
        [Some(_) | None] | [] => failure.because(format!("their label `{REVISION_LABEL}` names none")),
        several => {
            let said: Vec<String> = several.iter().map(|one| one.unwrap_or("none").escape_debug().to_string()).collect();
            failure.because(format!("their labels `{REVISION_LABEL}` differ: {}", said.join(", ")))
        }
    };
    Err(failure
        .because("there is no git repository here, and the environment names no commit")
        .now("nothing was touched")
        .next("shipit deploy --commit <full hash>, with the same files"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(label: Option<&str>) -> StoredImage {
        let labels = label.map(|label| (REVISION_LABEL.to_owned(), label.to_owned())).into_iter().collect();
        StoredImage { digest: crate::release::Digest("sha256:1".into()), labels, pushed_at: None, tags: 1, platforms: Vec::new() }
    }

    #[test]
    fn the_commit_is_that_of_all_or_none() {
        let (one, other) = ("A".repeat(40), "b".repeat(40));
        assert_eq!(commit(&[image(Some(&one)), image(Some(&one))]).unwrap(), Commit("a".repeat(40)));
        for (images, told) in [
            (vec![], "names none"),
            (vec![image(None)], "names none"),
            (vec![image(Some("main"))], "names none"),
            (vec![image(Some(&one)), image(Some(&other))], "differ"),
            (vec![image(Some(&one)), image(None)], "differ: none"),
        ] {
            let failure = commit(&images).unwrap_err();
            assert_eq!(failure.code, Code::NoCommit);
            assert!(failure.because[0].contains(told), "{failure:?}");
        }
    }
}
