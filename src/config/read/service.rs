//! One of `services:`.

use std::collections::BTreeMap;

use serde_json::Value;
use shipit_core::analysis::Judge;
use shipit_core::pipeline::{Lines, Name, Pause, Service, Smoke, Strategy, TaskDefinitionSource, Traffic, WhenSame};
use shipit_core::taskdef;
use shipit_scheduler::Span;

use super::ecs_json::{EcsJson, ecs_json};
use super::field::{Field, Fields};
use super::judge::judge_of;
use super::lines;
use super::shape::{SERVICE, SMOKE};
use super::strategy::{ROLLING_AS_IT_IS, strategy_of};
use super::traffic::{pause_of, traffic_of};
use super::value::Bad;
use super::{At, Reading, spelling, value};
use crate::config::complaint::Complaint;
use crate::config::source::{Place, SourceKind};

/// The words of `force_new_deployment:`.
const FORCED: &[(&str, WhenSame)] = &[("true", WhenSame::RollOut), ("false", WhenSame::Leave)];

/// A service, as far as it could be read.
pub(super) struct RawService {
    pub(super) name: At<Name>,
    /// The ECS service's name.
    pub(super) service: Option<At<String>>,
    pub(super) needs: Vec<At<Name>>,
    /// Container and image; nothing if that could not be read.
    pub(super) containers: Option<Vec<(At<String>, At<Name>)>>,
    task_definition: Option<TaskDefinitionSource>,
    strategy: Option<Strategy>,
    traffic: Option<Traffic>,
    pause: Option<Pause>,
    judge: Option<Judge>,
    smoke: Option<Smoke>,
    service_definition: Option<Value>,
    when_same: Option<WhenSame>,
    lines: Lines,
}

impl RawService {
    /// The service, if all of it could be read.
    pub(super) fn finish(self) -> Option<Service> {
        let containers: BTreeMap<String, Name> =
            self.containers?.into_iter().map(|(container, image)| (container.value, image.value)).collect();
        Some(Service {
            name: self.name.value,
            service: self.service?.value,
            needs: self.needs.into_iter().map(|need| need.value).collect(),
            task_definition: self.task_definition?,
            containers,
            images: BTreeMap::new(),
            strategy: self.strategy?,
            traffic: self.traffic,
            pause: self.pause,
            judge: self.judge,
            smoke: self.smoke,
            service_definition: self.service_definition,
            when_same: self.when_same?,
            lines: self.lines,
        })
    }
}

pub(super) fn service(name: At<Name>, field: Field<'_>, reading: &mut Reading<'_>) -> RawService {
    if let Err(bad) = value::name(&name.value) {
        reading.complain(bad.complaint(name.place.clone(), "the name of a service"));
    }
    let mut raw = RawService {
        name,
        service: None,
        needs: Vec::new(),
        containers: None,
        task_definition: None,
        strategy: None,
        traffic: None,
        pause: None,
        judge: None,
        smoke: None,
        service_definition: None,
        when_same: None,
        lines: Lines::default(),
    };
    lines::of_service(&raw.name, &field, &mut raw.lines);
    let Some(fields) = field.fields(&SERVICE, reading) else { return raw };
    raw.service = ecs_name(&raw.name, &fields, reading);
    raw.needs = fields.get("needs").map(|field| names(&field, reading)).unwrap_or_default();
    raw.containers = match fields.given("containers") {
        None if !fields.misspelt("containers") => Some(Vec::new()),
        _ => fields.require("containers", reading).and_then(|field| containers_of(&field, reading)),
    };
    raw.task_definition = fields
        .require("task_definition", reading)
        .and_then(|field| task_definition_of(&field, raw.containers.as_deref().unwrap_or_default(), reading, &mut raw.lines));
    raw.strategy = match fields.get("strategy") {
        Some(field) => strategy_of(&field, reading),
        None => {
            reading.is_default(fields.path("strategy"));
            Some(ROLLING_AS_IT_IS)
        }
    };
    raw.traffic = fields.get("traffic").and_then(|field| traffic_of(field, reading));
    raw.pause = fields.get("pause").and_then(|field| pause_of(field, reading));
    raw.judge = fields.get("judge").and_then(|field| judge_of(field, reading));
    check_guards(&fields, raw.strategy.as_ref(), reading);
    raw.smoke = fields.get("smoke").and_then(|field| smoke_of(field, reading));
    raw.service_definition = fields.get("service_definition").and_then(|field| ecs_json(&field, reading)).map(|json| {
        check_service_name(&json, raw.service.as_ref(), reading);
        json.value
    });
    raw.when_same = match fields.get("force_new_deployment") {
        Some(field) => field.read(reading, |text| value::word(text, FORCED)).map(|forced| forced.value),
        None => Some(WhenSame::Leave),
    };
    raw
}

/// What guards traffic that moves guards nothing where none does. A strategy of the moment, by flag or variable, may leave it
/// out: the plan says so.
fn check_guards(fields: &Fields<'_>, strategy: Option<&Strategy>, reading: &mut Reading<'_>) {
    let stands_in_file = |field: &Field<'_>| field.place().source.kind == SourceKind::File;
    if !matches!(strategy, Some(Strategy::Rolling { .. })) || !fields.get("strategy").is_none_or(|field| stands_in_file(&field)) {
        return;
    }
    for guard in ["pause", "judge"].into_iter().filter_map(|key| fields.get(key)) {
        let text = format!("`{}` needs a strategy that shifts traffic: a rolling update has no shares to hold", guard.path);
        let complaint = Complaint::new(guard.key().clone(), text);
        reading.complain(complaint.help("`strategy: canary`, `linear` or `blue_green`, or remove it"));
    }
}

