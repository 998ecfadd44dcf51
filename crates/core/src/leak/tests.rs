//! What counts as a secret, what only looks like one, and that nothing hides between two pieces.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Letters and digits as tokens have them, never twice the same in a row.
fn varied(length: usize) -> String {
    "aB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cD".chars().cycle().take(length).collect()
}

fn search(secrets: &[(&str, &str)]) -> Search {
    Search::new(secrets.iter().map(|(id, value)| (*id, value.as_bytes())))
}

fn found(search: &Search, text: &str) -> Vec<(String, u64)> {
    let mut reader = Reader::new(search, Scope::Anywhere);
    reader.feed(text.as_bytes());
    reader.end().into_iter().map(|found| (found.rule.name().to_owned(), found.line)).collect()
}

#[test]
fn what_has_the_shape_of_a_secret_is_found() {
    let search = search(&[]);
    let key = format!("MII{}", varied(61));
    let aws = "aB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cD/+aB3dE5";
    let hits = [
        ("aws_access_key_id", "key = AKIAQWERTZUIOPASDFGH\n".to_owned()),
        ("aws_access_key_id", "\"ASIAQWERTZUIOPASDFG2\"".to_owned()),
        ("aws_secret_access_key", format!("aws_secret_access_key = {aws}\n")),
        ("aws_secret_access_key", format!("AWS_SECRET_ACCESS_KEY={aws}")),
        ("aws_secret_access_key", format!(r#"{{"SecretAccessKey": "{aws}"}}"#)),
        ("github_token", format!("https://x:ghp_{}@github.com", varied(36))),
        ("github_token", format!("ghs_{}", varied(36))),
        ("github_fine_grained_token", format!("github_pat_{}_{}", varied(22), varied(59))),
        ("gitlab_token", format!("glpat-{}", varied(20))),
        ("npm_token", format!("//registry.npmjs.org/:_authToken=npm_{}", varied(36))),
        ("pypi_token", format!("password = pypi-AgEIcHlwaS5vcmc{}", varied(120))),
        ("docker_token", format!("dckr_pat_{}", varied(27))),
        ("slack_token", format!("xoxb-123456789012-123456789012-{}", varied(24))),
        ("stripe_key", format!("sk_live_{}", varied(24))),
        ("private_key", format!("-----BEGIN RSA PRIVATE KEY-----\n{key}\n-----END RSA PRIVATE KEY-----\n")),
        ("private_key", format!("-----BEGIN PRIVATE KEY-----\r\n{key}\r\n")),
        ("private_key", format!("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n{key}\n")),
        ("private_key", format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{key}\n")),
        ("private_key", format!(r#""private_key": "-----BEGIN PRIVATE KEY-----\n{key}\n""#)),
        ("gcp_service_account", r#"{"private_key_id": "0123456789abcdef0123456789abcdef01234567"}"#.to_owned()),
    ];
    for (rule, text) in &hits {
        assert_eq!(found(&search, text), [((*rule).to_owned(), 1)], "{text}");
    }
    for pattern in PATTERNS.iter().filter(|pattern| pattern.scope == Scope::Anywhere) {
        assert!(hits.iter().any(|(rule, _)| *rule == pattern.name), "{} has no hit", pattern.name);
    }
}

#[test]
fn what_only_looks_like_a_secret_is_not() {
    let search = search(&[]);
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "AKIAAAAAAAAAAAAAAAAA",
        "AKIAQWERTZUIOPASDFG",
        "AKIAQWERTZUIOPASDFGHJ",
        "xAKIAQWERTZUIOPASDFGH",
        &format!("aws_secret_access_key = {secret}"),
        "aws_secret_access_key = <your secret access key goes here and here>",
        "def aws_secret_access_key(self): return self._aws_secret_access_key",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        &format!("ghp_{}", varied(35)),
        &format!("aghp_{}", varied(36)),
        &format!("npm_{}", varied(37)),
        "npm_config_registry, npm_package_version and npm_lifecycle_event",
        "xoxb-not-a-token-but-a-hint-for-people-who-read",
        &format!("sk_test_{}", varied(24)),
        "-----BEGIN PRIVATE KEY-----\0-----END PRIVATE KEY-----\0-----BEGIN RSA PRIVATE KEY-----",
        &format!("-----BEGIN CERTIFICATE-----\n{}\n", varied(64)),
        "-----BEGIN ",
        r#""private_key_id": "the id of the key""#,
        &format!("eyJ{}.eyJ{}.{}", varied(30), varied(30), varied(40)),
    ] {
        assert_eq!(found(&search, text), [], "{text}");
    }
}

#[test]
fn a_secret_s_value_is_found_in_every_form() {
    let value = "tok/en+with \"all\"~5Ü";
    let search = search(&[("npm", &format!("\n{value}\n")), ("short", "1234567")]);
    assert_eq!(search.too_short(), ["short"]);
    let base64 = |text: &str| super::forms::tests::whole(text.as_bytes());
    for text in [
        value.to_owned(),
        base64(value),
        base64(&format!("me:{value}")),
        base64(&format!("you:{value}\n")),
        base64(&format!("five:{value}@")),
        base64(&format!("a:{value}")).replace('+', "-").replace('/', "_"),
        "tok%2Fen%2Bwith%20%22all%22~5%C3%9C".to_owned(),
        serde_json::to_string(value).unwrap(),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
        value.bytes().map(|byte| format!("{byte:02X}")).collect(),
    ] {
        assert_eq!(found(&search, &format!("\nx={text}\n")), [(VALUE.to_owned(), 2)], "{text}");
    }
    for other in ["tok/en+with", "1234567", &base64("something else that is long enough")] {
        assert_eq!(found(&search, other), [], "{other}");
    }
}

#[test]
fn the_configuration_is_searched_with_its_history() {
    let token = format!("npm_{}", varied(36));
    let jwt = format!("eyJ{}.eyJ{}.{}", varied(30), varied(30), varied(40));
    let config = json!({
        "config": {
            "Env": ["PATH=/bin", format!("TOKEN={jwt}"), "PASS=correct horse"],
            "Labels": { "a/b": "fine", "by": token },
            "Cmd": ["run", format!("--key={token}")],
        },
        "history": [{ "created_by": "RUN true" }, { "created_by": format!("RUN |1 T={token} /bin/sh -c make") }],
    });
    let seen: Vec<_> = in_config(&search(&[("pass", "correct horse")]), &config)
        .iter()
        .map(|leak| (leak.rule.name().to_owned(), leak.place.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("jwt".into(), Place::Env("TOKEN".into())),
            (VALUE.into(), Place::Env("PASS".into())),
            ("npm_token".into(), Place::Label("by".into())),
            ("npm_token".into(), Place::Config("config/Cmd/1".into())),
            ("npm_token".into(), Place::History(2)),
        ]
    );
}

#[test]
fn the_alphabet_of_urls_is_known_too() {
    let value = "~~~???>>>~~~???";
    let standard = super::forms::tests::whole(value.as_bytes());
    assert!(standard.contains('+') && standard.contains('/'), "{standard}");
    for text in [standard.replace('+', "-").replace('/', "_"), standard] {
        assert_eq!(found(&search(&[("v", value)]), &text), [(VALUE.to_owned(), 1)], "{text}");
    }
}

#[test]
fn wherever_the_first_piece_ends_nothing_is_passed_over() {
    let search = search(&[("pass", "correct horse battery")]);
    for before in [60, 61] {
        let text = format!("{}correct horse battery{}", ".".repeat(before), ".".repeat(1_000));
        for first in 500..800 {
            let mut reader = Reader::new(&search, Scope::Anywhere);
            reader.feed(&text.as_bytes()[..first]);
            reader.feed(&text.as_bytes()[first..]);
            assert_eq!(reader.end().len(), 1, "{before} {first}");
        }
    }
}

#[test]
fn a_long_value_is_known_by_the_lines_it_is_printed_in() {
    let value = varied(90);
    let whole = super::forms::tests::whole(value.as_bytes());
    let lines = super::lines(value.as_bytes());
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    for line in [&whole[..76], &whole[76..], &whole[..64], &whole[64..], &hex[..60], &hex[120..]] {
        assert!(lines.contains(line.as_bytes()), "{line}");
    }
}

fn file(rule: Rule, path: &str) -> Leak {
    Leak {
        rule,
        place: Place::File { number: 2, layer: Digest(format!("sha256:{}", "ab".repeat(32))), path: path.into(), line: 3 },
    }
}

#[test]
fn an_exception_covers_what_it_names() {
    let except =
        |path: &str, rule: Option<&str>| NotSecret { path: path.into(), rule: rule.map(str::to_owned), reason: "a test".into() };
    let key = || file(Rule::Pattern("private_key"), "app/test/keys/a.pem");
    let value = || file(Rule::Value("npm".into()), "app/test/keys/a.pem");
    for (exception, covers_key, covers_value) in [
        (except("app/test/keys/a.pem", None), true, false),
        (except("/app/**", None), true, false),
        (except("**/*.pem", Some("private_key")), true, false),
        (except("**/*.pem", Some(VALUE)), false, true),
        (except("**", Some("npm_token")), false, false),
        (except("app/*.pem", None), false, false),
        (except("app/test/keys/?.pem", None), true, false),
        (except("app/test", None), false, false),
    ] {
        assert_eq!(judge(vec![key()], std::slice::from_ref(&exception)).is_empty(), covers_key, "{exception:?}");
        assert_eq!(judge(vec![value()], std::slice::from_ref(&exception)).is_empty(), covers_value, "{exception:?}");
    }
    let label = Leak { rule: Rule::Pattern("jwt"), place: Place::Label("a/b".into()) };
    assert!(judge(vec![label], &[except("LABEL a/b", None)]).is_empty());
}

#[test]
fn a_refusal_says_where_and_what_but_never_the_value() {
    assert_eq!(refusal("web", &[]), None);
    let mut leaks =
        vec![file(Rule::Value("npm".into()), "app/.npmrc"), Leak { rule: Rule::Pattern("jwt"), place: Place::Env("T".into()) }];
    leaks.extend((0..10).map(|at| file(Rule::Pattern("private_key"), &format!("k{at}"))));
    let told = refusal("web", &leaks).unwrap();
    assert_eq!(told.code, Code::SecretInImage);
    assert_eq!(told.because[0], "layer 2 (sha256:abababababab), `/app/.npmrc` line 3: the value of the secret `npm`");
    assert_eq!(told.because[1], "`ENV T`: a signed token (JWT) (`jwt`)");
    assert_eq!(told.because.last().unwrap(), "and 2 more");
    assert!(told.next[0].contains("--mount=type=secret,id=npm"), "{told:#?}");
}

proptest! {
    /// Whatever the pieces, the same is found in the same lines as in the whole.
    #[test]
    fn nothing_hides_between_two_pieces(parts in prop::collection::vec(0..5_usize, 1..60), cuts in prop::collection::vec(1..2_000_usize, 1..20)) {
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n", varied(64));
        let texts = ["correct horse battery".to_owned(), format!("ghp_{}\n", varied(36)), key, "\n".repeat(7), "lorem ipsum ghp_ AKIA ".repeat(20)];
        let whole: String = parts.iter().map(|part| format!(" {} ", texts[*part])).collect();
        let search = search(&[("pass", "correct horse battery")]);
        let expected = found(&search, &whole);
        let has = |part: usize| parts.contains(&part);
        prop_assert_eq!(has(0), expected.iter().any(|(rule, _)| rule == VALUE));
        prop_assert_eq!(has(1), expected.iter().any(|(rule, _)| rule == "github_token"));
        prop_assert_eq!(has(2), expected.iter().any(|(rule, _)| rule == "private_key"));
        let mut reader = Reader::new(&search, Scope::Anywhere);
        for round in 0..2 {
            let mut rest = whole.as_bytes();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                reader.feed(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            let seen: Vec<_> = reader.end().into_iter().map(|found| (found.rule.name().to_owned(), found.line)).collect();
            prop_assert_eq!(&seen, &expected, "round {}", round);
        }
    }

    #[test]
    fn a_value_is_found_wherever_it_stands_in_base64(value in "[ -~]{8,40}", before in "[a-z]{0,7}", after in "[a-z]{0,7}") {
        prop_assume!(value.trim().len() >= 8);
        let text = super::forms::tests::whole(format!("{before}{value}{after}").as_bytes());
        let search = search(&[("v", &value)]);
        prop_assert!(!found(&search, &text).is_empty(), "{} in {}", value, text);
    }
}
