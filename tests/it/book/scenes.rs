//! What is there when a page's command is typed: the scene that its block names, and how it is made.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::blocks::{Block, Typed};
use super::files;
use super::shell::{Ended, Shell};
use crate::codepipeline::jobs::{job, put, queue};
use crate::support::http::HTTP;
use crate::together::stage::{Stage, git, repository};

/// The commit that the pipeline names.
const COMMIT: &str = "c0dec0dec0dec0dec0dec0dec0dec0dec0dec0de";
const CUSTOMERS: usize = 4;
/// Between two requests of a customer.
const BETWEEN: Duration = Duration::from_millis(20);

/// What the stage before a script's deploy does: an image in the registry, and a file that names it.
const BUILT: &str = "aws ecr get-login-password | docker login -u AWS --password-stdin ${REPO%%/*} && \
    docker build -q -t $REPO:$TAG . && docker push -q $REPO:$TAG && \
    printf '[{\"name\":\"web\",\"imageUri\":\"%s\"}]' $REPO:$TAG > imagedefinitions.json";

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scene {
    /// A machine with the program, and nothing else.
    Machine,
    /// The quick start's service and a seed; no sandbox runs.
    Fresh,
    /// A clone of this repository; no sandbox runs.
    Checkout,
    /// The quick start's service runs.
    Shop,
    /// The same, deployed some times before.
    History,
    /// For each command a rollout waits for an answer.
    Paused,
    /// For each block, or for each way on, a deploy was killed in the middle of its rollout.
    CutOff,
    /// A service that a script deploys: its task definition with a placeholder, its image in `$REPO:$TAG`.
    Script,
    /// README's two services, under load.
    Storefront,
    /// A clone of this repository, a sandbox that runs, and a job of CodePipeline.
    Job,
}

impl Scene {
    /// Those of `make test`.
    pub const QUICK: [Self; 4] = [Self::Machine, Self::Fresh, Self::Checkout, Self::Shop];
    /// Those of `make test-all`.
    pub const SLOW: [Self; 6] = [Self::History, Self::Paused, Self::CutOff, Self::Script, Self::Storefront, Self::Job];

    /// As a block names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Fresh => "fresh",
            Self::Checkout => "checkout",
            Self::Shop => "shop",
            Self::History => "history",
            Self::Paused => "paused",
            Self::CutOff => "cut-off",
            Self::Script => "script",
            Self::Storefront => "storefront",
            Self::Job => "job",
        }
    }
}

/// A scene that is set.
pub(super) struct Set {
    scene: Scene,
    place: Place,
    commits: usize,
    /// The job that waits for a worker.
    job: Option<String>,
    /// Customers, until the end.
    load: JoinSet<()>,
}

enum Place {
    Alone(Alone),
    Staged(Stage),
}

/// A folder whose sandbox, if the commands start one, ends with it.
struct Alone {
    folder: tempfile::TempDir,
}

impl Alone {
    async fn new(furnish: impl FnOnce(&Path)) -> Self {
        let alone = Self { folder: tempfile::Builder::new().prefix("page").tempdir().unwrap() };
        std::fs::create_dir(alone.home()).unwrap();
        furnish(&alone.home());
        repository(&alone.home()).await;
        alone
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        for file in ["shipit.yaml", "pipelines/storefront.yaml"] {
            let mut down = std::process::Command::new(env!("CARGO_BIN_EXE_shipit"));
            down.args(["sandbox", "down", "-f", file]).current_dir(self.home());
            let _none_ran = down.stderr(Stdio::null()).status();
        }
    }
}

impl Set {
    pub async fn up(scene: Scene) -> Self {
        let place = match scene {
            Scene::Machine => Place::Alone(Alone::new(files::release).await),
            Scene::Fresh => Place::Alone(Alone::new(files::shop).await),
            Scene::Checkout => Place::Alone(Alone::new(files::checkout).await),
            Scene::Shop | Scene::History | Scene::CutOff => Place::Staged(Stage::of(scene.word(), files::shop).await),
            Scene::Script => Place::Staged(Stage::of("script", files::script).await),
            Scene::Paused => Place::Staged(Stage::of("paused", files::paused).await),
            Scene::Storefront => Place::Staged(Stage::of("storefront", files::storefront).await),
            Scene::Job => Place::Staged(Stage::of("job", files::checkout_with_sandbox).await),
        };
        let mut set = Self { scene, place, commits: 0, job: None, load: JoinSet::new() };
        match scene {
            Scene::History => set.deploys(4).await,
            Scene::Job => set.job = Some(set.job_of_what_is_built().await),
            Scene::Storefront => set.customers_come(),
            _ => {}
        }
        set
    }

    fn folder(&self) -> PathBuf {
        match &self.place {
            Place::Alone(alone) => alone.home(),
            Place::Staged(stage) => stage.home(),
        }
    }

    fn stage(&self) -> &Stage {
        match &self.place {
            Place::Alone(_) => panic!("{:?} has no sandbox", self.scene),
            Place::Staged(stage) => stage,
        }
    }

