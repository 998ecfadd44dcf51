//! Uploads: begun by POST, sent by PATCH or all at once, finished by PUT. What comes goes to a file as it comes.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_RANGE, LOCATION, RANGE};
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::blobs::{DIGEST, insert};
use super::refusal::Refusal;
use super::store::{hex, place};
use super::{Answer, Cut, Registry, dropped, empty, query};
use crate::ecr::LaterChunks;
use crate::ecr::image::is_digest;

const UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// Unfinished uploads by id. One that is being written to is taken out meanwhile.
#[derive(Debug, Default)]
pub struct Uploads(Mutex<HashMap<String, Upload>>);

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, repository: &str, id: &str) -> Result<Upload, Refusal> {
        let mut uploads = self.lock();
        let ours = uploads.get(id).is_some_and(|upload| upload.repository == repository);
        let found = if ours { uploads.remove(id) } else { None };
        found.ok_or_else(|| {
            Refusal::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", format!("blob upload unknown to registry: {id}"))
        })
    }
}

/// An unfinished upload; its file goes with it, unless it was renamed into place.
#[derive(Debug)]
struct Upload {
    repository: String,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    size: u64,
    patches: u32,
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Upload {
    /// Takes so many bytes and no more.
    async fn part(&mut self, body: &mut Body, most: u64) -> io::Result<()> {
        while self.size < most {
            let Some(frame) = body.frame().await else { break };
            self.size += frame.map_err(io::Error::other)?.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok(())
    }

    /// Takes all of a body. What the disk does not take is read nevertheless: who still sends would not hear why.
    async fn append(&mut self, mut body: Body) -> io::Result<()> {
        let kept = self.keep(&mut body).await;
        if kept.is_err() {
            // A connection that broke has nobody left to hear anything.
            let _ = drain(body).await;
        }
        kept
    }

    async fn keep(&mut self, body: &mut Body) -> io::Result<()> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(io::Error::other)?;
            if let Some(data) = frame.data_ref() {
                self.hash.update(data);
                self.size += data.len() as u64;
                self.file.write_all(data).await?;
            }
        }
        self.file.flush().await
    }
}

impl Registry {
    /// POST: begins an upload, or takes the whole blob when `?digest=` is there. A mount that
    /// could not be made comes here too: it is answered as a new upload.
    pub(super) async fn new_upload(&self, repository: &str, request: Request) -> Answer {
        let (id, path) = {
            let mut state = self.shared.lock();
            state.repository(None, repository)?;
            let unfinished = state.store().unfinished();
            let path = unfinished.map_err(|error| Refusal::broken(&error))?;
            let number = state.next();
            (super::store::digest_of(format!("{repository} {number}").as_bytes()), path)
        };
        let id = id.trim_start_matches("sha256:").get(..32).unwrap_or_default();
        let file = File::create(&path).await.map_err(|error| Refusal::broken(&error))?;
        let upload = Upload {
            repository: repository.to_owned(),
            path,
            file: BufWriter::with_capacity(1 << 20, file),
            hash: Sha256::new(),
            size: 0,
            patches: 0,
        };
        if let Some(digest) = query(&request, "digest") {
            return self.complete(upload, &digest, request.into_body()).await;
        }
        let response = self.progress(StatusCode::ACCEPTED, id, &upload);
        self.uploads.lock().insert(id.to_owned(), upload);
        Ok(response)
    }

    /// PATCH: appends. ECR answers 201 where the specification says 202; Docker, containerd and skopeo take any success.
    pub(super) async fn patch(&self, repository: &str, id: &str, request: Request) -> Answer {
        let mut upload = self.uploads.take(repository, id)?;
        if let Some(Cut { after }) = request.extensions().get().copied() {
            // With the connection the upload is lost.
            let cut = upload.part(&mut request.into_body(), after).await;
            return cut.map(|()| dropped()).map_err(|error| Refusal::broken(&error));
        }
        let drops = self.shared.lock().ecr.later_chunks == LaterChunks::Dropped;
        let content_range = request.headers().get(CONTENT_RANGE);
        let start = content_range
            .and_then(|range| range.to_str().ok())
            .and_then(|range| range.trim_start_matches("bytes ").split('-').next()?.parse::<u64>().ok());
        if !drops && start.is_some_and(|start| start != upload.size) {
            let size = upload.size;
            self.uploads.lock().insert(id.to_owned(), upload);
            return Err(Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "BLOB_UPLOAD_INVALID",
                format!("the chunk does not begin at {size}, where the last one ended"),
            ));
        }
        if drops && upload.patches > 0 {
            drain(request.into_body()).await.map_err(|error| Refusal::broken(&error))?;
        } else {
            let appended = upload.append(request.into_body()).await;
            appended.map_err(|error| Refusal::broken(&error))?;
        }
        upload.patches += 1;
        let response = self.progress(StatusCode::CREATED, id, &upload);
        self.uploads.lock().insert(id.to_owned(), upload);
        Ok(response)
    }

    /// PUT: appends what the request still has, checks the digest, and the blob is there.
    pub(super) async fn finish(&self, repository: &str, id: &str, request: Request) -> Answer {
        let upload = self.uploads.take(repository, id)?;
        let digest = query(&request, "digest").unwrap_or_default();
        self.complete(upload, &digest, request.into_body()).await
    }

    async fn complete(&self, mut upload: Upload, digest: &str, body: Body) -> Answer {
        let appended = upload.append(body).await;
        appended.map_err(|error| Refusal::broken(&error))?;
        let found = format!("sha256:{}", hex(&upload.hash.finalize_reset()));
        if !is_digest(digest) || digest != found {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "DIGEST_INVALID",
                format!("the blob's digest is {found}, not '{digest}'"),
            ));
        }
        let repository = upload.repository.as_str();
        let mut state = self.shared.lock();
        place(&upload.path, &state.store().blob(digest)).map_err(|error| Refusal::broken(&error))?;
        state.change(repository, |contents| contents.blobs.insert(digest.to_owned(), upload.size))?;
        let mut response = empty(StatusCode::CREATED);
        let location = format!("http://{}/v2/{repository}/blobs/{digest}", state.address);
        insert(&mut response, LOCATION, &location);
        insert(&mut response, DIGEST, digest);
        Ok(response)
    }

    /// GET of an upload: how much is there.
    pub(super) fn upload_status(&self, repository: &str, id: &str) -> Answer {
        let upload = self.uploads.take(repository, id)?;
        let response = self.progress(StatusCode::NO_CONTENT, id, &upload);
        self.uploads.lock().insert(id.to_owned(), upload);
        Ok(response)
    }

    /// DELETE of an upload.
    pub(super) fn cancel(&self, repository: &str, id: &str) -> Answer {
        self.uploads.take(repository, id)?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn progress(&self, status: StatusCode, id: &str, upload: &Upload) -> Response {
        let address = self.shared.lock().address.clone();
        let mut response = empty(status);
        let location = format!("http://{address}/v2/{}/blobs/uploads/{id}", upload.repository);
        insert(&mut response, LOCATION, &location);
        insert(&mut response, UUID, id);
        insert(&mut response, RANGE, &format!("0-{}", upload.size.saturating_sub(1)));
        response
    }
}

async fn drain(mut body: Body) -> io::Result<()> {
    while let Some(frame) = body.frame().await {
        frame.map_err(io::Error::other)?;
    }
    Ok(())
}
