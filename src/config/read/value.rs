//! What single values mean: names, durations, dates, words out of a few, the identifiers of AWS.

use jiff::civil::Date;
use shipit_core::pipeline::Share;
use shipit_scheduler::Span;

use super::spelling::{nearest, one_of};
use crate::config::complaint::Complaint;
use crate::config::source::Place;

/// Why a text does not mean anything here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    why: String,
    help: Option<String>,
}

impl Bad {
    /// `why` goes on after the value's path: "`region` …".
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), help: None }
    }

    /// Adds what to write instead.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The complaint about `subject`, e.g. "`region`" or "the name of a service".
    pub(super) fn complaint(self, place: Place, subject: &str) -> Complaint {
        Complaint { help: self.help, ..Complaint::new(place, format!("{subject} {}", self.why)) }
    }
}

/// One word out of a few.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Bad> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let bad = Bad::new(format!("cannot be `{text}`"));
    Err(match nearest(text, &known) {
        Some(word) => bad.help(format!("did you mean `{word}`?")),
        None => bad.help(format!("it can be {}", one_of(&known))),
    })
}

/// A duration: `500ms`, `90s`, `5m`, `1h`; not zero.
pub(super) fn duration(text: &str) -> Result<Span, Bad> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    number
        .parse::<u64>()
        .ok()
        .zip(millis)
        .and_then(|(number, millis)| number.checked_mul(millis))
        .filter(|millis| *millis > 0)
        .map(Span)
        .ok_or_else(|| Bad::new(format!("is not a duration: `{text}`")).help("write it as `90s`, `5m` or `1h`"))
}

/// An age: `90m`, `36h`, `7d`; not zero.
pub(super) fn age(text: &str) -> Result<Span, Bad> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let minutes = match unit {
        "m" => Some(1),
        "h" => Some(60),
        "d" => Some(24 * 60),
        _ => None,
    };
    let minutes = number.parse::<u64>().ok().zip(minutes).and_then(|(number, minutes)| number.checked_mul(minutes));
    // A century is more than any scan's age.
    match minutes.filter(|minutes| (1..=100 * 365 * 24 * 60).contains(minutes)) {
        Some(minutes) => Ok(Span::seconds(minutes * 60)),
        None => Err(Bad::new(format!("is not an age: `{text}`")).help("write it as `7d`, `36h` or `90m`")),
    }
}

/// Whole minutes within bounds, as AWS counts bakes and timeouts: `0m`, `5m`, `2h`, `120s`.
pub(super) fn minutes(text: &str, least: u64, most: u64) -> Result<Span, Bad> {
    let zero = matches!(text, "0" | "0ms" | "0s" | "0m" | "0h");
    let span = if zero { Span(0) } else { duration(text)? };
    let whole = span.0.div_ceil(60_000);
    if !span.0.is_multiple_of(60_000) {
        return Err(Bad::new(format!("is `{text}`, and AWS counts whole minutes")).help(format!("write `{}m`", whole.max(least))));
    }
    if !(least..=most).contains(&whole) {
        let longest = if most.is_multiple_of(60) { format!("{}h", most / 60) } else { format!("{most}m") };
        return Err(Bad::new(format!("must be from {least}m to {longest}, not `{text}`")));
    }
    Ok(span)
}

/// A share of the traffic from `least` to 100 %, in tenths of a percent: `10%`, `0.5%`.
pub(super) fn share(text: &str, least: Share) -> Result<Share, Bad> {
    let bad = || Bad::new(format!("is not a share: `{text}`"));
    let number = text.strip_suffix('%').ok_or_else(|| match text.parse::<f64>() {
        Ok(_) => bad().help(format!("write `{text}%`")),
        Err(_) => bad().help("write it as `10%` or `0.5%`"),
    })?;
    let number = number.trim_end();
    let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(tenth) {
        return Err(bad().help("write it as `10%` or `0.5%`"));
    }
    if tenth.len() > 1 {
        return Err(bad().help("AWS takes shares in steps of 0.1%"));
    }
    let share = whole.parse::<u32>().ok().zip(tenth.parse::<u32>().ok());
    let share = share.and_then(|(whole, tenth)| Some(Share(whole.checked_mul(10)?.checked_add(tenth)?)));
    match share {
        Some(share) if (least..=Share::ALL).contains(&share) => Ok(share),
        _ => Err(Bad::new(format!("must be from {least} to 100%, not `{text}`"))),
    }
}

