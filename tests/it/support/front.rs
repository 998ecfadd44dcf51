//! What stands between shipit and AWS in real networks: TLS with a private authority, proxies, gateways that forget.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Something that listens; it ends when this is dropped.
pub struct Front {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Seen = Arc<Mutex<Vec<String>>>;

impl Front {
    /// Serves every connection; `serve` notes what it has seen.
    pub async fn serve<F>(at: &str, serve: impl Fn(TcpStream, Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(at).await.unwrap_or_else(|error| panic!("{at}: {error}"));
        let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
        let note = seen.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that breaks is what the tests are about.
                tokio::spawn(serve(stream, note.clone()));
            }
        });
        Self { address, seen, serving }
    }

    /// Passes every connection on to `to`.
    pub async fn passing(at: &str, to: SocketAddr) -> Self {
        Self::serve(at, move |mut stream, seen| async move {
            seen.lock().unwrap().push("connection".to_owned());
            copy_bidirectional(&mut stream, &mut TcpStream::connect(to).await?).await.map(drop)
        })
        .await
    }

    /// The same, but a connection over which nothing goes for so long is forgotten: what comes later is answered by a reset.
    pub async fn forgetful(to: SocketAddr, idle: Duration) -> Self {
        Self::serve("127.0.0.1:0", move |stream, seen| async move {
            seen.lock().unwrap().push("connection".to_owned());
            let (mut from_client, mut to_client) = stream.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(to).await?.into_split();
            let back = async { tokio::io::copy(&mut from_server, &mut to_client).await.map(drop) };
            let there = async {
                let mut buffer = [0; 16 * 1024];
                loop {
                    let begun = tokio::time::Instant::now();
                    let read = from_client.read(&mut buffer).await?;
                    if read == 0 || begun.elapsed() > idle {
                        return Err::<(), _>(std::io::Error::other("forgotten"));
                    }
                    to_server.write_all(&buffer[..read]).await?;
                }
            };
            futures_util::future::try_join(back, there).await.map(drop)
        })
        .await
    }

    /// Ends TLS as `name`, by a certificate of this authority, and passes on to `to`.
    pub async fn tls(authority: &Authority, name: &str, to: SocketAddr) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(authority.server(name)));
        Self::serve("127.0.0.1:0", move |stream, seen| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await?;
                seen.lock().unwrap().push("handshake".to_owned());
                copy_bidirectional(&mut stream, &mut TcpStream::connect(to).await?).await.map(drop)
            }
        })
        .await
    }

    /// An HTTP proxy that knows one address for every name: it tunnels `CONNECT`, and passes on what is asked of it in full.
    pub async fn proxy(to: SocketAddr) -> Self {
        Self::serve("127.0.0.1:0", move |stream, seen| async move {
            let mut stream = BufReader::new(stream);
            let mut server = TcpStream::connect(to).await?;
            let Some(head) = head(&mut stream).await? else { return Ok(()) };
            let mut words = head[0].split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            seen.lock().unwrap().push(format!("{method} {target}"));
            if method == "CONNECT" {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                return copy_bidirectional(&mut stream, &mut server).await.map(drop);
            }
            // One request a connection, so that the next one shows as well.
            let path = target.splitn(4, '/').nth(3).unwrap_or_default();
            let rest: String = head[1..].iter().map(|line| format!("{line}\r\n")).collect();
            server.write_all(format!("{method} /{path} HTTP/1.1\r\nconnection: close\r\n{rest}\r\n").as_bytes()).await?;
            copy_bidirectional(&mut stream, &mut server).await.map(drop)
        })
        .await
    }

    /// `http://address`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has noted so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// The lines of a request's or an answer's head; nothing at the end of the connection.
pub async fn head(stream: &mut (impl AsyncRead + AsyncWrite + AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(Some(lines)),
            line => lines.push(line.to_owned()),
        }
    }
}

/// A certificate authority of its own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    fn server(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}
