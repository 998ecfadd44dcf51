//! Conditions of a rule: parsed, shown, and matched against a request (pure).

use hyper::http::request::Parts;
use serde_json::{Value, json};

use crate::elb::params::{Params, invalid};
use crate::error::AwsError;

/// One condition: any of its values must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `path-pattern`: case matters.
    Path(Vec<String>),
    /// `host-header`: case does not matter, the port is left out.
    Host(Vec<String>),
    /// `http-header`: case does not matter.
    Header {
        /// `HttpHeaderName`.
        name: String,
        /// Patterns.
        values: Vec<String>,
    },
    /// `http-request-method`: exactly.
    Method(Vec<String>),
    /// `query-string`: pairs, or values under any key.
    Query(Vec<(Option<String>, String)>),
}

/// Five values in all the conditions of a rule, as on AWS.
const MOST_VALUES: usize = 5;

/// The conditions of a request: none are fine for [`matches`], but AWS wants one.
///
/// # Errors
/// `ValidationError` for a field that is unknown, empty, or not supported.
pub fn read(params: Params<'_>) -> Result<Vec<Condition>, AwsError> {
    let conditions: Vec<Condition> = params.list("Conditions").into_iter().map(one).collect::<Result<_, _>>()?;
    if conditions.is_empty() {
        return Err(invalid("A condition must be specified"));
    }
    let values: usize = conditions.iter().map(Condition::count).sum();
    if values > MOST_VALUES {
        return Err(invalid(format!("The rule has '{values}' condition values; the maximum is '{MOST_VALUES}'")));
    }
    Ok(conditions)
}

fn one(condition: Params<'_>) -> Result<Condition, AwsError> {
    let field = condition.required("Field")?;
    let values = |config: &str| -> Result<Vec<String>, AwsError> {
        let mut values = condition.part(config).texts("Values");
        values.extend(condition.texts("Values"));
        let regexes = [condition, condition.part(config)];
        if regexes.iter().any(|it| !it.texts("RegexValues").is_empty()) {
            return Err(invalid("the sandbox does not support RegexValues in conditions"));
        }
        match values.iter().find(|value| value.len() > 128) {
            Some(long) => Err(invalid(format!("Condition value '{long}' cannot be longer than '128' characters"))),
            None if values.is_empty() => Err(invalid(format!("Condition field '{field}' must have a value"))),
            None => Ok(values),
        }
    };
    match field {
        "path-pattern" => Ok(Condition::Path(values("PathPatternConfig")?)),
        "host-header" => Ok(Condition::Host(values("HostHeaderConfig")?)),
        "http-request-method" => Ok(Condition::Method(values("HttpRequestMethodConfig")?)),
        "http-header" => Ok(Condition::Header {
            name: condition.part("HttpHeaderConfig").required("HttpHeaderName")?.to_owned(),
            values: values("HttpHeaderConfig")?,
        }),
        "query-string" => {
            let pairs = condition.part("QueryStringConfig").required_list("Values")?;
            let pair = |pair: Params<'_>| -> Result<_, AwsError> {
                Ok((pair.text("Key").map(str::to_owned), pair.required("Value")?.to_owned()))
            };
            Ok(Condition::Query(pairs.into_iter().map(pair).collect::<Result<_, _>>()?))
        }
        "source-ip" => Err(invalid("the sandbox does not support the condition field 'source-ip'")),
        other => Err(invalid(format!(
            "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
        ))),
    }
}

impl Condition {
    fn count(&self) -> usize {
        match self {
            Condition::Path(values) | Condition::Host(values) | Condition::Method(values) => values.len(),
            Condition::Header { values, .. } => values.len(),
            Condition::Query(values) => values.len(),
        }
    }

    /// As replies show it: `Values` beside the field's own structure where AWS gives both.
    pub fn show(&self) -> Value {
        match self {
            Condition::Path(values) => {
                json!({"Field": "path-pattern", "Values": values, "PathPatternConfig": {"Values": values}})
            }
            Condition::Host(values) => {
                json!({"Field": "host-header", "Values": values, "HostHeaderConfig": {"Values": values}})
            }
            Condition::Header { name, values } => {
                json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": values}})
            }
            Condition::Method(values) => {
                json!({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": values}})
            }
            Condition::Query(values) => {
                let pair = |(key, value): &(Option<String>, String)| match key {
                    Some(key) => json!({"Key": key, "Value": value}),
                    None => json!({"Value": value}),
                };
                let values: Vec<Value> = values.iter().map(pair).collect();
                json!({"Field": "query-string", "QueryStringConfig": {"Values": values}})
            }
        }
    }

    /// The request fulfils it.
    pub fn matches(&self, request: &Parts) -> bool {
        match self {
            Condition::Path(patterns) => any(patterns, request.uri.path()),
            Condition::Host(patterns) => any_case(patterns, host(request)),
            Condition::Method(methods) => methods.iter().any(|it| it == request.method.as_str()),
            Condition::Header { name, values } => request
                .headers
                .get_all(name.as_str())
                .iter()
                .any(|value| any_case(values, &String::from_utf8_lossy(value.as_bytes()))),
            Condition::Query(wanted) => {
                let pairs = request.uri.query().unwrap_or_default().split('&');
                let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                pairs.into_iter().any(|(key, value)| {
                    wanted.iter().any(|(wanted_key, pattern)| {
                        wanted_key.as_ref().is_none_or(|wanted| glob(&wanted.to_lowercase(), &key.to_lowercase()))
                            && glob(&pattern.to_lowercase(), &value.to_lowercase())
                    })
                })
            }
        }
    }
}

/// The request fulfils every condition.
pub fn matches(conditions: &[Condition], request: &Parts) -> bool {
    conditions.iter().all(|condition| condition.matches(request))
}

/// The name in the `Host` header (or an absolute URI), without the port.
pub fn host(request: &Parts) -> &str {
    let header = request.headers.get(hyper::header::HOST);
    let written = request
        .uri
        .authority()
        .map(|it| it.as_str())
        .or_else(|| header.and_then(|value| value.to_str().ok()))
        .unwrap_or_default();
    match written.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => written,
    }
}

fn any(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern, text))
}

