//! The one HTTP client: rustls on ring, `AWS_CA_BUNDLE`, proxies from the environment, never a proxy for this machine.

mod exchange;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::dns::SharedDnsResolver;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use reqwest::Url;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use shipit_core::failure::{Code, Failure};

pub use exchange::{Ask, Content, Reply};

/// Redirects followed by [`Web::get`].
const REDIRECTS: usize = 5;

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The machine's.
    System,
    /// These alone, as the AWS CLI does with `AWS_CA_BUNDLE`; PEM, checked.
    Bundle(Vec<u8>),
}

/// Whose certificates are believed, by `AWS_CA_BUNDLE`.
///
/// # Errors
/// `FileTrouble` for a bundle that cannot be read or used.
pub fn trust() -> Result<Trust, Failure> {
    match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        None => Ok(Trust::System),
        Some(path) => {
            let bytes = std::fs::read(&path).map_err(|error| error.to_string()).and_then(checked);
            bytes.map(Trust::Bundle).map_err(|error| {
                Failure::new(Code::FileTrouble, format!("`AWS_CA_BUNDLE` names `{}`, which cannot be used", path.display()))
                    .because(error)
                    .next("let `AWS_CA_BUNDLE` name a file of PEM certificates, or unset it")
            })
        }
    }
}

/// The SDK panics on a bundle it cannot parse, so it is parsed here first.
fn checked(pem: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(pem) }
}

/// How long a connection is kept that nothing goes over: shorter than proxies and firewalls forget one without a word, longer
/// than the usual pause between two looks.
const IDLE: Duration = Duration::from_secs(15);

/// HTTP as shipit speaks it, to AWS and to anything else; cheap to clone, connections are shared.
#[derive(Clone, Debug)]
pub struct Web {
    connectors: Arc<Connectors>,
}

/// What came back.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    body: SdkBody,
}

impl Answer {
    /// The whole body.
    pub async fn bytes(self) -> Result<Vec<u8>, String> {
        ByteStream::new(self.body).collect().await.map(|bytes| bytes.to_vec()).map_err(|error| chain(&error))
    }
}

impl Web {
    /// A client that believes these certificates.
    pub fn new(trust: Trust) -> Self {
        Self { connectors: Arc::new(Connectors { trust, names: None, made: Mutex::default() }) }
    }

    /// A client that asks this for the addresses of names, and not the machine.
    pub fn resolving(trust: Trust, names: SharedDnsResolver) -> Self {
        Self { connectors: Arc::new(Connectors { trust, names: Some(names), made: Mutex::default() }) }
    }

    /// The same client in the SDK's words.
    pub fn sdk_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    fn routed(&self, settings: Option<&HttpConnectorSettings>, components: Option<&RuntimeComponents>) -> Routed {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        let timeouts = settings.map_or((None, None), |settings| (settings.connect_timeout(), settings.read_timeout()));
        Routed { connectors: self.connectors.clone(), timeouts, builder }
    }

    /// GETs a URL, following a few redirects; the `authorization` is not sent on to where a redirect leads.
    pub async fn get(&self, url: &str, authorization: Option<&str>) -> Result<Answer, String> {
        let headers: Vec<(String, String)> =
            authorization.map(|value| ("authorization".to_owned(), value.to_owned())).into_iter().collect();
        self.follow(url, &headers, |_, _| false).await
    }

    /// The same with headers, which are sent on where a redirect stays on the same scheme, host and port.
    pub async fn get_with(&self, url: &str, headers: &[(String, String)]) -> Result<Answer, String> {
        self.follow(url, headers, |from, to| from.origin() == to.origin()).await
    }

    async fn follow(&self, url: &str, headers: &[(String, String)], on: fn(&Url, &Url) -> bool) -> Result<Answer, String> {
        let connector = self.routed(None, None);
        let mut url = Url::parse(url).map_err(|error| error.to_string())?;
        let mut headers = headers;
        for _ in 0..=REDIRECTS {
            let mut request = HttpRequest::get(url.as_str()).map_err(|error| chain(&error))?;
            for (name, value) in headers {
                request.headers_mut().try_insert(name.clone(), value.clone()).map_err(|error| chain(&error))?;
            }
            let response = connector.call(request).await.map_err(|error| chain(&error))?;
            let status = response.status().as_u16();
            match response.headers().get("location") {
                Some(location) if matches!(status, 301 | 302 | 303 | 307 | 308) => {
                    let next = url.join(location).map_err(|error| error.to_string())?;
                    if !on(&url, &next) {
                        headers = &[];
                    }
                    url = next;
                }
                _ => return Ok(Answer { status, body: response.into_body() }),
            }
        }
        Err(format!("more than {REDIRECTS} redirects"))
    }
}

