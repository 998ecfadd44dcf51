//! A denial as AWS words it: who was denied what, on which resource, and which policy stands in the way; and the statement
//! that is missing.

use serde_json::Value;
use shipit_core::failure::{Code, Failure};

/// The failure of an action that AWS denies.
pub(super) fn failure(action: &str, message: &str) -> Failure {
    let statement = statement(&[action], resource(message).unwrap_or("*"));
    let next = match barrier(message) {
        Barrier::Deny(policy) => format!(
            "the {policy} denies it whatever other policies allow: whoever keeps it must take the deny out, and the role needs:\n{statement}"
        ),
        Barrier::Missing(policy) => format!("add to the {policy}:\n{statement}"),
        Barrier::Identity => format!("add to the policy of {}:\n{statement}", principal(message)),
    };
    Failure::new(Code::Denied, format!("AWS denies `{action}`")).because(message).next(next)
}

/// An IAM statement that allows these actions, as one line of JSON ready to be pasted.
pub fn statement(actions: &[&str], resource: &str) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let action = match actions {
        [one] => quoted(one),
        many => format!("[{}]", many.iter().map(|action| quoted(action)).collect::<Vec<_>>().join(", ")),
    };
    // A role may be handed on to tasks, and to nothing else.
    let condition = match actions {
        ["iam:PassRole"] => r#", "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}"#,
        _ => "",
    };
    format!(r#"{{"Effect": "Allow", "Action": {action}, "Resource": {}{condition}}}"#, quoted(resource))
}

/// What stands in the way.
enum Barrier<'a> {
    /// No policy of the caller allows it.
    Identity,
    /// Another kind of policy, which must allow it too, does not.
    Missing(&'a str),
    /// A policy denies it.
    Deny(&'a str),
}

fn barrier(message: &str) -> Barrier<'_> {
    if let Some((_, rest)) = message.split_once("with an explicit deny") {
        let policy = rest.trim_start_matches(" in an ").trim_start_matches(" in a ");
        let policy = policy.split(['.', ':', '\n']).next().unwrap_or_default().trim();
        return Barrier::Deny(if policy.is_empty() { "policy" } else { policy });
    }
    let policy = message.split_once("because no ").and_then(|(_, rest)| rest.split_once(" allows"));
    match policy {
        Some((policy, _)) if policy != "identity-based policy" => Barrier::Missing(policy),
        _ => Barrier::Identity,
    }
}

/// The resource that AWS names, an ARN.
fn resource(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("on resource: ")?;
    let named = rest.split_whitespace().next()?.trim_matches(['"', '\'', ',', ';']);
    Some(named).filter(|named| named.starts_with("arn:"))
}

/// Whose policy it is, in the words of a person.
fn principal(message: &str) -> String {
    let user = message.split_once("User: ").and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or_default();
    let path = user.rsplit(':').next().unwrap_or_default();
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next_back()) {
        (Some("assumed-role"), Some(role), _) => format!("the role `{role}`"),
        (Some("user"), Some(first), last) => format!("the user `{}`", last.unwrap_or(first)),
        _ if user.starts_with("arn:") => format!("`{user}`"),
        _ => "the role".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str = "User: arn:aws:sts::123456789012:assumed-role/ci/run-7 is not authorized to perform:";

    fn next(action: &str, rest: &str) -> String {
        let failure = failure(action, &format!("{WHO} {action} on resource: {rest}"));
        assert_eq!((failure.code, failure.next.len()), (Code::Denied, 1));
        let json = failure.next[0].lines().last().unwrap();
        let read: Value = serde_json::from_str(json).unwrap();
        assert_eq!((&read["Effect"], &read["Action"]), (&"Allow".into(), &action.into()), "{json}");
        failure.next[0].clone()
    }

    #[test]
    fn the_statement_names_action_resource_and_whose_policy_lacks_it() {
        let service = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
        let told =
            next("ecs:UpdateService", &format!("{service} because no identity-based policy allows the ecs:UpdateService action"));
        assert_eq!(
            told,
            format!(
                "add to the policy of the role `ci`:\n{{\"Effect\": \"Allow\", \"Action\": \"ecs:UpdateService\", \"Resource\": \"{service}\"}}"
            )
        );
        assert!(next("ecr:GetAuthorizationToken", "* because no identity-based policy").ends_with("\"Resource\": \"*\"}"));
        let told = next("iam:PassRole", "arn:aws:iam::123456789012:role/task");
        assert!(told.contains(r#""iam:PassedToService": "ecs-tasks.amazonaws.com""#), "{told}");
    }

    #[test]
    fn another_policy_that_stands_in_the_way_is_named() {
        let service = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";
        let told = next("ecs:UpdateService", &format!("{service} with an explicit deny in a service control policy"));
        assert!(told.starts_with("the service control policy denies it"), "{told}");
        let told = next("ecs:UpdateService", &format!("{service} because no permissions boundary allows the action"));
        assert!(told.starts_with("add to the permissions boundary:\n"), "{told}");
    }

    #[test]
    fn words_that_are_not_aws_s_still_make_a_statement() {
        for (message, who) in [
            ("no", "the role"),
            ("User: arn:aws:iam::1:user/teams/ann is not authorized", "the user `ann`"),
            ("User: arn:aws:iam::1:user/bob is not authorized", "the user `bob`"),
            ("User: arn:aws:iam::1:root is not authorized", "`arn:aws:iam::1:root`"),
            ("User: ", "the role"),
        ] {
            let told = failure("ecs:ListTasks", message).next.remove(0);
            assert!(told.starts_with(&format!("add to the policy of {who}:\n")), "{message}: {told}");
        }
    }
}
