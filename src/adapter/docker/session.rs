//! BuildKit's session: the Engine asks us over it for files of the context, logins and secrets, and gets no more than it needs.

use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bollard::fsutil::types::packet::PacketType;
use bollard::fsutil::types::{Packet, Stat};
use bollard::health::health_check_response::ServingStatus;
use bollard::health::health_server::{Health, HealthServer};
use bollard::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use bollard::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard::moby::filesync::packet::file_sync_server::{FileSync, FileSyncServer};
use bollard::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use bollard::moby::sshforward::v1::ssh_server::SshServer;
use futures_util::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

use super::connect::Address;
use super::contents::Id;
use super::context::Context;
use super::login::Logins;
use super::secrets::Held;
use super::sent::{Sent, Unsent};
use super::walk::{Entry, Kind};
use crate::adapter::content::hex;

/// Bytes of a file in one message, and messages that may wait.
const PIECE: usize = 32 * 1024;
const WAITING: usize = 8;
const METHODS: [&str; 6] = [
    "/grpc.health.v1.Health/Check",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
];

/// An open session; it ends when dropped.
pub(super) struct Session {
    _until: oneshot::Sender<()>,
}

impl Session {
    /// Opens a session of that id with the Engine.
    pub(super) async fn open(address: &Address, id: &str, served: Served, held: Arc<Held>) -> io::Result<Session> {
        let shared = hex(&Sha256::digest(served.context.root.as_os_str().as_encoded_bytes()));
        let services = (served, held);
        let until = match address {
            #[cfg(unix)]
            Address::Unix(path) => serve(UnixStream::connect(path).await?, id, &shared, services).await?,
            Address::Tcp(place) => serve(TcpStream::connect(place).await?, id, &shared, services).await?,
            #[cfg(windows)]
            Address::Unix(_) => return Err(io::Error::new(io::ErrorKind::Unsupported, "no session over a Unix socket")),
            Address::Other(_) => return Err(io::Error::new(io::ErrorKind::Unsupported, "no session over TLS or a pipe")),
        };
        Ok(Session { _until: until })
    }
}

/// Turns an HTTP request into a connection on which the Engine is the client.
async fn serve<S>(mut stream: S, id: &str, shared: &str, (services, held): (Served, Arc<Held>)) -> io::Result<oneshot::Sender<()>>
where
    S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let methods: String = METHODS.iter().map(|method| format!("X-Docker-Expose-Session-Grpc-Method: {method}\r\n")).collect();
    let request = format!(
        "POST /session HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\
         X-Docker-Expose-Session-Uuid: {id}\r\nX-Docker-Expose-Session-Name: shipit\r\n\
         X-Docker-Expose-Session-Sharedkey: {shared}\r\n{methods}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to the session already.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 16 * 1024 {
            return Err(io::Error::other("the Engine's answer to a session has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("the Engine opens no session: {line}")));
    }
    let (until, ended) = oneshot::channel();
    let services = Arc::new(services);
    let router = tonic::transport::Server::builder()
        .add_service(HealthServer::new(Alive))
        .add_service(AuthServer::from_arc(services.clone()))
        .add_service(FileSyncServer::from_arc(services))
        .add_service(SecretsServer::from_arc(held.clone()))
        .add_service(SshServer::from_arc(held));
    let incoming = stream::once(async { Ok::<_, io::Error>(stream) }).chain(stream::pending());
    tokio::spawn(router.serve_with_incoming_shutdown(incoming, async {
        // Dropping the sender is the signal.
        let _ = ended.await;
    }));
    Ok(until)
}

/// What the Engine may ask for.
pub(super) struct Served {
    pub(super) context: Arc<Context>,
    pub(super) logins: Logins,
    /// Where it is noted what of the context cannot be given.
    pub(super) failed: Unsent,
}

/// A file to serve.
struct Part {
    stat: Stat,
    content: Content,
}

enum Content {
    Text(String),
    /// With what must be there.
    Place(PathBuf, Id),
    Nothing,
}

enum Asked {
    File(u32),
    End,
}

type Packets = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;

#[tonic::async_trait]
impl FileSync for Served {
    type DiffCopyStream = Packets;
    type TarStreamStream = Packets;

    /// The protocol of `tonistiigi/fsutil`: all descriptions first, then the content of whatever is asked for by number.
    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        let named = |key: &str| -> Vec<String> {
            request.metadata().get_all(key).iter().filter_map(|value| Some(value.to_str().ok()?.to_owned())).collect()
        };
        let files = match named("dir-name").first().map(String::as_str) {
            Some("dockerfile") => self.dockerfile(),
            // The builder looks for an ignore file to tell us what we know: patterns were applied before anything is served.
            Some("context") if named("followpaths") == [".dockerignore"] => Vec::new(),
            Some("context") => self.entries(),
            other => return Err(Status::not_found(format!("there is no folder {other:?}"))),
        };
        let (to, out) = mpsc::channel(WAITING);
        let (ask, asked) = mpsc::unbounded_channel();
        let failed = self.failed.clone();
        tokio::task::spawn_blocking(move || answer(&files, asked, &to, &failed));
        tokio::spawn(listen(request.into_inner(), ask));
        Ok(Response::new(Box::pin(stream::unfold(out, |mut out| async { out.recv().await.map(|packet| (packet, out)) }))))
    }

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        Err(Status::unimplemented("files are served by DiffCopy"))
    }
}

