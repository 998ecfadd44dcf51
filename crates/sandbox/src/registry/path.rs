//! What a path under `/v2/` names. A repository's name may have slashes and may itself contain `blobs` or `manifests`.

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// `/v2/`: is this a registry, and may I?
    Root,
    /// A layer or config.
    Blob {
        /// Where.
        repository: &'a str,
        /// Which.
        digest: &'a str,
    },
    /// Where uploads begin.
    NewUpload {
        /// Where to.
        repository: &'a str,
    },
    /// An upload that was begun.
    Upload {
        /// Where to.
        repository: &'a str,
        /// Which.
        id: &'a str,
    },
    /// A manifest by tag or digest.
    Manifest {
        /// Where.
        repository: &'a str,
        /// Tag or digest.
        reference: &'a str,
    },
    /// What refers to a manifest.
    Referrers {
        /// Where.
        repository: &'a str,
        /// The manifest's digest.
        digest: &'a str,
    },
    /// The list of tags.
    Tags {
        /// Where.
        repository: &'a str,
    },
    /// Nothing.
    Unknown,
}

impl<'a> Place<'a> {
    /// Reads what follows `/v2/`.
    pub fn read(rest: &'a str) -> Self {
        if rest.is_empty() {
            return Place::Root;
        }
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Place::Tags { repository };
        }
        let upload = rest.rsplit_once("/blobs/uploads/");
        if let Some((repository, id)) = upload.filter(|(_, id)| !id.contains('/')) {
            return match id {
                "" => Place::NewUpload { repository },
                id => Place::Upload { repository, id },
            };
        }
        if let Some(repository) = rest.strip_suffix("/blobs/uploads") {
            return Place::NewUpload { repository };
        }
        let Some((before, last)) = rest.rsplit_once('/') else {
            return Place::Unknown;
        };
        if let Some(repository) = before.strip_suffix("/blobs") {
            return Place::Blob { repository, digest: last };
        }
        if let Some(repository) = before.strip_suffix("/referrers") {
            return Place::Referrers { repository, digest: last };
        }
        match before.strip_suffix("/manifests") {
            Some(repository) => Place::Manifest { repository, reference: last },
            None => Place::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_slashes_and_odd_words() {
        for (path, place) in [
            ("", Place::Root),
            ("a/b/blobs/sha256:1", Place::Blob { repository: "a/b", digest: "sha256:1" }),
            ("a/blobs/uploads/", Place::NewUpload { repository: "a" }),
            ("a/blobs/uploads", Place::NewUpload { repository: "a" }),
            ("a/blobs/uploads/7", Place::Upload { repository: "a", id: "7" }),
            ("a/manifests/manifests/v1", Place::Manifest { repository: "a/manifests", reference: "v1" }),
            ("blobs/blobs/sha256:1", Place::Blob { repository: "blobs", digest: "sha256:1" }),
            ("a/referrers/sha256:1", Place::Referrers { repository: "a", digest: "sha256:1" }),
            ("a/tags/list", Place::Tags { repository: "a" }),
            ("a", Place::Unknown),
            ("a/b/c", Place::Unknown),
        ] {
            assert_eq!(Place::read(path), place, "{path}");
        }
    }
}
