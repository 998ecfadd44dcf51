//! The `origin` remote as it may be shown: without user, password and token.

use git2::Repository;

/// The URL of `origin`, without credentials.
pub(super) fn of(repository: &Repository) -> Option<String> {
    let remote = repository.find_remote("origin").ok()?;
    remote.url().ok().map(without_credentials)
}

/// Strips what stands before the host; `git@` of an ssh address is no secret and stays.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) if scheme.ends_with("ssh") && !user.contains(':') => format!("{user}@{host}"),
        Some((_, host)) => host.to_owned(),
        None => authority.to_owned(),
    };
    // Some hosts take a token as a query.
    let path = path.map(|path| path.split(['?', '#']).next().unwrap_or_default());
    path.map_or_else(|| format!("{scheme}://{authority}"), |path| format!("{scheme}://{authority}/{path}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn credentials_never_leave() {
        for (url, shown) in [
            ("https://github.com/acme/shop.git", "https://github.com/acme/shop.git"),
            ("https://x-access-token:ghs_1@github.com/acme/shop", "https://github.com/acme/shop"),
            ("https://token@github.com/acme/shop", "https://github.com/acme/shop"),
            ("https://u:p@ss@host:8443/a", "https://host:8443/a"),
            ("https://host/a?private_token=x", "https://host/a"),
            ("https://u:p@host", "https://host"),
            ("ssh://git@host:22/a", "ssh://git@host:22/a"),
            ("ssh://u:p@host/a", "ssh://host/a"),
            ("git@github.com:acme/shop.git", "git@github.com:acme/shop.git"),
            ("/srv/git/shop.git", "/srv/git/shop.git"),
            ("https://host/a/b@c", "https://host/a/b@c"),
        ] {
            assert_eq!(super::without_credentials(url), shown, "{url}");
        }
    }
}
