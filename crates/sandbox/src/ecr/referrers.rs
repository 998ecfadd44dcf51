//! Who refers to an image: the artifacts whose manifests name it as their subject; ListImageReferrers.

use std::io;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::page::page;
use super::repository::{Contents, disk};
use super::request::{ImageStatus, OfRepository, Paging, invalid, read};
use crate::dispatch::Table;
use crate::error::AwsError;
use crate::registry::store::Store;
use crate::state::State;

/// The operation on referrers.
pub const TABLE: Table = &[("ListImageReferrers", list_image_referrers)];

/// An artifact that refers to an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Referrer {
    /// The digest of its manifest.
    pub digest: String,
    /// The media type of its manifest.
    pub media_type: String,
    /// What it is: its own type, else its config's.
    pub artifact_type: Option<String>,
    /// The annotations of its manifest.
    pub annotations: Map<String, Value>,
    /// Bytes of its manifest.
    pub manifest_size: usize,
    /// Bytes of its config and layers.
    pub size: u64,
}

#[derive(Deserialize)]
struct Annotated {
    #[serde(default)]
    annotations: Map<String, Value>,
}

impl Contents {
    /// The artifacts that name `subject`, which may be gone or never have been there.
    ///
    /// # Errors
    /// A manifest cannot be read.
    pub fn referrers(&self, store: &Store, subject: &str) -> io::Result<Vec<Referrer>> {
        let about = self.images.iter().filter(|(_, image)| image.subject.as_deref() == Some(subject));
        let referrer = |(digest, image): (&String, &super::image::Image)| {
            let manifest = store.read_blob(digest)?;
            let annotated: Annotated = serde_json::from_slice(&manifest)?;
            Ok(Referrer {
                digest: digest.clone(),
                media_type: image.media_type.clone(),
                artifact_type: image.artifact_media_type.clone(),
                annotations: annotated.annotations,
                manifest_size: manifest.len(),
                size: image.size,
            })
        };
        about.map(referrer).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(flatten)]
    of: OfRepository,
    subject_id: Subject,
    #[serde(default)]
    filter: Filter,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subject {
    image_digest: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(default)]
    artifact_types: Vec<String>,
    #[serde(default)]
    artifact_status: ImageStatus,
}

/// An image without referrers and one that does not exist are answered alike, with none.
fn list_image_referrers(state: &mut State, body: Value) -> Result<Value, AwsError> {
    const LARGEST: usize = 50;
    let request: List = read(body)?;
    let mut paging = request.paging;
    if *paging.max_results.get_or_insert(LARGEST) > LARGEST {
        return Err(invalid("maxResults", "Member must have value between 1 and 50"));
    }
    if request.filter.artifact_types.len() > 5 {
        return Err(invalid("filter.artifactTypes", "Member must have length less than or equal to 5"));
    }
    let repository = state.repository(request.of.registry_id.as_deref(), &request.of.repository_name)?;
    let found = repository.contents.referrers(&state.store(), &request.subject_id.image_digest);
    let types = &request.filter.artifact_types;
    let wanted = |referrer: &Referrer| {
        types.is_empty() || referrer.artifact_type.as_ref().is_some_and(|artifact_type| types.contains(artifact_type))
    };
    let active = matches!(request.filter.artifact_status, ImageStatus::Active | ImageStatus::Any);
    let found = found.map_err(|error| disk(&error))?;
    let listed = found.into_iter().filter(|referrer| active && wanted(referrer)).map(|referrer| {
        json!({
            "digest": referrer.digest,
            "mediaType": referrer.media_type,
            "artifactType": referrer.artifact_type,
            "size": referrer.size,
            "annotations": referrer.annotations,
            "artifactStatus": "ACTIVE",
        })
    });
    let page = page(listed.collect(), &paging)?;
    Ok(json!({"referrers": page.items, "nextToken": page.next}))
}
