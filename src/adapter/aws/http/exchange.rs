//! One request and its reply, as they are: any method, headers, a body that is made while it is sent, no redirect followed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use http_body::{Body, Frame};
use tokio::sync::mpsc::Receiver;
use tokio_util::bytes::Bytes;

use super::{Web, chain};

/// A request.
pub struct Ask<'a> {
    /// E.g. `PATCH`.
    pub method: &'static str,
    /// Absolute.
    pub url: &'a str,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// What goes with it.
    pub content: Content,
}

/// What goes with a request.
pub enum Content {
    /// Nothing.
    Nothing,
    /// All of it, its length told beforehand.
    Whole(Vec<u8>),
    /// In pieces, as they come: an error ends the request without its end, so that nobody takes it for whole.
    Pieces(Receiver<io::Result<Bytes>>),
}

/// A reply whose body is not read yet.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    headers: Vec<(String, String)>,
    body: SdkBody,
}

impl Reply {
    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The whole body.
    ///
    /// # Errors
    /// The connection ended before the body did.
    pub async fn bytes(self) -> Result<Vec<u8>, String> {
        ByteStream::new(self.body).collect().await.map(|bytes| bytes.to_vec()).map_err(|error| chain(&error))
    }

    /// The whole body, if it has no more than so many bytes; of one that is larger the rest is not read.
    ///
    /// # Errors
    /// The connection ended before the body did.
    pub async fn bytes_within(self, most: usize) -> Result<Option<Vec<u8>>, String> {
        let (mut stream, mut bytes) = (ByteStream::new(self.body), Vec::new());
        while let Some(piece) = stream.try_next().await.map_err(|error| chain(&error))? {
            if bytes.len() + piece.len() > most {
                return Ok(None);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }
}

impl Web {
    /// Sends a request and waits for the head of its reply.
    ///
    /// # Errors
    /// No connection, or it ended before there was a reply; what headers hold is in no error.
    pub async fn exchange(&self, ask: Ask<'_>) -> Result<Reply, String> {
        let mut request = HttpRequest::new(match ask.content {
            Content::Nothing => SdkBody::empty(),
            Content::Whole(bytes) => SdkBody::from(bytes),
            Content::Pieces(pieces) => SdkBody::from_body_1_x(Pieces(pieces)),
        });
        request.set_uri(ask.url).map_err(|error| chain(&error))?;
        request.set_method(ask.method).map_err(|error| chain(&error))?;
        for (name, value) in ask.headers {
            request.headers_mut().try_insert(name, value).map_err(|error| chain(&error))?;
        }
        let response = self.routed(None, None).call(request).await.map_err(|error| chain(&error))?;
        let headers = response.headers().iter().map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Ok(Reply { status: response.status().as_u16(), headers, body: response.into_body() })
    }
}

struct Pieces(Receiver<io::Result<Bytes>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
