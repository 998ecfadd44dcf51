//! What most commands begin with: the pipeline file read, ports and adapters joined, a snapshot, a plan.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use shipit_core::ancestry::Forced;
use shipit_core::event::Event;
use shipit_core::failure::{Code, Exit, Failure};
use shipit_core::given::narrowed;
use shipit_core::pipeline::{Pipeline, WhenSame};
use shipit_core::plan::{Plan, Reuse, plan};
use shipit_core::release::RunId;
use shipit_core::review::{Note, review};
use shipit_core::rollout::{Until, Wish};
use shipit_core::snapshot::Snapshot;
use tokio::sync::{Notify, watch};

use super::built::BuiltArgs;
use super::prompt::Prompt;
use super::{GivenArgs, Place, SourceArgs, typed};
use crate::app::{self, Connected, Target};
use crate::config::{self, Complaints, Contexts, Given, Loaded, Overrides, Paint};
use crate::engine::people::People;
use crate::engine::{Context, observe};
use crate::port::{Dirty, SourceWish, Taken};
use crate::report::safe::line;
use crate::report::{self, Colour};

/// How long a run that is left may take for its last words; GitHub's runner kills 2.5 seconds after its second signal.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How wide complaints about the pipeline file are written.
const COLUMNS: usize = 100;

/// A pipeline with the world it is about.
pub struct Session {
    /// What the file says.
    pub loaded: Loaded,
    /// Ports and clock.
    pub connected: Connected,
    /// Who deploys, for others to read.
    pub by: String,
    /// When the wait for a rollout ends well.
    pub until: Until,
    prompt: Prompt,
    interrupt: watch::Receiver<Wish>,
    left: Arc<Notify>,
    run: Arc<OnceLock<RunId>>,
}

impl Session {
    /// Reads the file and connects.
    ///
    /// # Errors
    /// What was refused has been said; the exit is to be answered.
    pub async fn open(common: &Place, strategy: Option<&String>) -> Result<Self, Exit> {
        Self::connect(common, load(common, strategy)?).await
    }

    /// The same, with the images that another stage has built, where some are given: then the contexts are not needed.
    ///
    /// # Errors
    /// What was refused has been said; the exit is to be answered.
    pub async fn open_built(common: &Place, strategy: Option<&String>, built: &BuiltArgs) -> Result<Self, Exit> {
        let Some(definitions) = built.definitions().map_err(|failure| refuse(&[failure]))? else {
            return Self::open(common, strategy).await;
        };
        let mut loaded = load_for(common, strategy, Contexts::NotNeeded)?;
        loaded.pipeline = narrowed(loaded.pipeline, &definitions).map_err(|failure| refuse(&[failure]))?;
        Self::connect(common, loaded).await
    }

    /// The same for a command that builds nothing: it works without the contexts of the images.
    ///
    /// # Errors
    /// What was refused has been said; the exit is to be answered.
    pub async fn open_without_contexts(common: &Place) -> Result<Self, Exit> {
        Self::connect(common, load_without_contexts(common)?).await
    }

    /// The same for a command that only looks: an interrupt ends it as it ends any program.
    ///
    /// # Errors
    /// What was refused has been said; the exit is to be answered.
    pub async fn open_to_look(common: &Place) -> Result<Self, Exit> {
        Self::joined(common, load_without_contexts(common)?, |_, _| watch::channel(Wish::GoOn).1).await
    }

    async fn connect(common: &Place, loaded: Loaded) -> Result<Self, Exit> {
        Self::joined(common, loaded, signals).await
    }

    async fn joined(
        common: &Place,
        loaded: Loaded,
        interrupts: impl FnOnce(Arc<OnceLock<RunId>>, Arc<Notify>) -> watch::Receiver<Wish>,
    ) -> Result<Self, Exit> {
        let target = target(common, &loaded.pipeline);
        let connected = app::connect(&target, &loaded.pipeline).await.map_err(|failure| refuse(&[failure]))?;
        let run = Arc::new(OnceLock::new());
        let (until, prompt, left) = (Until::default(), Prompt::default(), Arc::new(Notify::new()));
        let interrupt = interrupts(run.clone(), left.clone());
        Ok(Self { loaded, connected, by: app::who(), until, prompt, interrupt, left, run })
    }

