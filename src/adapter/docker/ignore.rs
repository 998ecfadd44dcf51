//! `.dockerignore` by Docker's rules, which are not git's: every pattern is anchored at the context's root, `!` takes back,
//! the last match wins, and a pattern that matches a folder matches all below it.

use std::iter::Peekable;
use std::str::Chars;

/// The patterns of one file, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Pattern>);

#[derive(Clone, Debug)]
struct Pattern {
    /// `!`: what it matches is kept after all.
    exception: bool,
    parts: Vec<Part>,
    shape: Shape,
}

/// What most patterns are, matched without a walk through their parts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// `a/b`: this path.
    Path(String),
    /// `**/a`: whatever has this name.
    Name(String),
    /// Anything else.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Char(char),
    /// `?`: one character but `/`.
    One,
    /// `*`: any but `/`.
    Star,
    /// `**/`, entered: matches nothing, or goes on as [`Part::Folders`], its successor.
    MaybeFolders,
    /// Anything that ends in `/`.
    Folders,
    /// `**` at the end, or in front of plain text: anything.
    Rest,
    /// `[a-z]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Rules {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The number of the line (from 1) that Docker would refuse too, and why.
    pub(super) fn read(text: &str) -> Result<Rules, (usize, String)> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (number, line) in text.lines().enumerate() {
            // A comment is known by its very first character; ` #x` is a pattern.
            let pattern = if line.starts_with('#') { "" } else { line.trim() };
            let (exception, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, pattern),
            };
            if pattern.is_empty() {
                if exception {
                    return Err((number + 1, "`!` stands alone".to_owned()));
                }
                continue;
            }
            let clean = clean(pattern);
            let anchored = clean.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&clean);
            let parts = compile(anchored).map_err(|why| (number + 1, why))?;
            let shape = Shape::of(&parts);
            rules.push(Pattern { exception, parts, shape });
        }
        Ok(Rules(rules))
    }

    /// Whether the path (relative to the context, with `/`) is left out of the context.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let mut excluded = false;
        for pattern in &self.0 {
            if pattern.exception == excluded && pattern.matches_or_holds(path) {
                excluded = !pattern.exception;
            }
        }
        excluded
    }

    /// Whether an excluded folder must be walked all the same, because an exception may keep something in it.
    pub(super) fn may_keep_below(&self, folder: &str) -> bool {
        self.0.iter().filter(|pattern| pattern.exception).any(|pattern| {
            let literal = pattern.literal();
            match literal.strip_prefix(folder) {
                Some(rest) => rest.starts_with('/') || pattern.is_wild(),
                None => pattern.is_wild() && folder.starts_with(&literal),
            }
        })
    }
}

impl Pattern {
    /// The text in front of the first wildcard.
    fn literal(&self) -> String {
        self.parts.iter().map_while(|part| if let Part::Char(c) = part { Some(*c) } else { None }).collect()
    }

    fn is_wild(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Char(_)))
    }

    /// It matches the path or a folder that the path lies in.
    fn matches_or_holds(&self, path: &str) -> bool {
        match &self.shape {
            Shape::Path(own) => path.strip_prefix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Shape::Name(own) => path.split('/').any(|name| name == own),
            Shape::Other => with_parents(path).any(|path| self.matches(path)),
        }
    }

    /// Walks the path once, with the set of places in the pattern that can be reached: never exponential.
    fn matches(&self, path: &str) -> bool {
        let mut reached = vec![false; self.parts.len() + 1];
        let mut next = reached.clone();
        reached[0] = true;
        self.step_over(&mut reached);
        for c in path.chars() {
            next.fill(false);
            for (at, part) in self.parts.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match part {
                    Part::Char(wanted) => next[at + 1] |= *wanted == c,
                    Part::One => next[at + 1] |= c != '/',
                    Part::Class { negated, ranges } => {
                        next[at + 1] |= ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated;
                    }
                    Part::Star => next[at] |= c != '/',
                    Part::MaybeFolders => {}
                    Part::Folders => {
                        next[at] = true;
                        next[at + 1] |= c == '/';
                    }
                    Part::Rest => next[at] = true,
                }
            }
            self.step_over(&mut next);
            std::mem::swap(&mut reached, &mut next);
            if !reached.contains(&true) {
                return false;
            }
        }
        reached[self.parts.len()]
    }

    /// Parts that may match nothing.
    fn step_over(&self, reached: &mut [bool]) {
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Star | Part::Rest => reached[at + 1] |= reached[at],
                Part::MaybeFolders => {
                    reached[at + 1] |= reached[at];
                    reached[at + 2] |= reached[at];
                }
                Part::Char(_) | Part::One | Part::Folders | Part::Class { .. } => {}
            }
        }
    }
}

impl Shape {
    fn of(parts: &[Part]) -> Shape {
        let text = |parts: &[Part]| -> Option<String> {
            parts.iter().map(|part| if let Part::Char(c) = part { Some(*c) } else { None }).collect()
        };
        match parts {
            [Part::MaybeFolders, Part::Folders, name @ ..] => match text(name) {
                Some(name) if !name.contains('/') => Shape::Name(name),
                _ => Shape::Other,
            },
            parts => text(parts).map_or(Shape::Other, Shape::Path),
        }
    }
}

/// The path, then the folders it lies in.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(parent, _)| parent))
}