fn any_case(patterns: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    patterns.iter().any(|pattern| glob(&pattern.to_lowercase(), &text))
}

/// `*` is any run of characters, `?` exactly one. Only the last star is tried again, so no pattern takes long.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use proptest::prelude::*;

    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn parsed(condition: Value) -> Condition {
        read(Params(&json!({"Conditions": [condition]}))).unwrap().remove(0)
    }

    #[test]
    fn paths_match_by_case_without_the_query() {
        let api = parsed(json!({"Field": "path-pattern", "Values": ["/api/*", "/v?"]}));
        for (uri, expected) in [
            ("/api/", true),
            ("/api/a/b", true),
            ("/api", false),
            ("/API/x", false),
            ("/v1?x=/api/", true),
            ("/v10", false),
            ("/other?p=/api/x", false),
        ] {
            assert_eq!(api.matches(&request("GET", uri, &[])), expected, "{uri}");
        }
    }

    #[test]
    fn hosts_match_without_case_and_port() {
        let host = parsed(json!({"Field": "host-header", "HostHeaderConfig": {"Values": ["*.Example.com"]}}));
        let from = |name: &str| request("GET", "/", &[("Host", name)]);
        assert!(host.matches(&from("SHOP.example.com:8080")));
        assert!(!host.matches(&from("example.com")));
        assert!(!host.matches(&request("GET", "/", &[])));
    }

    #[test]
    fn headers_methods_and_queries_match() {
        let header = parsed(json!({"Field": "http-header",
            "HttpHeaderConfig": {"HttpHeaderName": "X-Test", "Values": ["Green*"]}}));
        assert!(header.matches(&request("GET", "/", &[("x-test", "no"), ("x-test", "green-1")])));
        assert!(!header.matches(&request("GET", "/", &[("x-test", "blue")])));
        let method = parsed(json!({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}}));
        assert!(method.matches(&request("POST", "/", &[])));
        assert!(!method.matches(&request("GET", "/", &[])));
        let query = parsed(json!({"Field": "query-string",
            "QueryStringConfig": {"Values": [{"Key": "version", "Value": "v1"}, {"Value": "*beta*"}]}}));
        assert!(query.matches(&request("GET", "/?a=b&version=V1", &[])));
        assert!(query.matches(&request("GET", "/?x=some-beta-y", &[])));
        assert!(!query.matches(&request("GET", "/?version=v2", &[])));
    }

    #[test]
    fn all_conditions_must_match() {
        let both = read(Params(&json!({"Conditions": [
            {"Field": "path-pattern", "Values": ["/a*"]}, {"Field": "host-header", "Values": ["h"]},
        ]})))
        .unwrap();
        assert!(matches(&both, &request("GET", "/a", &[("host", "h")])));
        assert!(!matches(&both, &request("GET", "/a", &[("host", "g")])));
        assert!(!matches(&both, &request("GET", "/b", &[("host", "h")])));
    }

    #[test]
    fn conditions_are_shown_as_they_were_asked_for() {
        for condition in [
            json!({"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}}),
            json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "A", "Values": ["b"]}}),
            json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}]}}),
        ] {
            let mut asked = condition.clone();
            if asked.get("PathPatternConfig").is_some() {
                asked.as_object_mut().unwrap().remove("Values");
            }
            assert_eq!(parsed(asked).show(), condition);
        }
    }

    #[test]
    fn bad_conditions_are_refused() {
        for bad in [
            json!({"Conditions": ""}),
            json!({"Conditions": [{"Field": "path-pattern"}]}),
            json!({"Conditions": [{"Field": "colour", "Values": ["red"]}]}),
            json!({"Conditions": [{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]}),
            json!({"Conditions": [{"Field": "path-pattern", "Values": ["1", "2", "3", "4", "5", "6"]}]}),
        ] {
            assert_eq!(read(Params(&bad)).unwrap_err().code, "ValidationError", "{bad}");
        }
    }

    proptest! {
        /// Against the plain recursive definition.
        #[test]
        fn glob_is_what_it_says(pattern in "[ab?*]{0,8}", text in "[ab]{0,10}") {
            fn plain(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|skip| plain(rest, &text[skip..])),
                    Some((b'?', rest)) => !text.is_empty() && plain(rest, &text[1..]),
                    Some((byte, rest)) => text.first() == Some(byte) && plain(rest, &text[1..]),
                }
            }
            prop_assert_eq!(glob(&pattern, &text), plain(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
