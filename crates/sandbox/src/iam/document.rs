//! Policy documents: read as JSON, shown percent-encoded as RFC 3986 has it, which is how IAM answers them.

use serde_json::Value;

use crate::error::AwsError;

/// The document, when it is one.
///
/// # Errors
/// `MalformedPolicyDocument` in IAM's words.
pub(super) fn checked(text: &str) -> Result<String, AwsError> {
    let malformed = |text: &str| AwsError::new("MalformedPolicyDocument", text);
    let document: Value = serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    let statements = match &document["Statement"] {
        Value::Array(statements) if !statements.is_empty() => statements.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => return Err(malformed("Syntax errors in policy.")),
    };
    for statement in statements {
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(malformed("Syntax errors in policy."));
        }
        if statement["Action"].is_null() && statement["NotAction"].is_null() {
            return Err(malformed("Policy statement must contain actions."));
        }
        if statement["Principal"].is_null() && statement["NotPrincipal"].is_null() {
            return Err(malformed("AssumeRole policy must contain principals."));
        }
        if !statement["Resource"].is_null() {
            return Err(malformed("Has prohibited field Resource"));
        }
    }
    Ok(text.to_owned())
}

/// Everything but the unreserved characters as `%XX`.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
