//! The files that CodePipeline's deploy actions read: `imagedefinitions.json` and `imageDetail.json`, exactly.

mod read;

use serde_json::{Value, json};

use crate::release::{Digest, Tag};

pub use read::{Definition, Given, Which, read};

/// The largest `imagedefinitions.json` that CodePipeline reads, in bytes.
pub const LIMIT: usize = 100 * 1024;

/// `imagedefinitions.json`: container name and image URI, for containers of one task definition.
///
/// # Errors
/// The size in bytes, when it is over [`LIMIT`].
pub fn imagedefinitions<'a>(images: impl IntoIterator<Item = (&'a str, String)>) -> Result<String, usize> {
    let list: Vec<Value> = images.into_iter().map(|(name, uri)| json!({"name": name, "imageUri": uri})).collect();
    let text = Value::Array(list).to_string();
    if text.len() > LIMIT { Err(text.len()) } else { Ok(text) }
}

/// An image's URI by digest: what runs is what was scanned.
pub fn by_digest(repository: &str, digest: &Digest) -> String {
    format!("{repository}@{digest}")
}

/// `imageDetail.json`, with the members that ECR's own source action writes and that are known here.
pub fn image_detail(repository_uri: &str, digest: &Digest, tag: Option<&Tag>) -> Value {
    let (registry, name) = repository_uri.split_once('/').unwrap_or(("", repository_uri));
    json!({
        "ImageURI": by_digest(repository_uri, digest),
        "ImageDigest": digest.as_str(),
        "ImageTags": tag.map(Tag::as_str).into_iter().collect::<Vec<_>>(),
        "RegistryId": registry.split('.').next().unwrap_or_default(),
        "RepositoryName": name,
        "Version": "1.0",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_an_array_of_name_and_image_uri_in_this_order() {
        let text = imagedefinitions([("web", "r/web@sha256:1".to_owned()), ("log", "r/log@sha256:2".to_owned())]).unwrap();
        assert_eq!(text, r#"[{"name":"web","imageUri":"r/web@sha256:1"},{"name":"log","imageUri":"r/log@sha256:2"}]"#);
    }

    #[test]
    fn a_file_over_the_limit_is_refused_with_its_size() {
        let long = "x".repeat(LIMIT);
        let size = imagedefinitions([("web", long.clone())]).unwrap_err();
        assert!(size > LIMIT);
        let fits = "x".repeat(LIMIT - r#"[{"name":"web","imageUri":""}]"#.len());
        assert_eq!(imagedefinitions([("web", fits)]).unwrap().len(), LIMIT);
    }
}
