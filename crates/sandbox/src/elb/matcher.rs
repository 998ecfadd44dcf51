//! Which status codes a health check takes as healthy: `200`, `200,301`, `200-399`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The parsed `Matcher.HttpCode`, which shows as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    written: String,
    ranges: Vec<RangeInclusive<u16>>,
}

/// The text is no list of codes or ranges within 200 to 499.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMatcher;

impl Matcher {
    /// The code counts as healthy.
    pub fn matches(&self, code: u16) -> bool {
        self.ranges.iter().any(|range| range.contains(&code))
    }
}

impl Default for Matcher {
    fn default() -> Self {
        Self { written: "200".to_owned(), ranges: vec![200..=200] }
    }
}

impl FromStr for Matcher {
    type Err = NotAMatcher;

    fn from_str(text: &str) -> Result<Self, NotAMatcher> {
        let ranges = text.split(',').map(range).collect::<Result<_, _>>()?;
        Ok(Self { written: text.to_owned(), ranges })
    }
}

fn range(part: &str) -> Result<RangeInclusive<u16>, NotAMatcher> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (code(first)?, code(last)?);
    if first <= last { Ok(first..=last) } else { Err(NotAMatcher) }
}

fn code(text: &str) -> Result<u16, NotAMatcher> {
    match text.trim().parse() {
        Ok(code @ 200..=499) => Ok(code),
        _ => Err(NotAMatcher),
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_lists_and_ranges() {
        let matches = |text: &str, code| text.parse::<Matcher>().unwrap().matches(code);
        assert!(matches("200", 200) && !matches("200", 201));
        assert!(matches("200-399", 302) && !matches("200-399", 404));
        assert!(matches("200,301", 301) && !matches("200,301", 300));
        assert!(matches("200-299,401", 401) && matches("200-299,401", 204));
        assert!(Matcher::default().matches(200) && !Matcher::default().matches(500));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "ok", "200-", "-200", "300-200", "199", "500", "200,,301", "200;301"] {
            assert_eq!(bad.parse::<Matcher>(), Err(NotAMatcher), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_range_matches_what_lies_in_it(a in 200u16..500, b in 200u16..500, code in 100u16..600) {
            let (low, high) = (a.min(b), a.max(b));
            let matcher: Matcher = format!("{low}-{high}").parse().unwrap();
            prop_assert_eq!(matcher.matches(code), low <= code && code <= high);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9,\\-]{0,20}") {
            let _ = text.parse::<Matcher>();
        }
    }
}
