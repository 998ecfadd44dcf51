//! The shell bodies of a declarative Jenkinsfile, taken from the file itself: what stands in quotes behind `sh`.

/// A shell body and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Body {
    /// `stage deploy`, or the condition of `post`: `always`.
    pub place: String,
    /// As the shell gets it.
    pub script: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
}

/// All bodies, in the order of the file.
pub fn bodies(file: &str) -> Vec<Body> {
    let tokens = tokens(file);
    let (mut bodies, mut inside): (Vec<Body>, Vec<String>) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open => inside.push(name(&tokens[..at])),
            Token::Close => assert!(inside.pop().is_some(), "a brace is closed that was not opened"),
            Token::Word(word) if word == "sh" => {
                let rest = &tokens[at + 1..];
                let Some(Token::Text(script)) = rest.iter().find(|token| matches!(token, Token::Text(_))) else {
                    panic!("`sh` without a body in {inside:?}");
                };
                let place = inside.iter().rev().find(|place| *place != "steps" && *place != "script").unwrap();
                bodies.push(Body { place: place.clone(), script: script.clone() });
            }
            Token::Word(_) | Token::Text(_) => {}
        }
    }
    assert!(inside.is_empty(), "{inside:?} is not closed");
    bodies
}

/// What a block is called: `stage deploy`, `always`.
fn name(before: &[Token]) -> String {
    match before {
        [.., Token::Word(word), Token::Text(text)] => format!("{word} {text}"),
        [.., Token::Word(word)] => word.clone(),
        _ => String::new(),
    }
}

fn tokens(file: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), file);
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if let Some(quote) = ["'''", "'", "\""].into_iter().find(|quote| rest.starts_with(quote)) {
            let (text, after) = text(&rest[quote.len()..], quote);
            tokens.push(Token::Text(text));
            rest = after;
        } else if first.is_alphanumeric() {
            let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            match first {
                '{' => tokens.push(Token::Open),
                '}' => tokens.push(Token::Close),
                _ => {}
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

/// A text up to its closing quotes, its escapes resolved.
fn text<'a>(from: &'a str, quote: &str) -> (String, &'a str) {
    let (mut text, mut rest) = (String::new(), from);
    loop {
        if let Some(after) = rest.strip_prefix(quote) {
            return (text, after);
        }
        let mut characters = rest.chars();
        match (characters.next(), characters.clone().next()) {
            // A line that goes on is one line to the shell.
            (Some('\\'), Some('\n')) => rest = &rest[2..],
            (Some('\\'), Some(escaped)) => {
                assert!("\\'\"$".contains(escaped), "`\\{escaped}` is not an escape that is used here");
                text.push(escaped);
                rest = &rest[1 + escaped.len_utf8()..];
            }
            (Some(character), _) => {
                text.push(character);
                rest = &rest[character.len_utf8()..];
            }
            (None, _) => panic!("a text is not closed: {from}"),
        }
    }
}

#[test]
fn bodies_are_found_where_they_stand() {
    let file = r#"pipeline { // sh 'not this'
        stages { stage('a b') { steps { sh 'one \'1\'' ; script { int x = sh(script: "two", returnStatus: true) } } } }
        post { always { sh '''
            if :; then { echo "}" 'x'; \
} fi''' } } }"#;
    let body = |place: &str, script: &str| Body { place: place.to_owned(), script: script.to_owned() };
    assert_eq!(
        bodies(file),
        [
            body("stage a b", "one '1'"),
            body("stage a b", "two"),
            body("always", "\n            if :; then { echo \"}\" 'x'; } fi"),
        ]
    );
}
