//! Headers on the way through: hop-by-hop ones stay here, the client's address is told (RFC 9110 7.6.1; ALB's X-Forwarded).

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Removes what concerns one connection only, and what `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
}

/// The client and the listener it came to.
pub struct Arrival<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// `HTTP` or `HTTPS`.
    pub protocol: &'a str,
    /// The listener's port.
    pub port: u16,
    /// `X-Amzn-Trace-Id` for a request that brings none.
    pub trace: String,
}

/// What the load balancer adds to a request.
pub fn add_forwarded(headers: &mut HeaderMap, arrival: &Arrival<'_>) {
    let client = arrival.client.to_string();
    let before = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<&str> = before.chain([client.as_str()]).collect();
    let chain = chain.join(", ");
    headers.remove(header::EXPECT);
    set(headers, "x-forwarded-for", &chain);
    set(headers, "x-forwarded-proto", &arrival.protocol.to_lowercase());
    set(headers, "x-forwarded-port", &arrival.port.to_string());
    if !headers.contains_key("x-amzn-trace-id") {
        set(headers, "x-amzn-trace-id", &arrival.trace);
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair =
            |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn hop_by_hop_headers_stay_here() {
        let mut all = headers(&[
            ("connection", "keep-alive, X-Mine"),
            ("keep-alive", "timeout=5"),
            ("x-mine", "1"),
            ("transfer-encoding", "chunked"),
            ("content-type", "text/plain"),
        ]);
        strip_hop_by_hop(&mut all);
        assert_eq!(all, headers(&[("content-type", "text/plain")]));
    }

    #[test]
    fn the_client_is_told() {
        let mut all = headers(&[("x-forwarded-for", "10.0.0.1"), ("expect", "100-continue"), ("x-forwarded-proto", "ftp")]);
        let client = "127.0.0.9".parse().unwrap();
        add_forwarded(&mut all, &Arrival { client, protocol: "HTTP", port: 80, trace: "Root=1".to_owned() });
        let expected = headers(&[
            ("x-forwarded-for", "10.0.0.1, 127.0.0.9"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-port", "80"),
            ("x-amzn-trace-id", "Root=1"),
        ]);
        assert_eq!(all, expected);
    }
}