impl Served {
    fn dockerfile(&self) -> Vec<Part> {
        let dockerfile = &self.context.dockerfile;
        let name = dockerfile.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = i64::try_from(dockerfile.text.len()).unwrap_or(i64::MAX);
        // The Engine keeps what it was sent and compares times: a time made of the text is another one for another text.
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(&dockerfile.text));
        let mod_time = i64::from(u32::from_be_bytes([a, b, c, d])) * 1_000_000_000 / 4;
        let stat = Stat { path: name, mode: 0o644, size, mod_time, ..Stat::default() };
        vec![Part { stat, content: Content::Text(dockerfile.text.clone()) }]
    }

    fn entries(&self) -> Vec<Part> {
        let part = |(entry, id): (&Entry, &Option<Id>)| {
            let content = id.map_or(Content::Nothing, |id| Content::Place(self.context.root.join(&entry.path), id));
            Part { stat: stat(entry, id.as_ref()), content }
        };
        self.context.entries.iter().zip(&self.context.contents).map(part).collect()
    }
}

/// So much of a second is a content's own.
const SECOND: i64 = 1_000_000_000;

/// In Go's file modes; user and group are root's, as Docker's own clients send a context.
fn stat(entry: &Entry, id: Option<&Id>) -> Stat {
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    let mut mode = entry.mode & 0o777;
    mode |= special.iter().filter(|(bit, _)| entry.mode & bit != 0).map(|(_, flag)| flag).sum::<u32>();
    let (flag, size, linkname) = match &entry.kind {
        Kind::Folder => (1 << 31, 0, String::new()),
        Kind::File { size } => (0, i64::try_from(*size).unwrap_or(i64::MAX), String::new()),
        Kind::Link { target } => (1 << 27, 0, target.clone()),
    };
    // The Engine keeps what it was sent and takes a file of the same time and size for the same. Times can be set, so the part
    // of the second, which no layer keeps, is made of the content.
    let mod_time = match id {
        Some([a, b, c, d, ..]) => {
            entry.modified.div_euclid(SECOND) * SECOND + i64::from(u32::from_be_bytes([*a, *b, *c, *d])) % SECOND
        }
        None => entry.modified,
    };
    Stat { path: entry.path.clone(), mode: mode | flag, size, mod_time, linkname, ..Stat::default() }
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet { r#type: kind.into(), stat: None, id, data }
}

async fn listen(mut incoming: Streaming<Packet>, ask: mpsc::UnboundedSender<Asked>) {
    while let Some(Ok(packet)) = incoming.next().await {
        let asked = match packet.r#type() {
            PacketType::PacketReq => Asked::File(packet.id),
            PacketType::PacketFin => Asked::End,
            // The Engine has its own words for what went wrong; they come with the build's answer.
            PacketType::PacketErr => return,
            PacketType::PacketStat | PacketType::PacketData => continue,
        };
        if ask.send(asked).is_err() {
            return;
        }
    }
}

fn answer(files: &[Part], mut asked: mpsc::UnboundedReceiver<Asked>, to: &mpsc::Sender<Result<Packet, Status>>, failed: &Unsent) {
    let send = |packet| to.blocking_send(Ok(packet)).is_ok();
    for file in files {
        if !send(Packet { stat: Some(file.stat.clone()), ..packet(PacketType::PacketStat, 0, Vec::new()) }) {
            return;
        }
    }
    if !send(packet(PacketType::PacketStat, 0, Vec::new())) {
        return;
    }
    while let Some(asked) = asked.blocking_recv() {
        let Asked::File(id) = asked else {
            send(packet(PacketType::PacketFin, 0, Vec::new()));
            return;
        };
        let Some(file) = usize::try_from(id).ok().and_then(|at| files.get(at)) else { continue };
        if let Err(error) = content(&file.content, id, &send) {
            let message = format!("`{}`: {error}", file.stat.path);
            failed.note(&io::Error::new(error.kind(), message.clone()));
            let _ = to.blocking_send(Err(Status::aborted(message)));
            return;
        }
    }
}

fn content(content: &Content, id: u32, send: &impl Fn(Packet) -> bool) -> io::Result<()> {
    let mut from: Box<dyn Read + '_> = match content {
        Content::Text(text) => Box::new(text.as_bytes()),
        Content::Place(path, id) => Box::new(Sent::open(path, *id)?),
        Content::Nothing => Box::new(io::empty()),
    };
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        from.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        let last = piece.is_empty();
        if !send(packet(PacketType::PacketData, id, piece)) || last {
            return Ok(());
        }
    }
}

#[tonic::async_trait]
impl Auth for Served {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let login = self.logins.of(&request.get_ref().host).await;
        Ok(Response::new(login.map_or_else(CredentialsResponse::default, |login| CredentialsResponse {
            username: login.username,
            secret: login.password.reveal().clone(),
        })))
    }

    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unavailable("the Engine fetches tokens itself"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("the Engine fetches tokens itself"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("the Engine fetches tokens itself"))
    }
}

/// The Engine ends a session that does not say it is alive.
struct Alive;

#[tonic::async_trait]
impl Health for Alive {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("health is checked, not listed"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("health is checked, not watched"))
    }
}
