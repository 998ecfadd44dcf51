//! Blobs: is it there, bring it, send it. An upload is POST, one PATCH, PUT: ECR drops what comes in later chunks.

use std::io;

use shipit_core::release::Digest;
use tokio::sync::mpsc::Receiver;
use tokio_util::bytes::Bytes;

use super::{Patience, Repository, Trouble};
use crate::adapter::aws::http::{Content, Reply};
use crate::adapter::content::digest_of;

const LOOK: &str = "ecr:BatchCheckLayerAvailability";
const FETCH: &str = "ecr:GetDownloadUrlForLayer";
const BEGIN: &str = "ecr:InitiateLayerUpload";
const SEND: &str = "ecr:UploadLayerPart";
const END: &str = "ecr:CompleteLayerUpload";

/// An upload that was begun.
pub struct Upload {
    location: String,
}

/// What came of asking for a blob of another repository.
pub enum Mount {
    /// It is here now.
    Mounted,
    /// The registry does not mount: it waits for the blob.
    Begun(Upload),
}

impl Repository {
    /// The size of a blob in bytes, if it is there; 0 where the registry does not say.
    ///
    /// # Errors
    /// Whatever is no answer to that.
    pub async fn size(&self, digest: &Digest) -> Result<Option<u64>, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.size_once(digest).await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn size_once(&self, digest: &Digest) -> Result<Option<u64>, Trouble> {
        let reply = self.ask("HEAD", &self.url(&format!("blobs/{digest}")), Content::Nothing, &[]).await?;
        match reply.status {
            200 => Ok(Some(reply.header("content-length").and_then(|value| value.parse().ok()).unwrap_or_default())),
            // ECR answers so with a presigned place of S3, which only what is there has.
            301..=308 => Ok(Some(0)),
            404 => Ok(None),
            _ => Err(self.trouble(reply, LOOK).await),
        }
    }

    /// A blob's bytes; none where there is no such blob.
    ///
    /// # Errors
    /// Whatever is no answer to that, also other bytes than those of the digest.
    pub async fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.blob_once(digest).await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn blob_once(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Trouble> {
        let reply = self.ask("GET", &self.url(&format!("blobs/{digest}")), Content::Nothing, &[]).await?;
        let bytes = match (reply.status, reply.header("location")) {
            (200, _) => reply.bytes().await,
            (404, _) => return Ok(None),
            // ECR leads to S3, where the login is nobody's business.
            (301..=308, Some(location)) => {
                let answer = self.web.get(&self.located(location)?, None).await.map_err(|message| self.unreachable(message))?;
                match answer.status {
                    200 => answer.bytes().await,
                    status => Err(format!("the place of {digest} answers HTTP {status}")),
                }
            }
            _ => return Err(self.trouble(reply, FETCH).await),
        };
        let bytes = bytes.map_err(|message| self.unreachable(message))?;
        if digest_of(&bytes) == *digest { Ok(Some(bytes)) } else { Err(other(digest)) }
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// No such repository, among others.
    pub async fn begin(&self) -> Result<Upload, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.begin_once().await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn begin_once(&self) -> Result<Upload, Trouble> {
        let reply = self.ask("POST", &self.url("blobs/uploads/"), Content::Nothing, &[]).await?;
        self.begun(reply).await
    }

    /// Asks for a blob of another repository of this registry; `from` is that one's name.
    ///
    /// # Errors
    /// As [`Repository::begin`].
    pub async fn mount(&self, digest: &Digest, from: &str) -> Result<Mount, Trouble> {
        let mut patience = Patience::default();
        loop {
            match self.mount_once(digest, from).await {
                Err(trouble) => patience.after(trouble).await?,
                done => return done,
            }
        }
    }

    async fn mount_once(&self, digest: &Digest, from: &str) -> Result<Mount, Trouble> {
        let url = self.url(&format!("blobs/uploads/?mount={digest}&from={from}"));
        let reply = self.ask("POST", &url, Content::Nothing, &[]).await?;
        match reply.status {
            201 => Ok(Mount::Mounted),
            _ => Ok(Mount::Begun(self.begun(reply).await?)),
        }
    }

    async fn begun(&self, reply: Reply) -> Result<Upload, Trouble> {
        match (reply.status, reply.header("location")) {
            (202, Some(location)) => Ok(Upload { location: self.located(location)? }),
            _ => Err(self.trouble(reply, BEGIN).await),
        }
    }

    /// Sends everything in one PATCH, once: what was sent cannot be sent again.
    ///
    /// # Errors
    /// The connection broke, among others: the upload is lost then and a new one must be begun.
    pub async fn send(&self, upload: Upload, pieces: Receiver<io::Result<Bytes>>) -> Result<Upload, Trouble> {
        let kind = [("content-type", "application/octet-stream")];
        let reply = self.ask("PATCH", &upload.location, Content::Pieces(pieces), &kind).await?;
        match reply.status {
            // ECR answers 201 where OCI has 202.
            201 | 202 | 204 => match reply.header("location") {
                Some(location) => Ok(Upload { location: self.located(location)? }),
                None => Ok(upload),
            },
            _ => Err(self.trouble(reply, SEND).await),
        }
    }

    /// Ends an upload; `content` is all of it where nothing was sent before. The registry is asked afterwards whether it has
    /// the blob, all of it.
    ///
    /// # Errors
    /// Other bytes came than those of the digest: then nothing is there.
    pub async fn end(&self, upload: &Upload, digest: &Digest, size: u64, content: Content) -> Result<(), Trouble> {
        let mark = if upload.location.contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}digest={digest}", upload.location);
        let reply = self.ask("PUT", &url, content, &[("content-type", "application/octet-stream")]).await?;
        if !matches!(reply.status, 201 | 202 | 204) {
            let trouble = self.trouble(reply, END).await;
            return Err(match trouble {
                // What was sent did not arrive as it was sent: from the start it may.
                Trouble::Refused { code, message, .. } if code == "DIGEST_INVALID" || code.starts_with("BLOB_UPLOAD") => {
                    self.unreachable(message)
                }
                other => other,
            });
        }
        match self.size(digest).await? {
            Some(found) if found == size || found == 0 => Ok(()),
            Some(found) => Err(self.unreachable(format!("it has {found} bytes of {digest}, which has {size}"))),
            None => Err(self.unreachable(format!("it took {digest} and does not have it"))),
        }
    }

    /// Sends a small blob, unless it is there; answers its digest.
    ///
    /// # Errors
    /// Whatever keeps it from being there.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Trouble> {
        let digest = digest_of(bytes);
        if self.size(&digest).await?.is_none() {
            self.send_blob(&digest, bytes).await?;
        }
        Ok(digest)
    }

    /// Sends a small blob, of that digest.
    ///
    /// # Errors
    /// Whatever keeps it from being there.
    pub async fn send_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Trouble> {
        let mut patience = Patience::default();
        loop {
            let upload = self.begin().await?;
            match self.end(&upload, digest, bytes.len() as u64, Content::Whole(bytes.to_vec())).await {
                Ok(()) => return Ok(()),
                Err(trouble) => patience.after(trouble).await?,
            }
        }
    }
}

fn other(digest: &Digest) -> Trouble {
    Trouble::Refused {
        action: FETCH,
        code: "DIGEST_INVALID".to_owned(),
        message: format!("the registry answers other bytes than those of {digest}"),
    }
}
