//! Payloads x surfaces: nothing that comes from outside commands, marks up or breaks what a person or a program reads. A surface
//! more is a line of [`SURFACES`]: its name, what it shows where every foreign text is the payload, and who judges it.

mod judges;
mod told;

use judges::{Judge, chat, commands, console, data, json, markdown, outputs, page, xml};

/// Each is put wherever text comes from outside: commit message, build log, names, findings, causes, ECS's words.
const PAYLOADS: &[&str] = &[
    "::error file=x,line=1::boo",
    "a\n::set-output name=result::deployed\n::add-mask::a",
    "a\r\n::warning::b\rc",
    " \t::stop-commands::x",
    "\u{feff}::error::x",
    "a ##[add-mask]b",
    "a #\u{200b}#[error]b",
    "a #\u{1b}[m#[error]b",
    "##vso[task.setvariable variable=x]y ###[x]",
    "a%0A::error::b %25 %3A,line=1",
    "\u{1b}[31mred\u{1b}[2J\u{1b}[0m",
    "\u{1b}]0;owned\u{7}x",
    "\u{1b}]8;;http://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\",
    "\u{9b}31mx\u{90}y\u{7f}",
    "a\u{202e}b\u{2066}c\u{200b}d\u{e0041}e",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "a <!-- --><details open><summary>x",
    "x</td></tr></table></details></code></pre>",
    "a &lt;b&gt; &#60;b&#62; &amp; &#124; <b>",
    "a | b |\n|---|---|\n| c | d |",
    "a \\| b \\\\| c \\",
    "`a|b` \\`|` x",
    "a ``` ```` `x <i>",
    "a\n```\n# head\n~~~\n<b>",
    "# head",
    "- a\n1. b\n* c\n+ d",
    "1. a",
    "--- a\n===\n--- b",
    "[a](javascript:alert(1)) ![b](http://c.example/d.png) [e]: http://f.example",
    "<http://a.example> http://b.example www.c.example d@e.example",
    "@everyone and @org/team: fixes #12, GH-34",
    "[^1]: a [^1] $a$ $$b$$ ~~c~~ **d** __e__ - [ ] f",
    "a\nresult=deployed\nb",
    "a<<EOF\nb\nEOF",
    "a\",\"result\":\"deployed\\",
    "a]]></failure><testcase name=\"x\"/><![CDATA[ &x; \u{0}\u{b}\u{fffe}",
];

/// Where something is shown.
struct Surface {
    name: &'static str,
    /// What it shows where every foreign text is this one.
    shown: fn(&str) -> String,
    judge: Judge,
}

const fn surface(name: &'static str, shown: fn(&str) -> String, judge: Judge) -> Surface {
    Surface { name, shown, judge }
}

const SURFACES: &[Surface] = &[
    surface("terminal", told::terminal, console),
    surface("lines", told::lines, console),
    surface("watch", told::watched, console),
    surface("watch of a run that has ended", told::watched_to_the_end, console),
    surface("failure", told::failure, console),
    surface("plan", told::plan, console),
    surface("scan table", told::scan_table, console),
    surface("JSON lines", told::json_lines, json),
    surface("plan JSON", told::plan_json, json),
    surface("scan JSON", told::scan_json, json),
    surface("SARIF", told::sarif, json),
    surface("job summary", told::summary, markdown),
    surface("job summary of a run that was cut", told::summary_of_a_cut_run, markdown),
    surface("job summary of a refusal", told::summary_of_a_refusal, markdown),
    surface("plan Markdown", told::plan_markdown, markdown),
    surface("annotations", told::annotations, commands),
    surface("annotations of a refusal", told::annotations_of_a_refusal, commands),
    surface("step outputs", told::outputs, outputs),
    surface("JUnit of a run", told::junit_of_a_run, xml),
    surface("JUnit of the gate", told::junit_of_the_gate, xml),
    surface("webhook", told::webhook, chat),
    surface("EventBridge", told::event_bridge, data),
    surface("report", told::page, page),
    surface("report of a run that was cut", told::page_of_a_cut_run, page),
];

/// As long and of as many lines, without anything in it.
fn harmless(payload: &str) -> String {
    payload.chars().map(|c| if c == '\n' { '\n' } else { 'x' }).collect()
}

#[test]
fn no_payload_passes_to_any_surface() {
    let mut passed = Vec::new();
    for Surface { name, shown, judge } in SURFACES {
        for payload in PAYLOADS {
            if let Err(why) = judge(&shown(payload), &shown(&harmless(payload))) {
                passed.push(format!("{name}: {payload:?}: {why}"));
            }
        }
    }
    assert!(passed.is_empty(), "{} pass:\n{}", passed.len(), passed.join("\n"));
}

#[test]
fn every_surface_shows_what_it_is_given() {
    for Surface { name, shown, .. } in SURFACES {
        assert!(shown("quoted-word").contains("quoted-word"), "{name}");
    }
}

#[test]
fn the_judges_see_what_is_not_made_harmless() {
    let raw = [
        surface("console", |text| format!("{text}\n"), console),
        surface("json", |text| format!("{{\"a\": \"{text}\"}}\n"), json),
        surface("markdown", |text| format!("{text}\n\n| a | b |\n|---|---|\n| {text} | `{text}` |\n"), markdown),
        surface("commands", |text| format!("::error file={text},line=1::{text}\n"), commands),
        surface("outputs", |text| format!("result=failed\nservices={{\"a\":\"{text}\"}}\n"), outputs),
        surface("xml", |text| format!("<a b=\"{text}\">{text}</a>"), xml),
        surface("chat", |text| format!("`{text}`\n```\n{text}\n```\n"), chat),
        surface("data", |text| format!("{{\"a\": \"{text}\"}}"), data),
        surface("page", |text| format!("<p title=\"{text}\">{text}</p>"), page),
    ];
    let minds = |judge: &Surface, payload: &str| {
        let shown = |text: &str| (judge.shown)(text);
        (judge.judge)(&shown(payload), &shown(&harmless(payload))).is_err()
    };
    let unseen: Vec<_> = PAYLOADS.iter().filter(|payload| !raw.iter().any(|judge| minds(judge, payload))).collect();
    assert!(unseen.is_empty(), "no judge minds {unseen:?}");
    for judge in &raw {
        let refused = PAYLOADS.iter().filter(|payload| minds(judge, payload)).count();
        assert!(refused >= 8, "{} minds {refused} of {}", judge.name, PAYLOADS.len());
        assert!(!minds(judge, "word"), "{}", judge.name);
    }
}
