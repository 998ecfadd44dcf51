//! How a statement names what an image was built from: a git repository at a commit, an image by digest.

use crate::release::Commit;

/// `git+https://host/path@<commit>`; the short ssh form `git@host:path` becomes a URI.
pub(super) fn git_uri(origin: &str, commit: &Commit) -> String {
    let uri = match origin.split_once("://") {
        Some(_) => origin.to_owned(),
        None => match origin.split_once(':').filter(|(host, _)| !host.contains('/')) {
            Some((host, path)) => format!("ssh://{host}/{path}"),
            None => format!("file://{origin}"),
        },
    };
    format!("git+{uri}@{commit}")
}

/// `pkg:docker/<name>`, a purl without version: the digest stands beside it.
pub(super) fn image_uri(name: &str) -> String {
    let (name, tag) = match name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((name, tag)) => (name, Some(tag)),
        None => (name, None),
    };
    let escaped = name.replace(':', "%3A");
    tag.map_or_else(|| format!("pkg:docker/{escaped}"), |tag| format!("pkg:docker/{escaped}@{tag}"))
}

/// Host and path of a repository, however it is reached: what two ways of writing it have in common.
pub(super) fn place(uri: &str) -> String {
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    let (host, path) = match uri.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => uri.split_once(':').filter(|(host, _)| !host.contains('/')).unwrap_or(("", uri)),
    };
    let host = host.rsplit('@').next().unwrap_or(host);
    let path = path.split('#').next().unwrap_or(path);
    let path = path.rsplit_once('@').map_or(path, |(path, _)| path);
    let path = path.trim_matches('/');
    format!("{}/{}", host.to_ascii_lowercase(), path.strip_suffix(".git").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_the_same_however_it_is_written() {
        let commit = Commit("4f2a91c".into());
        for origin in [
            "https://github.com/acme/shop.git",
            "https://GitHub.com/acme/shop",
            "ssh://git@github.com/acme/shop.git",
            "git@github.com:acme/shop.git",
        ] {
            assert_eq!(place(origin), "github.com/acme/shop", "{origin}");
            assert_eq!(place(&git_uri(origin, &commit)), "github.com/acme/shop", "{origin}");
        }
        assert_ne!(place("https://github.com/acme/shop"), place("https://github.com/evil/shop"));
        assert_ne!(place("https://github.com/acme/shop"), place("https://evil.com/acme/shop"));
        assert_eq!(place("/srv/shop.git"), place(&git_uri("/srv/shop.git", &commit)));
    }

    #[test]
    fn an_image_has_its_tag_as_version() {
        assert_eq!(image_uri("node:22"), "pkg:docker/node@22");
        assert_eq!(image_uri("host:5000/team/node"), "pkg:docker/host%3A5000/team/node");
    }
}
