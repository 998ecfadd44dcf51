//! What the pages say to type at the AWS CLI: operations and options that AWS's own models have.

use regex_lite::Regex;

use super::pages;
use crate::support::conform::model;

/// What the command line adds to the models.
const OF_THE_COMMAND_LINE: [&str; 4] = ["configure sso", "sso login", "ecr get-login-password", "wait"];

/// `list-image-referrers` as `ListImageReferrers`.
fn pascal(dashed: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    dashed.split('-').map(word).collect()
}

/// What is wrong with what stands behind `aws`.
fn complaint(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let [service, verb, options @ ..] = &words[..] else { return Some("no operation".to_owned()) };
    if OF_THE_COMMAND_LINE.iter().any(|known| command.starts_with(known) || verb == known) {
        return None;
    }
    let model = model::of(if *service == "deploy" { "codedeploy" } else { service });
    let Some(operation) = model.operation(&pascal(verb)) else { return Some(format!("{service} has no {verb}")) };
    let input = model.shape(operation.input().unwrap_or_default());
    let unknown = options.iter().filter_map(|word| word.strip_prefix("--")).find(|option| {
        let name = pascal(option);
        let small = name[..1].to_lowercase() + &name[1..];
        input.member(&name).or(input.member(&small)).is_none()
    });
    unknown.map(|option| format!("{verb} has no --{option}"))
}

#[test]
fn what_is_said_to_the_aws_cli_is_of_aws() {
    let span = Regex::new(r"`aws ([^`\\]*)").unwrap();
    let mut complaints = Vec::new();
    let mut read = 0;
    for page in pages() {
        for found in span.captures_iter(&page.text) {
            read += 1;
            complaints.extend(complaint(found[1].trim()).map(|said| format!("{}: aws {}: {said}", page.name, &found[1])));
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(read > 15, "{read}");
}

#[test]
fn what_aws_does_not_have_is_seen() {
    assert_eq!(complaint("deploy list-deployment-groups --application-name <name>"), None);
    assert_eq!(complaint("ecs wait services-stable"), None);
    assert_eq!(complaint("ecs list-servises"), Some("ecs has no list-servises".to_owned()));
    assert_eq!(complaint("ecr describe-images --tag a"), Some("describe-images has no --tag".to_owned()));
}