/// A day, `2027-01-31`.
pub(super) fn date(text: &str) -> Result<Date, Bad> {
    let bad = || Bad::new(format!("is not a day: `{text}`")).help("write it as `2027-01-31`");
    if text.len() != 10 {
        return Err(bad());
    }
    text.parse().map_err(|_| bad())
}

/// The largest number that AWS takes.
pub(super) const MOST: u32 = i32::MAX.unsigned_abs();

/// A whole number within bounds.
pub(super) fn number(text: &str, least: u32, most: u32) -> Result<u32, Bad> {
    let bounds = if most == MOST { format!("of at least {least}") } else { format!("from {least} to {most}") };
    let bad = Bad::new(format!("must be a whole number {bounds}, not `{text}`"));
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(match text.strip_suffix('%') {
            Some(number) => bad.help(format!("write `{}` without the sign", number.trim())),
            None => bad,
        }),
    }
}

/// Text that is not empty and stands on one line.
pub(super) fn line(text: &str) -> Result<String, Bad> {
    if text.trim().is_empty() {
        return Err(Bad::new("is empty"));
    }
    if text.contains(char::is_control) {
        return Err(Bad::new("must be one line of text without control characters"));
    }
    Ok(text.to_owned())
}

/// A name as ECS takes it for clusters, services and containers (CreateService: up to 255 letters, digits, `_`, `-`).
pub(super) fn name(text: &str) -> Result<String, Bad> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !text.is_empty() && text.len() <= 255 && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    let bad = Bad::new(format!("cannot be `{}`", text.escape_debug()));
    Err(match text.starts_with("arn:").then(|| text.rsplit('/').next()).flatten() {
        Some(name) => bad.help(format!("write the name, not the ARN: `{name}`")),
        None => bad.help("a name has 1 to 255 letters, digits, `_` and `-`"),
    })
}

/// The name of an AWS region.
pub(super) fn region(text: &str) -> Result<String, Bad> {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &str| part.len() >= 2 && part.chars().all(|c| c.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number]
            if words.len() >= 2
                && words.iter().all(|word| letters(word))
                && (1..=2).contains(&number.len())
                && number.chars().all(|c| c.is_ascii_digit()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Bad::new(format!("is not an AWS region: `{text}`")).help("a region is written as `ap-northeast-2`")),
    }
}

/// An AWS account.
pub(super) fn account(text: &str) -> Result<String, Bad> {
    if text.len() == 12 && text.chars().all(|c| c.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(Bad::new(format!("must be 12 digits, not `{text}`")).help("write it as `\"123456789012\"`, with its zeros"))
}

/// The ARN of an IAM role.
pub(super) fn role(text: &str) -> Result<String, Bad> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", number, role]
            if partition.starts_with("aws")
                && account(number).is_ok()
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Bad::new(format!("is not a role: `{text}`")).help("write it as `arn:aws:iam::123456789012:role/deploy`")),
    }
}

/// The account in a role's ARN.
pub(super) fn account_of(role: &str) -> Option<&str> {
    role.split(':').nth(4)
}

/// The name of an ECR repository (ECR's model, `RepositoryName`).
pub(super) fn repository(text: &str) -> Result<String, Bad> {
    let bad = Bad::new(format!("is not the name of a repository: `{text}`"));
    if let Some((name, tag)) = text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        let bad = if tag == "latest" { Bad::new(format!("asks for a moving tag: `{text}`")) } else { bad };
        return Err(bad.help(format!(
            "write `{}`: the tag is the commit",
            name.rsplit_once(".amazonaws.com/").map_or(name, |(_, name)| name)
        )));
    }
    if let Some((_, name)) = text.rsplit_once(".amazonaws.com/") {
        return Err(bad.help(format!("write `{name}`: the registry is that of the account and region")));
    }
    if (2..=256).contains(&text.len()) && text.split('/').all(is_repository_part) {
        return Ok(text.to_owned());
    }
    Err(bad.help("it has 2 to 256 lower-case letters and digits, with single `.`, `_`, `-` and `/` between them"))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_repository_part(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators: Vec<&str> = part.split(alphanumeric).filter(|separator| !separator.is_empty()).collect();
    part.starts_with(alphanumeric)
        && part.ends_with(alphanumeric)
        && separators.iter().all(|separator| matches!(*separator, "." | "_" | "__") || separator.chars().all(|c| c == '-'))
}
