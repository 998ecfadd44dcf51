//! ECS's JSON in Rust's words: numbers, times, text.

use jiff::Timestamp;
use serde_json::Value;
use shipit_scheduler::Span;

/// A time: epoch seconds with a fraction, to the millisecond; emulators may send ISO 8601.
pub fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(seconds) => {
            let millis = (seconds.as_f64()? * 1000.0).round();
            Timestamp::from_millisecond(millis as i64).ok()
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A count; absent is 0.
pub fn count(value: &Value) -> u32 {
    value.as_u64().map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

/// Seconds as a span; absent is none.
pub fn seconds(value: &Value) -> Span {
    Span::seconds(value.as_u64().unwrap_or(0))
}

/// Text, if there is any.
pub fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The elements of an array; absent is none.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_seconds_with_a_fraction() {
        let at = |value| time(&value).map(|at: Timestamp| at.as_millisecond());
        assert_eq!(at(json!(1790000010.5)), Some(1_790_000_010_500));
        assert_eq!(at(json!(1790000010)), Some(1_790_000_010_000));
        assert_eq!(at(json!("2026-09-21T14:13:30Z")), Some(1_790_000_010_000));
        assert_eq!(at(json!(null)), None);
        assert_eq!(at(json!(1e300)), None);
    }
}