    /// Takes the lock of the pipeline's folder until this process ends; a second one is refused.
    ///
    /// # Errors
    /// What was refused has been said; the exit is to be answered.
    pub async fn claim(&self, doing: &str) -> Result<(), Exit> {
        match self.connected.ports.store.claim(&self.by, doing).await {
            Ok(Taken::Free | Taken::Held) => Ok(()),
            Ok(Taken::Over(holder)) => {
                let whose = format!("{} had the lock since {:.0}, and its process has ended", holder.by, holder.since);
                report::say(&format!("notice: {whose}: {holder}; the lock is taken over"));
                Ok(())
            }
            Err(error) => Err(refuse(&[error.into()])),
        }
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.loaded.pipeline
    }

    /// The region, for a person to read.
    pub fn region(&self) -> &str {
        self.pipeline().region.as_deref().unwrap_or("the region of the AWS configuration")
    }

    /// Tells whoever interrupts which run to go on with.
    pub fn announce(&self, run: &RunId) {
        let _only_once = self.run.set(run.clone());
    }

    /// A second signal has come: the run is to be left at once.
    pub async fn left(&self) {
        self.left.notified().await;
    }

    /// What the engine needs at hand.
    pub fn context<'a>(&'a self, tell: &'a (dyn Fn(Event) + Send + Sync)) -> Context<'a> {
        Context {
            ports: &self.connected.ports,
            pipeline: self.pipeline(),
            clock: self.connected.clock,
            by: &self.by,
            tell,
            people: if Prompt::is_answered() { People::Here(&self.prompt) } else { People::Away },
            until: self.until.clone(),
            interrupt: self.interrupt.clone(),
        }
    }

    /// Observes the world and makes a reviewed plan.
    ///
    /// # Errors
    /// What was refused has been said; the exit is to be answered.
    pub async fn plan(&self, source: &SourceArgs, forced: Option<Forced>) -> Result<Planned, Exit> {
        let wish =
            SourceWish { commit: source.commit.clone(), dirty: if source.allow_dirty { Dirty::Allow } else { Dirty::Refuse } };
        let reuse = if source.rebuild { Reuse::Nothing } else { Reuse::Same };
        let snapshot = observe::observe(&self.context(&|_| {}), &wish, reuse).await.map_err(|failures| refuse(&failures))?;
        let plan = plan(self.pipeline(), &snapshot, reuse).map_err(|failures| refuse(&failures))?;
        let plan = Plan { forced, ..plan };
        let asked = self.loaded.strategies().into_iter().map(|message| Note::Remark { message });
        let notes = asked.chain(review(self.pipeline(), &snapshot, &plan)).collect();
        Ok(Planned { snapshot, plan, notes })
    }
}

/// Opens a session and makes its plan: what every command of the pipeline's way begins with.
///
/// # Errors
/// What was refused has been said; the exit is to be answered.
pub async fn planned(common: &Place, source: &SourceArgs, built: &BuiltArgs) -> Result<(Session, Planned), Exit> {
    let session = Session::open_built(common, source.strategy.as_ref(), built).await?;
    let planned = session.plan(source, None).await?;
    Ok((session, planned))
}

/// A plan with what it was made of.
pub struct Planned {
    /// The world before.
    pub snapshot: Snapshot,
    /// The plan.
    pub plan: Plan,
    /// The second reading.
    pub notes: Vec<Note>,
}

impl Planned {
    /// Notes that refuse the plan.
    pub fn refusals(&self) -> Vec<Failure> {
        let refusals = self.notes.iter().filter_map(|note| match note {
            Note::Refusal { failure } => Some(failure.clone()),
            Note::Remark { .. } => None,
        });
        refusals.collect()
    }

    /// Notes that a person should know.
    pub fn remarks(&self) -> Vec<String> {
        let remarks = self.notes.iter().filter_map(|note| match note {
            Note::Remark { message } => Some(message.clone()),
            Note::Refusal { .. } => None,
        });
        remarks.collect()
    }
}

/// Reads the pipeline file, or says all that is wrong with it.
///
/// # Errors
/// The exit to answer.
pub fn load(common: &Place, strategy: Option<&String>) -> Result<Loaded, Exit> {
    load_for(common, strategy, Contexts::Needed)
}

/// The same for a command that builds nothing: it works without the contexts of the images.
///
/// # Errors
/// The exit to answer.
pub fn load_without_contexts(common: &Place) -> Result<Loaded, Exit> {
    load_for(common, None, Contexts::NotNeeded)
}

