//! Members of a request's body, pages of a reply, and the two errors that most operations answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use shipit_scheduler::Span;

use crate::error::AwsError;

/// `InvalidParameterException`: a member does not fit.
pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

/// `ClientException`: what ECS answers for most of its own rules.
pub(super) fn client(message: impl Into<String>) -> AwsError {
    AwsError::new("ClientException", message)
}

/// A text member; none when absent, null or empty.
pub(crate) fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A text member that must be there.
///
/// # Errors
/// `InvalidParameterException` when it is not.
pub(super) fn required<'a>(body: &'a Value, member: &str) -> Result<&'a str, AwsError> {
    text(body, member).ok_or_else(|| invalid(format!("{member} can not be blank.")))
}

/// A list member; empty when absent.
pub(crate) fn list<'a>(body: &'a Value, member: &str) -> &'a [Value] {
    body.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list member.
pub(crate) fn texts(body: &Value, member: &str) -> Vec<String> {
    list(body, member).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The member is `true`.
pub(crate) fn yes(body: &Value, member: &str) -> bool {
    body.get(member).and_then(Value::as_bool).unwrap_or(false)
}

/// A member that counts seconds; more than the API's integers hold are as many as they hold.
pub(super) fn seconds(body: &Value, member: &str) -> Option<Span> {
    let seconds = body.get(member)?.as_u64()?;
    Some(Span::seconds(seconds.min(i32::MAX as u64)))
}

/// `include` names the word.
pub(super) fn includes(body: &Value, word: &str) -> bool {
    list(body, "include").iter().any(|item| item.as_str() == Some(word))
}

/// The object behind a value that is known to be one; anything else becomes an empty object first.
pub(crate) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object above")
}

/// One page of a listing: `maxResults` items (at most `most`) after the place that `nextToken` names.
///
/// # Errors
/// `InvalidParameterException` for a token that this listing never gave, or a page size out of range.
pub(super) fn page<T: Into<Value>>(items: Vec<T>, body: &Value, member: &str, most: usize) -> Result<Value, AwsError> {
    let size = match body.get("maxResults").and_then(Value::as_u64) {
        None => most,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=most).contains(size))
            .ok_or_else(|| invalid(format!("maxResults must be between 1 and {most}.")))?,
    };
    let from = match text(body, "nextToken") {
        None => 0,
        Some(token) => place(token).ok_or_else(|| invalid("Invalid token."))?,
    };
    let total = items.len();
    let shown: Vec<Value> = items.into_iter().skip(from).take(size).map(Into::into).collect();
    let end = from + shown.len();
    let mut reply = Map::new();
    reply.insert(member.to_owned(), Value::Array(shown));
    if end < total {
        reply.insert("nextToken".to_owned(), STANDARD.encode(format!("from:{end}")).into());
    }
    Ok(Value::Object(reply))
}

fn place(token: &str) -> Option<usize> {
    let bytes = STANDARD.decode(token).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("from:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_follow_each_other_until_the_end() {
        let items = || vec!["a", "b", "c"];
        let first = page(items(), &json!({"maxResults": 2}), "arns", 100).unwrap();
        assert_eq!(first["arns"], json!(["a", "b"]));
        let rest = page(items(), &json!({"nextToken": first["nextToken"]}), "arns", 100).unwrap();
        assert_eq!(rest, json!({"arns": ["c"]}));
    }

    #[test]
    fn a_foreign_token_and_a_page_out_of_range_are_refused() {
        for body in [json!({"nextToken": "x"}), json!({"maxResults": 0}), json!({"maxResults": 101})] {
            let answer = page(vec!["a"], &body, "arns", 100).unwrap_err();
            assert_eq!(answer.code, "InvalidParameterException", "{body}");
        }
    }
}
