//! Which images a Dockerfile takes from elsewhere, and the same Dockerfile with each of them pinned.

use std::collections::BTreeMap;

use shipit_core::content::{Base, Bases};

use super::dockerfile::instructions;

/// An image that a Dockerfile takes from elsewhere.
struct External {
    /// From 1.
    line: usize,
    /// As it stands in the file.
    written: String,
    /// With its arguments filled in; none where one of them is not known here.
    name: Option<String>,
}

/// The images that the Dockerfile is built on or copies from; one whose name is not known before the build as it is written.
pub(super) fn named(text: &str, args: &BTreeMap<String, String>) -> Vec<Result<String, String>> {
    let mut names: Vec<Result<String, String>> = Vec::new();
    for one in externals(text, args) {
        let name = one.name.ok_or(one.written);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The Dockerfile with each base by its digest, line for line. What lies in the Engine alone has no digest to be named by.
pub(super) fn pinned(text: &str, args: &BTreeMap<String, String>, bases: &Bases) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for one in externals(text, args) {
        let Some(Base::Digest(digest)) = one.name.as_ref().and_then(|name| bases.0.get(name)) else { continue };
        let name = one.name.as_deref().map(repository).unwrap_or_default();
        if let Some(line) = lines.get_mut(one.line - 1)
            && let Some(at) = place(line, &one.written)
        {
            line.replace_range(at..at + one.written.len(), &format!("{name}@{digest}"));
        }
    }
    lines.join("\n")
}

/// A name without tag and digest.
pub(super) fn repository(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// Where a word stands by itself.
fn place(line: &str, word: &str) -> Option<usize> {
    let is_end = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | '='));
    line.match_indices(word)
        .map(|(at, _)| at)
        .find(|at| *at > 0 && is_end(line[..*at].chars().next_back()) && is_end(line[at + word.len()..].chars().next()))
}

fn externals(text: &str, args: &BTreeMap<String, String>) -> Vec<External> {
    let mut found = Vec::new();
    let mut stages: Vec<String> = Vec::new();
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for one in instructions(text) {
        let rest = one.text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
        let words = || rest.split_whitespace();
        let mut from = |written: &str, name: Option<String>| {
            let is_stage = name.as_ref().is_some_and(|name| {
                let name = name.to_lowercase();
                name == "scratch" || stages.contains(&name) || name.parse::<usize>().is_ok()
            });
            if !is_stage {
                found.push(External { line: one.line, written: written.to_owned(), name });
            }
        };
        match one.keyword.as_str() {
            "ARG" if stages.is_empty() => {
                for word in words() {
                    let (name, default) = word.split_once('=').unwrap_or((word, ""));
                    let default = expanded(default.trim_matches(['"', '\'']), &values);
                    if let Some(value) = args.get(name).cloned().or(default) {
                        values.insert(name.to_owned(), value);
                    }
                }
            }
            "FROM" => {
                if let Some(written) = words().find(|word| !word.starts_with("--")) {
                    from(written, expanded(written, &values));
                }
                stages.push(one.name.clone().unwrap_or_default());
            }
            "COPY" => {
                for written in words().take_while(|word| word.starts_with("--")).filter_map(|word| word.strip_prefix("--from=")) {
                    from(written, Some(written.to_owned()).filter(|written| !written.contains('$')));
                }
            }
            "RUN" => {
                let mounts = words().take_while(|word| word.starts_with("--")).filter_map(|word| word.strip_prefix("--mount="));
                for written in mounts.flat_map(|mount| mount.split(',')).filter_map(|part| part.strip_prefix("from=")) {
                    from(written, Some(written.to_owned()).filter(|written| !written.contains('$')));
                }
            }
            _ => {}
        }
    }
    found
}

/// The text with its arguments filled in; none where one is not among `values`, e.g. `$TARGETARCH`.
fn expanded(text: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let (inside, end) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => after.split_at(after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len())),
        };
        let name_ends = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
        let (name, how) = inside.split_at(name_ends);
        let value = values.get(name);
        let is_set = value.is_some_and(|value| !value.is_empty());
        let value = match (how.strip_prefix(":-").or(how.strip_prefix('-')), how.strip_prefix(":+").or(how.strip_prefix('+'))) {
            (Some(default), _) if !is_set => default.to_owned(),
            (_, Some(instead)) => {
                if is_set {
                    instead.to_owned()
                } else {
                    String::new()
                }
            }
            (Some(_), _) => value?.clone(),
            (None, None) if how.is_empty() => value?.clone(),
            _ => return None,
        };
        whole.push_str(&value);
        rest = end;
    }
    whole.push_str(rest);
    Some(whole)
}

#[cfg(test)]
mod tests {
    use shipit_core::release::Digest;

    use super::*;

    const FILE: &str = "# syntax=docker/dockerfile:1\nARG V=12\nARG NAME=\"node\"\nFROM debian:$V AS Build\nARG V\n\
                        RUN --mount=type=bind,from=tools:2,target=/t one\nFROM --platform=linux/amd64 ${NAME:-x}:${W:-20}\n\
                        COPY --from=build /a /a\nCOPY --chown=1:1 --from=registry:5000/shop/b /b /b\nCOPY --from=0 /c /c\n\
                        FROM scratch\nFROM build\n";

    fn args(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn images_from_elsewhere_are_named_with_their_arguments() {
        let names = |pairs| named(FILE, &args(pairs)).into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(names(&[]), ["debian:12", "tools:2", "node:20", "registry:5000/shop/b"]);
        assert_eq!(
            names(&[("V", "13"), ("NAME", "deno"), ("W", "1")])[..3],
            ["debian:13", "tools:2", "deno:20"],
            "W is not declared"
        );
        assert_eq!(named("FROM a:$TARGETARCH\n", &args(&[])), [Err("a:$TARGETARCH".to_owned())]);
        assert_eq!(named("ARG V\nFROM a${V:+:$V}\n", &args(&[])).len(), 1);
    }

    #[test]
    fn a_pinned_dockerfile_keeps_its_lines() {
        let digest = |c: &str| Base::Digest(Digest(format!("sha256:{}", c.repeat(64))));
        let bases = Bases(BTreeMap::from([
            ("debian:12".to_owned(), digest("a")),
            ("tools:2".to_owned(), digest("b")),
            ("node:20".to_owned(), Base::Image(Digest("sha256:1".to_owned()))),
            ("registry:5000/shop/b".to_owned(), digest("c")),
        ]));
        let text = pinned(FILE, &args(&[]), &bases);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), FILE.lines().count());
        assert_eq!(lines[3], format!("FROM debian@sha256:{} AS Build", "a".repeat(64)));
        assert_eq!(lines[5], format!("RUN --mount=type=bind,from=tools@sha256:{},target=/t one", "b".repeat(64)));
        assert_eq!(lines[6], "FROM --platform=linux/amd64 ${NAME:-x}:${W:-20}");
        assert_eq!(lines[8], format!("COPY --chown=1:1 --from=registry:5000/shop/b@sha256:{} /b /b", "c".repeat(64)));
        assert_eq!(pinned("FROM debian:12@sha256:1\n", &args(&[]), &bases), "FROM debian:12@sha256:1\n");
    }
}
