//! Programs that nobody here has written, as clients of a sandbox: the AWS CLI, boto3, docker, skopeo, ORAS.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::sandbox::{REGION, TestSandbox};
use super::venv;
use crate::support::PATIENCE;

/// What a program has said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub exit: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
    command: String,
}

impl Said {
    /// Its output as text, when it went well.
    pub fn text(&self) -> String {
        assert_eq!(self.exit, 0, "`{}`\n{}{}", self.command, self.out, self.err);
        self.out.trim().to_owned()
    }

    /// Its output as JSON, when it went well.
    pub fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{}`: {error}\n{text}", self.command))
    }

    /// What it complained about, when it went wrong.
    pub fn complaint(&self) -> String {
        assert_ne!(self.exit, 0, "`{}` went well\n{}", self.command, self.out);
        format!("{}{}", self.out, self.err)
    }
}

impl TestSandbox {
    /// The AWS CLI: arguments apart by spaces.
    pub async fn aws(&self, arguments: &str) -> Said {
        self.aws_with(&arguments.split_whitespace().collect::<Vec<_>>()).await
    }

    /// The AWS CLI, with arguments that have spaces.
    pub async fn aws_with(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(venv::program("aws"));
        command.args(arguments);
        self.as_aws_client(&mut command);
        run(command).await
    }

    /// The AWS CLI without a second try.
    pub async fn aws_once(&self, arguments: &str) -> Said {
        let mut command = Command::new(venv::program("aws"));
        command.args(arguments.split_whitespace());
        self.as_aws_client(&mut command);
        command.env("AWS_MAX_ATTEMPTS", "1");
        run(command).await
    }

    /// A script of `tests/python`, with its arguments.
    pub async fn python(&self, script: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new(venv::program("python"));
        command.arg(format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR"))).args(arguments);
        self.as_aws_client(&mut command);
        run(command).await
    }

    /// The same, with the login of the registry where ORAS looks for it.
    pub async fn python_in_registry(&self, script: &str, arguments: &[&str]) -> Said {
        let password = self.aws("ecr get-login-password").await.text();
        let mut command = Command::new(venv::program("python"));
        command.arg(format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR"))).args(arguments);
        self.as_aws_client(&mut command);
        command.env("ORAS_USER", "AWS").env("ORAS_PASS", password);
        run(command).await
    }

    /// Docker's command line, with a configuration of this test alone.
    pub async fn docker(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new("docker");
        command.arg("--config").arg(self.folder().join("docker")).args(arguments).env("DOCKER_BUILDKIT", "0");
        run(command).await
    }

    /// skopeo.
    pub async fn skopeo(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new("skopeo");
        command.args(arguments).env("REGISTRY_AUTH_FILE", self.folder().join("skopeo.json"));
        run(command).await
    }

    /// As on a machine where nothing is configured but this sandbox.
    fn as_aws_client(&self, command: &mut Command) {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_") || name.to_lowercase().ends_with("_proxy"))
        {
            command.env_remove(name);
        }
        command
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("AWS_ACCESS_KEY_ID", "AKIASANDBOX")
            .env("AWS_SECRET_ACCESS_KEY", "sandbox")
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_PAGER", "");
    }
}

async fn run(mut command: Command) -> Said {
    let shown = format!("{:?}", command.as_std());
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let done = tokio::time::timeout(PATIENCE, done).await.unwrap_or_else(|_| panic!("{shown} does not end"));
    let done = done.unwrap_or_else(|error| panic!("{shown}: {error}; run `make tools`"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { exit: done.status.code().unwrap_or(-1), out: text(&done.stdout), err: text(&done.stderr), command: shown }
}
