//! The search: all beginnings at once over bytes that come in pieces, once over each of them.

use std::collections::BTreeMap;

use super::rules::{PATTERNS, Pattern, REACH};
use super::{Rule, forms};

/// A shorter value would be found everywhere.
const SHORTEST: usize = 8;

/// Lines of one text that are told of one rule.
const LINES: usize = 20;

/// Where a shape is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In files and in the configuration.
    Anywhere,
    /// In the configuration alone: in files of programs and documents it is usual.
    Config,
}

/// What is looked for. It holds the values of secrets, so it has no `Debug`.
pub struct Search {
    needles: Vec<Needle>,
    /// The needles that begin with these two bytes.
    begins: BTreeMap<u16, Vec<usize>>,
    /// The first and second byte of each needle.
    first: Pairs,
    /// These, and the second and third: looking at every other place misses none.
    near: Pairs,
    /// So many bytes behind a place decide what is there.
    reach: usize,
    too_short: Vec<String>,
}

/// A set of two bytes that stand one behind the other: one bit for each.
struct Pairs(Vec<u64>);

impl Pairs {
    fn new() -> Pairs {
        Pairs(vec![0; 1024])
    }

    fn add(&mut self, one: u8, two: u8) {
        let pair = u16::from_be_bytes([one, two]);
        self.0[usize::from(pair >> 6)] |= 1 << (pair & 63);
    }

    #[inline]
    fn has(&self, one: u8, two: u8) -> bool {
        let pair = u16::from_be_bytes([one, two]);
        self.0[..1024][usize::from(pair >> 6)] >> (pair & 63) & 1 == 1
    }
}

/// At least three bytes.
struct Needle {
    bytes: Vec<u8>,
    means: Means,
}

enum Means {
    Value(String),
    Pattern(&'static Pattern),
}

/// Something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub rule: Rule,
    /// In which line, counted from 1.
    pub line: u64,
}

impl Search {
    /// Looks for the values of these secrets, in every form, and for everything that looks like a secret.
    pub fn new<'v>(secrets: impl IntoIterator<Item = (&'v str, &'v [u8])>) -> Search {
        let mut needles = Vec::new();
        let mut too_short = Vec::new();
        for (id, value) in secrets {
            if value.trim_ascii().len() < SHORTEST {
                too_short.push(id.to_owned());
                continue;
            }
            needles.extend(forms(value).into_iter().map(|bytes| Needle { bytes, means: Means::Value(id.to_owned()) }));
        }
        for pattern in PATTERNS {
            let needle = |start: &&str| Needle { bytes: start.as_bytes().to_vec(), means: Means::Pattern(pattern) };
            needles.extend(pattern.starts.iter().map(needle));
        }
        let mut begins: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        let (mut first, mut near) = (Pairs::new(), Pairs::new());
        for (at, needle) in needles.iter().enumerate() {
            let pair = u16::from_be_bytes([needle.bytes[0], needle.bytes[1]]);
            begins.entry(pair).or_default().push(at);
            first.add(needle.bytes[0], needle.bytes[1]);
            near.add(needle.bytes[0], needle.bytes[1]);
            near.add(needle.bytes[1], needle.bytes[2]);
        }
        let reach = needles.iter().map(|needle| needle.bytes.len()).max().unwrap_or_default() + REACH;
        Search { needles, begins, first, near, reach, too_short }
    }

    /// Secrets whose value is too short to be looked for.
    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// What stands in a text of the configuration.
    pub fn text(&self, text: &str) -> Vec<Rule> {
        let mut reader = Reader::new(self, Scope::Config);
        reader.feed(text.as_bytes());
        reader.end().into_iter().map(|found| found.rule).collect()
    }
}

/// Reads one text after another, each in pieces.
pub struct Reader<'s> {
    search: &'s Search,
    scope: Scope,
    /// One byte that is looked back at, then what is not decided yet.
    buffer: Vec<u8>,
    /// The first place in the buffer that is not decided.
    at: usize,
    /// The line of `counted`.
    line: u64,
    counted: usize,
    found: Vec<Found>,
}

impl<'s> Reader<'s> {
    /// Nothing read yet.
    pub fn new(search: &'s Search, scope: Scope) -> Reader<'s> {
        Reader { search, scope, buffer: Vec::new(), at: 0, line: 1, counted: 0, found: Vec::new() }
    }

    /// The next piece of the text.
    pub fn feed(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
        let until = self.buffer.len().saturating_sub(self.search.reach);
        if until > self.at {
            self.decide(until);
            let cut = until - 1;
            self.count(until);
            self.buffer.drain(..cut);
            (self.at, self.counted) = (until - cut, until - cut);
        }
    }

    /// The text has ended; answers what is in it, and is ready for the next one.
    pub fn end(&mut self) -> Vec<Found> {
        self.decide(self.buffer.len());
        self.buffer.clear();
        (self.at, self.line, self.counted) = (0, 1, 0);
        std::mem::take(&mut self.found)
    }

    fn decide(&mut self, until: usize) {
        let mut from = self.at;
        while let Some(at) = self.next(from, until) {
            self.look(at);
            from = at + 1;
        }
        self.at = until;
    }

    /// The next place before `until` where two bytes stand that something begins with.
    fn next(&self, from: usize, until: usize) -> Option<usize> {
        let Search { first, near, .. } = self.search;
        let bytes = self.buffer.get(..self.buffer.len().min(until + 1))?;
        let begins = |at: usize| at + 1 < bytes.len() && first.has(bytes[at], bytes[at + 1]);
        let mut from = from;
        loop {
            // What begins at an even place is seen by its first two bytes, what begins in front of it by its second and third.
            let twos = bytes.get(from + 1..).unwrap_or_default().chunks_exact(2);
            let Some(hit) = twos.clone().position(|two| near.has(two[0], two[1])) else {
                let rest = from + 2 * twos.len();
                return (rest..bytes.len()).find(|at| begins(*at));
            };
            let at = from + 2 * hit;
            if let Some(at) = [at, at + 1].into_iter().find(|at| begins(*at)) {
                return Some(at);
            }
            from = at + 2;
        }
    }

    fn look(&mut self, at: usize) {
        let pair = u16::from_be_bytes([self.buffer[at], self.buffer[at + 1]]);
        let search = self.search;
        for needle in search.begins.get(&pair).into_iter().flatten().map(|needle| &search.needles[*needle]) {
            if !self.buffer[at..].starts_with(&needle.bytes) {
                continue;
            }
            let rule = match &needle.means {
                Means::Value(id) => Rule::Value(id.clone()),
                Means::Pattern(pattern) => {
                    let looked_for = pattern.scope == Scope::Anywhere || pattern.scope == self.scope;
                    if !looked_for || !(pattern.is_there)(&self.buffer, at, needle.bytes.len()) {
                        continue;
                    }
                    Rule::Pattern(pattern.name)
                }
            };
            self.count(at);
            let found = Found { rule, line: self.line };
            let same = self.found.iter().filter(|one| one.rule == found.rule).count();
            if same < LINES && !self.found.contains(&found) {
                self.found.push(found);
            }
        }
    }

    /// Counts the lines up to there.
    fn count(&mut self, until: usize) {
        if let Some(more) = self.buffer.get(self.counted..until) {
            self.line += more.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.counted = until;
        }
    }
}