/// Whether a header of that name and value can be sent.
pub fn is_header(name: &str, value: &str) -> bool {
    name.parse::<reqwest::header::HeaderName>().is_ok() && value.parse::<reqwest::header::HeaderValue>().is_ok()
}

impl HttpClient for Web {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.routed(Some(settings), Some(components)))
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Route {
    /// To this machine or its link, in plain HTTP: no certificates needed, which take a while to read.
    Plain,
    /// To this machine or its link, by TLS.
    Here,
    /// Elsewhere, by the proxy that the environment names.
    Out,
}

impl Route {
    fn of(uri: &str) -> Self {
        match is_this_machine(uri) || is_metadata(uri) {
            true if uri.starts_with("http://") => Route::Plain,
            true => Route::Here,
            false => Route::Out,
        }
    }
}

/// The URL leads to where instances and containers have their credentials from (169.254.169.254, 169.254.170.2 and .23,
/// fd00:ec2::/32): a proxy is someone else's machine and must not answer for them.
fn is_metadata(url: &str) -> bool {
    match host(url).and_then(|host| host.parse::<IpAddr>().ok()) {
        Some(IpAddr::V4(address)) => address.is_link_local(),
        Some(IpAddr::V6(address)) => matches!(address.segments(), [0xfd00, 0x0ec2, ..]),
        None => false,
    }
}

fn host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
}

/// The URL leads to this machine, whatever the name service says.
pub fn is_this_machine(url: &str) -> bool {
    let Some(host) = host(url) else {
        return false;
    };
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// The machine has certificates that can be used; the SDK panics where it has none.
static HAS_ROOTS: LazyLock<bool> = LazyLock::new(|| {
    let (usable, _) = RootCertStore::empty().add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    usable > 0
});

type Timeouts = (Option<Duration>, Option<Duration>);

/// Connectors by route and timeouts: the SDK asks for one a call, and connections live in them.
struct Connectors {
    trust: Trust,
    /// None is the machine's own.
    names: Option<SharedDnsResolver>,
    made: Mutex<HashMap<(Route, Timeouts), SharedHttpConnector>>,
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connectors")
    }
}

impl Connectors {
    fn make(&self, route: Route, builder: ConnectorBuilder) -> SharedHttpConnector {
        let trust = match (route, &self.trust) {
            (Route::Plain, _) => TrustStore::empty(),
            (_, Trust::System) if *HAS_ROOTS => TrustStore::default(),
            // Then nobody is trusted, and the handshake says so.
            (_, Trust::System) => TrustStore::empty(),
            (_, Trust::Bundle(pem)) => TrustStore::empty().with_pem_certificate(pem.clone()),
        };
        let proxy = if route == Route::Out { ProxyConfig::from_env() } else { ProxyConfig::disabled() };
        let context = TlsContext::builder().with_trust_store(trust).build().expect("a context with a trust store is complete");
        let builder = builder.proxy_config(proxy).pool_idle_timeout(IDLE);
        let tls = builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context);
        SharedHttpConnector::new(match &self.names {
            Some(names) => tls.build_with_resolver(names.clone()),
            None => tls.build(),
        })
    }
}

/// One connector in the SDK's eyes; picks the route request by request.
#[derive(Clone, Debug)]
struct Routed {
    connectors: Arc<Connectors>,
    timeouts: Timeouts,
    builder: ConnectorBuilder,
}

impl HttpConnector for Routed {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let key = (Route::of(request.uri()), self.timeouts);
        let answer = {
            let mut made = self.connectors.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.entry(key).or_insert_with(|| self.connectors.make(key.0, self.builder.clone())).call(request)
        };
        let connectors = self.connectors.clone();
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            if answer.is_err() {
                // Where one connection has been forgotten on the way the others have been as well: the next try, which is the
                // SDK's affair, must not find them.
                connectors.made.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            }
            answer
        })
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_reached_without_a_proxy() {
        assert_eq!(Route::of("http://127.0.0.1:4566/"), Route::Plain);
        assert_eq!(Route::of("http://localhost:4566/"), Route::Plain);
        assert_eq!(Route::of("http://[::1]:80/v2/"), Route::Plain);
        assert_eq!(Route::of("https://127.8.0.1/"), Route::Here);
        assert_eq!(Route::of("https://ecs.eu-west-1.amazonaws.com/"), Route::Out);
        assert_eq!(Route::of("http://169.254.169.254/latest"), Route::Plain);
        assert_eq!(Route::of("http://[fd00:ec2::254]/latest"), Route::Plain);
    }

    #[test]
    fn a_bundle_that_is_none_is_refused_not_a_panic() {
        assert!(checked(b"nothing".to_vec()).is_err());
        assert!(checked(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()).is_err());
    }
}