fn ecs_name(name: &At<Name>, fields: &Fields<'_>, reading: &mut Reading<'_>) -> Option<At<String>> {
    match fields.get("service") {
        Some(field) => field.read(reading, value::name),
        None => {
            reading.is_default(fields.path("service"));
            Some(name.clone())
        }
    }
}

fn names(field: &Field<'_>, reading: &mut Reading<'_>) -> Vec<At<Name>> {
    let items = field.items(reading).unwrap_or_default();
    items.into_iter().filter_map(|item| item.text(reading)).collect()
}

fn containers_of(field: &Field<'_>, reading: &mut Reading<'_>) -> Option<Vec<(At<String>, At<Name>)>> {
    let entries = field.named(reading)?;
    if entries.is_empty() {
        let complaint = Complaint::new(field.place(), format!("`{}` is empty", field.path));
        reading.complain(
            complaint
                .help("name the containers that get an image of this pipeline: `containers: { web: frontend }`, or remove it"),
        );
        return None;
    }
    let count = entries.len();
    let mut containers = Vec::with_capacity(count);
    for (container, field) in entries {
        if let Err(bad) = value::name(&container.value) {
            reading.complain(bad.complaint(container.place.clone(), "the name of a container"));
        }
        containers.extend(field.text(reading).map(|image| (container, image)));
    }
    (containers.len() == count).then_some(containers)
}

fn task_definition_of(
    field: &Field<'_>,
    containers: &[(At<String>, At<Name>)],
    reading: &mut Reading<'_>,
    lines: &mut Lines,
) -> Option<TaskDefinitionSource> {
    if field.is_text_of("running") {
        field.text(reading);
        return Some(TaskDefinitionSource::Running);
    }
    let EcsJson { path, value: definition, source, .. } = ecs_json(field, reading)?;
    lines::of_definition(&source, lines);
    let inner = taskdef::registrable(&definition);
    if inner.get("family").and_then(Value::as_str).is_none_or(str::is_empty) {
        reading.complain(Complaint::of_the_world(Place::start_of(&source), "the task definition has no `family`"));
    }
    let known = taskdef::containers(&inner);
    if known.is_empty() {
        reading.complain(Complaint::of_the_world(
            Place::start_of(&source),
            "the task definition has no `containerDefinitions` with names",
        ));
        return None;
    }
    for (container, _) in containers.iter().filter(|(container, _)| !known.contains(&container.value.as_str())) {
        let text = format!("there is no container `{}` in `{}`", container.value, path.display());
        let help = spelling::help(&container.value, &known, "containers there");
        reading.complain(Complaint { help, ..Complaint::of_the_world(container.place.clone(), text) });
    }
    Some(TaskDefinitionSource::File { path, definition })
}

fn check_service_name(json: &EcsJson, service: Option<&At<String>>, reading: &mut Reading<'_>) {
    let theirs = json.value.get("serviceName").and_then(Value::as_str);
    if let (Some(theirs), Some(ours)) = (theirs, service)
        && theirs != ours.value
    {
        let text = format!("`{}` describes the service `{theirs}`, not `{}`", json.path.display(), ours.value);
        let complaint = Complaint::of_the_world(json.named_at.clone(), text);
        reading.complain(complaint.help(format!("`service: {theirs}` if that is the one")));
    }
}

fn smoke_of(field: Field<'_>, reading: &mut Reading<'_>) -> Option<Smoke> {
    let fields = field.fields(&SMOKE, reading)?;
    let url = fields.require("url", reading).and_then(|field| field.read(reading, self::url));
    let expect = match fields.get("expect") {
        Some(field) => field.read(reading, |text| value::number(text, 100, 599))?.value,
        None => {
            reading.is_default(fields.path("expect"));
            200
        }
    };
    let within = match fields.get("within") {
        Some(field) => field.read(reading, value::duration)?.value,
        None => {
            reading.is_default(fields.path("within"));
            Span::seconds(60)
        }
    };
    Some(Smoke { url: url?.value, expect: u16::try_from(expect).ok()?, within })
}

/// An `http` or `https` URL in which only `{load_balancer}` is filled in.
pub(super) fn url(text: &str) -> Result<String, Bad> {
    let help = "write it as `http://{load_balancer}:8080/health`";
    let plain = text.replace("{load_balancer}", "load-balancer.example");
    if let Some((_, rest)) = plain.split_once('{') {
        let name = rest.split('}').next().unwrap_or_default();
        return Err(Bad::new(format!("has `{{{name}}}`, but only `{{load_balancer}}` is filled in")).help(help));
    }
    match reqwest::Url::parse(&plain) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text.to_owned()),
        Ok(_) => Err(Bad::new(format!("is not an address to ask by HTTP: `{text}`")).help(help)),
        Err(error) => Err(Bad::new(format!("is not an address: `{text}`: {error}")).help(help)),
    }
}
