//! Health checks: which are due, the check itself, and what its outcome means. Drained targets leave here too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use shipit_scheduler::{Span, Time};
use tokio::net::TcpStream;

use crate::elb::check::{Check, CheckPort, Speech};
use crate::elb::health::{Health, Outcome};
use crate::elb::matcher::Matcher;
use crate::elb::targets::{NextCheck, Reach, Serving, Target};
use crate::state::{Shared, State};

/// However fast the clock, a target is not checked more often.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(200);

/// Real I/O gets at least this long.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The wait when nothing is due; every change ends it early.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What is to be done now, and when to look again.
pub struct Look {
    /// Checks to run.
    pub due: Vec<Job>,
    /// Targets have left or begun anew.
    pub changed: bool,
    /// Until the next check or the end of a drain, on the wall.
    pub wait: Duration,
}

/// One health check of one target.
pub struct Job {
    group: String,
    registration: u64,
    endpoint: SocketAddr,
    speech: Speech,
    path: String,
    matcher: Matcher,
    timeout: Duration,
}

/// Looks at every target: lets drained ones go, and marks those that are due as being checked.
pub fn look(state: &mut State) -> Look {
    let now = state.clock.now();
    let reached = state.elb.reached();
    let mut look = Look { due: Vec::new(), changed: false, wait: LONGEST_WAIT };
    let mut next = None::<Time>;
    let mut at = |time: Time| next = Some(next.map_or(time, |next| next.min(time)));
    for group in state.elb.groups.values_mut() {
        let before = group.targets.len();
        group.targets.retain(|it| !matches!(it.serving, Serving::DrainsUntil(end) if end <= now));
        look.changed |= group.targets.len() != before;
        let balancer = reached.get(&group.arn);
        let used = balancer.is_some();
        for it in &mut group.targets {
            match (it.serving, it.check) {
                (Serving::DrainsUntil(end), _) => at(end),
                (Serving::Takes, _) if !used => {
                    look.changed |= it.health != Health::default();
                    it.health = Health::default();
                }
                (Serving::Takes, NextCheck::Running(_)) => {}
                (Serving::Takes, NextCheck::At(time)) if time <= now => {
                    it.check = NextCheck::Running(now);
                    look.due.push(job(&group.arn, &group.check, &it.target, it.registration));
                }
                (Serving::Takes, NextCheck::At(time)) => at(time),
            }
        }
        if let Some(balancer) = balancer {
            group.metrics.behind(balancer);
            let (healthy, unhealthy) = group.hosts();
            group.metrics.hosts(now, healthy, unhealthy);
        }
    }
    if let Some(next) = next {
        // A millisecond more, so that the moment has come when the sleep ends.
        look.wait = state.clock.wall(next - now) + Duration::from_millis(1);
    }
    look
}

fn job(group: &str, check: &Check, target: &Target, registration: u64) -> Job {
    Job {
        group: group.to_owned(),
        registration,
        endpoint: endpoint(check, target),
        speech: check.speech,
        path: check.path.clone(),
        matcher: check.matcher.clone(),
        timeout: Duration::from_secs(check.timeout.into()).max(SHORTEST_TIMEOUT),
    }
}

/// Only the traffic port is known on the host's loopback; another port is asked at the address that the target shows.
fn endpoint(check: &Check, target: &Target) -> SocketAddr {
    match check.port {
        CheckPort::Fixed(port) if port != target.port => {
            let address = target.id.parse().unwrap_or(target.endpoint.ip());
            SocketAddr::new(address, port)
        }
        CheckPort::Fixed(_) | CheckPort::Traffic => target.endpoint,
    }
}

/// Carries out a check and records its outcome.
pub async fn run(shared: Arc<Shared>, job: Job) {
    let outcome = tokio::time::timeout(job.timeout, ask(&job)).await.unwrap_or(Outcome::TimedOut);
    if record(&mut shared.lock(), &job, outcome) {
        shared.ring();
    }
}

async fn ask(job: &Job) -> Outcome {
    let Ok(stream) = TcpStream::connect(job.endpoint).await else {
        return Outcome::Failed;
    };
    match job.speech {
        Speech::Tcp => Outcome::Passed,
        Speech::Http => match status(job, stream).await {
            Ok(code) if job.matcher.matches(code) => Outcome::Passed,
            Ok(code) => Outcome::Code(code),
            Err(_) => Outcome::Failed,
        },
    }
}

async fn status(job: &Job, stream: TcpStream) -> Result<u16, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&job.path)
        .header(header::HOST, job.endpoint.to_string())
        .header(header::USER_AGENT, "ELB-HealthChecker/2.0")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .expect("the path was a valid URI when it was set");
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    tokio::pin!(connection);
    tokio::select! {
        response = answer.as_mut() => response,
        _ = connection => answer.await,
    }
    .map(|response| response.status().as_u16())
}

/// Whether others see a change.
fn record(state: &mut State, job: &Job, outcome: Outcome) -> bool {
    let now = state.clock.now();
    let shortest = state.clock.during(SHORTEST_INTERVAL);
    let Some(group) = state.elb.groups.get_mut(&job.group) else {
        return false;
    };
    let outcome = state.faults.unhealthy(&group.nature.name).map_or(outcome, Outcome::Code);
    let interval = Span::seconds(group.check.interval.into()).max(shortest);
    let thresholds = group.check.thresholds;
    let Some(it) = group.targets.iter_mut().find(|it| it.registration == job.registration) else {
        return false;
    };
    let before = it.shown(Reach::Used);
    it.health = it.health.after(outcome, thresholds);
    let started = match it.check {
        NextCheck::Running(started) => started,
        NextCheck::At(_) => now,
    };
    it.check = NextCheck::At((started + interval).max(now));
    let changed = it.shown(Reach::Used) != before;
    let (healthy, unhealthy) = group.hosts();
    group.metrics.hosts(now, healthy, unhealthy);
    changed
}