/// As Go's `filepath.Clean`: no empty parts, no `.`, `..` worked off.
fn clean(pattern: &str) -> String {
    let rooted = pattern.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

fn compile(pattern: &str) -> Result<Vec<Part>, String> {
    let is_plain = |text: &str| !text.contains(['*', '?', '[', ']', '\\']);
    let mut parts = Vec::new();
    let mut rest = pattern.chars().peekable();
    if let Some(end) = pattern.strip_prefix("**").filter(|end| !end.starts_with('/') && is_plain(end)) {
        parts.push(Part::Rest);
        parts.extend(end.chars().map(Part::Char));
        return Ok(parts);
    }
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                match rest.peek() {
                    None => parts.push(Part::Rest),
                    Some(_) => parts.extend([Part::MaybeFolders, Part::Folders]),
                }
            }
            '*' => parts.push(Part::Star),
            '?' => parts.push(Part::One),
            '[' => parts.push(class(&mut rest, pattern)?),
            '\\' => match rest.next() {
                Some(escaped) => parts.push(Part::Char(escaped)),
                None => return Err(format!("`{pattern}` ends in `\\`")),
            },
            c => parts.push(Part::Char(c)),
        }
    }
    Ok(parts)
}

fn class(rest: &mut Peekable<Chars<'_>>, pattern: &str) -> Result<Part, String> {
    let open = || format!("`{pattern}` has `[` without a matching `]`");
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match rest.next().ok_or_else(open)? {
            ']' if !ranges.is_empty() => return Ok(Part::Class { negated, ranges }),
            ']' | '-' => return Err(format!("`{pattern}` has a character class that Docker does not read")),
            '\\' => rest.next().ok_or_else(open)?,
            c => c,
        };
        let to = match rest.next_if_eq(&'-') {
            None => from,
            Some(_) => match rest.next().ok_or_else(open)? {
                '\\' => rest.next().ok_or_else(open)?,
                c => c,
            },
        };
        ranges.push((from, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_left_out_as_docker_leaves_them_out() {
        for (text, left_out, kept) in [
            ("", &[][..], &["a", "a/b"][..]),
            ("foo", &["foo", "foo/a", "foo/a/b"], &["a/foo", "foobar"]),
            ("/foo", &["foo", "foo/a"], &["a/foo"]),
            ("foo/", &["foo", "foo/a"], &["a/foo"]),
            ("./a/../b//c/", &["b/c", "b/c/d"], &["a", "b"]),
            ("*.md", &["a.md"], &["docs/a.md", "a.mdx"]),
            ("*/*.md", &["docs/a.md"], &["a.md", "a/b/c.md"]),
            ("**/*.md", &["a.md", "docs/a.md", "a/b/c.md"], &["a.mdx"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b", "a/b/c"], &["ab", "a/xb"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
            ("**", &["a", "a/b"], &[]),
            ("**/node_modules", &["node_modules", "a/node_modules", "a/node_modules/b"], &["my_node_modules"]),
            ("**foo", &["foo", "afoo", "a/bfoo"], &["foob"]),
            ("temp?", &["temp1", "temp1/a"], &["temp", "temp12", "temp/"]),
            ("[a-c]x", &["ax", "bx"], &["dx", "x"]),
            ("[^a]x", &["bx"], &["ax"]),
            ("a\\*b", &["a*b"], &["axb"]),
            ("# comment\n #x\n\n  y  ", &["#x", "y"], &["# comment", "x"]),
            ("\u{feff}foo", &["foo"], &["bar"]),
            ("*\n!a", &["b", "b/a"], &["a", "a/b"]),
            ("*.md\n!README.md", &["a.md"], &["README.md"]),
            ("*.md\n!README*.md\nREADME-secret.md", &["README-secret.md", "a.md"], &["README.md", "README-a.md"]),
            ("*.md\nREADME-secret.md\n!README*.md", &["a.md"], &["README-secret.md"]),
            ("docs\n!docs/keep", &["docs/a", "docs"], &["docs/keep", "docs/keep/b"]),
            ("docs\n!**/keep.md", &["docs/a"], &["docs/keep.md", "docs/x/keep.md"]),
            ("!a\na", &["a"], &["b"]),
            ("! a\n*\n! b ", &["a"], &["b"]),
            ("a.b", &["a.b"], &["axb"]),
            ("a+(b)|{c}$", &["a+(b)|{c}$"], &["aab"]),
            ("../x", &[], &["x"]),
            ("é*", &["éa"], &["ea"]),
        ] {
            let rules = Rules::read(text).unwrap();
            for path in left_out {
                assert!(rules.excludes(path), "{text:?} leaves out {path:?}");
            }
            for path in kept {
                assert!(!rules.excludes(path), "{text:?} keeps {path:?}");
            }
        }
    }

    #[test]
    fn what_docker_refuses_is_refused_with_its_line() {
        for (text, line) in [("a\n!", 2), ("[a", 1), ("a\nb\n[]a]", 3), ("a\\", 1), ("[-x]", 1)] {
            assert_eq!(Rules::read(text).unwrap_err().0, line, "{text:?}");
        }
    }

    #[test]
    fn a_folder_is_walked_only_where_an_exception_may_hit() {
        let walked = |text: &str, folder: &str| Rules::read(text).unwrap().may_keep_below(folder);
        assert!(!walked("node_modules", "node_modules"));
        assert!(walked("*\n!src/app", "src"));
        assert!(!walked("*\n!src/app", "srcs"));
        assert!(!walked("*\n!src/app", "node_modules"));
        assert!(walked("*\n!**/keep", "node_modules/a"));
        assert!(walked("*\n!doc*/x", "docs"));
        assert!(!walked("*\n!doc*/x", "node_modules"));
        assert!(walked("*\n!a/b/c", "a/b"));
    }

    #[test]
    fn many_stars_stay_quick() {
        let rules = Rules::read(&"*a".repeat(40)).unwrap();
        assert!(!rules.excludes(&"a".repeat(2_000)[..39]));
        assert!(rules.excludes(&"a".repeat(2_000)));
    }
}
