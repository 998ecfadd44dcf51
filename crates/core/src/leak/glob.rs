//! Paths with wildcards: `*` and `?` within a folder, `**` across folders.

/// Whether the whole path fits.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let parts: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    folders(&parts, &path)
}

fn folders(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| folders(rest, &path[skipped..])),
        ([one, pattern @ ..], [name, path @ ..]) => {
            let (one, name): (Vec<char>, Vec<char>) = (one.chars().collect(), name.chars().collect());
            part(&one, &name) && folders(pattern, path)
        }
        ([], []) => true,
        _ => false,
    }
}

fn part(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        (['*', rest @ ..], _) => (0..=name.len()).any(|skipped| part(rest, &name[skipped..])),
        (['?', pattern @ ..], [_, name @ ..]) => part(pattern, name),
        ([one, pattern @ ..], [other, name @ ..]) => one == other && part(pattern, name),
        ([], []) => true,
        _ => false,
    }
}
