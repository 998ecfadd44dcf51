//! What a builder says, without the secrets it was given: a command may print them.

use shipit_core::failure::Failure;
use shipit_core::leak::{forms, lines};

use super::secrets::Held;
use crate::port::Secret;

/// What stands in their place.
const MASK: &str = "***";

/// A shorter part is in half of all words.
const SHORTEST: usize = 4;

/// Replaces the values of secrets in texts.
#[derive(Clone, Default)]
pub(super) struct Mask {
    /// The longest first, for one may hold another.
    parts: Vec<Secret<String>>,
}

impl Mask {
    /// Of these secrets: each value and each of its lines in all their forms, for output comes by lines.
    pub(super) fn of(held: &Held) -> Mask {
        let mut parts = Vec::new();
        for (_, value) in held.values() {
            let value = value.trim_ascii();
            // Each line in all its forms too: a command may encode what it reads line by line.
            let each = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let all = each.chain([value]).flat_map(|text| forms(text).into_iter().chain(lines(text)));
            parts.extend(all.filter(|part| part.len() >= SHORTEST).filter_map(|part| String::from_utf8(part).ok()));
        }
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        Mask { parts: parts.into_iter().map(Secret::new).collect() }
    }

    /// The text without them.
    pub(super) fn text(&self, text: String) -> String {
        let is_in = |part: &&Secret<String>| text.contains(part.reveal().as_str());
        if !self.parts.iter().any(|part| is_in(&part)) {
            return text;
        }
        self.parts.iter().fold(text, |text, part| text.replace(part.reveal().as_str(), MASK))
    }

    /// The failure without them.
    pub(super) fn failure(&self, mut failure: Failure) -> Failure {
        failure.what = self.text(failure.what);
        for line in failure.because.iter_mut().chain(&mut failure.next) {
            *line = self.text(std::mem::take(line));
        }
        failure
    }
}
