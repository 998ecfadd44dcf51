//! Reading parameters. The query protocol knows only strings, so every number and flag is parsed here.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::error::AwsError;

/// A structure of a request.
#[derive(Clone, Copy)]
pub struct Params<'a>(pub &'a Value);

impl<'a> Params<'a> {
    /// A string that may be missing; an empty one counts as missing.
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A string that must be there.
    ///
    /// # Errors
    /// `ValidationError` when it is missing.
    pub fn required(self, name: &str) -> Result<&'a str, AwsError> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// A whole number that may be missing.
    ///
    /// # Errors
    /// `ValidationError` when it is no number or out of range.
    pub fn number(self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, AwsError> {
        self.text(name).map(|text| number(name, text, range)).transpose()
    }

    /// A port that may be missing: 1 to 65535.
    ///
    /// # Errors
    /// `ValidationError` as for [`Params::number`].
    pub fn port(self, name: &str) -> Result<Option<u16>, AwsError> {
        let port = self.number(name, 1..=65535)?;
        Ok(port.and_then(|port| u16::try_from(port).ok()))
    }

    /// `true` or `false`, or missing.
    ///
    /// # Errors
    /// `ValidationError` for anything else.
    pub fn flag(self, name: &str) -> Result<Option<bool>, AwsError> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(constraint(name, other, "Member must satisfy enum value set: [true, false]")),
        }
    }

    /// One of a set of words, or missing.
    ///
    /// # Errors
    /// `ValidationError` for any other word.
    pub fn one_of(self, name: &str, words: &[&str]) -> Result<Option<&'a str>, AwsError> {
        match self.text(name) {
            Some(word) if !words.contains(&word) => {
                let set = format!("Member must satisfy enum value set: [{}]", words.join(", "));
                Err(constraint(name, word, &set))
            }
            word => Ok(word),
        }
    }

    /// A structure, or one without members when it is missing.
    pub fn part(self, name: &str) -> Params<'a> {
        Params(self.0.get(name).unwrap_or(&Value::Null))
    }

    /// The structures of a list; none when it is missing (an empty list may arrive as an empty string).
    pub fn list(self, name: &str) -> Vec<Params<'a>> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.into_iter().flatten().map(Params).collect()
    }

    /// The strings of a list.
    pub fn texts(self, name: &str) -> Vec<String> {
        let items = self.0.get(name).and_then(Value::as_array);
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// A list that must have a member.
    ///
    /// # Errors
    /// `ValidationError` when it is missing or empty.
    pub fn required_list(self, name: &str) -> Result<Vec<Params<'a>>, AwsError> {
        let list = self.list(name);
        if list.is_empty() { Err(missing(name)) } else { Ok(list) }
    }
}

/// A whole number in a range.
///
/// # Errors
/// `ValidationError` when it is none.
pub fn number(name: &str, text: &str, range: RangeInclusive<u32>) -> Result<u32, AwsError> {
    let number: i64 = text.parse().map_err(|_| constraint(name, text, "Member must be a whole number"))?;
    match u32::try_from(number) {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            let bound = if number < i64::from(*range.start()) {
                format!("greater than or equal to {}", range.start())
            } else {
                format!("less than or equal to {}", range.end())
            };
            let rule = format!("Member must have value {bound}");
            Err(constraint(name, text, &rule))
        }
    }
}

/// ELBv2's `ValidationError`.
pub fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", message)
}

/// A name of a load balancer or target group (`what`): up to 32 letters, digits and hyphens.
///
/// # Errors
/// `ValidationError` in AWS's words.
pub fn checked_name<'a>(what: &str, name: &'a str) -> Result<&'a str, AwsError> {
    let complaint = if name.len() > 32 {
        "cannot be longer than '32' characters"
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        "can only contain characters that are alphanumeric characters and hyphens(-)"
    } else if name.starts_with('-') || name.ends_with('-') {
        "cannot begin or end with a hyphen(-)"
    } else {
        return Ok(name);
    };
    Err(invalid(format!("The {what} name '{name}' {complaint}")))
}

fn missing(name: &str) -> AwsError {
    invalid(format!(
        "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
        lower_first(name)
    ))
}

fn constraint(name: &str, value: &str, rule: &str) -> AwsError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{}' failed to satisfy constraint: {rule}",
        lower_first(name)
    ))
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_in_their_range() {
        let body = json!({"Port": "8080", "Low": "0", "High": "70000", "Word": "x", "Huge": "99999999999"});
        let params = Params(&body);
        assert_eq!(params.port("Port").unwrap(), Some(8080));
        assert_eq!(params.port("Missing").unwrap(), None);
        let message = |name: &str| params.port(name).unwrap_err().message;
        assert!(message("Low").ends_with("value greater than or equal to 1"), "{}", message("Low"));
        assert!(message("High").ends_with("value less than or equal to 65535"));
        assert!(message("Huge").contains("less than or equal to"));
        assert!(message("Word").contains("Value 'x' at 'word'"));
    }

    #[test]
    fn an_empty_list_may_be_an_empty_string() {
        let body = json!({"Names": "", "Arns": ["a", "b"]});
        assert!(Params(&body).texts("Names").is_empty());
        assert_eq!(Params(&body).texts("Arns"), ["a", "b"]);
        let error = Params(&body).required_list("Names").err().unwrap();
        assert_eq!(error.code, "ValidationError");
        assert!(error.message.contains("Value null at 'names'"));
    }

    #[test]
    fn names_are_checked_in_aws_words() {
        assert!(checked_name("target group", "web-1").is_ok());
        let message = |name: &str| checked_name("target group", name).unwrap_err().message;
        assert!(message(&"x".repeat(33)).contains("longer than '32'"));
        assert!(message("a_b").contains("alphanumeric"));
        assert!(message("-a").contains("begin or end"));
    }
}
