//! Durations, sizes and counts as a person says them.

/// `4.2s`, `42s`, `1m 12s`, `1h 02m`.
pub fn duration(ms: u64) -> String {
    let seconds = ms.saturating_add(500) / 1000;
    match (ms, seconds) {
        (0..9_950, _) => format!("{}.{}s", ms.saturating_add(50) / 1000, (ms + 50) % 1000 / 100),
        (_, 0..60) => format!("{seconds}s"),
        (_, 60..3600) => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `45 s`, `7 min`: what is only expected is said roughly, and rounded up.
pub fn about(ms: u64) -> String {
    match ms.div_ceil(1000) {
        seconds @ 0..=90 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

/// `512 B`, `3.1 MB`: powers of ten, as registries and Docker count.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    // Tenths of the unit, rounded; integers, so that every machine says the same.
    let mut tenths = bytes.saturating_add(50) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < units.len() {
        tenths = tenths.saturating_add(500) / 1000;
        unit += 1;
    }
    format!("{}.{} {}", number(tenths / 10), tenths % 10, units[unit])
}

/// `1 task`, `2 tasks`, `7,310 tasks`.
pub fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", number(n)) }
}

/// `7,310`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `a`, `a and b`, `a, b and c`.
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// At most so many characters; `…` stands for what was left out.
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (ms, said) in [
            (0, "0.0s"),
            (40, "0.0s"),
            (4_249, "4.2s"),
            (9_949, "9.9s"),
            (9_950, "10s"),
            (59_499, "59s"),
            (59_500, "1m 00s"),
            (72_000, "1m 12s"),
            (3_599_499, "59m 59s"),
            (3_720_000, "1h 02m"),
        ] {
            assert_eq!(duration(ms), said, "{ms} ms");
        }
        duration(u64::MAX);
    }

    #[test]
    fn expectations() {
        for (ms, said) in [(0, "0 s"), (44_001, "45 s"), (90_000, "90 s"), (90_001, "2 min"), (420_000, "7 min")] {
            assert_eq!(about(ms), said, "{ms} ms");
        }
    }

    #[test]
    fn sizes() {
        for (size, said) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (3_141_592, "3.1 MB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (12_345_678_901, "12.3 GB"),
        ] {
            assert_eq!(bytes(size), said, "{size} bytes");
        }
        bytes(u64::MAX);
    }

    #[test]
    fn counts() {
        assert_eq!(count(0, "task"), "0 tasks");
        assert_eq!(count(1, "task"), "1 task");
        assert_eq!(count(7_310, "task"), "7,310 tasks");
        assert_eq!(number(1_000_000), "1,000,000");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list::<&str>(&[]), "");
    }
}
