//! Alpine's version order: `1.2.3a_rc1-r0`, that is numbers, a letter, suffixes, the package's release (apk-tools 2.14).

use std::cmp::Ordering;

use super::dpkg::compare_numbers;

/// Compares two versions as `apk version -t` does. What follows the last part that is understood is ignored.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (Version::read(left), Version::read(right));
    left.compare(&right)
}

struct Version<'a> {
    numbers: Vec<&'a str>,
    letter: Option<u8>,
    suffixes: Vec<(i32, &'a str)>,
    release: &'a str,
}

/// Before and after "no suffix", which is 0.
const SUFFIXES: &[(&str, i32)] =
    &[("alpha", -4), ("beta", -3), ("pre", -2), ("rc", -1), ("cvs", 1), ("svn", 2), ("git", 3), ("hg", 4), ("p", 5)];

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Self {
        let text = text.trim();
        let (text, release) = match text.rsplit_once("-r") {
            Some((text, release)) if is_number(release) => (text, release),
            _ => (text, ""),
        };
        let text = text.split_once('~').map_or(text, |(text, _commit)| text);
        let mut pieces = text.split('_');
        let mut main = pieces.next().unwrap_or_default();
        let letter = main.bytes().last().filter(u8::is_ascii_lowercase).filter(|_| main.len() > 1);
        if letter.is_some() {
            main = &main[..main.len() - 1];
        }
        Self {
            numbers: main.split('.').take_while(|part| is_number(part)).collect(),
            letter,
            suffixes: pieces.map_while(suffix).collect(),
            release,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.compare_numbers(other)
            .then_with(|| self.letter.cmp(&other.letter))
            .then_with(|| self.compare_suffixes(other))
            .then_with(|| compare_numbers(self.release, other.release))
    }

    fn compare_numbers(&self, other: &Self) -> Ordering {
        for (index, (one, another)) in self.numbers.iter().zip(&other.numbers).enumerate() {
            // A part after the first that begins with a zero is a fraction: 1.05 < 1.1.
            let fraction = index > 0 && (one.starts_with('0') || another.starts_with('0'));
            let order = if fraction { one.cmp(another) } else { compare_numbers(one, another) };
            if order != Ordering::Equal {
                return order;
            }
        }
        self.numbers.len().cmp(&other.numbers.len())
    }

    fn compare_suffixes(&self, other: &Self) -> Ordering {
        let most = self.suffixes.len().max(other.suffixes.len());
        let at = |version: &Self, index: usize| version.suffixes.get(index).copied();
        for index in 0..most {
            let (kind, number) = at(self, index).unwrap_or((0, ""));
            let (other_kind, other_number) = at(other, index).unwrap_or((0, ""));
            let order = kind.cmp(&other_kind).then_with(|| compare_numbers(number, other_number));
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn suffix(text: &str) -> Option<(i32, &str)> {
    let end = text.bytes().position(|byte| byte.is_ascii_digit());
    let (name, number) = text.split_at(end.unwrap_or(text.len()));
    let (_, weight) = SUFFIXES.iter().find(|(known, _)| *known == name)?;
    (number.is_empty() || is_number(number)).then_some((*weight, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_cases() {
        let ascending = [
            ("1.36.1-r4", "1.36.1-r5"),
            ("1.36.1-r9", "1.36.1-r10"),
            ("1.1.1", "1.1.1a"),
            ("1.1.1a-r3", "1.1.1b-r0"),
            ("3.0_rc1", "3.0"),
            ("3.0_alpha", "3.0_beta"),
            ("3.0_pre2", "3.0_rc1"),
            ("3.0", "3.0_p1"),
            ("3.0_git20200101", "3.0_git20210101"),
            ("2.9", "2.10"),
            ("1.05", "1.1"),
            ("1.2", "1.2.1"),
            ("0.1_alpha_pre2", "0.1_alpha"),
            ("7.61.0-r2", "8.5.0-r0"),
        ];
        for (earlier, later) in ascending {
            assert_eq!(compare(earlier, later), Ordering::Less, "{earlier} {later}");
            assert_eq!(compare(later, earlier), Ordering::Greater, "{later} {earlier}");
        }
        assert_eq!(compare("1.2-r0", "1.2-r0"), Ordering::Equal);
        assert_eq!(compare("1.2~abc", "1.2"), Ordering::Equal);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn is_antisymmetric(a in "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}[a-c]?(_(alpha|rc|p)[0-9]?){0,2}(-r[0-9])?",
                            b in "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}[a-c]?(_(alpha|rc|p)[0-9]?){0,2}(-r[0-9])?",
                            c in "[0-9]{1,2}(\\.[1-9]{1,2}){0,2}[a-c]?(_(alpha|rc|p)[0-9]?){0,2}(-r[0-9])?") {
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &c), compare(&c, &a).reverse());
        }

        #[test]
        fn takes_anything(a in ".{0,12}", b in ".{0,12}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }
    }
}