    /// The shell for a block.
    pub async fn shell(&mut self, block: &Block) -> Shell {
        let deploys = |typed: &Typed| typed.text.starts_with("shipit deploy");
        if self.scene == Scene::History && block.commands.iter().any(deploys) {
            self.commit("web/commit").await;
        }
        // Where the pages speak of AWS, it is the sandbox.
        let mut variables = match &self.place {
            Place::Alone(_) => Vec::new(),
            Place::Staged(stage) => {
                vec![("SHIPIT_SANDBOX", "true".to_owned()), ("AWS_ENDPOINT_URL", stage.endpoint.clone())]
            }
        };
        variables.extend([("AWS_ACCESS_KEY_ID", "x".to_owned()), ("AWS_SECRET_ACCESS_KEY", "x".to_owned())]);
        if self.scene == Scene::Script {
            self.commits += 1;
            let registry = self.stage().endpoint.trim_start_matches("http://");
            variables.extend([("REPO", format!("{registry}/shop/web")), ("TAG", format!("script-{}", self.commits))]);
        }
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut shell = Shell::new(&self.folder(), &variables);
        if self.scene == Scene::Script && !block.commands.iter().any(|typed| typed.text.starts_with("docker push")) {
            let built = shell.types(BUILT).await;
            assert_eq!(built.exit, 0, "{}", built.said);
        }
        shell
    }

    /// What a command needs that is not there yet.
    pub async fn before(&mut self, nth: usize, command: &str) {
        let resumes = || command.starts_with("shipit resume") || command.starts_with("shipit wait");
        match self.scene {
            Scene::Paused => {
                self.commit("frontend/commit").await;
                let paused = self.stage().run(&self.folder(), &["deploy", "--sandbox"], "").await;
                assert_eq!(paused.exit, 6, "{}", paused.said);
            }
            Scene::CutOff if nth == 0 || resumes() => {
                self.cut_off().await;
                if command.contains("--journal") {
                    self.leaves_the_journal();
                }
            }
            Scene::Shop if command.contains("--task-definition") => self.leaves_a_definition().await,
            Scene::Storefront if command.starts_with("shipit deploy") && !command.contains("--sandbox") => {
                self.commit("frontend/commit").await
            }
            _ => {}
        }
    }

    /// Types it, and waits for its end. A worker ends when it is told to, once it has done its job.
    pub async fn types(&mut self, shell: &mut Shell, command: &str) -> Ended {
        let Some(id) = &self.job else { return shell.types(command).await };
        shell.begins(command).await;
        let done = async |stage: &Stage| {
            let job = job(&stage.endpoint, id).await;
            assert_ne!(job["status"], "Failed", "{job}");
            (job["status"] == "Succeeded").then_some(())
        };
        self.stage().until("the job is done", done).await;
        shell.terminates();
        shell.ends(command).await
    }

    /// Ends what was set.
    pub async fn down(self) {
        match self.place {
            Place::Alone(_) => {}
            Place::Staged(stage) => {
                drop(self.load);
                stage.finish().await;
            }
        }
    }

    async fn commit(&mut self, file: &str) {
        self.commits += 1;
        files::commit(&self.folder(), file, self.commits);
        git(&self.folder(), &["add", "--all"]).await;
        git(&self.folder(), &["commit", "-q", "-m", "a new price list"]).await;
    }

    async fn deploys(&mut self, times: usize) {
        for _ in 0..times {
            self.commit("web/commit").await;
            self.stage().run(&self.folder(), &["deploy", "--sandbox"], "").await.done();
        }
    }

    /// A deploy is killed when AWS has been told of it.
    async fn cut_off(&mut self) {
        self.stage().steady().await;
        self.commit("web/commit").await;
        let since = self.stage().exchanges();
        let mut deploy = self.stage().shipit(&self.folder(), &["deploy", "--sandbox"], "");
        let told = async |stage: &Stage| stage.answered(since, "UpdateService").pop();
        self.stage().until("the rollout has begun", told).await;
        deploy.kill().await.unwrap();
    }

    /// The last run's journal, as it was copied to a machine that has nothing else.
    fn leaves_the_journal(&self) {
        let runs = self.folder().join(".shipit/runs");
        let last = std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        std::fs::copy(last.join("journal.jsonl"), self.folder().join("journal.jsonl")).unwrap();
        std::fs::remove_dir_all(runs).unwrap();
    }

    /// The definition that runs with one thing changed, as someone else's file.
    async fn leaves_a_definition(&self) {
        let running = self.stage().service().await["taskDefinition"].clone();
        let described = self.stage().call("DescribeTaskDefinition", json!({"taskDefinition": running})).await;
        let known =
            ["family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "containerDefinitions"];
        let mut definition: Value = known.iter().map(|name| (*name, described["taskDefinition"][name].clone())).collect();
        definition["containerDefinitions"][0]["environment"] = json!([{"name": "OTHERS", "value": "1"}]);
        std::fs::write(self.folder().join("web.taskdef.json"), definition.to_string()).unwrap();
    }

    /// What another stage has built is in S3, and CodePipeline asks for its deploy.
    async fn job_of_what_is_built(&self) -> String {
        let (stage, folder) = (self.stage(), self.folder());
        stage.run(&folder, &["push", "--sandbox"], "").await.done();
        stage.run(&folder, &["render", "--write", "--sandbox"], "").await.done();
        let definitions = std::fs::read(folder.join(".shipit/artifacts/backend/imagedefinitions.json")).unwrap();
        put(&stage.endpoint, "storefront.zip", &[("imagedefinitions.json", &definitions)]).await;
        queue(&stage.endpoint, "storefront", "storefront.zip", COMMIT).await
    }

    fn customers_come(&mut self) {
        let front = format!("http://{}/", self.stage().address());
        for _ in 0..CUSTOMERS {
            let front = front.clone();
            self.load.spawn(async move {
                loop {
                    let _answer = HTTP.get(&front).send().await;
                    tokio::time::sleep(BETWEEN).await;
                }
            });
        }
    }
}
