//! Somebody's `imagedefinitions.json`, read: which container runs which image. Everything that is wrong with it is said at once.

use std::fmt;

use serde_json::Value;

use super::LIMIT;
use crate::failure::{Code, Failure};
use crate::release::{Digest, Tag};

/// How much of a text from such a file is repeated.
const SHOWN: usize = 120;
/// How many wrong entries are named.
const NAMED: usize = 10;
/// What is wanted, for a person to compare with.
const FORM: &str = r#"[{"name":"<container>","imageUri":"<registry>/<repository>@sha256:<digest>"}]"#;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// `name`: a container's.
    pub container: String,
    /// `imageUri`.
    pub image: Given,
}

/// An image that another stage has pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `<registry>/<repository>`.
    pub uri: String,
    /// Which of the repository's.
    pub which: Which,
}

/// How an image of a repository is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By a tag, which the registry resolves.
    Tag(Tag),
    /// By its digest.
    Digest(Digest),
}

impl Given {
    /// The repository's name, without the registry.
    pub fn repository(&self) -> &str {
        self.uri.split_once('/').map_or("", |(_, repository)| repository)
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Tag(tag) => write!(f, "{}:{tag}", self.uri),
            Which::Digest(digest) => write!(f, "{}@{digest}", self.uri),
        }
    }
}

/// Reads the bytes of a file of that name.
///
/// # Errors
/// What is wrong with it, all of it.
pub fn read(name: &str, bytes: &[u8]) -> Result<Vec<Definition>, Failure> {
    let refused = |why: String| {
        Failure::new(Code::ImageDefinitions, format!("`{name}` is not an imagedefinitions.json"))
            .because(why)
            .now("nothing was touched")
    };
    let in_form = |failure: Failure| failure.next(format!("write it so: {FORM}"));
    if bytes.len() > LIMIT {
        let size = bytes.len();
        return Err(in_form(refused(format!("it is over {LIMIT} bytes, the most that CodePipeline reads ({size} were read)"))));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let failure =
            refused("it is UTF-16, which is what `>` writes in Windows PowerShell; CodePipeline reads UTF-8".to_owned());
        return Err(failure.next("write it with `Set-Content -Encoding utf8`"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| in_form(refused(format!("it is not UTF-8: {error}"))))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(|error| in_form(refused(format!("it is not JSON: {error}"))))?;
    let entries = match &value {
        Value::Array(entries) if !entries.is_empty() => entries,
        Value::Array(_) => return Err(in_form(refused("its list is empty: it names no image".to_owned()))),
        Value::Object(members) if members.contains_key("ImageURI") => {
            let failure =
                refused("it is an imageDetail.json, which CodeDeployToECS reads: one image, and no container".to_owned());
            return Err(in_form(failure));
        }
        other => return Err(in_form(refused(format!("it is {}, not a list", kind(other))))),
    };
    let mut definitions = Vec::new();
    let mut wrong = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match definition(entry) {
            Ok(definition) => definitions.push(definition),
            Err(why) => wrong.push(format!("entry {} {why}", at + 1)),
        }
    }
    if wrong.is_empty() {
        return Ok(definitions);
    }
    let more = wrong.len().saturating_sub(NAMED);
    wrong.truncate(NAMED);
    if more > 0 {
        wrong.push(format!("{more} more entries are wrong"));
    }
    let mut wrong = wrong.into_iter();
    let first = refused(wrong.next().unwrap_or_default());
    Err(in_form(wrong.fold(first, Failure::because)))
}

fn definition(entry: &Value) -> Result<Definition, String> {
    let Value::Object(members) = entry else { return Err(format!("is {}, not an object", kind(entry))) };
    let text = |key: &str| match members.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
        Some(Value::String(_)) => Err(format!("has an empty `{key}`")),
        Some(other) => Err(format!("has {} as `{key}`", kind(other))),
        None => {
            let has: Vec<String> = members.keys().take(5).map(|key| format!("`{}`", shown(key))).collect();
            let has = if has.is_empty() { "nothing".to_owned() } else { has.join(", ") };
            Err(format!("has no `{key}`; it has {has}"))
        }
    };
    let (container, uri) = (text("name")?, text("imageUri")?);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if container.len() > 255 || !container.chars().all(is_name) {
        return Err(format!("names a container `{}`: letters, digits, `-` and `_` are allowed", shown(container)));
    }
    let image = given(uri).ok_or_else(|| {
        format!("has the `imageUri` `{}`, which is no `<registry>/<repository>` with `:<tag>` or `@sha256:<digest>`", shown(uri))
    })?;
    Ok(Definition { container: container.to_owned(), image })
}

/// Reads `<registry>/<repository>[:tag][@sha256:…]`; a digest beside a tag is what counts, and nothing of the two is `latest`.
fn given(text: &str) -> Option<Given> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let (host, path) = name.split_once('/')?;
    let (repository, tag) = match path.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (path, None),
    };
    let (machine, port) = host.split_once(':').unwrap_or((host, "0"));
    let is_machine = !machine.is_empty() && machine.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-".contains(letter));
    let is_port = !port.is_empty() && port.chars().all(|digit| digit.is_ascii_digit());
    let is_host = host.contains(['.', ':']) && is_machine && is_port;
    let is_path = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-/".contains(letter);
    let is_tag = |tag: &str| {
        let letters = tag.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
        (1..=128).contains(&tag.len()) && letters && !tag.starts_with(['.', '-'])
    };
    let is_digest = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        hex.len() == 64 && hex.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f'))
    };
    let fits = is_host
        && !repository.is_empty()
        && repository.chars().all(is_path)
        && !repository.starts_with('/')
        && tag.is_none_or(is_tag);
    if !fits || !digest.is_none_or(is_digest) {
        return None;
    }
    let which = match digest {
        Some(digest) => Which::Digest(Digest(digest.to_owned())),
        None => Which::Tag(Tag(tag.unwrap_or("latest").to_owned())),
    };
    Some(Given { uri: format!("{host}/{repository}"), which })
}

