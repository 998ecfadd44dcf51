//! Secrets that ended up in an image: what is looked for, where it was found, and what a person may say about it.

mod config;
mod forms;
mod glob;
mod rules;
mod search;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::failure::{Code, Failure};
use crate::pipeline::NotSecret;
use crate::release::Digest;

pub use config::in_config;
pub use forms::{forms, lines};
pub use rules::PATTERNS;
pub use search::{Found, Reader, Scope, Search};

/// The name, in `not_secret: rule:`, of the value of a secret that the build used.
pub const VALUE: &str = "secret_value";

/// Places that a refusal lists; of the rest it tells how many there are.
const TOLD: usize = 10;

/// A secret in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// How it was known.
    pub rule: Rule,
    /// Where it is.
    pub place: Place,
}

/// How a secret was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is the value of this secret of the build.
    Value(String),
    /// It looks like one of [`PATTERNS`]: its name.
    Pattern(&'static str),
}

impl Rule {
    /// Its name in `not_secret: rule:`.
    pub fn name(&self) -> &str {
        match self {
            Rule::Value(_) => VALUE,
            Rule::Pattern(name) => name,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Value(secret) => write!(f, "the value of the secret `{secret}`"),
            Rule::Pattern(name) => {
                let what = PATTERNS.iter().find(|pattern| pattern.name == *name).map_or("", |pattern| pattern.what);
                write!(f, "{what} (`{name}`)")
            }
        }
    }
}

/// Where a secret lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file of a layer, even of one that a layer above takes away: it can be pulled all the same.
    File {
        /// The layer, counted from 1, the lowest.
        number: usize,
        /// The digest of its uncompressed tar.
        layer: Digest,
        /// The file, without a leading slash.
        path: String,
        /// The line, counted from 1.
        line: u64,
    },
    /// In the environment variable of that name.
    Env(String),
    /// In the label of that name.
    Label(String),
    /// In the history, where build arguments are kept too: the entry, counted from 1.
    History(usize),
    /// Elsewhere in the configuration: the path of keys.
    Config(String),
}

impl Place {
    /// What `not_secret: path:` is held against.
    pub fn word(&self) -> String {
        match self {
            Place::File { path, .. } => path.clone(),
            Place::Env(name) => format!("ENV {name}"),
            Place::Label(name) => format!("LABEL {name}"),
            Place::History(entry) => format!("history {entry}"),
            Place::Config(path) => path.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { number, layer, path, line } => {
                write!(f, "layer {number} ({}), `/{path}` line {line}", layer.short())
            }
            Place::Env(name) => write!(f, "`ENV {name}`"),
            Place::Label(name) => write!(f, "label `{name}`"),
            Place::History(entry) => write!(f, "entry {entry} of its history, where build arguments are kept"),
            Place::Config(path) => write!(f, "its configuration, `{path}`"),
        }
    }
}

/// The leaks that no exception covers. An exception that names no rule does not cover the value of a secret.
pub fn judge(leaks: Vec<Leak>, exceptions: &[NotSecret]) -> Vec<Leak> {
    let covers = |exception: &NotSecret, leak: &Leak| {
        let rule = match &exception.rule {
            Some(rule) => rule == leak.rule.name(),
            None => matches!(leak.rule, Rule::Pattern(_)),
        };
        rule && glob::matches(&exception.path, &leak.place.word())
    };
    leaks.into_iter().filter(|leak| !exceptions.iter().any(|exception| covers(exception, leak))).collect()
}

/// Why an image with these leaks is not pushed: places and rules, never a value. None without leaks.
pub fn refusal(image: &str, leaks: &[Leak]) -> Option<Failure> {
    let first = leaks.first()?;
    let mut failure = Failure::new(Code::SecretInImage, format!("`{image}` holds a secret, and was not pushed"));
    for leak in leaks.iter().take(TOLD) {
        failure = failure.because(format!("{}: {}", leak.place, leak.rule));
    }
    if let Some(more) = leaks.len().checked_sub(TOLD).filter(|more| *more > 0) {
        failure = failure.because(format!("and {more} more"));
    }
    failure = failure.now("the image lies in the local Engine; no service was touched");
    let values = leaks.iter().find_map(|leak| match &leak.rule {
        Rule::Value(secret) => Some(secret.as_str()),
        Rule::Pattern(_) => None,
    });
    failure = match (values, &first.place) {
        (Some(secret), _) => {
            let mount = format!("`RUN --mount=type=secret,id={secret}`");
            failure.next(format!(
                "let only the command that needs it read `/run/secrets/{secret}`: {mount}, and write it to no file"
            ))
        }
        (None, Place::File { .. }) => {
            failure.next("leave the file out by `.dockerignore`, or give it as `secrets:` of the image")
        }
        (None, _) => failure.next("give it as `secrets:` of the image, not as `ENV`, label or build argument"),
    };
    Some(
        failure
            .next("if the image was ever pushed from elsewhere, change the secret: a layer above does not take it out")
            .next(format!("if it is none, `images.{image}.not_secret:` with `path`, `rule` and `reason`")),
    )
}
