//! The top of the page: what ran, how it ended, why, how things stand, what to do.

use maud::{Markup, html};
use shipit_core::failure::Failure;

use super::ending::{Ending, stands};
use super::model::{Head, Model};
use super::text::{between, date, rich};

/// What the run is about.
pub fn header(model: &Model) -> Markup {
    html! {
        header.top {
            @match &model.head {
                Some(head) => (about(head)),
                None => h1 { "A run of shipit" },
            }
        }
    }
}

fn about(head: &Head) -> Markup {
    html! {
        h1 {
            (head.pipeline)
            @if let Some(environment) = &head.environment { " " span.environment { (environment) } }
        }
        p.about {
            code { (tag(&head.tag)) }
            @if let Some(subject) = &head.subject { " " span.subject { "“" (subject) "”" } }
            span.to { " → " (head.cluster) " (" (head.region) ")" }
        }
    }
}

/// Seven digits of a commit; what is dirty says so.
fn tag(tag: &str) -> String {
    let short = |text: &str| text.chars().take(7).collect::<String>();
    match tag.split_once("-dirty-") {
        Some((commit, content)) => format!("{}-dirty-{}", short(commit), short(content)),
        None if tag.len() == 40 && tag.chars().all(|c| c.is_ascii_hexdigit()) => short(tag),
        None => tag.to_owned(),
    }
}

/// How it ended, with the four parts of its failure.
pub fn verdict(model: &Model, ending: Ending) -> Markup {
    let failure = model.ended.as_ref().and_then(|(_, outcome)| outcome.failure.as_ref());
    html! {
        section.verdict.(ending.tone.class()) aria-labelledby="verdict" {
            div.head {
                span.sign aria-hidden="true" { (ending.tone.sign()) }
                div {
                    h2 #verdict { (ending.word) }
                    @match failure {
                        Some(failure) => p.what { (rich(&failure.what)) },
                        None => @if !ending.says.is_empty() { p.what { (rich(ending.says)) } },
                    }
                }
            }
            @if let Some(failure) = failure { (parts(failure)) }
            @if let (None, Some(head)) = (&model.ended, &model.head) {
                @if !head.resume.is_empty() {
                    div.parts { div.next { h3 { "To go on with it" } ul { li { (rich(&head.resume)) } } } }
                }
            }
            (facts(model, failure))
            (services(model))
        }
    }
}

/// Because, now, next.
fn parts(failure: &Failure) -> Markup {
    let parts = [("because", "Because", &failure.because), ("now", "Now", &failure.now), ("next", "Next", &failure.next)];
    html! {
        div.parts {
            @for (class, title, lines) in parts {
                @if !lines.is_empty() {
                    div.(class) {
                        h3 { (title) }
                        ul { @for line in lines { li { (quoted(line)) } } }
                    }
                }
            }
        }
    }
}

/// A first line, and what it quotes below it.
fn quoted(text: &str) -> Markup {
    match text.split_once('\n') {
        None => rich(text),
        Some((first, rest)) => html! { (rich(first)) pre tabindex="0" { (rest) } },
    }
}

fn facts(model: &Model, failure: Option<&Failure>) -> Markup {
    html! {
        dl.facts {
            @if let Some((from, to)) = model.span {
                div { dt { "Began" } dd { (date(from)) } }
                div { dt { @if model.ended.is_some() { "Took" } @else { "Known for" } } dd { (between(from, to)) } }
            }
            @if let Some((_, outcome)) = &model.ended { div { dt { "Exit" } dd { (outcome.exit.code()) } } }
            @if let Some(failure) = failure {
                div { dt { "Code" } dd { code { (failure.code) } } }
            }
            @if let Some(head) = &model.head { div { dt { "Run" } dd { code { (head.run) } } } }
        }
    }
}

fn services(model: &Model) -> Markup {
    let Some((_, outcome)) = &model.ended else { return html! {} };
    html! {
        @if !outcome.services.is_empty() {
            h3.stands { "How the services stand" }
            ul.services {
                @for (name, service) in &outcome.services {
                    @let (tone, word, revision, remark) = stands(service);
                    li {
                        b { (name) }
                        span.badge.(tone.class()) { span aria-hidden="true" { (tone.sign()) " " } (word) }
                        @if let Some(revision) = revision { code { (revision) } }
                        @if !remark.is_empty() { span.remark { (rich(&remark)) } }
                    }
                }
            }
        }
    }
}
