//! `secrets:`, `ssh:` and `not_secret:` of an image.

use std::collections::BTreeMap;

use shipit_core::leak::{PATTERNS, VALUE};
use shipit_core::pipeline::{Agent, NotSecret, SecretSource, Secrets};

use super::field::{Field, Fields};
use super::shape::{NOT_SECRET, SECRET};
use super::spelling::{nearest, one_of};
use super::value::Bad;
use super::{Reading, value};
use crate::config::Contexts;
use crate::config::complaint::Complaint;

/// The words of `ssh:`.
const SSH: &[(&str, Agent)] = &[("default", Agent::Forwarded)];

/// What the build of an image is given, as far as it could be read.
pub(super) fn secrets(image: &Fields<'_>, reading: &mut Reading<'_>) -> Secrets {
    let mut secrets = Secrets::default();
    if let Some(field) = image.get("secrets") {
        secrets.from = sources(&field, reading);
    }
    if let Some(field) = image.get("ssh") {
        secrets.agent = field.read(reading, |text| value::word(text, SSH)).map(|at| at.value).unwrap_or_default();
        if secrets.agent == Agent::Forwarded && is_needed(reading) && !is_set(reading, "SSH_AUTH_SOCK") {
            let complaint = Complaint::of_the_world(
                field.place(),
                format!("`{}` needs an SSH agent: `SSH_AUTH_SOCK` is not set", field.path),
            );
            reading.complain(complaint.help("eval $(ssh-agent) && ssh-add"));
        }
    }
    if let Some(field) = image.get("not_secret") {
        let items = field.items(reading).unwrap_or_default();
        secrets.exceptions = items.into_iter().filter_map(|item| exception(item, reading)).collect();
    }
    secrets
}

fn sources(field: &Field<'_>, reading: &mut Reading<'_>) -> BTreeMap<String, SecretSource> {
    let mut sources = BTreeMap::new();
    for (id, field) in field.named(reading).unwrap_or_default() {
        if let Err(bad) = self::id(&id.value) {
            reading.complain(bad.complaint(id.place.clone(), "the id of a secret"));
        }
        if let Some(source) = source(field, reading) {
            sources.insert(id.value, source);
        }
    }
    sources
}

/// `{ env: NAME }` or `{ file: path }`. A secret that is not there is known before anything is done.
fn source(field: Field<'_>, reading: &mut Reading<'_>) -> Option<SecretSource> {
    let (path, key) = (field.path.clone(), field.key().clone());
    let fields = field.fields(&SECRET, reading)?;
    match (fields.get("env"), fields.get("file")) {
        (Some(field), None) => {
            let name = field.read(reading, value::line)?;
            if is_needed(reading) && !is_set(reading, &name.value) {
                let text = format!("`{path}` is not there: the environment variable `{}` is not set, or empty", name.value);
                reading.complain(Complaint::of_the_world(name.place, text));
            }
            Some(SecretSource::Env(name.value))
        }
        (None, Some(field)) => {
            let name = field.read(reading, value::line)?;
            let file = reading.world.folder.join(&name.value);
            if is_needed(reading) && !file.is_file() {
                let text = format!("`{path}` is not there: there is no file `{}`", name.value);
                reading.complain(
                    Complaint::of_the_world(name.place, text).help("paths are relative to the folder of the pipeline file"),
                );
            }
            Some(SecretSource::File(file))
        }
        _ => {
            let complaint = Complaint::new(key, format!("`{path}` needs either `env` or `file`"));
            reading
                .complain(complaint.help("write `{ env: NPM_TOKEN }` or `{ file: npm_token }`: values are never written here"));
            None
        }
    }
}

fn exception(item: Field<'_>, reading: &mut Reading<'_>) -> Option<NotSecret> {
    let fields = item.fields(&NOT_SECRET, reading)?;
    let path = fields.require("path", reading).and_then(|field| field.read(reading, value::line));
    let rule = fields.get("rule").map(|field| field.read(reading, rule));
    let reason = fields.require("reason", reading).and_then(|field| field.read(reading, value::line));
    let rule = match rule {
        Some(read) => Some(read?.value),
        None => None,
    };
    Some(NotSecret { path: path?.value, rule, reason: reason?.value })
}

fn rule(text: &str) -> Result<String, Bad> {
    let known: Vec<&str> = PATTERNS.iter().map(|pattern| pattern.name).chain([VALUE]).collect();
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    let bad = Bad::new(format!("cannot be `{}`", text.escape_debug()));
    Err(match nearest(text, &known) {
        Some(word) => bad.help(format!("did you mean `{word}`?")),
        None => bad.help(format!("it can be {}", one_of(&known))),
    })
}

/// It stands in `RUN --mount=type=secret,id=…`, and is the name of a file below `/run/secrets`.
fn id(text: &str) -> Result<(), Bad> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !text.is_empty() && text.len() <= 100 && text.chars().all(fits) && !text.starts_with('.') {
        return Ok(());
    }
    let bad = Bad::new(format!("cannot be `{}`", text.escape_debug()));
    Err(bad.help("it has letters, digits, `_`, `-` and `.`"))
}

fn is_needed(reading: &Reading<'_>) -> bool {
    reading.world.contexts == Contexts::Needed
}

fn is_set(reading: &Reading<'_>, name: &str) -> bool {
    (reading.world.env)(name).is_some_and(|value| !value.is_empty())
}
