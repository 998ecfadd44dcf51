//! The whole sandbox as one value: plain data, changed by handlers and by the loops that watch the world.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::functions::Functions;
use crate::{cloudwatch, codedeploy, codepipeline, ecr, ecs, elb, iam, logs, s3, secretsmanager, ssm, sts};

/// Everything the AWS APIs of the sandbox know.
#[derive(Debug)]
pub struct State {
    /// The account id that every ARN carries.
    pub account: String,
    /// The region that every ARN carries.
    pub region: String,
    /// Virtual time.
    pub clock: Clock,
    /// `127.0.0.1:PORT` of the server, which is also the registry's address.
    pub address: String,
    /// Where blobs and advisories are kept.
    pub folder: PathBuf,
    /// A number that never repeats, for ids.
    pub counter: u64,
    /// Repositories, images, scans.
    pub ecr: ecr::Ecr,
    /// Clusters, task definitions, services, tasks.
    pub ecs: ecs::Ecs,
    /// Load balancers, listeners, rules, target groups and their targets.
    pub elb: elb::Elb,
    /// CodeDeploy's applications and deployments.
    pub codedeploy: codedeploy::CodeDeploy,
    /// Jobs of CodePipeline's custom actions.
    pub codepipeline: codepipeline::CodePipeline,
    /// Objects.
    pub s3: s3::S3,
    /// Log groups, streams and lines.
    pub logs: logs::Logs,
    /// Alarms.
    pub cloudwatch: cloudwatch::CloudWatch,
    /// Secrets Manager's secrets.
    pub secrets: secretsmanager::Secrets,
    /// Parameter Store's parameters.
    pub parameters: ssm::Parameters,
    /// Who calls: set by the server before every call, from the request's access key id.
    pub sts: sts::Sts,
    /// Roles.
    pub iam: iam::Iam,
    /// What goes wrong on request.
    pub faults: Faults,
    /// Lambda functions that a test has registered.
    pub functions: Functions,
}

impl State {
    /// An empty account.
    pub fn new(account: String, region: String, clock: Clock, folder: PathBuf) -> Self {
        Self {
            account,
            region,
            clock,
            folder,
            address: String::new(),
            counter: 0,
            ecr: ecr::Ecr::default(),
            ecs: ecs::Ecs::default(),
            elb: elb::Elb::default(),
            codedeploy: codedeploy::CodeDeploy::default(),
            codepipeline: codepipeline::CodePipeline::default(),
            s3: s3::S3::default(),
            logs: logs::Logs::default(),
            cloudwatch: cloudwatch::CloudWatch::default(),
            secrets: secretsmanager::Secrets::default(),
            parameters: ssm::Parameters::default(),
            sts: sts::Sts::default(),
            iam: iam::Iam::default(),
            faults: Faults::default(),
            functions: Functions::default(),
        }
    }

    /// The next number that never repeats.
    #[expect(clippy::should_implement_trait, reason = "it counts, it does not iterate")]
    pub fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// An ARN of this account: `arn:aws:<service>:<region>:<account>:<rest>`.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.region, self.account)
    }

    /// Virtual epoch seconds with a fraction, as they go on the wire.
    pub fn now_seconds(&self) -> f64 {
        Clock::seconds(self.clock.now())
    }
}

/// The state with its lock, shared by the server and the loops. The lock is never held across an await.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    touched: Mutex<Instant>,
}

impl Shared {
    /// Shares a state.
    pub fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changes: watch::Sender::new(0), touched: Mutex::new(Instant::now()) }
    }

    /// The state; a panic of another holder does not take it away.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Says that the state has changed, so that everyone who waits looks again. The server does it after every call that
    /// may write; a loop does it after its own changes (and is woken by them itself).
    pub fn ring(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A receiver that misses no ring: subscribe once, then in a loop look at the state and await `changed()`.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Someone uses the sandbox: a request to the server or through a load balancer. It is not idle.
    pub fn touch(&self) {
        *self.touched.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
    }

    /// How long nobody has used it, on the wall.
    pub fn quiet_for(&self) -> Duration {
        self.touched.lock().unwrap_or_else(std::sync::PoisonError::into_inner).elapsed()
    }
}
