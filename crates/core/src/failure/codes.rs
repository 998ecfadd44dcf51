//! The catalogue: every code with its exit, what it means, what usually causes it and what to do. `shipit explain` and
//! `docs/errors.md` are written from here and from nowhere else.

use serde::{Deserialize, Serialize};

use super::Exit;

macro_rules! codes {
    ($(
        $(#[doc = $doc:literal])* $name:ident = $number:literal => $exit:ident,
            because $($cause:literal),+;
            next $($remedy:literal),+;
    )*) => {
        /// Every failure shipit knows. The hundreds say where it comes from: 0 usage and config, 1 plan, 2 rollout,
        /// 3 source and build, 4 registry and gate, 5 AWS, 6 this machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        /// All codes, in order.
        pub const CODES: &[Code] = &[$(Code::$name),*];

        impl Code {
            /// The number behind `SHIP`.
            pub fn number(self) -> u16 {
                match self { $(Code::$name => $number,)* }
            }

            /// The exit code that a run with this failure ends with. A refusal ([`Exit::Refused`]) holds only as long as
            /// nothing has been done: afterwards the run has failed.
            pub fn exit(self) -> Exit {
                match self { $(Code::$name => Exit::$exit,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// What usually causes it, most usual first.
            pub fn causes(self) -> &'static [&'static str] {
                match self { $(Code::$name => &[$($cause),+],)* }
            }

            /// What to do, ready to be typed where possible.
            pub fn remedies(self) -> &'static [&'static str] {
                match self { $(Code::$name => &[$($remedy),+],)* }
            }
        }
    };
}

codes! {
    /// the pipeline file has complaints
    Config = 1 => Refused,
        because "a key that is not known, a value of the wrong type, a file that it names and that is not there",
            "an environment variable without a default that is not set";
        next "mend the lines that are shown; all of them are shown at once",
            "an editor knows the keys after `shipit schema > schema.json`";
    /// the command line asks for something that does not fit
    Usage = 2 => Refused,
        because "a flag that does not go with the command, or a service or an image that the pipeline file does not have",
            "a command that needs another one first, e.g. `shipit scan` before `shipit push`";
        next "`shipit help`, or `shipit help <command>`";
    /// the credentials belong to another account than the pipeline file names
    WrongAccount = 101 => Refused,
        because "`AWS_PROFILE` or the CI's role is that of another environment",
            "`--env` names another environment than was meant";
        next "`aws sts get-caller-identity` shows whose credentials they are",
            "take the profile or role of that account, or correct `account:`";
    /// the service does not exist in the cluster
    ServiceMissing = 102 => Refused,
        because "a typing error in `service:`, `cluster:` or `region:`",
            "it has not been created yet, and no `service_definition:` says how";
        next "`aws ecs list-services --cluster <cluster>` lists those that are there",
            "let `service_definition:` name its create-service JSON, and shipit creates it";
    /// the repository does not exist in the registry
    RepositoryMissing = 103 => Refused,
        because "a typing error in `repository:`, or another account or region than was meant",
            "it has not been created yet";
        next "`aws ecr create-repository --repository-name <name> --image-tag-mutability IMMUTABLE`";
    /// the cluster does not exist
    ClusterMissing = 104 => Refused,
        because "a typing error in `cluster:`, or another account or region than was meant";
        next "`aws ecs list-clusters` lists those that are there",
            "`aws ecs create-cluster --cluster-name <name>` makes one";
    /// a container named in the pipeline file is not in the task definition
    ContainerMissing = 105 => Refused,
        because "a typing error in `containers:`, which is read as `<container>: <image>`",
            "the container was renamed in the task definition";
        next "take one of the names that are shown";
    /// an image of the task definition is on a moving tag
    MovingTag = 106 => Refused,
        because "a sidecar on `:latest`, or without a tag: two tasks of one revision may run different images";
        next "name it by digest (`image@sha256:…`) or by a tag that does not move",
            "or list it under `allow_latest:`";
    /// another deployment of the service is in progress
    DeploymentInProgress = 107 => Refused,
        because "someone else deploys, or an earlier run was interrupted and ECS goes on",
            "the service changed between plan and change";
        next "`shipit wait`, then run the same command again",
            "`shipit status` shows which revision is on its way";
    /// the service is not active
    ServiceNotActive = 108 => Refused,
        because "it is being deleted (DRAINING), or has been (INACTIVE)";
        next "wait until it is gone, then let `service_definition:` create it again";
    /// the service's deployment controller cannot do what the pipeline wants
    ControllerMismatch = 109 => Refused,
        because "the service is deployed by CodeDeploy or by an external controller, and the strategy is one of ECS itself";
        next "create the service with `\"deploymentController\": {\"type\": \"ECS\"}`, or choose a strategy that its controller has";
    /// the tag exists with other content
    TagTaken = 110 => Refused,
        because "the same commit was built from other files: a dirty tree, other build arguments, another context",
            "someone pushed this tag by hand, and the repository's tags cannot be moved";
        next "commit what changed, so that it gets a tag of its own",
            "`aws ecr describe-images --repository-name <name> --image-ids imageTag=<tag>` shows what is there";
    /// someone else deployed while the run was away
    DeployedMeanwhile = 111 => Refused,
        because "a person or another pipeline deployed after the run was cut and before it was gone on with";
        next "leave it as it is, and deploy anew what should run",
            "`shipit resume RUN --take-over` replaces what runs now, and goes back to it where that fails";
    /// an older commit would replace a newer one
    OlderCommit = 112 => Refused,
        because "a pipeline of an older commit was run again, or two ran at once and the older one came later",
            "the checkout is behind what was deployed from elsewhere";
        next "deploy the commit that runs or a newer one",
            "`shipit rollback`, if the newer one is bad",
            "`shipit deploy --force --reason TEXT` deploys the older commit; the reason stays on the revision";
    /// the service is not wired for shifting traffic
    NotWired = 113 => Refused,
        because "the service has one target group, and blue/green, canary and linear move traffic between two",
            "the second target group, or the rule that should forward to it, does not exist or is not like the first";
        next "add `traffic:` to the service in the pipeline file: second target group, production rule, role",
            "`strategy: rolling` needs none of it";
    /// the load balancer sends traffic otherwise than a shift can start from
    TrafficUnclear = 114 => Refused,
        because "someone moved weights by hand, or a tool such as Terraform put back those it remembers",
            "an earlier shift was cut off before its traffic was moved",
            "one of the two target groups is on no rule";
        next "let the production rule forward to both target groups, one of them with the weight 0: the command is shown";
    /// an alarm that is to guard the deployment cannot
    AlarmUnusable = 115 => Refused,
        because "it is in ALARM already: ECS ignores such an alarm for the whole deployment",
            "there is no alarm of that name in this account and region";
        next "deploy when it is OK: `aws cloudwatch describe-alarms --alarm-names <name>`",
            "or take it out of `judge: alarms:`";
    /// the role by which ECS moves traffic cannot be taken by it
    RoleUnusable = 116 => Refused,
        because "its trust policy names another service, e.g. `ecs-tasks.amazonaws.com`",
            "it does not exist in this account";
        next "let it trust `ecs.amazonaws.com`, with the managed policy AmazonECSInfrastructureRolePolicyForLoadBalancers";
    /// the plan can never move: the percents leave no room at this number of tasks
    NeverMoves = 117 => Refused,
        because "minimum and maximum percent round to the same number of tasks, so ECS may neither start nor stop one";
        next "take the percents that are shown, or run more tasks";
    /// the service is deployed by CodeDeploy, and no deployment group names it
    DeploymentGroupMissing = 118 => Refused,
        because "the application or its deployment group was deleted, or is of another account or region",
            "the group's `ecsServices` names another service or cluster";
        next "`aws deploy list-applications`, then `aws deploy list-deployment-groups --application-name <name>`",
            "`aws deploy create-deployment-group` makes one; `AppECS-<cluster>-<service>` and `DgpECS-<cluster>-<service>` are found first";
    /// the image is built for another platform than its tasks run on
    OtherPlatform = 119 => Refused,
        because "it was built on a machine of another architecture, a laptop with an ARM processor for one",
            "the task definition's `runtimePlatform` says another `cpuArchitecture` than was meant; Fargate takes X86_64 where it says none";
        next "`platforms: [linux/amd64]` or `[linux/arm64]` under the image; with both, the image runs on either",
            "`\"runtimePlatform\": {\"cpuArchitecture\": \"ARM64\"}` in the task definition";
    /// layers that are compressed with zstd cannot be pushed from here, or are not read where they are to run
    NoZstd = 120 => Refused,
        because "the Engine's image store gives out no plain layers, so that the Engine pushes, and it knows gzip alone",
            "the service is on Fargate's platform version 1.3.0, or on container instances with a Docker before 23.0";
        next "leave `compression:` out, or say `compression: gzip`",
            "`aws ecs update-service --cluster <cluster> --service <service> --platform-version LATEST`";
    /// the images that another stage built, as imagedefinitions.json names them, cannot be deployed
    ImageDefinitions = 121 => Refused,
        because "the file is not what CodePipeline's ECS action reads: a list of `name` and `imageUri`",
            "a container that is not in the pipeline file, an image of another repository, registry or region, or one that was never pushed";
        next "`[{\"name\":\"<container>\",\"imageUri\":\"<registry>/<repository>@sha256:<digest>\"}]`, with the containers of the pipeline file",
            "`aws ecr describe-images --repository-name <repository>` shows what is there";
    /// the rollout failed and the service is back on the revision it had
    RolloutTurnedBack = 201 => TurnedBack,
        because "new tasks stop, or never become healthy: the reasons that are shown say which",
            "an alarm of the deployment went off, or its circuit breaker tripped";
        next "mend what is shown, commit, then `shipit deploy`",
            "`aws ecs describe-tasks` keeps stopped tasks for about an hour, `events.jsonl` of the run for good";
    /// the rollout failed and turning back failed too, or there is nothing to go back to
    RolloutStuck = 202 => Stuck,
        because "the first deployment of a service failed",
            "the earlier revision does not start any more: its image or its secret is gone",
            "AWS denies or cannot be asked while going back";
        next "`shipit status` shows how the service stands",
            "`shipit rollback <service> --to <revision>`, or mend the cause and `shipit deploy`";
    /// the smoke request was not answered as expected
    SmokeFailed = 203 => TurnedBack,
        because "the application answers an error though its health check passes",
            "the address in `smoke: url:` is not reached from here";
        next "ask it by hand: `curl -i <url>`",
            "give it longer by `within:`, or correct `expect:`";
    /// the new version is worse than the one beside it and was turned back
    CandidateWorse = 204 => TurnedBack,
        because "the new version answers more errors or answers slower than the version that served beside it in the same minutes",
            "an alarm of `judge: alarms:` went off, or a probe was answered otherwise";
        next "what was compared is shown with its numbers; `events.jsonl` of the run has every look",
            "mend the cause, commit, then `shipit deploy`";
    /// the rollout did not progress within its deadline and was turned back
    RolloutStalled = 205 => TurnedBack,
        because "tasks are not placed for want of cpu, memory, ports or addresses",
            "tasks start slowly, or never become healthy, and there is no circuit breaker",
            "old tasks take long to drain";
        next "the service's events that are shown name what is missing",
            "turn the circuit breaker on: ECS then gives up by itself";
    /// another deployment took over
    Superseded = 206 => Superseded,
        because "someone else's UpdateService came after ours: another pipeline, a person, an autoscaler that sends a task definition";
        next "`shipit status` shows what runs now; nothing of theirs was undone",
            "agree on who deploys, then run the same command again";
    /// the wait ended before the rollout did
    StillRunning = 207 => Running,
        because "AWS could not be asked for longer than the patience of this rollout, and ECS goes on by itself",
            "`shipit wait --minutes` was shorter than the rollout";
        next "`shipit wait`";
    /// interrupted, policy carried out
    Interrupted = 208 => Interrupted,
        because "SIGINT or SIGTERM: Ctrl-C, a cancelled or timed-out CI job";
        next "`shipit status`, then run the same command again: what is done is not done twice";
    /// there is no revision to go back to
    NothingToRollBackTo = 209 => Refused,
        because "the service has run one revision only, or earlier ones were deregistered";
        next "`aws ecs list-task-definitions --family-prefix <family> --sort DESC`",
            "`shipit rollback <service> --to <revision>`";
    /// the revision to go back to can no longer run
    RevisionUnusable = 210 => Refused,
        because "it was deregistered: `shipit prune`, a lifecycle rule, another tool",
            "one of its images is no longer in the registry, mostly by a lifecycle policy";
        next "take the older revision that is shown: `shipit rollback --to <family:number>`",
            "or deploy that commit again: its images are built and registered anew";
    /// whether the new version is worse could not be told, and it was turned back
    Inconclusive = 211 => TurnedBack,
        because "too few requests reach the new version at its share of the traffic",
            "CloudWatch cannot be asked, or has no datapoints of one of the two target groups";
        next "a larger first share, a longer bake, or a lower `at_least:`",
            "`judge: patience:` says how long it may stay open";
    /// the rollout waits for a person
    Paused = 212 => Running,
        because "the pipeline file asks for it under `pause:`, and there is no terminal to ask in",
            "the CodeDeploy deployment group waits at Ready, whoever deploys",
            "the service has a pause of its own at the same stage, and which is whose cannot be told";
        next "`shipit continue --proceed` goes on, `shipit continue --turn-back` goes back";
    /// no rollout waits for an answer
    NothingPaused = 213 => Refused,
        because "it was answered already, or AWS has stopped waiting and rolled back",
            "the rollout is at no pause now, or has ended";
        next "`shipit status` shows how the services stand",
            "`shipit wait --until paused` waits for the pause";
    /// the working tree differs from its commit
    DirtyTree = 301 => Refused,
        because "files are changed, added or deleted and not committed: the tag would name a commit that this is not";
        next "`git commit`, or `git stash`",
            "`--allow-dirty` ships it under a tag that says so";
    /// there is no commit to name the images by
    NoCommit = 302 => Refused,
        because "there is no git repository here, or it has no commit yet",
            "the CI checks out without `.git` and its variables do not name the commit";
        next "`git commit`, or `--commit <hash>`";
    /// git refuses or cannot read the repository
    GitUnreadable = 303 => Refused,
        because "the repository belongs to another user, as in a container, and git does not trust it",
            "the repository is damaged, or bare";
        next "`git config --global --add safe.directory <folder>`",
            "`git fsck`";
    /// the build failed
    BuildFailed = 304 => Failed,
        because "a step of the Dockerfile failed: its last lines are shown",
            "the Dockerfile cannot be read";
        next "mend the line that is shown",
            "`docker build` in the same folder does the same";
    /// the build context cannot be read
    ContextUnreadable = 305 => Refused,
        because "`context:` or `dockerfile:` names something that is not there",
            "a file in it belongs to another user, or is a device or a pipe";
        next "correct the path, or leave the file out by `.dockerignore`";
    /// no Docker Engine answers
    EngineUnreachable = 306 => Failed,
        because "the Engine is not installed, not started, or its socket belongs to a group that you are not in",
            "`DOCKER_HOST` or the Docker context names another machine",
            "the Engine ended in the middle of a build or push";
        next "`docker info` shows whether it answers",
            "`sudo systemctl start docker`, or `sudo usermod -aG docker $USER` and log in again";
    /// a base image cannot be had
    BaseImage = 307 => Failed,
        because "a typing error in `FROM`, a private image without a login, a registry that is not reached or that limits pulls";
        next "`docker pull <image>` shows the same in isolation",
            "`docker login <registry>`";
    /// the image that was built cannot be read back from the Engine
    ImageUnreadable = 308 => Failed,
        because "the Engine ended in the middle of it, or its disk is full: some Engines write what they give out to disk first",
            "the image was removed from the Engine meanwhile";
        next "`docker save <image> > /dev/null` does the same", "`df -h /var/lib/docker`";
    /// a secret of the build is not there
    SecretMissing = 309 => Refused,
        because "the environment variable that `secrets:` names is not set: CI gives it to other jobs, or not to forks",
            "its file is not there, is empty, or is larger than BuildKit takes",
            "no SSH agent runs: `SSH_AUTH_SOCK` is not set";
        next "export the variable, or write the file", "`eval $(ssh-agent) && ssh-add`";
    /// the Engine cannot give a build its secrets
    NoSecretsHere = 310 => Failed,
        because "the Engine has no BuildKit: it is older than 18.09, or Podman, or BuildKit is turned off",
            "the Engine is reached over TLS, where no session can be opened";
        next "build on an Engine with BuildKit that is reached by its socket",
            "`ssh -L docker.sock:/var/run/docker.sock <host>` brings the socket of another machine: `DOCKER_HOST=unix://docker.sock`";
    /// what an image is built from changed meanwhile
    ContextChanged = 311 => Failed,
        because "an editor, a generator or another build wrote into the build context between plan and build, or during the build";
        next "run the same command again: it looks at what is there now",
            "leave files that are written all the time out by `.dockerignore`";
    /// the push failed
    PushFailed = 401 => Failed,
        because "the connection between the Engine and the registry broke, or the Engine does not trust its certificate";
        next "run the same command again: only what is missing is pushed",
            "behind a proxy the Engine needs it too: https://docs.docker.com/engine/daemon/proxy/";
    /// the registry does not accept the login
    RegistryLogin = 402 => Failed,
        because "the role may get a token but not push to this repository";
        next "add the statement that is shown to the role's policy";
    /// an image lacks what `verify:` requires
    NotVerified = 403 => Gate,
        because "it was pushed before `attest:` was asked for, or by another tool",
            "the run that built it was cut before it could tell about it, and is not known on this machine",
            "what refers to it is about another image or another commit";
        next "`aws ecr list-image-referrers --repository-name <name> --subject-id imageDigest=<digest>` shows what refers to it",
            "`attest: [sbom, provenance]`, then a new commit with `shipit deploy --rebuild`";
    /// more findings than the gate allows
    GateBlocked = 411 => Gate,
        because "the image has vulnerabilities at or above `gate: fail_on:`, more than `gate: thresholds:` allow, or a waiver has ended";
        next "update the packages or the base image",
            "waive a finding under `gate: waivers:` with a reason and a last day";
    /// there is no usable scan result
    GateUnknown = 412 => Gate,
        because "the scanner does not know the image's base system, the scan failed, did not end, or is older than `gate: max_age:`";
        next "build from a base image that the scanner knows",
            "or name the status under `gate: allow_status:`";
    /// a secret ended up in the image
    SecretInImage = 413 => Failed,
        because "a file with credentials was copied from the context, or written by a `RUN` that was given a secret",
            "a token was given as a build argument, a label or in `ENV`: each stays readable in the image",
            "a test's key that only looks like one";
        next "give it as `secrets:`, and mount it where it is needed: `RUN --mount=type=secret,id=<id>`",
            "leave files with credentials out by `.dockerignore`",
            "`not_secret:` of the image names what is none, with the reason";
    /// no AWS credentials were found
    NoCredentials = 501 => Refused,
        because "neither the environment, the AWS profile, the container nor the instance has any";
        next "on a laptop: `aws configure sso`, then `aws sso login` and `AWS_PROFILE=<name>`",
            "in CI: give the job a role",
            "without an AWS account: the same command with `--sandbox`";
    /// the AWS credentials have expired
    ExpiredCredentials = 502 => Failed,
        because "an SSO session or a role's session has ended, perhaps in the middle of the run",
            "the keys were deleted or deactivated";
        next "`aws sso login`, or a new session of the CI's role, then run the same command again: what is done is not done twice",
            "a role's session can be made longer: `aws iam update-role --max-session-duration`";
    /// AWS denies an operation
    Denied = 503 => Refused,
        because "the role's policy lacks an action, or names other resources",
            "a permissions boundary, a service control policy or a session policy denies it";
        next "add the statement that is shown to the role's policy",
            "the role must also be allowed `iam:PassRole` on the task role and the execution role";
    /// AWS cannot be reached
    Unreachable = 504 => Failed,
        because "no network, no name service, or a region that does not exist",
            "a proxy is needed, or the one that is named does not answer",
            "AWS answers 5xx";
        next "`HTTPS_PROXY` and `NO_PROXY` are heeded as usual; `curl -v https://ecs.<region>.amazonaws.com` shows where it ends",
            "run the same command again: what is done is not done twice";
    /// AWS throttles for longer than is sensible to wait
    Throttled = 505 => Failed,
        because "other tools of the account ask too often: the limits hold for account and region";
        next "run the same command again: what is done is not done twice",
            "deploy fewer services at once, or ask AWS for higher limits";
    /// AWS refuses the request
    AwsRefused = 506 => Failed,
        because "a value in the task definition, the service definition or the strategy that AWS does not take",
            "something that the request names does not exist, or a quota is used up";
        next "AWS's words that are shown name it";
    /// no region is set
    NoRegion = 507 => Refused,
        because "neither the pipeline file, `AWS_REGION` nor the AWS profile names one";
        next "add `region: <region>` to the pipeline file, or `export AWS_REGION=<region>`";
    /// this machine's clock is wrong, and AWS does not accept what it signs
    ClockSkew = 508 => Failed,
        because "the clock of a virtual machine or a container stood still while its host slept",
            "no time service runs, or the time zone was set by moving the clock";
        next "`timedatectl set-ntp true`, or `sudo chronyc makestep`; `date -u` must agree with AWS within five minutes",
            "then run the same command again: what is done is not done twice";
    /// the certificate of whoever answers is not trusted
    UntrustedCertificate = 509 => Failed,
        because "a proxy or a private endpoint answers with a certificate of a private authority",
            "the machine has no certificates, as in a bare container image";
        next "`AWS_CA_BUNDLE=<file>` names a file of PEM certificates that are trusted instead of the machine's; `SSL_CERT_FILE` does so too",
            "in a container: install the package `ca-certificates`";
    /// a file cannot be written or read
    FileTrouble = 601 => Failed,
        because "the disk is full, or the folder `.shipit` beside the pipeline file belongs to another user";
        next "`df -h .` and `ls -ld .shipit`",
            "run the same command again when there is room: what is done is not done twice";
    /// the sandbox is not running, or did not start
    Sandbox = 602 => Failed,
        because "no Docker Engine answers, or the sandbox of an earlier version runs still";
        next "`shipit sandbox status`, `shipit sandbox down`; its log is `.shipit/sandbox/log`";
    /// another run holds the lock
    Locked = 603 => Refused,
        because "another run of the same pipeline file is under way on this machine";
        next "wait until it has ended, then run the same command again";
    /// there is no journal to go on with
    NoJournal = 606 => Refused,
        because "no run was begun here that has not ended", "the run was begun on another machine",
            "the file is not a journal, or is broken in its middle";
        next "take `.shipit/runs/<run>/journal.jsonl` from where the run was started: `shipit resume --journal FILE`",
            "`shipit deploy`: what is done is not done twice";
    /// there is no such run
    NoRun = 607 => Refused,
        because "no run was begun in this folder, or it was begun on another machine",
            "the name is not that of a run: they are the folders in `.shipit/runs`";
        next "run it beside the pipeline file, or name that: `shipit report -f FILE`",
            "take `.shipit/runs/<run>/events.jsonl` from where the run was started";
    /// a defect in shipit
    Unexpected = 699 => Failed,
        because "shipit met a state that it should have excluded";
        next "report it with `events.jsonl` of the run";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SHIP{:03}", self.number())
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for Code {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        CODES.iter().copied().find(|code| code.to_string() == text).ok_or(format!("`{text}` is not a code of shipit"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_reads_back() {
        let mut numbers: Vec<u16> = CODES.iter().map(|code| code.number()).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len(), "codes are in order and unique");
        assert!(numbers.is_sorted());
        for code in CODES {
            assert_eq!(Code::try_from(code.to_string()), Ok(*code));
            assert!(!code.meaning().is_empty());
        }
    }

    #[test]
    fn every_code_is_explained_in_the_style_of_the_house() {
        for code in CODES {
            let texts = [&[code.meaning()], code.causes(), code.remedies()].concat();
            assert!(texts.len() >= 3, "{code}");
            for text in texts {
                assert!(!text.ends_with('.') && text.trim() == text && !text.contains('\n'), "{code}: {text}");
                assert!(text.matches('`').count() % 2 == 0, "{code}: {text}");
            }
        }
    }
}
