//! `memberOf` expressions: the part of the cluster query language that speaks of attributes and of the EC2 instance's id
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-query-language.html>).

use regex_lite::Regex;

use super::Site;

/// As on AWS.
const LONGEST: usize = 2000;
/// Nested deeper than this nothing is read.
const DEEPEST: usize = 32;

/// An expression that has been read.
#[derive(Clone, Debug)]
pub(in crate::ecs) enum Expression {
    /// Both hold.
    And(Box<Expression>, Box<Expression>),
    /// One of both holds.
    Or(Box<Expression>, Box<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// Something is said of an attribute or of the id.
    Test(Subject, Test),
}

/// What something is said of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ecs) enum Subject {
    /// `attribute:<name>`
    Attribute(String),
    /// `ec2InstanceId`
    Ec2InstanceId,
}

/// What is said of it.
#[derive(Clone, Debug)]
pub(in crate::ecs) enum Test {
    /// `exists`
    Exists,
    /// `in [a, b]`, and `== a`
    In(Vec<String>),
    /// `=~ pattern`, of the whole value.
    Matches(Regex),
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is not understood.
    pub(in crate::ecs) fn read(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} characters"));
        }
        let mut reader = Reader { words: words(text)?, at: 0 };
        let expression = reader.any(0)?;
        match reader.next() {
            None => Ok(expression),
            Some(word) => Err(format!("`{word}` is not expected there")),
        }
    }

    /// It holds for the instance.
    pub(in crate::ecs) fn holds(&self, site: &Site) -> bool {
        match self {
            Expression::And(a, b) => a.holds(site) && b.holds(site),
            Expression::Or(a, b) => a.holds(site) || b.holds(site),
            Expression::Not(a) => !a.holds(site),
            Expression::Test(subject, test) => {
                let value = match subject {
                    Subject::Attribute(name) => site.attributes.get(name),
                    Subject::Ec2InstanceId => Some(&site.ec2),
                };
                match test {
                    Test::Exists => value.is_some(),
                    Test::In(values) => value.is_some_and(|value| values.contains(value)),
                    Test::Matches(pattern) => value.is_some_and(|value| pattern.is_match(value)),
                }
            }
        }
    }
}

/// Words, operators and brackets; a quoted text is one word.
fn words(text: &str) -> Result<Vec<String>, String> {
    const OPERATORS: [&str; 10] = ["==", "!=", "=~", "!~", "&&", "||", "(", ")", "[", "]"];
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            operator.len()
        } else if first == '!' || first == ',' {
            1
        } else if first == '"' || first == '\'' {
            let inner = &rest[1..];
            let end = inner.find(first).ok_or_else(|| format!("`{rest}` has no closing quote"))?;
            words.push(inner[..end].to_owned());
            rest = inner[end + 1..].trim_start();
            continue;
        } else {
            let ends = |letter: char| letter.is_whitespace() || "()[],!=&|\"'".contains(letter);
            rest.find(ends).unwrap_or(rest.len()).max(first.len_utf8())
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

struct Reader {
    words: Vec<String>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.at).cloned();
        self.at += usize::from(word.is_some());
        word
    }

    fn must(&mut self) -> Result<String, String> {
        self.next().ok_or_else(|| "it ends too early".to_owned())
    }

    fn takes(&mut self, words: &[&str]) -> bool {
        let takes = self.peek().is_some_and(|word| words.contains(&word));
        self.at += usize::from(takes);
        takes
    }

    fn any(&mut self, depth: usize) -> Result<Expression, String> {
        let mut left = self.all(depth)?;
        while self.takes(&["||", "or"]) {
            left = Expression::Or(Box::new(left), Box::new(self.all(depth)?));
        }
        Ok(left)
    }

    fn all(&mut self, depth: usize) -> Result<Expression, String> {
        let mut left = self.one(depth)?;
        while self.takes(&["&&", "and"]) {
            left = Expression::And(Box::new(left), Box::new(self.one(depth)?));
        }
        Ok(left)
    }

    fn one(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        if self.takes(&["!", "not"]) {
            return Ok(Expression::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes(&["("]) {
            let inner = self.any(depth + 1)?;
            return if self.takes(&[")"]) { Ok(inner) } else { Err("a `)` is missing".to_owned()) };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Expression, String> {
        let subject = self.must()?;
        let subject = match subject.strip_prefix("attribute:") {
            Some(name) if !name.is_empty() => Subject::Attribute(name.to_owned()),
            _ if subject == "ec2InstanceId" => Subject::Ec2InstanceId,
            _ => return Err(format!("`{subject}` is none of the sandbox's subjects: attribute:NAME, ec2InstanceId")),
        };
        let mut negated = self.takes(&["!", "not"]);
        let operator = self.must()?;
        let test = match operator.as_str() {
            "exists" => Test::Exists,
            "!exists" | "not_exists" => {
                negated = true;
                Test::Exists
            }
            "==" | "equals" => Test::In(vec![self.must()?]),
            "!=" | "not_equals" => {
                negated = true;
                Test::In(vec![self.must()?])
            }
            "in" => Test::In(self.listed()?),
            "!in" | "not_in" => {
                negated = true;
                Test::In(self.listed()?)
            }
            "=~" | "matches" => Test::Matches(self.pattern()?),
            "!~" | "not_matches" => {
                negated = true;
                Test::Matches(self.pattern()?)
            }
            other => {
                return Err(format!("`{other}` is none of the sandbox's operators: ==, !=, exists, in, =~, and their negations"));
            }
        };
        let test = Expression::Test(subject, test);
        Ok(if negated { Expression::Not(Box::new(test)) } else { test })
    }

    fn listed(&mut self) -> Result<Vec<String>, String> {
        if !self.takes(&["["]) {
            return Err("`in` needs a list, as in `in [a, b]`".to_owned());
        }
        let mut values = Vec::new();
        while !self.takes(&["]"]) {
            values.push(self.must()?);
            self.takes(&[","]);
        }
        Ok(values)
    }

    fn pattern(&mut self) -> Result<Regex, String> {
        let pattern = self.must()?;
        Regex::new(&format!("^(?:{pattern})$")).map_err(|_| format!("`{pattern}` is no pattern"))
    }
}
