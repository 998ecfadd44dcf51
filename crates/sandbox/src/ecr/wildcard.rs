//! ECR's wildcard filters: `*` stands for any characters, also none.

/// The whole text matches the pattern.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text) in
            [("*", ""), ("latest*", "latest"), ("*-dev", "a-dev"), ("a*b*c", "a12b3c"), ("v1", "v1"), ("a**b", "ab")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("v1", "v12"), ("a*a", "a"), ("latest*", "xlatest"), ("a*b*c", "ac"), ("", "x"), ("*ab", "b")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
