//! A redirect action: parts of the new address, with `#{…}` for those of the request's.

use hyper::http::request::Parts;
use serde_json::{Value, json};

use crate::elb::condition::host;
use crate::elb::params::Params;
use crate::error::AwsError;

/// `RedirectConfig`. What the request leaves out is taken from the client's own address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301 or 302.
    pub status: u16,
    protocol: String,
    host: String,
    port: String,
    path: String,
    query: String,
}

impl Redirect {
    /// Reads a `RedirectConfig`.
    ///
    /// # Errors
    /// `ValidationError` for a missing or unknown status code or protocol, `InvalidLoadBalancerAction` for a loop.
    pub fn read(config: Params<'_>) -> Result<Self, AwsError> {
        config.required("StatusCode")?;
        let status = config.one_of("StatusCode", &["HTTP_301", "HTTP_302"])?;
        let protocol = config.one_of("Protocol", &["HTTP", "HTTPS", "#{protocol}"])?;
        let part = |name, otherwise: &str| config.text(name).unwrap_or(otherwise).to_owned();
        let redirect = Self {
            status: if status == Some("HTTP_301") { 301 } else { 302 },
            protocol: protocol.unwrap_or("#{protocol}").to_owned(),
            host: part("Host", "#{host}"),
            port: part("Port", "#{port}"),
            path: part("Path", "/#{path}"),
            query: part("Query", "#{query}"),
        };
        let same = [&redirect.protocol, &redirect.host, &redirect.port, &redirect.path];
        if same.map(String::as_str) == ["#{protocol}", "#{host}", "#{port}", "/#{path}"] {
            return Err(AwsError::new(
                "InvalidLoadBalancerAction",
                "The redirect configuration is not valid because it creates a loop.",
            ));
        }
        Ok(redirect)
    }

    /// As replies show it.
    pub fn show(&self) -> Value {
        json!({
            "Protocol": self.protocol,
            "Port": self.port,
            "Host": self.host,
            "Path": self.path,
            "Query": self.query,
            "StatusCode": format!("HTTP_{}", self.status),
        })
    }

    /// The `Location` for a request that came to a listener of this protocol and port.
    pub fn location(&self, request: &Parts, protocol: &str, port: u16) -> String {
        let query = request.uri.query().unwrap_or_default();
        let fill = |text: &str| {
            text.replace("#{protocol}", &protocol.to_lowercase())
                .replace("#{host}", host(request))
                .replace("#{port}", &port.to_string())
                .replace("#{path}", request.uri.path().trim_start_matches('/'))
                .replace("#{query}", query)
        };
        let protocol = fill(&self.protocol).to_lowercase();
        let port = fill(&self.port);
        let usual = (protocol == "http" && port == "80") || (protocol == "https" && port == "443");
        let port = if usual { String::new() } else { format!(":{port}") };
        let query = fill(&self.query);
        let query = if query.is_empty() { query } else { format!("?{query}") };
        format!("{protocol}://{}{port}{}{query}", fill(&self.host), fill(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_https_keeps_the_rest() {
        let config = json!({"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"});
        let redirect = Redirect::read(Params(&config)).unwrap();
        let request = hyper::Request::get("/a/b?c=d").header("host", "shop.example:8080");
        let (request, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(redirect.location(&request, "HTTP", 8080), "https://shop.example/a/b?c=d");
        assert_eq!(redirect.status, 301);
        assert_eq!(redirect.show()["Path"], "/#{path}");
    }

    #[test]
    fn a_loop_is_refused() {
        let config = json!({"StatusCode": "HTTP_302"});
        let error = Redirect::read(Params(&config)).unwrap_err();
        assert_eq!(error.code, "InvalidLoadBalancerAction");
    }
}
