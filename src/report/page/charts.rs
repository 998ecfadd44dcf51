//! Which charts a rollout has: tasks by revision, traffic as set and as measured, errors and latency of both versions.

use jiff::Timestamp;
use shipit_core::analysis::{Beside, MINUTE, Percent, Served};
use shipit_core::pipeline::Share;

use super::super::words;
use super::chart::{Chart, Drawn, Looks};
use super::course::{Course, Look};

/// The charts of a rollout; none before its second look.
pub fn charts(course: &Course, names: [&str; 2]) -> Vec<Chart> {
    let Some(span) = span(course) else { return Vec::new() };
    let minutes: Vec<&Beside> = course.minutes.values().filter(|minute| minute.start >= span.0 - MINUTE).collect();
    let mut charts = vec![tasks(course, span, names)];
    charts.extend(course.shifts().then(|| traffic(course, &minutes, span)));
    if !minutes.is_empty() {
        charts.push(errors(course, &minutes, span, names));
        charts.extend(latency(course, &minutes, span, names));
    }
    charts
}

fn span(course: &Course) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = course.span()?;
    let last = course.minutes.keys().next_back().map_or(to, |minute| *minute + MINUTE);
    (from < to).then(|| (from, to.max(last.min(to + MINUTE))))
}

/// Each look's value until the next look.
fn held(course: &Course, value: impl Fn(&Look) -> Option<f64>) -> Vec<(Timestamp, Timestamp, f64)> {
    course.pairs().filter_map(|(look, next)| Some((look.at, next.at, value(look)?))).collect()
}

fn last(course: &Course) -> Option<&Look> {
    course.looks.last()
}

fn stages(course: &Course) -> Vec<Timestamp> {
    course.stages.iter().map(|(at, _)| *at).collect()
}

fn tasks(course: &Course, span: (Timestamp, Timestamp), [candidate, stable]: [&str; 2]) -> Chart {
    let most = course.looks.iter().flat_map(|look| [look.desired, look.candidate.0, look.stable]).max().unwrap_or(0);
    let top = most.max(1).next_multiple_of(2);
    let now = last(course).copied();
    let line = |name: &str, looks, of: fn(&Look) -> u32| Drawn {
        name: name.to_owned(),
        look: looks,
        last: now.map_or_else(String::new, |look| words::number(u64::from(of(&look)))),
        steps: held(course, |look| Some(f64::from(of(look)))),
    };
    let failed = course.looks.iter().map(|look| look.failed).max().unwrap_or(0);
    let summary = now.map_or_else(String::new, |look| {
        let failed = if failed > 0 {
            format!(" {} of {candidate} failed.", words::count(u64::from(failed), "task"))
        } else {
            String::new()
        };
        format!(
            "Running tasks over time. At the end {candidate} has {} and {stable} {}, of {} wanted.{failed}",
            look.candidate.0, look.stable, look.desired
        )
    });
    let number = |value: u32| words::number(u64::from(value));
    Chart {
        title: "Running tasks",
        word: "tasks",
        summary,
        span,
        top: f64::from(top),
        ticks: [number(top), number(top / 2)],
        lines: vec![
            line(candidate, Looks::Area, |look| look.candidate.0),
            line(stable, Looks::Stable, |look| look.stable),
            line("wanted", Looks::Wanted, |look| look.desired),
        ],
        marks: stages(course),
        head: vec!["candidate", "starting", "failed so far", "stable", "wanted"],
        rows: course
            .looks
            .iter()
            .map(|look| {
                let cells = [look.candidate.0, look.candidate.1, look.failed, look.stable, look.desired];
                (look.at, cells.map(number).to_vec())
            })
            .collect(),
    }
}

/// As the platform has set it, and as requests were counted.
fn traffic(course: &Course, minutes: &[&Beside], span: (Timestamp, Timestamp)) -> Chart {
    let counted: Vec<(Timestamp, f64)> = minutes
        .iter()
        .filter_map(|minute| {
            let (ours, theirs) = (minute.candidate.count.requests, minute.stable.count.requests);
            Some((minute.start, share(ours, ours.checked_add(theirs)?)?))
        })
        .collect();
    let set = |look: &Look| look.share.map(|share| share.as_percent());
    let last_set = last(course).and_then(|look| look.share).unwrap_or(Share::NONE);
    let highest = course.looks.iter().filter_map(|look| look.share).max().unwrap_or(Share::NONE);
    let mut lines = vec![Drawn {
        name: "set by the platform".into(),
        look: Looks::Wanted,
        last: last_set.to_string(),
        steps: held(course, set),
    }];
    let mut summary = format!("The candidate's share of the traffic over time: up to {highest}, {last_set} at the end.");
    if let Some((_, newest)) = counted.last() {
        lines.insert(
            0,
            Drawn {
                name: "measured in requests".into(),
                look: Looks::Area,
                last: format!("{newest:.1}%"),
                steps: counted.iter().map(|(start, value)| (*start, *start + MINUTE, *value)).collect(),
            },
        );
        summary.push_str(&format!(" In the last minute that was counted it had {newest:.1}% of the requests."));
    } else {
        summary.push_str(" Requests were not counted: nothing judges this rollout.");
        lines[0].look = Looks::Area;
    }
    let mut rows: Vec<(Timestamp, Vec<String>)> = course
        .looks
        .iter()
        .filter_map(|look| Some((look.at, vec![look.share?.to_string(), String::new()])))
        .chain(counted.iter().map(|(start, value)| (*start, vec![String::new(), format!("{value:.1}%")])))
        .collect();
    rows.sort_by_key(|(at, _)| *at);
    Chart {
        title: "Traffic of the candidate",
        word: "traffic",
        summary,
        span,
        top: 100.0,
        ticks: ["100%".into(), "50%".into()],
        lines,
        marks: stages(course),
        head: vec!["set", "measured"],
        rows,
    }
}

