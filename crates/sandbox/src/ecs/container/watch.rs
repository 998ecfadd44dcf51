//! What the Engine tells of running containers: their end, their output, their health.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::{EventsOptionsBuilder, LogsOptions, LogsOptionsBuilder, WaitContainerOptions};
use futures_util::{Stream, StreamExt};
use shipit_scheduler::Health;

use super::Engine;
use crate::owner::LABEL_ID;

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ecs) struct Exit {
    /// Its exit code.
    pub code: i64,
    /// The kernel killed it because memory ran out.
    pub out_of_memory: bool,
}

/// The exit code of a process that was killed.
const KILLED: i64 = 137;
/// A kill that ends a container came within this time.
const LATELY: Duration = Duration::from_secs(10);
/// How long the Engine's word of a kill may come after the end.
const LAG: Duration = Duration::from_secs(1);

/// Who killed a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killer {
    /// The Engine, because somebody asked it to.
    Asked,
    /// The kernel, because the memory that the container may use ran out.
    Kernel,
}

impl Engine {
    /// A started container has not ended.
    pub(in crate::ecs) async fn is_running(&self, id: &str) -> bool {
        let found = self.docker.inspect_container(id, None).await;
        found.ok().and_then(|found| found.state?.running).unwrap_or(false)
    }

    /// Waits until a started container has ended. When the Engine no longer knows it, it was killed.
    pub(in crate::ecs) async fn ended(&self, id: &str) -> Exit {
        loop {
            let mut waiting = std::pin::pin!(self.docker.wait_container(id, None::<WaitContainerOptions>));
            // A code other than 0 comes as an error; either way the inspection below says how it ended.
            let _ = waiting.next().await;
            let Ok(found) = self.docker.inspect_container(id, None).await else {
                return Exit { code: KILLED, out_of_memory: false };
            };
            let state = found.state.unwrap_or_default();
            if state.running != Some(true) {
                let code = state.exit_code.unwrap_or(255);
                let limited = found.host_config.and_then(|config| config.memory).is_some_and(|limit| limit > 0);
                let out_of_memory =
                    state.oom_killed == Some(true) || code == KILLED && limited && self.killed_by(id).await == Killer::Kernel;
                return Exit { code, out_of_memory };
            }
        }
    }

    /// Who killed a container just now. Of a container whose memory ran out the Engine learns the end first and the reason
    /// a moment later, or never when the memory cgroup is removed sooner; a kill that it was asked for it always tells.
    async fn killed_by(&self, id: &str) -> Killer {
        let filters = HashMap::from([("type", vec!["container"]), ("event", vec!["kill", "oom"]), ("container", vec![id])]);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = now.saturating_sub(LATELY).as_secs().to_string();
        let options = EventsOptionsBuilder::new().filters(&filters).since(&since).build();
        let mut events = std::pin::pin!(self.docker.events(Some(options)));
        match tokio::time::timeout(LAG, events.next()).await {
            Ok(Some(Ok(event))) if event.action.as_deref() == Some("kill") => Killer::Asked,
            Ok(_) | Err(_) => Killer::Kernel,
        }
    }

    /// Its output line by line, from the beginning until it ends.
    pub(in crate::ecs) fn lines(&self, id: &str) -> impl Stream<Item = String> + use<> {
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
        let docker = self.docker.clone();
        let id = id.to_owned();
        async_lines(docker, id, options)
    }

    /// The verdict of a container's health check now.
    pub(in crate::ecs) async fn health(&self, id: &str) -> Option<Health> {
        let state = self.docker.inspect_container(id, None).await.ok()?.state?;
        let status = state.health?.status?.to_string();
        Some(verdict(&status))
    }

    /// Changes of health of the sandbox's containers, as they happen: container id and verdict. Ends when the Engine goes.
    pub(in crate::ecs) fn health_changes(&self) -> impl Stream<Item = (String, Health)> + use<> {
        let label = format!("{LABEL_ID}={}", self.owner.id);
        let filters =
            HashMap::from([("type", vec!["container"]), ("event", vec!["health_status"]), ("label", vec![label.as_str()])]);
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let docker = self.docker.clone();
        let events = async move { docker.events(Some(options)).boxed() };
        futures_util::stream::once(events).flatten().filter_map(|event| async move {
            let event = event.ok()?;
            let action = event.action?;
            let status = action.strip_prefix("health_status:")?.trim();
            Some((event.actor?.id?, verdict(status)))
        })
    }
}

fn async_lines(docker: Docker, id: String, options: LogsOptions) -> impl Stream<Item = String> {
    let chunks = futures_util::stream::once(async move { docker.logs(&id, Some(options)).boxed() }).flatten();
    let bytes = chunks.map(|chunk| chunk.map(LogOutput::into_bytes).map_err(std::io::Error::other));
    let lines = tokio::io::AsyncBufReadExt::split(tokio_util::io::StreamReader::new(Box::pin(bytes)), b'\n');
    futures_util::stream::unfold(lines, |mut lines| async move {
        let line = lines.next_segment().await.ok()??;
        let text = String::from_utf8_lossy(&line);
        Some((text.trim_end_matches('\r').to_owned(), lines))
    })
}

fn verdict(status: &str) -> Health {
    match status {
        "healthy" => Health::Healthy,
        "unhealthy" => Health::Unhealthy,
        _ => Health::Unknown,
    }
}
