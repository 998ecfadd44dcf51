//! Did you mean: the nearest of the words that would have been right.

/// The nearest word, if it is near enough to have been meant.
pub(in crate::config) fn nearest<'a>(typed: &str, words: &[&'a str]) -> Option<&'a str> {
    let folded = typed.to_lowercase().replace('-', "_");
    words
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&folded, &word.to_lowercase().replace('-', "_")), *word))
        .filter(|(distance, word)| *distance <= (word.chars().count().saturating_sub(1) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// "did you mean `x`?", or what there is: "there are the environments `a` and `b`". Nothing if there is nothing.
pub(in crate::config) fn help(typed: &str, words: &[&str], are_called: &str) -> Option<String> {
    match (nearest(typed, words), words) {
        (Some(word), _) => Some(format!("did you mean `{word}`?")),
        (None, []) => None,
        (None, words) => Some(format!("the {are_called} are {}", listed(words))),
    }
}

/// "`a`, `b` and `c`".
pub(in crate::config) fn listed(words: &[&str]) -> String {
    joined(words, "and")
}

/// "`a`, `b` or `c`".
pub(in crate::config) fn one_of(words: &[&str]) -> String {
    joined(words, "or")
}

fn joined(words: &[&str], last_by: &str) -> String {
    match words {
        [] => String::new(),
        [word] => format!("`{word}`"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|word| format!("`{word}`")).collect();
            format!("{} {last_by} `{last}`", first.join(", "))
        }
    }
}
