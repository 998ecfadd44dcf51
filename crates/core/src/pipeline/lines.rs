//! Where a service and its task definition are written, so that what fails later can be shown there.

use std::collections::BTreeMap;

use crate::failure::{Cause, Kind, Line};

/// The lines of one service's keys and of its task definition's members; none of what no file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(BTreeMap<Part, Line>);

/// What stands on a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The service's name in the pipeline file.
    Service,
    /// A key of it by its path, e.g. `judge.alarms`.
    Key(String),
    /// The task definition's first line.
    Definition,
    /// A member of it, e.g. `memory`.
    Member(String),
    /// One of its containers, by name.
    Container(String),
    /// A container's name and a member of it, e.g. `healthCheck`.
    Of(String, String),
}

impl Lines {
    /// Takes in where a part stands; the first line counts.
    pub fn take(&mut self, part: Part, line: Option<Line>) {
        if let Some(line) = line {
            self.0.entry(part).or_insert(line);
        }
    }

    /// The line of the first of these that has one.
    pub fn first(&self, parts: impl IntoIterator<Item = Part>) -> Option<Line> {
        parts.into_iter().find_map(|part| self.0.get(&part)).cloned()
    }

    /// The line of that key, or of the service.
    pub fn of_key(&self, path: &str) -> Option<Line> {
        let parent = path.split_once('.').map(|(parent, _)| Part::Key(parent.to_owned()));
        self.first([Part::Key(path.to_owned())].into_iter().chain(parent).chain([Part::Service]))
    }

    /// Where to look for a cause. None for one that no file has made: another deployment, a person, AWS's own capacity.
    pub fn of_cause(&self, cause: &Cause) -> Option<Line> {
        let members: &[&str] = match cause.cause {
            Kind::ImageMissing | Kind::ImageDenied | Kind::ImageArchitecture | Kind::Crash => &["image"],
            Kind::CommandMissing => &["command", "entryPoint", "image"],
            Kind::SecretMissing => &["secrets"],
            Kind::LogGroup => &["logConfiguration"],
            Kind::OutOfMemory => &["memory"],
            Kind::ContainerHealth => &["healthCheck"],
            Kind::NoPort | Kind::TargetPort => &["portMappings"],
            Kind::StartFailed => &[],
            Kind::NoCpu => return self.of_definition("cpu"),
            Kind::NoMemory => return self.of_definition("memory"),
            Kind::ExecutionRole => return self.of_definition("executionRoleArn"),
            Kind::Percents => return self.of_key("strategy"),
            Kind::Alarm => return self.of_key("judge.alarms"),
            Kind::Hook => return self.of_key("pause"),
            Kind::TargetCode | Kind::TargetTimeout | Kind::Breaker | Kind::Unknown => return self.of_key(""),
            Kind::Network
            | Kind::SecurityGroup
            | Kind::NoAddresses
            | Kind::NoInstances
            | Kind::NoFit
            | Kind::Quota
            | Kind::CapacityProvider
            | Kind::NoCapacity
            | Kind::Throttled
            | Kind::Superseded
            | Kind::Stopped => return None,
        };
        let container = cause.container.as_deref().or_else(|| self.only_with(members))?;
        // The image comes from the pipeline file where that maps the container to one.
        let mapped = Part::Key(format!("containers.{container}"));
        let own = members.iter().map(|member| Part::Of(container.to_owned(), (*member).to_owned()));
        let parts: Vec<Part> = match members {
            ["image"] => std::iter::once(mapped).chain(own).collect(),
            _ => own.collect(),
        };
        self.first(parts).or_else(|| self.of_container(container, members))
    }

    /// Beside every member that would say it.
    fn of_container(&self, container: &str, members: &[&str]) -> Option<Line> {
        let of_task = members.iter().map(|member| Part::Member((*member).to_owned()));
        let mapped = Part::Key(format!("containers.{container}"));
        self.first(of_task.chain([Part::Container(container.to_owned()), mapped])).or_else(|| self.of_key("task_definition"))
    }