fn errors(course: &Course, minutes: &[&Beside], span: (Timestamp, Timestamp), names: [&str; 2]) -> Chart {
    let rate = |served: &Served| share(served.count.errors, served.count.requests);
    let all = |side: fn(&Beside) -> &Served| {
        let count = minutes.iter().map(|minute| side(minute).count).fold((0, 0), |(errors, requests): (u64, u64), count| {
            (errors.saturating_add(count.errors), requests.saturating_add(count.requests))
        });
        (count, share(count.0, count.1).map_or_else(|| "no requests".to_owned(), |percent| Percent(percent / 100.0).to_string()))
    };
    let (candidate, stable) = (all(|minute| &minute.candidate), all(|minute| &minute.stable));
    let told = |((errors, requests), percent): &((u64, u64), String), name: &str| match requests {
        0 => format!("{name} had no requests"),
        _ => format!("{name} {percent}, {} of {}", words::number(*errors), words::count(*requests, "request")),
    };
    let summary = format!("Share of requests that failed: {}; {}.", told(&candidate, names[0]), told(&stable, names[1]));
    let of = move |minute: &Beside| [rate(&minute.candidate), rate(&minute.stable)];
    let highest = minutes.iter().flat_map(|minute| of(minute)).flatten().fold(0.0, f64::max);
    let top = ceiling(highest.max(1.0)).min(100.0);
    let tick = |value: f64| format!("{}%", shortly(value));
    both(
        course,
        minutes,
        span,
        Both {
            title: "Failed requests",
            word: "errors",
            summary,
            top,
            ticks: [tick(top), tick(top / 2.0)],
            names,
            last: [candidate.1, stable.1],
            of: &of,
            cell: &|served| match served.count.requests {
                0 => "no requests".to_owned(),
                requests => format!("{} of {}", words::number(served.count.errors), words::number(requests)),
            },
        },
    )
}

fn latency(course: &Course, minutes: &[&Beside], span: (Timestamp, Timestamp), names: [&str; 2]) -> Option<Chart> {
    let ms = |served: &Served| served.p95_ms.map(|ms| ms as f64);
    let of = move |minute: &Beside| [ms(&minute.candidate), ms(&minute.stable)];
    let highest = minutes.iter().flat_map(|minute| of(minute)).flatten().reduce(f64::max)?;
    let newest = |side: usize| minutes.iter().rev().find_map(|minute| of(minute)[side]);
    let told = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms:.0} ms"));
    let last = [told(newest(0)), told(newest(1))];
    let summary = format!(
        "95th percentile of the response time, minute by minute: at the end {} {}, {} {}.",
        names[0], last[0], names[1], last[1]
    );
    let top = ceiling(highest.max(10.0));
    let tick = |value: f64| format!("{} ms", shortly(value));
    Some(both(
        course,
        minutes,
        span,
        Both {
            title: "Response time, p95",
            word: "p95",
            summary,
            top,
            ticks: [tick(top), tick(top / 2.0)],
            names,
            last,
            of: &of,
            cell: &|served| ms(served).map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms")),
        },
    ))
}

/// Both versions, minute by minute.
struct Both<'a> {
    title: &'static str,
    word: &'static str,
    summary: String,
    top: f64,
    ticks: [String; 2],
    names: [&'a str; 2],
    last: [String; 2],
    of: &'a dyn Fn(&Beside) -> [Option<f64>; 2],
    cell: &'a dyn Fn(&Served) -> String,
}

fn both(course: &Course, minutes: &[&Beside], span: (Timestamp, Timestamp), both: Both<'_>) -> Chart {
    let steps = |side: usize| {
        let known = minutes.iter().filter_map(|minute| Some((minute.start, minute.start + MINUTE, (both.of)(minute)[side]?)));
        known.collect()
    };
    let [candidate, stable] = both.last;
    Chart {
        title: both.title,
        word: both.word,
        summary: both.summary,
        span,
        top: both.top,
        ticks: both.ticks,
        lines: vec![
            Drawn { name: both.names[0].to_owned(), look: Looks::Candidate, last: candidate, steps: steps(0) },
            Drawn { name: both.names[1].to_owned(), look: Looks::Stable, last: stable, steps: steps(1) },
        ],
        marks: stages(course),
        head: vec!["candidate", "stable"],
        rows: minutes
            .iter()
            .map(|minute| (minute.start, [minute.candidate, minute.stable].iter().map(both.cell).collect()))
            .collect(),
    }
}

/// In percent; none of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
}

/// The next of 1, 2, 5, 10, 20, 50 and so on that is not below.
fn ceiling(value: f64) -> f64 {
    let mut power = 1.0;
    while power * 10.0 < value {
        power *= 10.0;
    }
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(value)
}

fn shortly(value: f64) -> String {
    if value.fract() == 0.0 { words::number(value as u64) } else { format!("{value:.1}") }
}
