//! What secrets look like whose makers gave them a shape. A rule is here only if hardly anything else has that shape.

use super::Scope;

/// A shape that secrets have.
pub struct Pattern {
    /// Its name.
    pub name: &'static str,
    /// What has this shape.
    pub what: &'static str,
    /// What it begins with: one of these.
    pub starts: &'static [&'static str],
    /// Where it is looked for.
    pub scope: Scope,
    /// Whether it stands in these bytes at that place, where one of the beginnings stands that is so long.
    pub is_there: fn(&[u8], usize, usize) -> bool,
}

/// No rule looks farther than so many bytes.
pub(super) const REACH: usize = 512;

/// All shapes.
pub const PATTERNS: &[Pattern] = &[
    Pattern {
        name: "aws_access_key_id",
        what: "the id of an AWS access key",
        starts: &["AKIA", "ASIA"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| {
            let key = run(bytes, at + start, |byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte));
            is_word(bytes, at, at + start + 16) && key.len() == 16 && is_varied(key, 6) && !is_example(key)
        },
    },
    Pattern {
        name: "aws_secret_access_key",
        what: "an AWS secret access key",
        starts: &["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey", "secretAccessKey"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| {
            let between = run(bytes, at + start, |byte| b" \t\"'`:=,>\\".contains(&byte));
            let key = run(bytes, at + start + between.len(), |byte| byte.is_ascii_alphanumeric() || b"/+".contains(&byte));
            (1..=8).contains(&between.len()) && key.len() == 40 && is_varied(key, 15) && !is_example(key)
        },
    },
    Pattern {
        name: "github_token",
        what: "a GitHub token",
        starts: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| is_token(bytes, at, start, 36..=255, |byte| byte.is_ascii_alphanumeric()),
    },
    Pattern {
        name: "github_fine_grained_token",
        what: "a fine-grained GitHub token",
        starts: &["github_pat_"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| is_token(bytes, at, start, 82..=82, is_word_byte),
    },
    Pattern {
        name: "gitlab_token",
        what: "a GitLab token",
        starts: &["glpat-"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| is_token(bytes, at, start, 20..=64, |byte| is_word_byte(byte) || byte == b'-'),
    },
    Pattern {
        name: "npm_token",
        what: "an npm token",
        starts: &["npm_"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| is_token(bytes, at, start, 36..=36, |byte| byte.is_ascii_alphanumeric()),
    },
    Pattern {
        name: "pypi_token",
        what: "a PyPI token",
        starts: &["pypi-AgEIcHlwaS5vcmc"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| is_token(bytes, at, start, 50..=400, |byte| is_word_byte(byte) || byte == b'-'),
    },
    Pattern {
        name: "docker_token",
        what: "a Docker Hub token",
        starts: &["dckr_pat_"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| is_token(bytes, at, start, 27..=27, |byte| is_word_byte(byte) || byte == b'-'),
    },
    Pattern {
        name: "slack_token",
        what: "a Slack token",
        starts: &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| {
            let number = run(bytes, at + start, |byte| byte.is_ascii_digit());
            let all = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            number.len() >= 10 && is_token(bytes, at, start, 36..=200, all)
        },
    },
    Pattern {
        name: "stripe_key",
        what: "a live key of Stripe",
        starts: &["sk_live_", "rk_live_"],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| is_token(bytes, at, start, 24..=200, |byte| byte.is_ascii_alphanumeric()),
    },
    Pattern {
        name: "private_key",
        what: "a private key",
        starts: &["-----BEGIN "],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| {
            let label = run(bytes, at + start, |byte| byte.is_ascii_uppercase() || byte == b' ');
            let named = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
            let after = bytes.get(at + start + label.len()..).unwrap_or_default();
            let body = &after[..after.len().min(REACH - 64)];
            // A program that reads keys has the first line in it too, but no key behind it.
            let is_key = |line: &[u8]| run(line, 0, |byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte)).len() >= 40;
            named && after.starts_with(b"-----") && body[5..].split(|byte| !is_base64(*byte)).any(is_key)
        },
    },
    Pattern {
        name: "gcp_service_account",
        what: "the key of a Google Cloud service account",
        starts: &["\"private_key_id\""],
        scope: Scope::Anywhere,
        is_there: |bytes, at, start| {
            let between = run(bytes, at + start, |byte| b" \t:\"".contains(&byte));
            let id = run(bytes, at + start + between.len(), |byte| byte.is_ascii_hexdigit());
            id.len() == 40 && is_varied(id, 8)
        },
    },
    Pattern {
        name: "jwt",
        what: "a signed token (JWT)",
        starts: &["eyJ"],
        scope: Scope::Config,
        is_there: |bytes, at, _| {
            let token = run(bytes, at, |byte| is_word_byte(byte) || b"-.".contains(&byte));
            let mut parts = token.split(|byte| *byte == b'.');
            let part = |part: Option<&[u8]>| part.is_some_and(|part| part.len() >= 16);
            let signed = part(parts.next()) && parts.next().is_some_and(|body| body.starts_with(b"eyJ")) && part(parts.next());
            is_word(bytes, at, at) && signed
        },
    },
];

/// The bytes from there on that are all of this kind.
fn run(bytes: &[u8], from: usize, of: impl Fn(u8) -> bool) -> &[u8] {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| !of(*byte)).unwrap_or(rest.len());
    &rest[..length]
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

/// Neither in front of the place nor at its end goes a word on.
fn is_word(bytes: &[u8], at: usize, end: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    let after = (end > at).then(|| bytes.get(end)).flatten();
    !before.is_some_and(|byte| is_word_byte(*byte)) && !after.is_some_and(|byte| is_word_byte(*byte))
}

/// So many bytes of that kind behind the beginning, and no word in front of it.
fn is_token(bytes: &[u8], at: usize, start: usize, length: std::ops::RangeInclusive<usize>, of: impl Fn(u8) -> bool) -> bool {
    let token = run(bytes, at + start, of);
    is_word(bytes, at, at + start + token.len()) && length.contains(&token.len()) && is_varied(token, 10) && !is_example(token)
}

/// `xxxxxxxx` and `0000` stand in for a secret.
fn is_varied(bytes: &[u8], least: usize) -> bool {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= least
}

/// AWS's pages, and those of others, mark what they make up.
fn is_example(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|word| word.eq_ignore_ascii_case(b"example"))
}