    /// A member of the task, or of the only container that has it.
    fn of_definition(&self, member: &str) -> Option<Line> {
        let only = self.only_with(&[member]).map(|name| Part::Of(name.to_owned(), member.to_owned()));
        self.first([Part::Member(member.to_owned())].into_iter().chain(only).chain([Part::Definition]))
            .or_else(|| self.of_key("task_definition"))
    }

    /// The only container that has one of these members.
    fn only_with(&self, members: &[&str]) -> Option<&str> {
        let mut names: Vec<&str> = self
            .0
            .keys()
            .filter_map(|part| match part {
                Part::Of(name, member) if members.contains(&member.as_str()) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        names.dedup();
        match names[..] {
            [name] => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::KINDS;

    /// Every part on a line of its own.
    fn lines(parts: &[Part]) -> Lines {
        let mut lines = Lines::default();
        for (at, part) in (1..).zip(parts) {
            lines.take(part.clone(), Some(Line { file: "x".into(), line: at, column: None }));
        }
        lines
    }

    fn of(container: &str, member: &str) -> Part {
        Part::Of(container.into(), member.into())
    }

    fn cause(kind: Kind, container: &str) -> Cause {
        Cause::new(kind, "because", "next").of(container)
    }

    #[test]
    fn each_cause_stands_where_it_is_mended() {
        let key = |path: &str| Part::Key(path.into());
        let parts = [
            Part::Service,
            key("strategy"),
            key("judge"),
            key("containers.web"),
            Part::Definition,
            Part::Member("memory".into()),
            Part::Container("web".into()),
            of("web", "image"),
            of("web", "healthCheck"),
            of("web", "portMappings"),
            Part::Container("proxy".into()),
            of("proxy", "image"),
            of("proxy", "memory"),
        ];
        let lines = lines(&parts);
        for (kind, container, expected) in [
            (Kind::ContainerHealth, "web", Some(of("web", "healthCheck"))),
            (Kind::ContainerHealth, "proxy", Some(Part::Container("proxy".into()))),
            (Kind::ImageMissing, "web", Some(key("containers.web"))),
            (Kind::ImageMissing, "proxy", Some(of("proxy", "image"))),
            (Kind::OutOfMemory, "proxy", Some(of("proxy", "memory"))),
            (Kind::OutOfMemory, "web", Some(Part::Member("memory".into()))),
            (Kind::NoMemory, "web", Some(Part::Member("memory".into()))),
            (Kind::ExecutionRole, "web", Some(Part::Definition)),
            (Kind::CommandMissing, "web", Some(of("web", "image"))),
            (Kind::Alarm, "web", Some(key("judge"))),
            (Kind::Percents, "web", Some(key("strategy"))),
            (Kind::TargetCode, "web", Some(Part::Service)),
            (Kind::Superseded, "web", None),
            (Kind::NoCapacity, "web", None),
        ] {
            let at = lines.of_cause(&cause(kind, container)).map(|line| parts[line.line as usize - 1].clone());
            assert_eq!(at, expected, "{kind} of {container}");
        }
        let listens = lines.of_cause(&Cause::new(Kind::TargetPort, "because", "next"));
        assert_eq!(listens.map(|line| line.line), Some(10), "one container alone has ports");
    }

    #[test]
    fn what_runs_is_shown_where_the_pipeline_file_names_it() {
        let parts = [Part::Service, Part::Key("task_definition".into())];
        let lines = lines(&parts);
        assert_eq!(lines.of_cause(&cause(Kind::ContainerHealth, "web")).map(|line| line.line), Some(2));
        assert_eq!(lines.of_cause(&cause(Kind::ExecutionRole, "web")).map(|line| line.line), Some(2));
        let none = Lines::default();
        assert!(KINDS.iter().all(|kind| none.of_cause(&cause(*kind, "web")).is_none()));
    }
}