/// A text from outside, for a line that a person reads.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("{}{dots}", short.replace('`', "'").escape_debug())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::imagedefinitions;
    use super::*;

    const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn why(text: &str) -> String {
        let failure = read("images.json", text.as_bytes()).unwrap_err();
        assert!(!failure.now.is_empty() && !failure.next.is_empty(), "{failure:?}");
        failure.because.join("\n")
    }

    #[test]
    fn images_are_named_by_digest_by_tag_or_by_neither() {
        let text = format!(
            r#"[{{"name":"web","imageUri":"1.dkr.ecr.eu.amazonaws.com/shop/web@sha256:{HEX}","more":1}},
                {{"name":"log","imageUri":"localhost:5000/log:v1"}}, {{"name":"x","imageUri":"r.example/x"}},
                {{"name":"y","imageUri":"r.example/y:v2@sha256:{HEX}"}}]"#
        );
        let read = read("images.json", text.as_bytes()).unwrap();
        let images: Vec<String> =
            read.iter().map(|one| format!("{} {} {}", one.container, one.image, one.image.repository())).collect();
        assert_eq!(
            images,
            [
                format!("web 1.dkr.ecr.eu.amazonaws.com/shop/web@sha256:{HEX} shop/web"),
                "log localhost:5000/log:v1 log".to_owned(),
                "x r.example/x:latest x".to_owned(),
                format!("y r.example/y@sha256:{HEX} y"),
            ]
        );
        let marked = format!("\u{feff}{text}");
        assert_eq!(super::read("images.json", marked.as_bytes()).unwrap(), read, "a byte order mark is no error");
    }

    #[test]
    fn what_is_wrong_is_said_all_of_it() {
        for (text, told) in [
            ("", "it is not JSON: EOF while parsing a value at line 1 column 0"),
            ("[]", "its list is empty: it names no image"),
            ("\"web\"", "it is a text, not a list"),
            (r#"{"name":"web"}"#, "it is an object, not a list"),
            (
                r#"{"ImageURI":"r.example/web"}"#,
                "it is an imageDetail.json, which CodeDeployToECS reads: one image, and no container",
            ),
            ("[7]", "entry 1 is a number, not an object"),
            (r#"[{"name":"web","image":"r.example/web:1"}]"#, "entry 1 has no `imageUri`; it has `name`, `image`"),
            (r#"[{"name":"","imageUri":"r.example/web:1"}]"#, "entry 1 has an empty `name`"),
            (r#"[{"name":["web"],"imageUri":"r.example/web:1"}]"#, "entry 1 has a list as `name`"),
        ] {
            assert_eq!(why(text), told, "{text}");
        }
        let both = why(r#"[{"name":"web","imageUri":"web"},{"name":"web","imageUri":"r.example/web:1"},{}]"#);
        assert!(
            both.contains("entry 1 has the `imageUri` `web`") && both.contains("\nentry 3 has no `name`; it has nothing"),
            "{both}"
        );
        let many = why(&serde_json::json!(vec![1; 50]).to_string());
        assert_eq!((many.lines().count(), many.lines().last()), (11, Some("40 more entries are wrong")));
    }

    #[test]
    fn what_is_no_text_of_utf_8_is_named() {
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("[]".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert!(read("x", &wide).unwrap_err().because[0].contains("UTF-16"));
        assert!(read("x", b"[\xe4]").unwrap_err().because[0].starts_with("it is not UTF-8"));
        assert!(read("x", &vec![b' '; LIMIT + 1]).unwrap_err().because[0].contains("over 102400 bytes"));
    }

    #[test]
    fn only_what_names_a_registry_and_a_repository_is_an_image() {
        for bad in [
            "web",
            "web:1",
            "library/web:1",
            "r.example/",
            "r.example/Web:1",
            "r.example/web:",
            "r.example/web:-x",
            "r.example/web@sha256:aa",
            "r.example/web@md5:aa",
            "https://r.example/web:1",
            "r.example//web:1",
            "r.example/web:1 ",
            "r.example/we\u{1b}[31mb:1",
            "r.example/web:a b",
        ] {
            assert_eq!(given(bad), None, "{bad}");
        }
        let told = why(r#"[{"name":"web","imageUri":"::error::\u001b[31m`x`\n"}]"#);
        assert!(!told.contains(['\u{1b}', '\n']) && told.contains(r"::error::\u{1b}[31m\'x\'\n"), "{told}");
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _either = read("x", &bytes);
        }

        #[test]
        fn what_shipit_writes_it_reads(container in "[a-zA-Z0-9_-]{1,20}", repository in "[a-z][a-z0-9/_-]{0,20}", digit in "[0-9a-f]") {
            let uri = format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/{repository}@sha256:{}", digit.repeat(64));
            let text = imagedefinitions([(container.as_str(), uri.clone())]).unwrap();
            let back = read("x", text.as_bytes()).unwrap();
            prop_assert_eq!(back.len(), 1);
            prop_assert_eq!((back[0].container.as_str(), back[0].image.to_string()), (container.as_str(), uri));
        }
    }
}