fn load_for(common: &Place, strategy: Option<&String>, contexts: Contexts) -> Result<Loaded, Exit> {
    typed::remember(common);
    let overrides = Overrides {
        environment: common.environment.clone(),
        cluster: common.cluster.clone(),
        region: common.region.clone(),
        strategy: strategy.cloned(),
        on_interrupt: common.on_interrupt.clone(),
        contexts,
        ..Overrides::default()
    };
    let env = |name: &str| std::env::var(name).ok();
    let loaded = match given(&common.given) {
        None => config::load(&common.file, &overrides, &env),
        Some(given) => {
            let folder = std::env::current_dir().map_err(|error| {
                refuse(&[Failure::new(Code::FileTrouble, "the current folder cannot be had").because(error.to_string())])
            })?;
            config::load_given(&given, &folder, &overrides, &env)
        }
    };
    loaded.map_err(|complaints| complain(&complaints))
}

/// Says all that is wrong with what was given and answers the exit.
pub fn complain(complaints: &Complaints) -> Exit {
    let paint = match Colour::of_stderr() {
        Colour::Yes => Paint::Colours,
        Colour::No => Paint::Plain,
    };
    let told = complaints.render(paint, COLUMNS);
    report::say(&match paint {
        Paint::Colours => told.trim_end().to_owned(),
        Paint::Plain => told.trim_end().lines().map(line).collect::<Vec<_>>().join("\n"),
    });
    report::refused(&complaints.failures());
    Exit::Refused
}

/// The pipeline that needs no file, where flags say one.
fn given(args: &GivenArgs) -> Option<Given> {
    let when_same = if args.force_new_deployment { WhenSame::RollOut } else { WhenSame::Leave };
    let service = args.lone.clone()?;
    Some(Given { service, task_definition: args.task_definition.clone(), when_same })
}

/// AWS or the sandbox, as the flags say.
pub fn target(common: &Place, pipeline: &Pipeline) -> Target {
    if common.sandbox {
        return Target::Sandbox { folder: pipeline.folder.clone() };
    }
    Target::Aws { profile: common.profile.clone() }
}

/// Says failures and answers the exit of the worst.
pub fn refuse(failures: &[Failure]) -> Exit {
    let full = |failure: &Failure| typed::failure(failure.clone().in_full(["nothing was touched".to_owned()]));
    let told: Vec<Failure> = failures.iter().map(full).collect();
    for failure in &told {
        report::say(&report::failure::failure(failure, Colour::of_stderr()));
    }
    report::refused(&told);
    failures.first().map_or(Exit::Failed, |failure| failure.code.exit())
}

/// A new run's name: its time, so that names sort, and what tells runs of the same second apart.
pub fn new_run(at: jiff::Timestamp) -> RunId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    RunId(format!("{}-{:x}{count}", at.strftime("%Y%m%dT%H%M%S"), std::process::id()))
}

/// The first SIGINT or SIGTERM asks for the way back, the second ends the process.
fn signals(run: Arc<OnceLock<RunId>>, left: Arc<Notify>) -> watch::Receiver<Wish> {
    let (tell, wish) = watch::channel(Wish::GoOn);
    tokio::spawn(async move {
        signal().await;
        tell.send_replace(Wish::Abort);
        report::say("interrupted: the policy is carried out; a second signal leaves at once");
        signal().await;
        match run.get() {
            Some(run) => report::say(&typed::line(&format!("left at once; to go on: shipit resume {run}"))),
            None => {
                report::say("left at once; nothing was begun");
                let failure = Failure::new(Code::Interrupted, "interrupted before anything was begun");
                report::refused(&[failure.in_full(["nothing was touched".to_owned()])]);
            }
        }
        // Whoever follows the run ends it with an outcome; a machine that is too busy for that is not waited for.
        left.notify_one();
        tokio::time::sleep(LAST_WORDS).await;
        #[expect(clippy::exit, reason = "a second signal leaves at once, whatever is under way")]
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    wish
}

/// SIGINT or SIGTERM.
#[cfg(unix)]
pub async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Ctrl-C, Ctrl-Break, or the end of the console.
#[cfg(windows)]
pub async fn signal() {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut close)) = (ctrl_c(), ctrl_break(), ctrl_close()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = close.recv() => {}
    }
}
