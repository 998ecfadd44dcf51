//! What the Engine tells of running containers: their end, their output, their health.

use std::collections::HashMap;

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
            let state = match self.docker.inspect_container(id, None).await {
                Ok(found) => found.state.unwrap_or_default(),
                Err(_) => return Exit { code: 137, out_of_memory: false },
            };
            if state.running != Some(true) {
                return Exit { code: state.exit_code.unwrap_or(255), out_of_memory: state.oom_killed.unwrap_or(false) };
            }
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
