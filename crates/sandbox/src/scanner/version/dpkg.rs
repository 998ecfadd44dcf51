//! Debian's version order: epoch, upstream version, revision (Debian policy 5.6.12).

use std::cmp::Ordering;

/// Compares two versions as `dpkg --compare-versions` does.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left_upstream, left_revision) = split(left.trim());
    let (right_epoch, right_upstream, right_revision) = split(right.trim());
    compare_numbers(left_epoch, right_epoch)
        .then_with(|| compare_part(left_upstream, right_upstream))
        .then_with(|| compare_part(left_revision, right_revision))
}

/// Epoch, upstream version and revision; an absent epoch or revision counts as zero.
fn split(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch, upstream, revision)
}

fn compare_part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = take(left, |byte| !byte.is_ascii_digit());
        let (right_text, right_rest) = take(right, |byte| !byte.is_ascii_digit());
        let (left_number, left_rest) = take(left_rest, |byte| byte.is_ascii_digit());
        let (right_number, right_rest) = take(right_rest, |byte| byte.is_ascii_digit());
        let order = compare_text(left_text, right_text).then_with(|| compare_numbers(left_number, right_number));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

/// The longest beginning of bytes that are wanted, and the rest. Digits are ASCII, so the cut is between characters.
fn take(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !wanted(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// `~` before the end, the end before letters, letters before everything else.
fn compare_text(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.bytes(), right.bytes());
    loop {
        let (one, other) = (left.next(), right.next());
        let order = weight(one).cmp(&weight(other));
        if order != Ordering::Equal || one.is_none() {
            return order;
        }
    }
}

fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    }
}

/// Numbers of any length; no digits count as zero.
pub(super) fn compare_numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_cases() {
        let ascending = [
            ("1.0~beta1~svn1245", "1.0~beta1"),
            ("1.0~beta1", "1.0"),
            ("1.0", "1.0-1"),
            ("1.0-1", "1.0-1+deb12u1"),
            ("1.0-1+deb12u1", "1.0-1+deb12u2"),
            ("1.0-1+deb12u9", "1.0-1+deb12u10"),
            ("1.0-1", "1.0-1.1"),
            ("9.9", "1:0.1"),
            ("1.2.3", "1.2.3a"),
            ("1.2a", "1.2+"),
            ("3.0.11-1~deb12u2", "3.0.11-1"),
            ("3.0.9-1", "3.0.11-1~deb12u2"),
            ("2.36-9+deb12u3", "2.36-9+deb12u4"),
            ("1:1.36.1-9", "1:1.36.1-9+b1"),
            ("0.99", "1"),
            ("99999999999999999998", "99999999999999999999"),
            ("1.a", "1.b"),
            ("1-2-3", "1-2-4"),
        ];
        for (earlier, later) in ascending {
            assert_eq!(compare(earlier, later), Ordering::Less, "{earlier} {later}");
            assert_eq!(compare(later, earlier), Ordering::Greater, "{later} {earlier}");
        }
        for (one, other) in [("1.0", "0:1.0"), ("1.0-0", "1.0"), ("1.01", "1.1"), ("1.00", "1.0"), ("", "0")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    fn version() -> impl Strategy<Value = String> {
        "([0-2]:)?[0-9a-c.+~]{0,6}(-[0-9a~+]{0,3})?"
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn is_an_order(a in version(), b in version(), c in version()) {
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            let mut sorted = [&a, &b, &c];
            sorted.sort_by(|one, other| compare(one, other));
            prop_assert!(compare(sorted[0], sorted[2]) != Ordering::Greater);
            if compare(&a, &b) == Ordering::Equal {
                prop_assert_eq!(compare(&a, &c), compare(&b, &c));
            }
        }

        #[test]
        fn takes_anything(a in ".{0,12}", b in ".{0,12}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }
    }
}
