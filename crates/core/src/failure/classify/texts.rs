//! Names in the texts that ECS quotes: ARNs, actions, words after a marker.

/// The word after a marker, without quotes and what ends a sentence.
pub(super) fn after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let word = text.split(marker).nth(1)?.split_whitespace().next()?;
    let word = word.trim_matches(['\'', '"', '`', '(', ')', ',', ';']).trim_end_matches(['.', ':']);
    (!word.is_empty()).then_some(word)
}

/// The first word that begins so, without quotes and what ends a sentence.
pub(super) fn word<'a>(text: &'a str, begins: &str) -> Option<&'a str> {
    text.split(|c: char| c.is_whitespace() || "'\"`(),;<>[]{}".contains(c))
        .find(|word| word.starts_with(begins))
        .map(|word| word.trim_end_matches(['.', ':']))
}

/// The IAM action that AWS says is missing.
pub(super) fn denied_action(text: &str) -> Option<&str> {
    after(text, "is not authorized to perform: ").filter(|action| action.contains(':'))
}

/// The text says that a permission is missing.
pub(super) fn is_denied(text: &str) -> bool {
    ["AccessDenied", "is not authorized to perform", "UnauthorizedOperation", "Access denied"]
        .iter()
        .any(|word| text.contains(word))
}

/// The text says that something was not reached at all.
pub(super) fn is_unreached(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "i/o timeout",
        "connection refused",
        "no such host",
        "connection reset",
        "network is unreachable",
        "context deadline exceeded",
        "RequestError: send request failed",
        "TLS handshake timeout",
        "Client.Timeout",
        "no route to host",
    ];
    WORDS.iter().any(|word| text.contains(word))
}

/// The last part of an ARN or a path.
pub(super) fn name(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_without_what_stands_around_them() {
        let text =
            "User: arn:aws:sts::1:assumed-role/exec/i-1 is not authorized to perform: ecr:GetAuthorizationToken on resource: *.";
        assert_eq!(denied_action(text), Some("ecr:GetAuthorizationToken"));
        assert_eq!(word(text, "arn:aws:sts"), Some("arn:aws:sts::1:assumed-role/exec/i-1"));
        assert_eq!(after("unable to assume the role 'arn:aws:iam::1:role/x' that", "the role "), Some("arn:aws:iam::1:role/x"));
        assert_eq!(after("ends with marker ", "marker "), None);
        assert_eq!(name("arn:aws:iam::1:role/path/x"), "x");
    }
}
