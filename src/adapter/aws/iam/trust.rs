//! A role's trust policy: out of GetRole's reply, and which services it lets in. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

/// `AssumeRolePolicyDocument` of a reply. IAM encodes it as in a URL, so there is no markup in it.
pub fn document(reply: &str) -> Option<Value> {
    let (_, rest) = reply.split_once("<AssumeRolePolicyDocument>")?;
    let (encoded, _) = rest.split_once("</AssumeRolePolicyDocument>")?;
    serde_json::from_slice(&decoded(encoded.trim())).ok()
}

/// The services that may assume the role; a service that is denied without condition is left out.
pub fn services(document: &Value) -> BTreeSet<String> {
    let of = |effect: &str, wanted: fn(&Value) -> bool| -> BTreeSet<String> {
        let statements = items(&document["Statement"]).filter(|it| it["Effect"] == effect);
        statements.filter(|it| assumes(it) && wanted(it)).flat_map(principals).collect()
    };
    let denied = of("Deny", |statement| statement["Condition"].is_null());
    let allowed = of("Allow", |_| true);
    if denied.contains("*") { BTreeSet::new() } else { allowed.difference(&denied).cloned().collect() }
}

fn assumes(statement: &Value) -> bool {
    let known = ["sts:assumerole", "sts:*", "sts:assume*", "*"];
    items(&statement["Action"]).filter_map(Value::as_str).any(|action| known.contains(&action.to_lowercase().as_str()))
}

fn principals(statement: &Value) -> Vec<String> {
    let principal = &statement["Principal"];
    let everybody = principal == "*" || items(&principal["AWS"]).any(|it| it == "*");
    let services = items(&principal["Service"]).filter_map(Value::as_str).map(str::to_owned);
    services.chain(everybody.then(|| "*".to_owned())).collect()
}

/// A policy has one thing or a list of them.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Null => [].iter(),
        Value::Array(items) => items.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

/// Everything but the unreserved characters as `%XX` (RFC 3986).
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_document_is_read_out_of_the_reply() {
        let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"},
                                           "Action": "sts:AssumeRole", "Sid": "100% ü"}]});
        let reply = format!(
            "<GetRoleResponse><GetRoleResult><Role><AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument></Role></GetRoleResult>\
             </GetRoleResponse>",
            encoded(&policy.to_string())
        );
        assert_eq!(document(&reply), Some(policy));
        assert_eq!(document("<GetRoleResponse/>"), None);
        assert_eq!(document("<AssumeRolePolicyDocument>%7</AssumeRolePolicyDocument>"), None);
    }

    #[test]
    fn services_are_those_that_are_let_in() {
        let allow = |principal: Value, action: Value| json!({"Effect": "Allow", "Principal": principal, "Action": action});
        let ecs = || json!({"Service": "ecs.amazonaws.com"});
        let both = || json!({"Service": ["ecs.amazonaws.com", "codedeploy.amazonaws.com"]});
        let deny = json!({"Effect": "Deny", "Principal": ecs(), "Action": "sts:*"});
        let sometimes = json!({"Effect": "Deny", "Principal": ecs(), "Action": "sts:*", "Condition": {"Bool": {}}});
        for (statements, expected) in [
            (allow(ecs(), json!("sts:AssumeRole")), &["ecs.amazonaws.com"][..]),
            (
                json!([allow(both(), json!(["sts:AssumeRole", "sts:TagSession"]))]),
                &["codedeploy.amazonaws.com", "ecs.amazonaws.com"],
            ),
            (json!([allow(both(), json!("sts:assumerole")), deny]), &["codedeploy.amazonaws.com"]),
            (json!([allow(ecs(), json!("sts:AssumeRole")), sometimes]), &["ecs.amazonaws.com"]),
            (json!([allow(json!("*"), json!("*"))]), &["*"]),
            (json!([allow(json!({"AWS": "arn:aws:iam::1:root"}), json!("sts:AssumeRole"))]), &[]),
            (json!([allow(ecs(), json!("sts:TagSession"))]), &[]),
            (Value::Null, &[]),
        ] {
            let found: Vec<String> = services(&json!({"Statement": statements})).into_iter().collect();
            assert_eq!(found, expected, "{statements}");
        }
    }
}
